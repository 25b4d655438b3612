//! Files beside a journal and paths to it that could be taken for what they are not, in front of the running exporter.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::exporter::{Exporter, Setup, append};
use crate::support::journal::{CYCLES, cycles};

#[test]
fn a_journal_whose_name_begins_like_another_is_no_generation_of_it() {
    let exporter = Exporter::start("journals: [{path: events}, {path: events.risk}]");
    append(&exporter.path("events"), &cycles(1));
    append(&exporter.path("events.risk"), &cycles(2));
    assert_eq!(exporter.value(CYCLES), Some(3.0));
    append(&exporter.path("events.risk"), &cycles(2));
    fs::rename(exporter.path("events"), exporter.path("events.1")).unwrap();
    append(&exporter.path("events"), &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(6.0));
}

#[test]
fn a_link_to_another_journal_is_told_and_counted_once() {
    let exporter = Exporter::start("journals: [{path: a.jsonl}, {path: b.jsonl}]");
    exporter.append("a.jsonl", &cycles(3));
    assert_eq!(exporter.value(CYCLES), Some(3.0));
    symlink(exporter.path("a.jsonl"), exporter.path("b.jsonl")).unwrap();
    exporter.append("a.jsonl", &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(4.0));
    exporter.logged("it is the same file as");
}

#[test]
fn a_file_that_was_replaced_by_an_equal_one_counts_once() {
    let mut exporter = Exporter::start("journals: [{path: events.jsonl}]");
    let path = exporter.path("events.jsonl");
    let replace = || {
        fs::copy(&path, path.with_extension("new")).unwrap();
        fs::rename(path.with_extension("new"), &path).unwrap();
    };
    append(&path, &cycles(5));
    assert_eq!(exporter.value(CYCLES), Some(5.0));
    replace();
    append(&path, &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(6.0));
    exporter.end();
    replace();
    append(&path, &cycles(1));
    exporter = exporter.again();
    assert_eq!(exporter.value(CYCLES), Some(7.0), "while the exporter was down");
}

#[test]
fn generations_after_one_that_is_gone_are_read() {
    let mut exporter = Exporter::start("journals: [{path: events.jsonl}]");
    let path = exporter.path("events.jsonl");
    append(&path, &cycles(10));
    assert_eq!(exporter.value(CYCLES), Some(10.0));
    exporter.end();
    fs::remove_file(&path).unwrap();
    append(&path, &cycles(20));
    fs::rename(&path, exporter.path("events.jsonl-20260105")).unwrap();
    append(&path, &cycles(3));
    exporter = exporter.again();
    assert_eq!(exporter.value(CYCLES), Some(33.0));
    exporter.logged("is gone");
}

#[test]
fn a_compressed_generation_is_told_of_once() {
    let exporter = Exporter::start("journals: [{path: events.jsonl}]");
    let path = exporter.path("events.jsonl");
    append(&path, &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(1.0));
    for _ in 0..5 {
        fs::rename(&path, exporter.path("events.jsonl.1")).unwrap();
        append(&exporter.path("events.jsonl.2.gz"), "not lines");
        append(&path, &cycles(1));
        exporter.scrape();
    }
    assert_eq!(exporter.value(CYCLES), Some(6.0));
    assert_eq!(exporter.log().matches("compressed before it was seen").count(), 1);
}

#[test]
fn a_path_that_is_written_otherwise_goes_on_where_it_was() {
    let setup = Setup::new("journals: [{path: logs/events.jsonl}]");
    fs::create_dir(setup.folder().join("logs")).unwrap();
    symlink("logs", setup.folder().join("link")).unwrap();
    let mut exporter = setup.start();
    exporter.append("logs/events.jsonl", &cycles(4));
    assert_eq!(exporter.value(CYCLES), Some(4.0));
    exporter.end();
    fs::write(exporter.path("sentinel.yml"), "journals: [{path: link/events.jsonl}]").unwrap();
    exporter = exporter.again();
    exporter.append("logs/events.jsonl", &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(5.0));
}

#[test]
fn files_that_begin_with_the_same_line_are_told_apart() {
    let exporter = Exporter::start("journals: [{path: events.jsonl}]");
    let path = exporter.path("events.jsonl");
    let begin = |count| append(&path, &format!("{{\"event\":\"uptime\",\"seconds\":1}}\n{}", cycles(count)));
    begin(2);
    assert_eq!(exporter.value(CYCLES), Some(2.0));
    for generation in (1..=3).rev() {
        fs::rename(&path, exporter.path(&format!("events.jsonl.{generation}"))).unwrap();
        begin(5);
    }
    assert_eq!(exporter.value(CYCLES), Some(17.0));
}
