//! Journals as daemons and logrotate leave them, in front of the running exporter: a line is in the very next scrape, once.

use std::fs;

use crate::support::exporter::{Exporter, Setup, append};
use crate::support::journal::{CYCLES, cycles};

fn start() -> Exporter {
    Exporter::start("journals: [{path: logs/events.jsonl}]")
}

fn rejected(exporter: &Exporter, reason: &str) -> f64 {
    exporter.value(&format!("sentinel_exporter_events_rejected_total{{reason=\"{reason}\"}}")).unwrap()
}

#[test]
fn a_line_is_in_the_very_next_scrape() {
    let exporter = start();
    assert_eq!(exporter.value(CYCLES), Some(0.0), "the file is waited for");
    for count in 1..=20 {
        exporter.append("logs/events.jsonl", &cycles(1));
        assert_eq!(exporter.value(CYCLES), Some(f64::from(count)));
    }
    append(&exporter.own_journal(), &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(21.0), "the own journal is read like any other");
}

#[test]
fn journals_are_read_between_scrapes_too() {
    let exporter = start();
    let line = cycles(1);
    exporter.append("logs/events.jsonl", &line);
    exporter.shows(&format!("{} bytes read", line.len()));
}

#[test]
fn a_line_without_its_end_is_not_there_yet() {
    let exporter = start();
    let line = cycles(1);
    exporter.append("logs/events.jsonl", &line[..20]);
    let page = exporter.scrape();
    assert_eq!(page.value(CYCLES), Some(0.0));
    let lag = page.family("sentinel_exporter_journal_lag_bytes");
    assert!(lag.len() == 2 && lag.iter().all(|(_, bytes)| *bytes == 0.0), "{lag:?}");
    exporter.append("logs/events.jsonl", &line[20..]);
    assert_eq!(exporter.value(CYCLES), Some(1.0));
}

#[test]
fn bad_lines_cost_themselves_alone() {
    let exporter = start();
    exporter.append("logs/events.jsonl", &cycles(1));
    fs::write(exporter.path("blob"), [0xff, 0xfe, b'\n']).unwrap();
    let blob = fs::read(exporter.path("blob")).unwrap();
    let mut journal = fs::OpenOptions::new().append(true).open(exporter.path("logs/events.jsonl")).unwrap();
    std::io::Write::write_all(&mut journal, &blob).unwrap();
    exporter.append("logs/events.jsonl", "\n{}\n{\"event\":\"cycle\",\"seconds\":-1}\n");
    exporter.append("logs/events.jsonl", &format!("{{\"event\":\"{}\"}}\n", "x".repeat(70_000)));
    exporter.append("logs/events.jsonl", &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(2.0));
    for reason in ["json", "schema", "range", "oversize"] {
        assert_eq!(rejected(&exporter, reason), 1.0, "{reason}");
        exporter.logged(&format!("reason={reason}"));
    }
    let line = exporter.log().lines().find(|line| line.contains("reason=range")).unwrap().to_owned();
    assert!(line.contains("logs/events.jsonl") && line.contains("offset=") && line.contains(">= 0"), "{line}");
}

#[test]
fn a_line_longer_than_any_buffer_is_one_rejection() {
    let exporter = start();
    for _ in 0..8 {
        exporter.append("logs/events.jsonl", &"x".repeat(200_000));
        assert_eq!(rejected(&exporter, "oversize"), 0.0, "it has not ended yet");
    }
    exporter.append("logs/events.jsonl", &format!("\n{}", cycles(3)));
    assert_eq!(exporter.value(CYCLES), Some(3.0));
    assert_eq!(rejected(&exporter, "oversize"), 1.0);
}

#[test]
fn rotation_by_rename_is_followed_and_the_old_file_read_to_its_end() {
    let exporter = start();
    let path = exporter.path("logs/events.jsonl");
    append(&path, &cycles(2));
    assert_eq!(exporter.value(CYCLES), Some(2.0));
    let mut old = fs::OpenOptions::new().append(true).open(&path).unwrap();
    fs::rename(&path, exporter.path("logs/events.jsonl.1")).unwrap();
    append(&path, &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(3.0));
    std::io::Write::write_all(&mut old, cycles(1).as_bytes()).unwrap();
    assert_eq!(exporter.value(CYCLES), Some(4.0), "its writer had not noticed yet");
}

#[test]
fn several_rotations_between_two_looks_lose_nothing() {
    let exporter = start();
    let path = exporter.path("logs/events.jsonl");
    append(&path, &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(1.0));
    for generation in (1..=5).rev() {
        fs::rename(&path, exporter.path(&format!("logs/events.jsonl.{generation}"))).unwrap();
        append(&path, &cycles(10));
    }
    assert_eq!(exporter.value(CYCLES), Some(51.0));
}

#[test]
fn copy_and_truncate_is_followed() {
    let exporter = start();
    let path = exporter.path("logs/events.jsonl");
    append(&path, &cycles(5));
    assert_eq!(exporter.value(CYCLES), Some(5.0));
    fs::copy(&path, exporter.path("logs/events.jsonl.1")).unwrap();
    fs::OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
    append(&path, &cycles(2));
    assert_eq!(exporter.value(CYCLES), Some(7.0));
    // Written anew beyond what had been read: only the first line tells.
    fs::write(&path, format!("{{\"event\":\"uptime\",\"seconds\":1}}\n{}", cycles(9))).unwrap();
    assert_eq!(exporter.value(CYCLES), Some(16.0));
}

