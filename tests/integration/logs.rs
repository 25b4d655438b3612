//! What is logged, and where: one line a message, on standard error alone, and no flood of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::{Map, Value};

use crate::support::exporter::{Exporter, Setup};
use crate::support::http::connect;

/// Makes it log something of every kind: a bad line, a failing collector, a refused and a taken configuration, its end.
fn a_day(exporter: Exporter) -> String {
    exporter.ready();
    exporter.append("sentinel-data/journal/events.jsonl", "no JSON \u{1b}[31m\n{\"event\":\"a \\\"name\\\"\\n\"}\n");
    exporter.scrape();
    exporter.logged("a collector failed");
    let good = std::fs::read(exporter.path("sentinel.yml")).unwrap();
    std::fs::write(exporter.path("sentinel.yml"), "web: 1\nlimits: 2").unwrap();
    exporter.signal("HUP");
    exporter.logged("limits: expected");
    std::fs::write(exporter.path("sentinel.yml"), good).unwrap();
    exporter.signal("HUP");
    exporter.logged("was taken");
    exporter.signal("TERM");
    exporter.logged("stopping");
    assert_eq!(std::fs::read_to_string(exporter.path("stdout")).unwrap(), "", "standard output is not for logs");
    exporter.log()
}

#[test]
fn json_is_an_object_a_line() {
    let log = a_day(Setup::new("sre: {root: nowhere}").argument("--log.format=json").start());
    let mut levels = BTreeMap::<_, u32>::new();
    for line in log.lines() {
        let entry: Map<String, Value> = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(["timestamp", "level", "message"].iter().all(|key| entry.get(*key).is_some_and(Value::is_string)), "{line}");
        *levels.entry(entry["level"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(
        levels.into_iter().collect::<Vec<_>>(),
        [("ERROR".to_owned(), 2), ("INFO".to_owned(), 3), ("WARN".to_owned(), 3)],
        "{log}"
    );
}

#[test]
fn a_configuration_that_is_refused_at_the_start_is_logged_like_everything() {
    let output = Setup::new("web: 1\nlimits: 2").argument("--log.format=json").output();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    let log = String::from_utf8(output.stderr).unwrap();
    let messages = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["message"].as_str().unwrap().to_owned());
    let messages: Vec<_> = messages.collect();
    assert!(
        messages.len() == 2 && messages[0].contains("sentinel.yml: web: expected") && messages[1].contains(": limits: expected")
    );
}

#[test]
fn logfmt_is_pairs() {
    let log = a_day(Setup::new("sre: {root: nowhere}").start());
    for line in log.lines() {
        assert!(line.starts_with("ts=20") && line.contains(" level=") && line.contains(" message="), "{line}");
        assert!(!line.contains('\u{1b}'), "a bad line must not paint the terminal: {line:?}");
    }
}

#[test]
fn bad_lines_are_logged_once_a_minute_and_reason() {
    let exporter = Exporter::start("journals: [{path: events.jsonl}]");
    let mut lines = String::new();
    for number in 0..1000 {
        let _ = writeln!(lines, "no JSON {number}\n{{\"event\":\"unheard_of_{number}\"}}");
    }
    exporter.append("events.jsonl", &lines);
    let page = exporter.scrape();
    let rejected: f64 = page.family("sentinel_exporter_events_rejected_total").iter().map(|(_, count)| count).sum();
    assert_eq!(rejected, 2000.0);
    exporter.append("events.jsonl", &lines);
    exporter.scrape();
    exporter.logged_times("was not counted", 2);
    assert_eq!(exporter.log().matches("was not counted").count(), 2, "{}", exporter.log());
}

#[test]
fn the_level_is_what_is_asked_for() {
    for (level, shown) in [("info", false), ("debug", true)] {
        let exporter = Setup::new("").argument(&format!("--log.level={level}")).start();
        connect(exporter.address).write_all(b"no HTTP\r\n\r\n").unwrap();
        if shown {
            exporter.logged("a connection ended");
        }
        exporter.signal("TERM");
        exporter.logged("stopping");
        assert_eq!(exporter.log().contains("a connection ended"), shown, "{}", exporter.log());
    }
}
