//! The client for the daemon, and the samples that the daemon's recorder gave for the same calls.

use std::path::PathBuf;
use std::process::Command;

use crate::support::exporter::Exporter;
use crate::support::page::Page;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recorder").join(name)
}

#[test]
fn the_same_calls_give_the_same_samples() {
    let exporter = Exporter::start("journals: [{path: events.jsonl}]");
    let status = Command::new("python3")
        .args(["-B".into(), fixture("replay.py"), "client".into(), exporter.path("events.jsonl")])
        .status()
        .expect("python3 is there");
    assert!(status.success());

    let expected = Page::parse(&std::fs::read_to_string(fixture("page.txt")).unwrap());
    let actual = exporter.scrape();
    for (series, value) in &expected.samples {
        assert_eq!(actual.value(series), Some(*value), "{series}");
    }
    for (family, kind) in &expected.types {
        assert_eq!(actual.types.get(family), Some(kind), "{family}");
    }
    assert_eq!(expected.types.len(), 18);
    assert_eq!(actual.family("sentinel_exporter_events_rejected_total").iter().map(|(_, count)| count).sum::<f64>(), 0.0);
}
