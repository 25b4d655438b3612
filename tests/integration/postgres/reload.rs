//! New settings close the old connection before they open another, even when a query runs on it.

use super::one_connection::{connections_over_tcp, most_sessions};
use super::{NAME, busy, config, fresh, polling, replace_view, succeeds, until};
use crate::support::exporter::Exporter;
use crate::support::postgres::Postgres;

const INTERVAL: &str = r#"sentinel_exporter_collector_interval_seconds{collector="postgres"}"#;

/// Makes the exporter's query one that takes its time, also to end when it is cancelled.
fn slow_down(postgres: &Postgres) {
    postgres.sql(
        "create function ops.reluctant() returns text language plpgsql as $$
         begin
             perform pg_sleep(600);
         exception when query_canceled then
             perform pg_sleep(0.3);
             return 'E1';
         end $$;",
    );
    let columns = "1 as occurrence_count, 1 as affected_batches, now() as last_seen_at, null::text as sample_message";
    replace_view(postgres, "v_error_distribution", &format!("select ops.reluctant() as error_code, {columns}"));
    until("a slow query", || busy(postgres));
}

/// Writes a configuration and has it taken.
fn reload(exporter: &Exporter, config: &str) {
    let taken = exporter.log().matches("the new configuration was taken").count();
    std::fs::write(exporter.path("sentinel.yml"), config).unwrap();
    exporter.signal("HUP");
    until("it is taken", || exporter.log().matches("the new configuration was taken").count() > taken);
}

#[test]
fn one_connection_over_many_reloads() {
    let postgres = Postgres::new();
    let url = postgres.url("sentinel_exporter");
    let exporter = polling(&url);
    let most = most_sessions(&postgres, || {
        for milliseconds in [101, 102, 103, 104, 105] {
            reload(&exporter, &config(&url).replace("100ms", &format!("{milliseconds}ms")));
            exporter.eventually("the new interval", |page| page.value(INTERVAL) == Some(f64::from(milliseconds) / 1000.0));
            fresh(&exporter);
        }
    });
    assert_eq!((most, connections_over_tcp(postgres.port())), (1, 1));
}

#[test]
fn a_query_that_runs_is_ended_first() {
    let postgres = Postgres::new();
    let url = postgres.url("sentinel_exporter");
    let exporter = Exporter::start(config(&url).replace("500ms", "1m"));
    slow_down(&postgres);
    let most = most_sessions(&postgres, || {
        reload(&exporter, &config(&url));
        succeeds(&exporter);
    });
    assert_eq!(most, 1, "the old query would have run for a minute");
}

#[test]
fn a_section_that_is_taken_away() {
    let postgres = Postgres::new();
    let exporter = Exporter::start(config(&postgres.url("sentinel_exporter")).replace("500ms", "1m"));
    slow_down(&postgres);
    reload(&exporter, "journals: []\n");
    until("the session has ended", || postgres.connections(NAME) == 0);
    assert_eq!(exporter.value(INTERVAL), None);
}

#[test]
fn a_stop_ends_the_query_too() {
    let postgres = Postgres::new();
    let exporter = Exporter::start(config(&postgres.url("sentinel_exporter")).replace("500ms", "1m"));
    slow_down(&postgres);
    let (status, took) = exporter.stop();
    assert!(status.success() && took.as_secs() < 1, "{status} after {took:?}");
    until("the session has ended", || postgres.connections(NAME) == 0);
}
