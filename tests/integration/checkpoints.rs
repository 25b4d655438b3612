//! Checkpoints that are damaged, missing or out of reach when the exporter starts, and what one has to be able to hold.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use crate::support::exporter::{Exporter, Setup, append};
use crate::support::journal::{CYCLES, cycles};

const RESET: &str = "sentinel_exporter_counter_reset_timestamp_seconds";

/// An exporter that was stopped after it had counted and saved ten cycles, whose journal is gone.
fn stopped() -> Exporter {
    let setup = Setup::new("journals: [{path: events.jsonl}]");
    // What is read before it is ready is saved then, whatever the disk allows a stop to save.
    append(&setup.folder().join("events.jsonl"), &cycles(10));
    let mut exporter = setup.start();
    assert_eq!(exporter.value(CYCLES), Some(10.0));
    exporter.end();
    fs::remove_file(exporter.path("events.jsonl")).unwrap();
    exporter
}

#[test]
fn the_first_one_is_there_when_it_is_ready() {
    let exporter = Exporter::start("journals: [{path: events.jsonl}]");
    let page = exporter.scrape();
    assert!(exporter.path("sentinel-data/checkpoint").exists());
    assert_eq!(page.value(RESET), Some(0.0));
    assert!(page.value("sentinel_exporter_snapshot_last_success_timestamp_seconds").unwrap() > 1e9);
}

#[test]
fn a_damaged_one_is_kept_aside_and_the_previous_one_counts() {
    let mut exporter = stopped();
    // A second stop makes the first checkpoint the previous one.
    exporter = exporter.again();
    append(&exporter.own_journal(), &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(11.0));
    exporter.end();
    let checkpoint = exporter.path("sentinel-data/checkpoint");
    let whole = fs::read(&checkpoint).unwrap();
    fs::write(&checkpoint, &whole[..whole.len() / 2]).unwrap();
    exporter = exporter.again();
    assert_eq!(exporter.value(CYCLES), Some(11.0));
    assert_eq!(exporter.value(RESET), Some(0.0));
    assert!(exporter.path("sentinel-data/checkpoint.damaged").exists());
    exporter.logged("a checkpoint is damaged");
}

#[test]
fn without_a_good_one_the_counters_begin_anew_and_that_is_announced() {
    let mut exporter = stopped();
    for name in ["checkpoint", "checkpoint.previous"] {
        fs::write(exporter.path("sentinel-data").join(name), "sentinel-checkpoint 1 00000000 2\n{}").unwrap();
    }
    exporter = exporter.again();
    assert_eq!(exporter.value(CYCLES), Some(0.0));
    let reset = exporter.value(RESET).unwrap();
    assert!(reset > 1e9);
    exporter = exporter.kill_and_restart();
    assert_eq!(exporter.value(RESET), Some(reset), "it is not forgotten");
}

#[test]
fn one_that_was_taken_away_is_missed() {
    let mut exporter = stopped();
    for name in ["checkpoint", "checkpoint.previous"] {
        let _ = fs::remove_file(exporter.path("sentinel-data").join(name));
    }
    exporter = exporter.again();
    assert!(exporter.value(RESET).unwrap() > 1e9);
    exporter.logged("there is no good checkpoint");
}

#[test]
fn one_that_cannot_be_read_now_is_no_reason_to_begin_anew() {
    let exporter = stopped();
    let checkpoint = exporter.path("sentinel-data/checkpoint");
    fs::remove_file(&checkpoint).unwrap();
    fs::create_dir(&checkpoint).unwrap();
    let ended = exporter.another().output();
    let output = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{output}");
    assert!(output.contains("the checkpoint cannot be read") && output.contains("directory"), "{output}");
    assert!(checkpoint.exists());
}

#[test]
fn a_journal_from_before_1970_is_saved_like_any_other() {
    let setup = Setup::new("journals: [{path: events.jsonl}]");
    let path = setup.folder().join("events.jsonl");
    append(&path, &cycles(3));
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    File::options().append(true).open(&path).unwrap().set_modified(before).unwrap();
    let mut exporter = setup.start();
    let page = exporter.scrape();
    assert_eq!(page.value(CYCLES), Some(3.0));
    assert_eq!(page.value("sentinel_exporter_snapshot_failures_total"), Some(0.0), "{}", exporter.log());
    exporter = exporter.kill_and_restart();
    append(&path, &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(4.0));
}
