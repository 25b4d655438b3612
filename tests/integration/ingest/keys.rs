//! Posts with a key: however often they are sent, they count once.

use std::fs;

use crate::support::exporter::{Exporter, Setup, append};
use crate::support::journal::{CYCLES, cycles};

fn key(key: &str) -> String {
    format!("Idempotency-Key: {key}\r\n")
}

#[test]
fn a_post_sent_again_is_answered_as_before_and_counted_once() {
    let mut exporter = Exporter::start("");
    let body = cycles(2) + "no JSON\n" + &cycles(1);
    let told = r#"{"accepted":3,"rejected":[{"line":3,"reason":"expected a JSON object"}]}"#;
    for start in 0..3 {
        for time in 0..2 {
            let answer = exporter.post(&key("8e03978e-40d5-43dd-bc93-6894a57f9324"), &body);
            assert_eq!((answer.status, answer.text()), (200, told), "start {start}, time {time}");
        }
        let page = exporter.scrape();
        assert_eq!(page.value(CYCLES), Some(3.0));
        assert_eq!(page.value("sentinel_exporter_events_rejected_total{reason=\"json\"}"), Some(1.0));
        exporter = if start == 0 { exporter.kill_and_restart() } else { exporter.stop_and_restart() };
        exporter.scrape();
    }
}

#[test]
fn one_without_a_good_event_is_remembered_too() {
    let exporter = Exporter::start("");
    for _ in 0..2 {
        assert_eq!(exporter.post(&key("a"), "no JSON").status, 400);
    }
    assert_eq!(exporter.value("sentinel_exporter_events_rejected_total{reason=\"json\"}"), Some(1.0));
}

#[test]
fn the_same_body_with_another_key_or_without_one_is_another_post() {
    let exporter = Exporter::start("");
    let body = cycles(1);
    for header in [key("a"), key("b"), String::new(), String::new()] {
        assert_eq!(exporter.post(&header, &body).status, 200);
    }
    assert_eq!(exporter.value(CYCLES), Some(4.0));
}

#[test]
fn a_key_with_another_body_is_422_and_changes_nothing() {
    let exporter = Exporter::start("");
    let first = cycles(1);
    assert_eq!(exporter.post(&key("a"), &first).status, 200);
    assert_eq!(exporter.post(&key("a"), cycles(5)).status, 422);
    assert_eq!(exporter.post(&key("a"), &first).status, 200);
    let exporter = exporter.kill_and_restart();
    exporter.scrape();
    assert_eq!(exporter.post(&key("a"), cycles(5)).status, 422);
    assert_eq!(exporter.value(CYCLES), Some(1.0));
}

#[test]
fn what_is_no_key_is_400() {
    let exporter = Exporter::start("");
    for header in [key(""), key(&"k".repeat(256)), key("é"), key("a") + &key("b")] {
        assert_eq!(exporter.post(&header, cycles(1)).status, 400, "{header}");
    }
    assert_eq!(exporter.post(&key(&"k".repeat(255)), cycles(1)).status, 200);
    assert_eq!(exporter.value(CYCLES), Some(1.0));
}

#[test]
fn many_at_once_with_one_key_count_once() {
    let exporter = Exporter::start("");
    let body = cycles(1);
    for number in 0..20 {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    assert_eq!(exporter.post(&key(&number.to_string()), &body).text(), r#"{"accepted":1,"rejected":[]}"#);
                });
            }
        });
    }
    assert_eq!(exporter.value(CYCLES), Some(20.0));
}

#[test]
fn a_crash_between_the_disk_and_the_answer_counts_once() {
    let exporter = Exporter::start("");
    let body = cycles(1);
    assert_eq!(exporter.post(&key("a"), &body).status, 200);
    let journal = fs::read_to_string(exporter.own_journal()).unwrap();
    drop(exporter);

    // What such a crash leaves: the line, and no checkpoint that knows of it.
    let setup = Setup::new("");
    append(&setup.folder().join("sentinel-data/journal/events.jsonl"), &journal);
    let exporter = setup.start();
    exporter.scrape();
    assert_eq!(exporter.post(&key("a"), &body).text(), r#"{"accepted":1,"rejected":[]}"#);
    assert_eq!(exporter.value(CYCLES), Some(1.0));
}
