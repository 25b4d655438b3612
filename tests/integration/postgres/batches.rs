//! Every completed batch is observed once: not twice because it is read again, and not never because it came late.

use super::{fresh, polling};
use crate::support::exporter::Exporter;
use crate::support::postgres::{Options, Postgres};

pub(super) const COUNT: &str = "sentinel_ops_batch_duration_seconds_count";
const ERROR_COUNT: &str = "sentinel_ops_batch_error_ratio_count";

/// Completes a batch at a moment that SQL understands: 4 s of work, 1 of 8 rows invalid.
pub(super) fn complete(postgres: &Postgres, completed_at: &str) {
    postgres.sql(&insert(completed_at, 1));
}

/// The statement that completes a number of batches at the same moment.
fn insert(completed_at: &str, number: usize) -> String {
    format!(
        "insert into intake.simplicity_batches
             (status, completed_at, parse_duration_ms, db_duration_ms, row_count_total, row_count_invalid)
         select 'completed', {completed_at}, 1500, 2500, 8, 1 from generate_series(1, {number});"
    )
}

fn counted(exporter: &Exporter, expected: f64) {
    exporter.eventually(&format!("{expected} batches"), |page| page.value(COUNT) == Some(expected));
    assert_eq!(fresh(exporter).value(COUNT), Some(expected), "they are read again, and not counted again");
}

#[test]
fn counting_begins_with_the_first_start() {
    let postgres = Postgres::new();
    complete(&postgres, "now() - interval '1 minute'");
    complete(&postgres, "now() - interval '3 days'");
    let exporter = polling(&postgres.url("sentinel_exporter"));
    counted(&exporter, 0.0);
    complete(&postgres, "now()");
    counted(&exporter, 1.0);
}

#[test]
fn durations_and_ratios() {
    let postgres = Postgres::new();
    let exporter = polling(&postgres.url("sentinel_exporter"));
    complete(&postgres, "now()");
    postgres.sql(
        "insert into intake.simplicity_batches
             (created_at, status, completed_at, parse_duration_ms, db_duration_ms, row_count_total, row_count_invalid) values
         (now() - interval '8 days', 'completed', now(), 2147483647, 2147483647, 0, 0),
         (now(), 'completed', now(), null, 5, null, 3), (now(), 'completed', null, 1, 1, 1, 1),
         (now(), 'completed', 'infinity', 1, 1, 1, 1), (now(), 'failed', now(), 1, 1, 1, 1)",
    );
    let page = exporter.eventually("two durations", |page| page.value(COUNT) == Some(2.0));
    assert_eq!(page.value("sentinel_ops_batch_duration_seconds_sum"), Some(4.0 + 2.0 * 2_147_483.647));
    assert_eq!(page.value(r#"sentinel_ops_batch_duration_seconds_bucket{le="5.0"}"#), Some(1.0));
    assert_eq!(page.value(r#"sentinel_ops_batch_duration_seconds_bucket{le="1800.0"}"#), Some(1.0));
    assert_eq!((page.value(ERROR_COUNT), page.value("sentinel_ops_batch_error_ratio_sum")), (Some(2.0), Some(0.125)));
    assert_eq!(page.value(r#"sentinel_ops_batch_error_ratio_bucket{le="0.01"}"#), Some(1.0), "0 of 0 is 0");
    counted(&exporter, 2.0);
}

#[test]
fn two_of_the_same_microsecond() {
    let postgres = Postgres::new();
    let exporter = polling(&postgres.url("sentinel_exporter"));
    let moment = format!("'{}'", postgres.sql("select now()"));
    for number in [1.0, 2.0, 3.0] {
        complete(&postgres, &moment);
        counted(&exporter, number);
    }
}

#[test]
fn a_transaction_that_commits_late() {
    let postgres = Postgres::with(&Options { settings: &["max_prepared_transactions = 1"], ..Options::default() });
    let exporter = polling(&postgres.url("sentinel_exporter"));
    postgres.sql(&format!("begin; {} prepare transaction 'late';", insert("now()", 2)));
    complete(&postgres, "now()");
    counted(&exporter, 1.0);
    postgres.sql("commit prepared 'late'");
    counted(&exporter, 3.0);
    complete(&postgres, "now() - interval '14 minutes'");
    counted(&exporter, 4.0);
}

#[test]
fn a_completion_time_in_the_future_hides_nothing() {
    let postgres = Postgres::new();
    let exporter = polling(&postgres.url("sentinel_exporter"));
    complete(&postgres, "now() + interval '10 years'");
    counted(&exporter, 1.0);
    complete(&postgres, "now()");
    counted(&exporter, 2.0);
}

#[test]
fn more_than_a_page_at_once() {
    let postgres = Postgres::new();
    postgres.sql(&insert("now()", 2500));
    let exporter = polling(&postgres.url("sentinel_exporter"));
    counted(&exporter, 0.0);
    postgres.sql(&insert("now()", 2500));
    counted(&exporter, 2500.0);
}
