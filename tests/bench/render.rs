//! Samples into the text format, in memory: beside the prometheus crate, and beside copying the same bytes.

use std::hint::black_box;
use std::sync::{Arc, Mutex};

use prometheus::{Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};
use sentinel_exporter::board::Board;
use sentinel_exporter::catalogue as family;
use sentinel_exporter::exposition;
use sentinel_exporter::family::FamilyInfo;
use sentinel_exporter::journal::ledger::{Format, Ledger};
use sentinel_exporter::sample::Limits;

use crate::harness::{Effort, Goal, Measured, Row, Unit, in_turn, seconds};
use crate::journal::{Wide, wide};
use crate::process::{child, resident, run};

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let mut rows = Vec::new();
    for (samples, rounds) in [(10_000, effort.pick(101, 5)), (100_000, effort.pick(25, 3)), (1_000_000, effort.pick(7, 1))] {
        let board = board(samples);
        let registry = registry(samples);
        let mut page = Vec::new();
        exposition::render(&board.view(), &mut page);
        let mut theirs = Vec::new();
        encode(&registry, &mut theirs);
        same_samples(&page, &theirs);

        let mut copy = page.clone();
        let (mut ours, shown) = (Vec::with_capacity(page.len()), count(&page));
        let [exporter, crates, memcpy] = in_turn(
            rounds,
            [
                &mut || {
                    seconds(|| {
                        ours.clear();
                        exposition::render(black_box(&board.view()), &mut ours);
                    })
                },
                &mut || {
                    seconds(|| {
                        theirs.clear();
                        encode(black_box(&registry), &mut theirs);
                    })
                },
                &mut || seconds(|| black_box(&mut copy).copy_from_slice(black_box(&page))),
            ],
        );
        assert_eq!(ours.len(), page.len());
        let what = format!("render {shown} samples, {:.1} MB", page.len() as f64 / 1e6);
        rows.push(Row::new(&what, Unit::Seconds, &exporter, Some(("prometheus crate", &crates)), Goal::Times(20.0)));
        rows.push(Row::new("the same", Unit::Seconds, &exporter, Some(("memcpy", &memcpy)), Goal::Within(4.0)));
    }
    let memory = Measured::of((0..effort.pick(3, 1)).map(|_| run(child("samples").arg("1000000")).number()));
    let goal = Goal::AtMost(300.0 * 1024.0 * 1024.0);
    rows.push(Row::new("memory with 1M samples and their page", Unit::Bytes, &memory, None, goal));
    rows
}

/// A process of its own: has this many samples, renders them and prints how much memory is resident then.
pub(crate) fn resident_with(samples: usize) {
    let board = board(samples);
    let mut page = Vec::new();
    exposition::render(&board.view(), &mut page);
    println!("{}", resident(std::process::id()));
    assert!(count(&page) >= samples);
}

/// A board with a ledger that has counted [`wide`].
fn board(samples: usize) -> Board {
    let mut ledger = Ledger::new(Limits { series_per_family: samples, ..Limits::default() });
    for event in wide(samples) {
        ledger.count(Format::Events, event.line().trim_end().as_bytes(), 0.0).expect("a good line");
    }
    Board::new(Arc::new(Mutex::new(ledger)))
}

/// The same events in the prometheus crate's metrics.
fn registry(samples: usize) -> Registry {
    let registry = Registry::new();
    let opts = |info: &FamilyInfo| Opts::new(info.name, info.help());
    let orders = IntCounterVec::new(opts(family::ORDERS.info()), family::ORDERS.info().labels).expect("a counter");
    let positions = GaugeVec::new(opts(family::POSITION.info()), family::POSITION.info().labels).expect("a gauge");
    let calls = IntCounterVec::new(opts(family::API_CALLS.info()), family::API_CALLS.info().labels).expect("a counter");
    let latency = family::API_LATENCY.info();
    let latencies = HistogramOpts::from(opts(latency)).buckets(latency.buckets.to_vec());
    let latencies = HistogramVec::new(latencies, latency.labels).expect("a histogram");
    registry.register(Box::new(orders.clone())).expect("registered");
    registry.register(Box::new(positions.clone())).expect("registered");
    registry.register(Box::new(calls.clone())).expect("registered");
    registry.register(Box::new(latencies.clone())).expect("registered");
    for event in wide(samples) {
        match event {
            Wide::Order { symbol, side, status } => orders.with_label_values(&[symbol.as_str(), side, status]).inc(),
            Wide::Position { symbol, usd } => positions.with_label_values(&[&symbol]).set(usd),
            Wide::Call { endpoint, seconds } => {
                calls.with_label_values(&[&endpoint]).inc();
                latencies.with_label_values(&[&endpoint]).observe(seconds);
            }
        }
    }
    registry
}

fn encode(registry: &Registry, out: &mut Vec<u8>) {
    TextEncoder::new().encode(&registry.gather(), out).expect("a page");
}

fn count(page: &[u8]) -> usize {
    let lines = page.split(|byte| *byte == b'\n');
    lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).count()
}

/// Panics unless the crate's page has the samples of these families, and the exporter's hardly more in others.
fn same_samples(page: &[u8], theirs: &[u8]) {
    let sum = |page: &[u8], name: &str| {
        let page = str::from_utf8(page).expect("text");
        let of = page.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', '_'])));
        of.map(|line| line.rsplit(' ').next().expect("a value").parse::<f64>().expect("a number"))
            .fold((0, 0.0), |(n, sum), value| (n + 1, sum + value))
    };
    for info in [family::ORDERS.info(), family::POSITION.info(), family::API_LATENCY.info()] {
        let ((here, total), (there, their_total)) = (sum(page, info.name), sum(theirs, info.name));
        assert_eq!(here, there, "{}", info.name);
        assert!((total - their_total).abs() <= 1e-9 * total.abs(), "{}: {total} and {their_total}", info.name);
    }
    assert!(count(page) - count(theirs) < 300, "{} and {} samples", count(page), count(theirs));
}
