//! Batches are counted once across the ends of the exporter, the sudden ones too.

use std::time::SystemTime;

use super::batches::{COUNT, complete};
use super::{fresh, polling, succeeds};
use crate::support::exporter::Exporter;
use crate::support::postgres::Postgres;

/// Waits until a checkpoint knows of the first poll: before that, an exporter that starts anew is at its first start again.
fn saved(exporter: &Exporter) {
    succeeds(exporter);
    let polled = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let saved = "sentinel_exporter_snapshot_last_success_timestamp_seconds";
    exporter.eventually("a checkpoint", |page| page.value(saved) > Some(polled));
}

#[test]
fn kill_9_loses_nothing_and_counts_nothing_twice() {
    let postgres = Postgres::new();
    let mut exporter = polling(&postgres.url("sentinel_exporter"));
    saved(&exporter);
    let mut completed = 0.0;
    for counted_before_the_kill in [true, false, true, false] {
        complete(&postgres, "now()");
        completed += 1.0;
        if counted_before_the_kill {
            exporter.eventually("it is counted", |page| page.value(COUNT) == Some(completed));
        }
        exporter = exporter.kill_and_restart();
    }
    exporter.eventually("all of them", |page| page.value(COUNT) == Some(completed));
    assert_eq!(fresh(&exporter).value(COUNT), Some(completed));
}

#[test]
fn a_batch_completed_while_the_exporter_is_stopped() {
    let postgres = Postgres::new();
    let exporter = polling(&postgres.url("sentinel_exporter"));
    saved(&exporter);
    complete(&postgres, "now()");
    exporter.eventually("the first", |page| page.value(COUNT) == Some(1.0));
    exporter.signal("TERM");
    exporter.logged("stopping");
    complete(&postgres, "now()");
    let exporter = exporter.kill_and_restart();
    exporter.eventually("the second", |page| page.value(COUNT) == Some(2.0));
    succeeds(&exporter);
    assert_eq!(fresh(&exporter).value(COUNT), Some(2.0));
}
