//! A journal that grows by 100,000 events a second and is rotated, while Prometheus scrapes every second.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{AS_PROMETHEUS, Client};
use crate::harness::{Effort, Goal, Measured, Row, Unit};
use crate::journal::seeded;
use crate::process::resident;
use crate::restart::EVENTS;
use crate::support::exporter::Setup;
use crate::support::page::Page;
use crate::support::tempdir::TempDir;

/// How often the writer appends, and how many lines.
const STEP: Duration = Duration::from_millis(10);
const LINES: usize = 1000;
/// How many steps a file gets before it is rotated away: half a minute, and 370 MB.
const STEPS_A_FILE: usize = 3000;

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let seconds = effort.pick(600, 15);
    let folder = TempDir::new("bench-ingest");
    let lines = fs::read(seeded(folder.path(), 1_000_000)).expect("the lines");
    let setup = Setup::new("journals: [{path: events.jsonl}]");
    let journal = setup.folder().join("events.jsonl");
    let exporter = setup.start();
    exporter.scrape();
    let mut client = Client::new(exporter.address);

    let stop = AtomicBool::new(false);
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    let written = thread::scope(|scope| {
        let writer = scope.spawn(|| write(&journal, &lines, &stop));
        let begun = Instant::now();
        for second in 1..=seconds {
            thread::sleep((begun + Duration::from_secs(second)).saturating_duration_since(Instant::now()));
            times.push(client.get("/metrics", AS_PROMETHEUS));
            memory.push(resident(exporter.pid()));
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().expect("the writer ends")
    });
    client.get("/metrics", "");
    let page = Page::parse(str::from_utf8(client.body()).expect("text"));
    let counted: f64 = page.family(EVENTS).iter().map(|(_, count)| count).sum();
    let off = Measured::of([(written as f64 - counted).abs()]);

    // The first tenth is for buffers to grow.
    let tenth = memory.len() / 10;
    let early = Measured::of(memory[tenth..2 * tenth].iter().copied());
    let late = Measured::of(memory[memory.len() - tenth..].iter().copied());
    let what = format!("{:.0} k events/s for {seconds} s, scraped every second: ", written as f64 / seconds as f64 / 1e3);
    let p99 = Measured::of([Measured::of(times.iter().copied()).quantile(0.99)]);
    vec![
        Row::new(&(what + "scrape p99"), Unit::Seconds, &p99, None, Goal::AtMost(0.005)),
        Row::new("the same, all scrapes", Unit::Seconds, &Measured::of(times), None, Goal::Told),
        Row::new(&format!("events lost or counted twice, of {written}"), Unit::Count("events"), &off, None, Goal::AtMost(0.0)),
        Row::new("resident memory, last tenth", Unit::Bytes, &late, Some(("second tenth", &early)), Goal::Within(1.05)),
    ]
}

/// Appends to `journal` at its pace, over rotations by rename; returns how many lines.
fn write(journal: &Path, lines: &[u8], stop: &AtomicBool) -> u64 {
    let ends: Vec<_> = memchr::memchr_iter(b'\n', lines).map(|end| end + 1).collect();
    let mut chunks = ends.chunks_exact(LINES).cycle();
    let (mut written, mut start) = (0, 0);
    let begun = Instant::now();
    for file in 0.. {
        let _ = fs::rename(journal, journal.with_extension("jsonl.1"));
        let mut out = File::options().create(true).append(true).open(journal).expect("the journal");
        // No two files begin alike.
        writeln!(out, "{{\"event\":\"uptime\",\"seconds\":{file}}}").expect("a line is written");
        written += 1;
        for step in 1..=STEPS_A_FILE {
            if stop.load(Ordering::Relaxed) {
                return written;
            }
            let end = *chunks.next().and_then(|chunk| chunk.last()).expect("lines");
            // At the end of the lines it begins anew.
            start = if end < start { 0 } else { start };
            out.write_all(&lines[start..end]).expect("lines are written");
            start = end;
            written += LINES as u64;
            let due = begun + STEP * (file * STEPS_A_FILE + step) as u32;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
    written
}