#[test]
fn what_was_written_just_before_a_truncation_is_read_from_the_copy() {
    let mut exporter = start();
    let path = exporter.path("logs/events.jsonl");
    let rotate = |generation: usize| {
        fs::copy(&path, path.with_extension(format!("jsonl.{generation}"))).unwrap();
        fs::OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
    };
    append(&path, &cycles(5));
    assert_eq!(exporter.value(CYCLES), Some(5.0));
    append(&path, &cycles(2));
    rotate(1);
    append(&path, &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(8.0));
    exporter.end();
    append(&path, &cycles(30));
    rotate(2);
    append(&path, &cycles(1));
    exporter = exporter.again();
    assert_eq!(exporter.value(CYCLES), Some(39.0), "while the exporter was down");
}

#[test]
fn deletion_is_followed() {
    let exporter = start();
    let path = exporter.path("logs/events.jsonl");
    append(&path, &cycles(3));
    assert_eq!(exporter.value(CYCLES), Some(3.0));
    fs::remove_dir_all(exporter.path("logs")).unwrap();
    assert_eq!(exporter.value(CYCLES), Some(3.0));
    append(&path, &cycles(3));
    assert_eq!(exporter.value(CYCLES), Some(6.0));
}

#[test]
fn what_is_no_file_is_told_and_harms_nothing() {
    let setup = Setup::new("journals: [{path: folder}, {path: good.jsonl}]");
    fs::create_dir(setup.folder().join("folder")).unwrap();
    let exporter = setup.start();
    exporter.append("good.jsonl", &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(1.0));
    exporter.logged("not a regular file");
    assert!(exporter.get("/").text().contains("not a regular file"));
}

#[test]
fn nobody_waits_for_the_writer_of_a_pipe() {
    let exporter = Exporter::start("journals: [{path: pipe.jsonl}]");
    let status = std::process::Command::new("mkfifo").arg(exporter.path("pipe.jsonl")).status().unwrap();
    assert!(status.success());
    exporter.eventually("the pipe is told of", |_| exporter.log().contains("not a regular file"));
    assert_eq!(exporter.value(CYCLES), Some(0.0));
    fs::remove_file(exporter.path("pipe.jsonl")).unwrap();
    append(&exporter.path("pipe.jsonl"), &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(1.0));
    exporter.logged("can be read again");
}

#[test]
fn counts_survive_a_kill_and_go_on_where_they_were() {
    let mut exporter = start();
    let path = exporter.path("logs/events.jsonl");
    append(&path, &cycles(100));
    assert_eq!(exporter.value(CYCLES), Some(100.0));
    exporter = exporter.kill_and_restart();
    assert_eq!(exporter.value(CYCLES), Some(100.0), "before the first checkpoint");
    exporter.eventually("a checkpoint", |_| exporter.path("sentinel-data/checkpoint").exists());
    append(&path, &cycles(10));
    fs::rename(&path, exporter.path("logs/events.jsonl.1")).unwrap();
    append(&path, &cycles(1));
    exporter = exporter.kill_and_restart();
    assert_eq!(exporter.value(CYCLES), Some(111.0), "after it, rotated since");
    assert_eq!(exporter.value("sentinel_exporter_counter_reset_timestamp_seconds"), Some(0.0));
}

#[test]
fn a_journal_that_was_left_out_for_a_while_goes_on_where_it_was() {
    let mut exporter = start();
    exporter.append("logs/events.jsonl", &cycles(5));
    assert_eq!(exporter.value(CYCLES), Some(5.0));
    let with = fs::read_to_string(exporter.path("sentinel.yml")).unwrap();
    let reload = |exporter: &Exporter, config: &str, journals: usize| {
        fs::write(exporter.path("sentinel.yml"), config).unwrap();
        exporter.signal("HUP");
        let lag = "sentinel_exporter_journal_lag_bytes";
        exporter.eventually("it is reloaded", |page| page.family(lag).len() == journals);
    };
    reload(&exporter, "", 1);
    exporter.append("logs/events.jsonl", &cycles(2));
    assert_eq!(exporter.value(CYCLES), Some(5.0));
    reload(&exporter, &with, 2);
    assert_eq!(exporter.value(CYCLES), Some(7.0));
    reload(&exporter, "", 1);
    exporter = exporter.stop_and_restart();
    exporter.append("logs/events.jsonl", &cycles(1));
    reload(&exporter, &with, 2);
    assert_eq!(exporter.value(CYCLES), Some(8.0), "over a restart too");
}

#[test]
fn scrapes_at_once_all_show_every_journal() {
    let journals: Vec<_> = (0..200).map(|number| format!("{{path: {number}.jsonl}}")).collect();
    let exporter = Exporter::start(format!("journals: [{}]", journals.join(", ")));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    assert_eq!(exporter.scrape().family("sentinel_exporter_journal_lag_bytes").len(), 201);
                }
            });
        }
    });
}
