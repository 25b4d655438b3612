//! The ops views and the completed batches, polled by the real exporter from real servers. A file is one hazard.
//!
//! Settings are fast, so that tests are. Unless its subject is staleness, a test has samples stay for long: then a sample that is
//! gone was taken away by a poll.

mod batches;
mod deadlines;
mod kills;
mod one_connection;
mod outages;
mod parts;
mod pooler;
mod reload;
mod role;
mod secrets;
mod tls;
mod values;
mod views;

use std::time::{Duration, Instant};

use crate::support::exporter::Exporter;
use crate::support::page::Page;
use crate::support::postgres::Postgres;

const SUCCESS: &str = r#"sentinel_exporter_collector_success{collector="postgres"}"#;
const LAST_SUCCESS: &str = r#"sentinel_exporter_collector_last_success_timestamp_seconds{collector="postgres"}"#;
/// A sample of each view, from the first poll on.
const OF_THE_HOUR: &str = r#"sentinel_ops_hour_batches{status="completed"}"#;
const OF_THE_ERRORS: &str = r#"sentinel_ops_error_occurrences{error_code="E1"}"#;
const OF_THE_PIPELINE: &str = r#"sentinel_ops_pipeline_batches{status="staging"}"#;
/// As the server names a session of the exporter.
const NAME: &str = "sentinel-exporter";

/// A configuration that polls `url` all the time.
fn config(url: &str) -> String {
    format!("postgres:\n  url: {url:?}\n  interval: 100ms\n  timeout: 500ms\n  stale_after: 1m\n")
}

/// An exporter that has polled `url` with success.
fn polling(url: &str) -> Exporter {
    let exporter = Exporter::start(config(url));
    succeeds(&exporter);
    exporter
}

/// The same with more patience than a machine stands still: no poll of it fails for the time that it took.
fn patient(url: &str) -> Exporter {
    let exporter = Exporter::start(config(url).replace("500ms", "20s"));
    succeeds(&exporter);
    exporter
}

/// A page after a poll that succeeded. The page that tells so first may have been begun before the poll's samples were there.
fn succeeds(exporter: &Exporter) -> Page {
    exporter.eventually("a poll that succeeds", |page| page.value(SUCCESS) == Some(1.0));
    exporter.scrape()
}

fn fails(exporter: &Exporter) -> Page {
    exporter.eventually("a poll that fails", |page| page.value(SUCCESS) == Some(0.0))
}

/// A page that shows a whole poll which began after this call.
fn fresh(exporter: &Exporter) -> Page {
    let another = || {
        let last = exporter.value(LAST_SUCCESS);
        exporter.eventually("another poll", |page| page.value(LAST_SUCCESS) > last);
    };
    another();
    another();
    exporter.scrape()
}

/// Waits for something that no page shows; panics after half a minute.
fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Puts another view in the place of `ops.{name}`.
fn replace_view(postgres: &Postgres, name: &str, select: &str) {
    postgres.sql(&format!(
        "begin; drop view ops.{name}; create view ops.{name} as {select}; grant select on ops.{name} to sentinel_exporter; commit;"
    ));
}

/// Makes `ops.v_error_distribution` a view whose query ends when it is cancelled twice: once by the server's own limit, and once
/// by whoever has waited long enough.
fn make_errors_stubborn(postgres: &Postgres) {
    postgres.sql(
        "create function ops.stubborn() returns text language plpgsql as $$
         begin
             for attempt in 1..2 loop
                 begin
                     perform pg_sleep(600);
                 exception when query_canceled then null;
                 end;
             end loop;
             return 'E1';
         end $$;",
    );
    let columns = "1::bigint as occurrence_count, 1::bigint as affected_batches, '' as sample_message, now() as last_seen_at";
    replace_view(postgres, "v_error_distribution", &format!("select ops.stubborn() as error_code, {columns}"));
}

/// Whether the server works on a query of the exporter.
fn busy(postgres: &Postgres) -> bool {
    postgres.sql(&format!("select count(*) from pg_stat_activity where application_name = '{NAME}' and state <> 'idle'")) != "0"
}
