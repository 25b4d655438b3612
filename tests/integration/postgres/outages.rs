//! A database that is not there: at the start, for a while, or with one session thrown out.

use super::parts::SEED;
use super::{
    LAST_SUCCESS, NAME, OF_THE_ERRORS, OF_THE_HOUR, OF_THE_PIPELINE, SUCCESS, config, fails, fresh, polling, succeeds, until,
};
use crate::support::exporter::Exporter;
use crate::support::page::Page;
use crate::support::postgres::Postgres;

fn of_the_views(page: &Page) -> [Option<f64>; 3] {
    [OF_THE_HOUR, OF_THE_ERRORS, OF_THE_PIPELINE].map(|series| page.value(series))
}

#[test]
fn down_at_the_start() {
    let mut postgres = Postgres::new();
    postgres.sql(SEED);
    postgres.stop();
    let exporter = Exporter::start(config(&postgres.url("sentinel_exporter")));
    let page = fails(&exporter);
    assert_eq!((page.value(LAST_SUCCESS), of_the_views(&page)), (Some(0.0), [None; 3]));
    exporter.logged("Connection refused");
    postgres.start();
    let page = succeeds(&exporter);
    assert_eq!(of_the_views(&page), [Some(1.0); 3]);
}

#[test]
fn away_and_back_again() {
    let mut postgres = Postgres::new();
    postgres.sql(SEED);
    let exporter = Exporter::start(config(&postgres.url("sentinel_exporter")).replace("stale_after: 1m", "stale_after: 10s"));
    let before = succeeds(&exporter);
    postgres.stop();
    let page = fails(&exporter);
    assert_eq!(of_the_views(&page), of_the_views(&before), "the last values stay for a while");
    let page = exporter.eventually("they are stale", |page| of_the_views(page) == [None; 3]);
    assert_eq!(page.value(SUCCESS), Some(0.0));
    assert!(page.value(LAST_SUCCESS) >= before.value(LAST_SUCCESS));
    assert!(page.value("sentinel_ops_batch_duration_seconds_count").is_some(), "what was counted is not stale");
    let failures = exporter.log().matches("a collector failed").count();
    assert!(failures <= 12, "logged on a change, and not on each of the polls:\n{}", exporter.log());
    postgres.start();
    let page = succeeds(&exporter);
    assert_eq!(of_the_views(&page), of_the_views(&before));
    exporter.logged("the collector succeeds again");
}

#[test]
fn a_session_that_is_thrown_out() {
    let postgres = Postgres::new();
    let exporter = polling(&postgres.url("sentinel_exporter"));
    for _ in 0..5 {
        until("a session to throw out", || postgres.terminate_backends(NAME) == 1);
        until("a new one", || postgres.connections(NAME) == 1);
        succeeds(&exporter);
    }
    fresh(&exporter);
}

#[test]
fn a_session_that_is_thrown_out_in_the_middle_of_a_query() {
    let postgres = Postgres::new();
    let exporter = polling(&postgres.url("sentinel_exporter"));
    super::make_errors_stubborn(&postgres);
    let throw_out = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where application_name = '{NAME}' and state = 'active' and query like '%v_error_distribution%'"
    );
    until("a query that is thrown out", || postgres.sql(&throw_out) == "1");
    exporter.logged("terminating connection due to administrator command (SQLSTATE 57P01)");
    postgres.sql("drop view ops.v_error_distribution");
    exporter.logged("SQLSTATE 42P01");
    assert_eq!(postgres.connections(NAME), 1);
}

#[test]
fn a_database_that_refuses() {
    let postgres = Postgres::new();
    postgres.sql("alter role sentinel_exporter nologin");
    let exporter = Exporter::start(config(&postgres.url("sentinel_exporter")));
    exporter.logged("is not permitted to log in (SQLSTATE 28000)");
    postgres.sql("alter role sentinel_exporter login connection limit 0");
    exporter.logged("too many connections for role");
    postgres.sql("alter role sentinel_exporter connection limit 1");
    succeeds(&exporter);
    fresh(&exporter);
}
