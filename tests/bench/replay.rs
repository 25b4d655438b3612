//! Journal to ledger: how many lines a second one core reads, parses and counts.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use sentinel_exporter::board::Board;
use sentinel_exporter::exposition;
use sentinel_exporter::journal::ledger::{Format, Ledger};
use sentinel_exporter::journal::lines::Line;
use sentinel_exporter::journal::others::Others;
use sentinel_exporter::journal::tail::Tail;
use sentinel_exporter::sample::Limits;
use serde::Deserialize;

use crate::harness::{Effort, Goal, Measured, Row, Unit, in_turn};
use crate::journal::seeded;
use crate::process::{Ended, child, pinned, recorder, run};
use crate::support::daemon::free_port;
use crate::support::page::Page;
use crate::support::tempdir::TempDir;

/// Bytes read at a time, as in the exporter.
const BUFFER: usize = 256 * 1024;

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let lines = effort.pick(1_000_000, 100_000);
    // The slower ones read a part.
    let part = lines / 10;
    let folder = TempDir::new("bench-replay");
    let journal = seeded(folder.path(), lines);
    let bytes = fs::metadata(&journal).expect("the journal").len() as f64 / lines as f64;
    let beginning = folder.join("part.jsonl");
    let mut out = File::create(&beginning).expect("a part");
    let all = BufReader::new(File::open(&journal).expect("the journal"));
    all.split(b'\n')
        .take(part)
        .for_each(|line| writeln!(out, "{}", String::from_utf8_lossy(&line.expect("a line"))).expect("a line"));
    fs::create_dir(folder.join("mtail")).expect("a folder");
    fs::write(folder.join("mtail/trading.mtail"), include_str!("baselines/trading.mtail")).expect("mtail's program");
    File::create(folder.join("empty.jsonl")).expect("an empty journal");
    same_counts(&folder, &beginning);

    let mut peaks = [0.0_f64; 3];
    let mtail_start = Measured::of((0..5).map(|_| mtail(&folder, &folder.join("empty.jsonl")).seconds)).median();
    let [exporter, parse, python, mtail] = {
        let [ours, theirs, of_mtail] = &mut peaks;
        let keep = |peak: &mut f64, ended: &Ended| *peak = peak.max(ended.peak);
        in_turn(
            effort.pick(9, 2),
            [
                &mut || {
                    let ended = run(&mut pinned(child("ledger").arg(&journal).arg("/dev/null")));
                    keep(ours, &ended);
                    ended.number()
                },
                &mut || run(&mut pinned(child("parse").arg(&journal))).number(),
                &mut || {
                    let ended = run(&mut pinned(recorder().arg("journal").arg(&beginning).arg("/dev/null")));
                    keep(theirs, &ended);
                    ended.number()
                },
                &mut || {
                    let ended = mtail(&folder, &beginning);
                    keep(of_mtail, &ended);
                    ended.seconds - mtail_start
                },
            ],
        )
    };
    let [ours, theirs, of_mtail] = peaks;
    let exporter = exporter.rate(lines as f64);
    let what = format!("journal to ledger, {lines} lines of {bytes:.0} bytes, one core");
    let unit = Unit::Rate("lines");
    let row = |what: &str, against: &str, measured: &Measured, lines: usize, least| {
        Row::new(what, unit, &exporter, Some((against, &measured.rate(lines as f64))), Goal::Times(least))
    };
    let peak = |against: &str, bytes| {
        Row::new("its peak of memory", Unit::Bytes, &Measured::of([ours]), Some((against, &Measured::of([bytes]))), Goal::Told)
    };
    vec![
        row(&what, "Python json, prometheus_client", &python, part, 15.0),
        row("the same", "serde_json into a flat struct", &parse, lines, 0.8),
        row("the same", "mtail", &mtail, part, 15.0),
        peak("Python json, prometheus_client", theirs),
        peak("mtail", of_mtail),
    ]
}

fn mtail(folder: &TempDir, journal: &Path) -> Ended {
    let mut command = Command::new("mtail");
    command.args(["--one_shot", "--one_shot_format=prometheus", "--emit_prog_label=false", "--address=127.0.0.1"]);
    command.arg(format!("--port={}", free_port())).arg("--progs").arg(folder.join("mtail")).arg("--logs").arg(journal);
    run(&mut pinned(&command))
}

