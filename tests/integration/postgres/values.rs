//! Values that are not plain numbers: none at all, NULL, NaN, and text that tries to be more than a label.

use super::{SUCCESS, fresh, patient, polling, replace_view};
use crate::support::page::Page;
use crate::support::postgres::Postgres;

const HOUR: &str =
    "now() as hour_bucket, 3::bigint as total_batches, 0::bigint as completed_batches, 1::bigint as failed_batches,
    9::bigint as total_rows, 5::bigint as inserted_rows, 2::bigint as skipped_rows, 1::bigint as error_rows";

fn ratios(page: &Page) -> [Option<f64>; 2] {
    ["sentinel_ops_hour_dedupe_ratio", "sentinel_ops_hour_error_ratio"].map(|ratio| page.value(ratio))
}

#[test]
fn empty_views() {
    let postgres = Postgres::new();
    let exporter = polling(&postgres.url("sentinel_exporter"));
    let page = exporter.scrape();
    assert_eq!(page.value("sentinel_ops_hour_start_timestamp_seconds"), Some(0.0));
    let nothing =
        |family: &str, series| assert_eq!(page.family(family).iter().map(|s| s.1).collect::<Vec<_>>(), vec![0.0; series]);
    nothing("sentinel_ops_hour_batches", 3);
    nothing("sentinel_ops_hour_rows", 4);
    nothing("sentinel_ops_hour_avg_duration_seconds", 0);
    nothing("sentinel_ops_error_occurrences", 0);
    nothing("sentinel_ops_pipeline_batches", 8);
    nothing("sentinel_ops_pipeline_oldest_age_seconds", 8);
    nothing("sentinel_ops_pipeline_newest_timestamp_seconds", 0);
    nothing("sentinel_ops_batch_duration_seconds_count", 1);
    nothing("sentinel_ops_batch_error_ratio_count", 1);
}

#[test]
fn enumerations_are_text() {
    let postgres = Postgres::new();
    postgres.sql("create type ops.word as enum ('staging', 'INVALID_DATE')");
    replace_view(
        &postgres,
        "v_pipeline_health",
        "select word::ops.word as status, 2::bigint as batch_count, now() as newest_batch_at, 1.0 as oldest_age_minutes
         from (values ('staging'), (null)) as status (word)",
    );
    replace_view(
        &postgres,
        "v_error_distribution",
        "select word::ops.word as error_code, 3::bigint as occurrence_count, 1::bigint as affected_batches, now() as last_seen_at, null::text as sample_message
         from (values ('INVALID_DATE'), (null)) as error (word)",
    );
    let exporter = polling(&postgres.url("sentinel_exporter"));
    let page = exporter.scrape();
    for word in ["staging", "unknown"] {
        assert_eq!(page.value(&format!("sentinel_ops_pipeline_batches{{status={word:?}}}")), Some(2.0), "{word}");
    }
    for word in ["INVALID_DATE", "unknown"] {
        assert_eq!(page.value(&format!("sentinel_ops_error_occurrences{{error_code={word:?}}}")), Some(3.0), "{word}");
    }
}

#[test]
fn nan_is_not_a_measurement() {
    let postgres = Postgres::new();
    let nan = "'NaN'::numeric";
    replace_view(
        &postgres,
        "v_batch_performance",
        &format!(
            "select {HOUR}, {nan} as avg_parse_ms, 'NaN'::float8 as avg_db_ms, 1500.5::numeric as avg_total_ms,
             {nan} as dedupe_rate_pct, 50::numeric as error_rate_pct"
        ),
    );
    replace_view(
        &postgres,
        "v_pipeline_health",
        &format!("select 'staging' as status, 1::bigint as batch_count, now() as newest_batch_at, {nan} as oldest_age_minutes"),
    );
    let exporter = polling(&postgres.url("sentinel_exporter"));
    let page = exporter.scrape();
    let total = r#"sentinel_ops_hour_avg_duration_seconds{stage="total"}"#;
    assert_eq!(page.family("sentinel_ops_hour_avg_duration_seconds"), [(total, 1.5005)]);
    assert_eq!(ratios(&page), [None, Some(0.5)]);
    assert_eq!(page.value(r#"sentinel_ops_pipeline_batches{status="staging"}"#), Some(1.0));
    assert!(page.samples.values().all(|value| !value.is_nan()), "{:#?}", page.samples);
}

#[test]
fn null_is_not_shown_and_takes_the_last_value_away() {
    let postgres = Postgres::new();
    postgres.sql(
        "insert into intake.simplicity_batches (status, completed_at, parse_duration_ms, db_duration_ms)
         values ('completed', now(), 1000, 1000)",
    );
    let exporter = patient(&postgres.url("sentinel_exporter"));
    assert_eq!(exporter.scrape().family("sentinel_ops_hour_avg_duration_seconds").len(), 3);
    postgres.sql("update intake.simplicity_batches set status = 'failed'");
    let page = fresh(&exporter);
    assert_eq!(page.family("sentinel_ops_hour_avg_duration_seconds"), []);

    let null = "null::numeric";
    replace_view(
        &postgres,
        "v_batch_performance",
        &format!(
            "select {HOUR}, {null} as avg_parse_ms, {null} as avg_db_ms, {null} as avg_total_ms,
             {null} as dedupe_rate_pct, {null} as error_rate_pct"
        ),
    );
    let page = fresh(&exporter);
    assert_eq!((ratios(&page), page.value(SUCCESS)), ([None, None], Some(1.0)));
    assert_eq!(page.value(r#"sentinel_ops_hour_batches{status="in_progress"}"#), Some(2.0));
}

#[test]
fn an_error_code_is_any_text() {
    let postgres = Postgres::new();
    postgres.sql(
        r#"insert into intake.simplicity_batches default values;
           insert into intake.row_errors (batch_id, error_code) select id, code from intake.simplicity_batches,
               unnest(array[E'a"b\\c\nd', '', 'Größe', repeat('x', 500)]) as code"#,
    );
    let exporter = polling(&postgres.url("sentinel_exporter"));
    let page = exporter.scrape();
    let cut = "x".repeat(128);
    for code in [r#"a\"b\\c\nd"#, "unknown", "Größe", &cut] {
        let series = format!("sentinel_ops_error_occurrences{{error_code=\"{code}\"}}");
        assert_eq!(page.value(&series), Some(1.0), "{series} in {:?}", page.family("sentinel_ops_error_occurrences"));
    }
}
