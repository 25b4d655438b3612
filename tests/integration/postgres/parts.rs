//! A view that cannot be read costs itself: the others go on, and everybody is told which one it is.

use super::{
    LAST_SUCCESS, OF_THE_ERRORS, OF_THE_HOUR, OF_THE_PIPELINE, config, fails, fresh, patient, polling, replace_view, succeeds,
};
use crate::support::exporter::Exporter;
use crate::support::postgres::{Options, Postgres};

/// A sample for each view, all of the same hour however often.
pub(super) const SEED: &str = "
    with batch as (insert into intake.simplicity_batches (status, completed_at, created_at)
            select 'completed', now(), coalesce(max(created_at), now()) from intake.simplicity_batches returning id)
        insert into intake.row_errors (batch_id, error_code) select id, 'E1' from batch;
    insert into intake.simplicity_batches (status, created_at) select 'staging', max(created_at) from intake.simplicity_batches;";

/// While `part` fails with `error`, what the other views find is still news.
fn only(exporter: &Exporter, postgres: &Postgres, part: &str, error: &str, others: &[&str]) {
    fails(exporter);
    let before: Vec<_> = others.iter().map(|series| exporter.value(series).unwrap_or_default()).collect();
    postgres.sql(SEED);
    exporter.eventually("news from the others", |page| {
        others.iter().zip(&before).all(|(series, before)| page.value(series) > Some(*before))
    });
    exporter.logged(&format!("part={part} error="));
    for text in [exporter.log(), exporter.get("/").text().to_owned()] {
        assert!(text.contains(part) && text.contains(error), "{part} and {error:?} are not in:\n{text}");
    }
    let logged = exporter.log().matches("a collector failed").count();
    assert_eq!(logged, 1, "told once, and only of what fails:\n{}", exporter.log());
}

#[test]
fn a_missing_view() {
    let postgres = Postgres::new();
    postgres.sql("drop view ops.v_error_distribution");
    let exporter = Exporter::start(config(&postgres.url("sentinel_exporter")).replace("500ms", "20s"));
    only(&exporter, &postgres, "ops.v_error_distribution", "SQLSTATE 42P01", &[OF_THE_HOUR, OF_THE_PIPELINE]);
    assert_eq!(exporter.scrape().family("sentinel_ops_error_occurrences"), []);
    assert_eq!(exporter.value(LAST_SUCCESS), Some(0.0));
}

#[test]
fn a_view_that_is_dropped_and_made_again() {
    let postgres = Postgres::new();
    postgres.sql(SEED);
    let exporter = patient(&postgres.url("sentinel_exporter"));
    let definition = postgres.sql("select pg_get_viewdef('ops.v_error_distribution')");
    postgres.sql("drop view ops.v_error_distribution");
    only(&exporter, &postgres, "ops.v_error_distribution", "SQLSTATE 42P01", &[OF_THE_HOUR, OF_THE_PIPELINE]);
    assert_eq!(exporter.value(OF_THE_ERRORS), Some(1.0), "what was known last stays until it is stale");
    let definition = definition.trim_end_matches(';');
    postgres.sql(&format!(
        "create view ops.v_error_distribution as {definition}; grant select on ops.v_error_distribution to sentinel_exporter"
    ));
    succeeds(&exporter);
    exporter.logged("the collector succeeds again");
    assert_eq!(fresh(&exporter).value(OF_THE_ERRORS), Some(2.0));
}

#[test]
fn a_revoked_right() {
    let postgres = Postgres::new();
    let exporter = patient(&postgres.url("sentinel_exporter"));
    postgres.sql("revoke select on ops.v_pipeline_health from sentinel_exporter");
    only(&exporter, &postgres, "ops.v_pipeline_health", "permission denied", &[OF_THE_HOUR, OF_THE_ERRORS]);
    postgres.sql("grant select on ops.v_pipeline_health to sentinel_exporter");
    succeeds(&exporter);
}

#[test]
fn a_column_of_the_batches_that_may_not_be_read() {
    let postgres = Postgres::new();
    let exporter = patient(&postgres.url("sentinel_exporter"));
    postgres.sql("revoke select (completed_at) on intake.simplicity_batches from sentinel_exporter");
    let views = [OF_THE_HOUR, OF_THE_ERRORS, OF_THE_PIPELINE];
    only(&exporter, &postgres, "intake.simplicity_batches", "permission denied", &views);
    postgres.sql("grant select (completed_at) on intake.simplicity_batches to sentinel_exporter");
    succeeds(&exporter);
}

#[test]
fn an_answer_of_another_form() {
    let postgres = Postgres::new();
    let exporter = patient(&postgres.url("sentinel_exporter"));
    replace_view(
        &postgres,
        "v_pipeline_health",
        "select 'staging' as status, 'many' as batch_count, 1 as oldest_age_minutes, now() as newest_batch_at",
    );
    only(&exporter, &postgres, "ops.v_pipeline_health", "column 2: expected a number", &[OF_THE_HOUR, OF_THE_ERRORS]);
}

#[test]
fn a_locked_table() {
    let postgres = Postgres::with(&Options { settings: &["max_prepared_transactions = 1"], ..Options::default() });
    postgres.sql(SEED);
    let exporter = polling(&postgres.url("sentinel_exporter"));
    // Nobody who writes could either: the seed's errors are left out.
    postgres.sql("begin; lock table intake.row_errors in access exclusive mode; prepare transaction 'lock'");
    fails(&exporter);
    exporter.logged("canceling statement due to lock timeout (SQLSTATE 55P03)");
    assert!(exporter.log().contains("part=ops.v_error_distribution"), "{}", exporter.log());
    postgres.sql("insert into intake.simplicity_batches (status, created_at) select 'staging', max(created_at) from intake.simplicity_batches");
    let page = exporter.eventually("news of the others", |page| page.value(OF_THE_PIPELINE) == Some(2.0));
    assert_eq!((page.value(OF_THE_ERRORS), page.value(OF_THE_HOUR)), (Some(1.0), Some(1.0)));
    postgres.sql("rollback prepared 'lock'");
    succeeds(&exporter);
}