/// Panics unless all count the same: whoever does less is no baseline.
fn same_counts(folder: &TempDir, journal: &Path) {
    let (ours, theirs) = (folder.join("ours.txt"), folder.join("theirs.txt"));
    run(child("ledger").arg(journal).arg(&ours));
    run(recorder().arg("journal").arg(journal).arg(&theirs));
    let read = |path| samples(&fs::read_to_string(path).expect("a page"));
    let (ours, theirs) = (read(ours), read(theirs));
    agree(&ours, &theirs, 1e-9);
    // It writes six digits.
    agree(&ours, &samples(&mtail(folder, journal).stdout), 2e-5);
}

/// The samples of the trading events. A loss of the websocket is shown as a time or as the time since then: by when the page was made.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let of_events = |series: &str| series.starts_with("sentinel_") && !series.starts_with("sentinel_websocket_down");
    let samples = Page::parse(page).samples.into_iter().filter(|(series, _)| of_events(series));
    samples.map(|(series, value)| (in_order(&series), value)).collect()
}

/// Everybody has an order of labels, and writes the bucket of 1 as "1" or "1.0".
fn in_order(series: &str) -> String {
    let series = series.replace(".0\"", "\"");
    let Some((name, labels)) = series.trim_end_matches('}').split_once('{') else { return series };
    let mut labels: Vec<_> = labels.split(',').collect();
    labels.sort_unstable();
    format!("{name}{{{}}}", labels.join(","))
}

fn agree(ours: &BTreeMap<String, f64>, theirs: &BTreeMap<String, f64>, tolerance: f64) {
    for (series, value) in theirs {
        let here = ours.get(series).unwrap_or_else(|| panic!("{series} is in a baseline alone"));
        assert!((here - value).abs() <= tolerance * value.abs(), "{series}: {here}, but a baseline has {value}");
    }
    // What no line feeds mtail does not show.
    let fed = ours.iter().filter(|(series, value)| **value != 0.0 && !series.starts_with("sentinel_exporter_"));
    fed.for_each(|(series, _)| assert!(theirs.contains_key(series), "{series} is not in a baseline"));
}

/// A process of its own: counts a journal with the exporter's reader and ledger, and prints the seconds. Its page goes to a file.
pub(crate) fn count(journal: &Path, page: &Path) {
    let mut ledger = Ledger::new(Limits::default());
    let begun = Instant::now();
    let mut tail = Tail::new(journal.to_owned(), Format::Events, Arc::new([journal.to_owned()]), &[], begun);
    let mut buffer = vec![0; BUFFER];
    tail.look(begun, Others::default());
    while let Some(chunk) = tail.next_chunk(&mut buffer) {
        for (_, line) in chunk.lines() {
            let Line::Whole(line) = line else { panic!("a line too long") };
            ledger.count(Format::Events, line, 0.0).expect("a good line");
        }
    }
    println!("{}", begun.elapsed().as_secs_f64());
    let mut text = Vec::new();
    exposition::render(&Board::new(Arc::new(Mutex::new(ledger))).view(), &mut text);
    fs::write(page, text).expect("the page is written");
}

/// The fields of all events, as somebody who only wants to read them would have them.
#[derive(Deserialize)]
#[expect(dead_code, reason = "they are read, not used")]
struct Flat<'a> {
    event: &'a str,
    ts: Option<f64>,
    seconds: Option<f64>,
    ok: Option<bool>,
    executed: Option<bool>,
    active: Option<bool>,
    endpoint: Option<&'a str>,
    action: Option<&'a str>,
    confidence: Option<f64>,
    error_code: Option<&'a str>,
    symbol: Option<&'a str>,
    side: Option<&'a str>,
    status: Option<&'a str>,
    slippage_bps: Option<f64>,
    component: Option<&'a str>,
    error_type: Option<&'a str>,
    state: Option<&'a str>,
    trigger: Option<&'a str>,
    check: Option<&'a str>,
    usd: Option<f64>,
    daily_loss_limit_usd: Option<f64>,
    regime: Option<&'a str>,
    drift_usd: Option<f64>,
}

/// A process of its own: only parses the lines, which are in memory already, and prints the seconds.
pub(crate) fn parse(journal: &Path) {
    let bytes = fs::read(journal).expect("the journal");
    let begun = Instant::now();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', &bytes) {
        black_box(serde_json::from_slice::<Flat<'_>>(&bytes[start..end]).expect("a good line"));
        start = end + 1;
    }
    println!("{}", begun.elapsed().as_secs_f64());
}
