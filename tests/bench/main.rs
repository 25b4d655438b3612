//! What the exporter costs: resident memory, and the processor's time for a scrape. Run by `scripts/bench`.
//!
//! Times depend on the machine and on what else it does, so each is printed beside a baseline of the same run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark that cannot do its work ends; what it measured goes to the terminal"
)]

#[path = "../integration/support/mod.rs"]
#[expect(dead_code, reason = "the tests use all of it, the benchmark a part")]
mod support;

use std::fs;
use std::io::{Read, Write};
use std::process::Command;

use support::exporter::{Exporter, Setup};
use support::postgres::Postgres;

/// Requests measured at a time: enough for the kernel's clock of processor time, which ticks a hundred times a second.
const REQUESTS: u32 = 10_000;
/// How often each kind of request has its turn.
const ROUNDS: usize = 5;
/// Ticks of that clock a second, as Linux shows them to every process.
const TICKS: f64 = 100.0;
/// What is measured; the first is the baseline.
const KINDS: [(&str, &str, &str); 3] = [
    ("GET /health (baseline)", "/health", ""),
    ("GET /metrics", "/metrics", ""),
    ("GET /metrics, gzip", "/metrics", "Accept-Encoding: gzip\r\n"),
];

fn main() {
    let postgres = Postgres::new();
    let setup = Setup::new(format!(
        "journals: [{{path: events.jsonl}}]\nsre: {{root: bot, interval: 1s}}\npostgres: {{url: '{}', interval: 1s}}",
        postgres.url("exporter")
    ));
    simulate(&setup, &postgres);
    let exporter = setup.start();
    exporter.eventually("all sources succeed", |page| {
        let collectors = page.family("sentinel_exporter_collector_success");
        collectors.len() == 2 && collectors.iter().all(|(_, success)| *success == 1.0)
    });
    let page = exporter.scrape_text();
    let samples = page.text().lines().filter(|line| !line.starts_with('#')).count();
    println!("page: {samples} samples, {} bytes", page.body.len());
    println!("resident memory with PostgreSQL, the bot's files and a day of events read: {:.1} MB", resident(&exporter));

    let mut costs: [Vec<f64>; KINDS.len()] = Default::default();
    for _ in 0..ROUNDS {
        for ((_, path, headers), costs) in KINDS.iter().zip(&mut costs) {
            costs.push(processor_time(&exporter, path, headers));
        }
    }
    costs.iter_mut().for_each(|costs| costs.sort_by(f64::total_cmp));
    let baseline = costs[0][ROUNDS / 2];
    println!("\nprocessor time a request, median (least to most) of {ROUNDS} rounds of {REQUESTS}:");
    for ((what, ..), costs) in KINDS.iter().zip(&costs) {
        let (least, median, most) = (costs[0], costs[ROUNDS / 2], costs[ROUNDS - 1]);
        println!("  {what:<24} {median:4.0} us ({least:.0} to {most:.0}), {:.1} times the baseline", median / baseline);
    }
    println!("resident memory after these: {:.1} MB", resident(&exporter));
}

/// A day with 20 symbols, its batches included.
fn simulate(setup: &Setup, postgres: &Postgres) {
    let url = setup.folder().join("url");
    fs::write(&url, postgres.url("postgres")).expect("the URL is written");
    let status = Command::new(env!("CARGO_BIN_EXE_sentinel-simulator"))
        .args(["--backfill", "6h30m", "--duration", "1s", "--speed", "max", "--journal"])
        .arg(setup.folder().join("events.jsonl"))
        .arg("--sre-root")
        .arg(setup.folder().join("bot"))
        .arg("--postgres-url-file")
        .arg(url)
        .status()
        .expect("the simulator starts");
    assert!(status.success());
}

/// The exporter's resident memory in MB.
fn resident(exporter: &Exporter) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", exporter.pid())).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") * 1024.0 / 1e6
}

/// The exporter's processor time for one request over a kept connection, in microseconds.
fn processor_time(exporter: &Exporter, path: &str, headers: &str) -> f64 {
    let mut stream = support::http::connect(exporter.address);
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    let before = processor(exporter);
    for _ in 0..REQUESTS {
        stream.write_all(request.as_bytes()).expect("the request is sent");
        skip_answer(&mut stream);
    }
    (processor(exporter) - before) / f64::from(REQUESTS)
}

/// Processor time of the exporter so far, in microseconds.
fn processor(exporter: &Exporter) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", exporter.pid())).expect("the process is there");
    // After the name, which ends in a parenthesis: state, ten more, user time and system time.
    let fields = stat.rsplit(')').next().expect("fields").split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / TICKS * 1e6
}

fn skip_answer(stream: &mut std::net::TcpStream) {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 64 * 1024]);
    loop {
        let read = stream.read(&mut chunk).expect("an answer");
        assert!(read > 0, "the connection was closed");
        bytes.extend_from_slice(&chunk[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        if bytes.len() >= end + 4 + length.parse::<usize>().expect("a number") {
            return;
        }
    }
}
