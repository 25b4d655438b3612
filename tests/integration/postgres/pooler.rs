//! Everything goes through a transaction-mode pooler as well.

use std::process::Command;

use super::batches::{COUNT, complete};
use super::deadlines::ends_a_stubborn_query;
use super::one_connection::connections_over_tcp;
use super::parts::SEED;
use super::{NAME, OF_THE_ERRORS, OF_THE_HOUR, OF_THE_PIPELINE, config, fails, fresh, polling, replace_view, succeeds, until};
use crate::support::exporter::Exporter;
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::Postgres;

#[test]
fn the_views_and_the_batches() {
    let postgres = Postgres::new();
    let pooler = PgBouncer::new(&postgres);
    postgres.sql(SEED);
    let exporter = polling(&pooler.url("sentinel_exporter"));
    let page = exporter.scrape();
    assert_eq!([OF_THE_HOUR, OF_THE_ERRORS, OF_THE_PIPELINE].map(|series| page.value(series)), [Some(1.0); 3]);
    complete(&postgres, "now()");
    exporter.eventually("the batch", |page| page.value(COUNT) == Some(1.0));
    assert_eq!(fresh(&exporter).value(COUNT), Some(1.0));
}

#[test]
fn limits_are_in_force_and_not_left_behind() {
    let limits =
        "current_setting('statement_timeout') || current_setting('lock_timeout') || current_setting('transaction_read_only')";
    let postgres = Postgres::new();
    let pooler = PgBouncer::new(&postgres);
    replace_view(
        &postgres,
        "v_pipeline_health",
        &format!("select {limits} as status, 1 as batch_count, now() as newest_batch_at, 1 as oldest_age_minutes"),
    );
    let exporter = polling(&pooler.url("sentinel_exporter"));
    assert_eq!(exporter.value(r#"sentinel_ops_pipeline_batches{status="500ms250mson"}"#), Some(1.0));
    for _ in 0..20 {
        // The pool's connections are the exporter's, too.
        let mut psql = Command::new("psql");
        let output =
            psql.args(["-XqAtc", &format!("select {limits}"), &pooler.url("sentinel_exporter")]).output().expect("run psql");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "30s5son\n", "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_query_that_does_not_end_is_cancelled_through_it() {
    let postgres = Postgres::new();
    let pooler = PgBouncer::new(&postgres);
    let exporter = polling(&pooler.url("sentinel_exporter"));
    ends_a_stubborn_query(&postgres, &exporter);
}

#[test]
fn the_database_behind_it_goes_away_and_comes_back() {
    let mut postgres = Postgres::new();
    let pooler = PgBouncer::new(&postgres);
    let exporter = polling(&pooler.url("sentinel_exporter"));
    postgres.stop();
    fails(&exporter);
    postgres.start();
    succeeds(&exporter);
    fresh(&exporter);
    assert_eq!(postgres.connections(NAME), 1);
}

#[test]
fn the_database_behind_it_is_down_at_the_start() {
    let mut postgres = Postgres::new();
    let pooler = PgBouncer::new(&postgres);
    postgres.stop();
    let exporter = Exporter::start(config(&pooler.url("sentinel_exporter")));
    fails(&exporter);
    postgres.start();
    succeeds(&exporter);
}

#[test]
fn the_database_behind_it_hangs() {
    let postgres = Postgres::new();
    let pooler = PgBouncer::new(&postgres);
    let exporter = polling(&pooler.url("sentinel_exporter"));
    postgres.pause();
    fails(&exporter);
    exporter.logged("no answer yet to an earlier query");
    assert!(connections_over_tcp(pooler.port()) <= 2, "one, and the request to cancel");
    postgres.resume();
    succeeds(&exporter);
    fresh(&exporter);
    assert_eq!(connections_over_tcp(pooler.port()), 1);
}

#[test]
fn a_backend_behind_it_is_killed() {
    let postgres = Postgres::new();
    let pooler = PgBouncer::new(&postgres);
    let exporter = polling(&pooler.url("sentinel_exporter"));
    until("a backend to kill", || postgres.terminate_backends(NAME) > 0);
    until("a new one", || postgres.connections(NAME) == 1);
    succeeds(&exporter);
    fresh(&exporter);
}

#[test]
fn the_database_behind_it_refuses() {
    let postgres = Postgres::new();
    let pooler = PgBouncer::new(&postgres);
    postgres.sql("alter role sentinel_exporter nologin");
    let exporter = Exporter::start(config(&pooler.url("sentinel_exporter")));
    exporter.logged("is not permitted to log in (SQLSTATE 08P01)");
    postgres.sql("alter role sentinel_exporter login");
    succeeds(&exporter);
    fresh(&exporter);
}
