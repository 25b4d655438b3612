//! What the documents show does what they say.

use std::process::Command;

use crate::support::exporter::Exporter;
use crate::support::journal::{CYCLES, cycles};

const EVENTS: &str = include_str!("../../docs/events.md");

/// The code blocks of a language.
fn examples<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    page.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

/// An exporter with a journal.
fn exporter() -> Exporter {
    Exporter::start("journals: [{path: events.jsonl}]")
}

/// Runs an example beside its journal, whose path is in the environment, as the document says.
fn run(exporter: &Exporter, program: &str, flags: &[&str], example: &str) {
    let output = Command::new(program)
        .args(flags)
        .arg(example)
        .current_dir(exporter.path(""))
        .env("SENTINEL_JOURNAL", exporter.path("events.jsonl"))
        .env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/scripts"))
        .output()
        .expect("the program is there");
    assert!(output.status.success(), "{example}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_python_example_appends_events() {
    let exporter = exporter();
    let [example] = examples(EVENTS, "python")[..] else { panic!("one Python example") };
    run(&exporter, "python3", &["-B", "-c"], example);
    let page = exporter.scrape();
    assert_eq!(page.value("sentinel_trading_cycles_total"), Some(1.0));
    assert_eq!(page.value("sentinel_last_prediction_confidence"), Some(0.71));
    assert_eq!(page.value("sentinel_trading_signals_executed_total{action=\"BUY\"}"), Some(1.0));
}

#[test]
fn the_shell_example_appends_an_event() {
    let exporter = exporter();
    let [example, _] = examples(EVENTS, "sh")[..] else { panic!("two shell examples") };
    run(&exporter, "sh", &["-c"], example);
    assert_eq!(exporter.value("sentinel_reconciliation_drift_usd"), Some(1.5));
}

#[test]
fn the_example_with_curl_posts_events() {
    let exporter = Exporter::start("");
    exporter.append("events.jsonl", &cycles(2));
    exporter.ready();
    let [_, example] = examples(EVENTS, "sh")[..] else { panic!("two shell examples") };
    assert!(example.contains("localhost:8000"));
    run(&exporter, "sh", &["-c"], &example.replace("localhost:8000", &exporter.address.to_string()));
    assert_eq!(exporter.value(CYCLES), Some(2.0));
}

#[test]
fn every_event_is_documented_and_every_metric_named_there_exists() {
    let names = EVENTS.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name);
    let documented: Vec<_> = names.filter(|name| !["json", "schema", "range", "oversize"].contains(name)).collect();
    assert_eq!(documented.len(), 19, "{documented:?}");
    for named in EVENTS.split('`').filter(|text| text.starts_with("sentinel_") && !text.contains(['.', ' '])) {
        let name = named.split('{').next().unwrap_or(named);
        assert!(sentinel_exporter::catalogue::ALL.iter().any(|info| info.name == name), "{name}");
    }
}
