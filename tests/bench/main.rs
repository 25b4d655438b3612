//! What the exporter costs, beside what people would run instead. `scripts/bench` runs it; docs/benchmarks.md says how to read it.
//!
//! Times depend on the machine and on what else it does: what counts are the ratios of one run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that cannot do its work ends; what it measured goes to the terminal"
)]

mod client;
mod database;
mod day;
mod footprint;
mod harness;
mod ingest;
mod journal;
mod machine;
mod post;
mod process;
mod processor;
mod ready_made;
mod render;
mod replay;
mod restart;
mod scrape;
#[path = "../integration/support/mod.rs"]
#[expect(dead_code, reason = "the tests use all of it, the benchmark a part")]
mod support;

use std::path::Path;

use harness::{Effort, Row, table};

/// Takes its time and returns lines of the table.
type Measure = fn(Effort) -> Vec<Row>;

/// What can be measured, in the order of the table.
const ROWS: [(&str, Measure); 9] = [
    ("replay", replay::rows),
    ("render", render::rows),
    ("scrape", scrape::rows),
    ("database", database::rows),
    ("post", post::rows),
    ("ingest", ingest::rows),
    ("footprint", footprint::rows),
    ("restart", restart::rows),
    ("processor", processor::rows),
];

fn main() {
    // cargo says that this is a benchmark.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["child", "ledger", journal, page] => replay::count(Path::new(journal), Path::new(page)),
        ["child", "parse", journal] => replay::parse(Path::new(journal)),
        ["child", "samples", samples] => render::resident_with(samples.parse().expect("a number")),
        ["child", "ready-made", page, address] => ready_made::serve(Path::new(page), address),
        _ => measure(&arguments),
    }
}

fn measure(arguments: &[&str]) {
    let (options, names): (Vec<&str>, Vec<&str>) = arguments.iter().copied().partition(|argument| argument.starts_with("--"));
    let known = |name: &&str| ROWS.iter().any(|(row, _)| row == name);
    if !options.iter().all(|option| ["--quick", "--write"].contains(option)) || !names.iter().all(known) {
        let rows = ROWS.map(|(row, _)| row).join(" ");
        eprintln!("usage: scripts/bench [--quick] [--write] [ROW ...]\nrows: {rows}");
        std::process::exit(2);
    }
    let effort = Effort { quick: options.contains(&"--quick") };
    let before = machine::load();
    let mut rows = Vec::new();
    for (name, measure) in ROWS.iter().filter(|(name, _)| names.is_empty() || names.contains(name)) {
        eprintln!("bench: {name} ...");
        rows.extend(measure(effort));
    }
    let report = format!("{}\n\n{}", machine::describe(&before, effort), table(&rows));
    println!("\n{report}");
    if options.contains(&"--write") {
        machine::write(&report);
    }
}
