//! A start with a checkpoint and a journal that has grown by a million lines since.

use std::fs::{self, File};
use std::io;
use std::time::Instant;

use crate::harness::{Effort, Goal, Measured, Row, Unit, until};
use crate::journal::seeded;
use crate::support::exporter::Setup;
use crate::support::journal::cycles;
use crate::support::tempdir::TempDir;

/// What the exporter counts of the lines that it read.
pub(crate) const EVENTS: &str = "sentinel_exporter_events_total";

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let lines = effort.pick(1_000_000, 100_000);
    let folder = TempDir::new("bench-restart");
    let journal = seeded(folder.path(), lines);
    let times = (0..effort.pick(7, 2)).map(|_| {
        let setup = Setup::new("journals: [{path: events.jsonl}]");
        fs::write(setup.folder().join("events.jsonl"), cycles(1)).expect("a journal");
        let mut exporter = setup.start();
        exporter.scrape();
        exporter.end();
        let mut more = File::options().append(true).open(exporter.path("events.jsonl")).expect("the journal");
        io::copy(&mut File::open(&journal).expect("the lines"), &mut more).expect("the journal grows");

        let begun = Instant::now();
        let restarted = exporter.again();
        until("it is ready", || restarted.get("/-/ready").status == 200);
        let seconds = begun.elapsed().as_secs_f64();
        let counted: f64 = restarted.scrape().family(EVENTS).iter().map(|(_, count)| count).sum();
        assert_eq!(counted, lines as f64 + 1.0);
        seconds
    });
    let what = format!("restart with {lines} unread lines: start to ready");
    vec![Row::new(&what, Unit::Seconds, &Measured::of(times), None, Goal::AtMost(1.0))]
}
