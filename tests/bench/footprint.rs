//! What the exporter takes of the host: memory, disk, and the time until it is ready.

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::client::{AS_PROMETHEUS, Client};
use crate::day::Day;
use crate::harness::{Effort, Goal, Measured, Row, Unit, in_turn, until};
use crate::process::{Server, recorder, resident};
use crate::support::exporter::Setup;
use crate::support::tempdir::TempDir;

/// Scrapes before memory is looked at: buffers are as large as they get.
const SCRAPES: usize = 200;

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let folder = TempDir::new("bench-footprint");
    let nothing = folder.join("nothing.jsonl");
    fs::write(&nothing, "").expect("an empty journal");
    let python = |journal: &Path| {
        Server::start(|port| {
            let mut command = recorder();
            command.arg("serve").arg(journal).arg(port.to_string());
            command
        })
    };
    let idle = Setup::new("journals: [{path: events.jsonl}]").start();
    idle.scrape();
    let idle = Measured::of([resident(idle.pid())]);
    let idle_python = Measured::of([resident(python(&nothing).pid())]);

    let day = Day::new();
    let mut client = Client::new(day.exporter.address);
    client.scrapes(SCRAPES, "");
    client.scrapes(SCRAPES, AS_PROMETHEUS);
    let after = Measured::of([resident(day.exporter.pid())]);
    let after_python = python(&day.exporter.path("events.jsonl"));
    Client::new(after_python.address).scrapes(SCRAPES, AS_PROMETHEUS);
    let after_python = Measured::of([resident(after_python.pid())]);

    let binary = fs::metadata(env!("CARGO_BIN_EXE_sentinel-exporter")).expect("the binary").len() as f64;
    let [start, start_python] = in_turn(
        effort.pick(25, 3),
        [
            &mut || {
                let setup = Setup::new("journals: [{path: events.jsonl}]");
                let begun = Instant::now();
                let exporter = setup.start();
                until("it is ready", || exporter.get("/-/ready").status == 200);
                begun.elapsed().as_secs_f64()
            },
            &mut || {
                let begun = Instant::now();
                let server = python(&nothing);
                Client::new(server.address).get("/metrics", "");
                begun.elapsed().as_secs_f64()
            },
        ],
    );
    let recorder = "Python recorder";
    vec![
        Row::new("resident memory idle", Unit::Bytes, &idle, Some((recorder, &idle_python)), Goal::AtMost(10e6)),
        Row::new("the same after the ordinary day", Unit::Bytes, &after, Some((recorder, &after_python)), Goal::AtMost(16e6)),
        Row::new("binary", Unit::Bytes, &Measured::of([binary]), None, Goal::AtMost(8e6)),
        Row::new("start to ready", Unit::Seconds, &start, Some((recorder, &start_python)), Goal::AtMost(0.05)),
    ]
}
