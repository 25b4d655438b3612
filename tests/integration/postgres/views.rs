//! What the three views hold is what /metrics shows, in base units, and no longer than they hold it.

use super::{fresh, polling};
use crate::support::page::Page;
use crate::support::postgres::Postgres;

fn sum(page: &Page, family: &str) -> f64 {
    page.family(family).iter().map(|(_, value)| value).sum()
}

#[test]
fn the_newest_hour() {
    let postgres = Postgres::new();
    postgres.sql(
        "insert into intake.simplicity_batches (status, created_at, completed_at, parse_duration_ms, db_duration_ms,
             row_count_total, row_count_inserted, row_count_duplicate, row_count_invalid) values
         ('completed', date_trunc('hour', now()), now(), 1000, 2000, 100, 70, 20, 5),
         ('completed', date_trunc('hour', now()), now(), 2000, 1001, 300, 200, 60, 15),
         ('failed', date_trunc('hour', now()), null, 9000, null, null, null, null, null),
         ('staging', date_trunc('hour', now()), null, null, null, null, null, null, null),
         ('completed', now() - interval '3 hours', now(), 7, 7, 7, 7, 7, 7)",
    );
    let hour: f64 = postgres.sql("select extract(epoch from max(created_at)) from intake.simplicity_batches").parse().unwrap();
    let exporter = polling(&postgres.url("sentinel_exporter"));
    let page = exporter.scrape();
    for (series, expected) in [
        ("sentinel_ops_hour_start_timestamp_seconds", hour),
        (r#"sentinel_ops_hour_batches{status="completed"}"#, 2.0),
        (r#"sentinel_ops_hour_batches{status="failed"}"#, 1.0),
        (r#"sentinel_ops_hour_batches{status="in_progress"}"#, 1.0),
        (r#"sentinel_ops_hour_rows{outcome="inserted"}"#, 270.0),
        (r#"sentinel_ops_hour_rows{outcome="skipped"}"#, 80.0),
        (r#"sentinel_ops_hour_rows{outcome="error"}"#, 20.0),
        (r#"sentinel_ops_hour_rows{outcome="other"}"#, 30.0),
        (r#"sentinel_ops_hour_avg_duration_seconds{stage="parse"}"#, 1.5),
        (r#"sentinel_ops_hour_avg_duration_seconds{stage="db"}"#, 1.5005),
        (r#"sentinel_ops_hour_avg_duration_seconds{stage="total"}"#, 3.0005),
        ("sentinel_ops_hour_dedupe_ratio", 0.2),
        ("sentinel_ops_hour_error_ratio", 0.05),
    ] {
        assert_eq!(page.value(series), Some(expected), "{series}");
    }
    assert_eq!(sum(&page, "sentinel_ops_hour_batches"), 4.0, "the parts of total_batches");
    assert_eq!(sum(&page, "sentinel_ops_hour_rows"), 400.0, "the parts of total_rows");
}

#[test]
fn the_pipeline_and_a_status_that_disappears() {
    let postgres = Postgres::new();
    let newest = postgres.sql(
        "insert into intake.simplicity_batches (status, created_at) values
         ('processing', now() - interval '20 minutes'), ('failed', now() - interval '2 days'), ('quarantined', now());
         insert into intake.simplicity_batches (status, created_at) values ('processing', now() - interval '5 minutes')
         returning extract(epoch from created_at)",
    );
    let exporter = polling(&postgres.url("sentinel_exporter"));
    let page = exporter.scrape();
    let batches = |page: &Page, status| page.value(&format!("sentinel_ops_pipeline_batches{{status={status:?}}}"));
    let age = |page: &Page, status| page.value(&format!("sentinel_ops_pipeline_oldest_age_seconds{{status={status:?}}}"));
    let created =
        |page: &Page, status| page.value(&format!("sentinel_ops_pipeline_newest_timestamp_seconds{{status={status:?}}}"));
    assert_eq!((batches(&page, "processing"), created(&page, "processing")), (Some(2.0), newest.parse().ok()));
    assert!((1200.0..1260.0).contains(&age(&page, "processing").unwrap()), "{:?}", age(&page, "processing"));
    assert_eq!((batches(&page, "failed"), batches(&page, "quarantined")), (Some(1.0), Some(1.0)));
    for status in ["uploaded", "staging", "validating", "transforming", "inserting", "upserting"] {
        let none = (batches(&page, status), age(&page, status), created(&page, status));
        assert_eq!(none, (Some(0.0), Some(0.0), None), "{status}");
    }

    postgres.sql("delete from intake.simplicity_batches where status in ('failed', 'quarantined')");
    let page = fresh(&exporter);
    assert_eq!((batches(&page, "failed"), age(&page, "failed"), created(&page, "failed")), (Some(0.0), Some(0.0), None));
    assert_eq!((batches(&page, "quarantined"), age(&page, "quarantined"), created(&page, "quarantined")), (None, None, None));
}

#[test]
fn the_twenty_most_frequent_errors_and_one_that_disappears() {
    let postgres = Postgres::new();
    // E1 occurs once, E25 25 times; 30 errors have no code. Every batch has one of each.
    let last_seen = postgres.sql(
        "insert into intake.simplicity_batches (id) select md5(n::text)::uuid from generate_series(1, 30) as n;
         insert into intake.row_errors (batch_id, error_code, created_at)
             select md5(n::text)::uuid, 'E' || code, now() - interval '1 day'
             from generate_series(1, 25) as code, generate_series(1, code) as n;
         insert into intake.row_errors (batch_id, created_at)
             select md5(n::text)::uuid, now() - interval '1 hour' from generate_series(1, 30) as n;
         select extract(epoch from max(created_at)) from intake.row_errors",
    );
    let exporter = polling(&postgres.url("sentinel_exporter"));
    let page = exporter.scrape();
    let of = |page: &Page, family, code| page.value(&format!("sentinel_ops_error_{family}{{error_code={code:?}}}"));
    assert_eq!(page.family("sentinel_ops_error_occurrences").len(), 21);
    assert_eq!(sum(&page, "sentinel_ops_error_occurrences"), 355.0);
    for (code, times) in [("unknown", 30.0), ("E25", 25.0), ("E7", 7.0), ("other", 21.0)] {
        assert_eq!((of(&page, "occurrences", code), of(&page, "affected_batches", code)), (Some(times), Some(times)), "{code}");
    }
    assert_eq!(of(&page, "occurrences", "E6"), None, "it is among the others");
    assert_eq!(of(&page, "last_seen_timestamp_seconds", "unknown"), last_seen.parse().ok());

    postgres.sql("delete from intake.row_errors where error_code is null or error_code = 'E25'");
    let page = fresh(&exporter);
    for code in ["unknown", "E25"] {
        let families = ["occurrences", "affected_batches", "last_seen_timestamp_seconds"];
        assert_eq!(families.map(|family| of(&page, family, code)), [None; 3], "{code}");
    }
    let codes = ["E5", "E6", "other"].map(|code| of(&page, "occurrences", code));
    assert_eq!(codes, [Some(5.0), Some(6.0), Some(10.0)], "two came up from the others");
}
