//! Files that are rotated at the worst moments: before anything is known of them, while they are copied, and between a look and the read.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use sentinel_exporter::journal::ledger::Format;
use sentinel_exporter::journal::others::Others;
use sentinel_exporter::journal::tail::{Position, Tail};

use crate::support::exporter::append;
use crate::support::journal::cycles;
use crate::support::tempdir::TempDir;

/// A journal and whoever follows it.
struct Journal {
    folder: TempDir,
    tail: Tail,
    counted: usize,
}

impl Journal {
    /// One that is not there yet.
    fn new() -> Self {
        let folder = TempDir::new("truncations");
        let tail = Tail::new(folder.join("events.jsonl"), Format::Events, [].into(), &[], Instant::now());
        Self { folder, tail, counted: 0 }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("events.jsonl")
    }

    fn rotated(&self, number: u32) -> PathBuf {
        self.folder.join(&format!("events.jsonl.{number}"))
    }

    fn write(&self, count: usize) {
        append(&self.path(), &cycles(count));
    }

    fn copy(&self, number: u32) {
        fs::copy(self.path(), self.rotated(number)).unwrap();
    }

    fn truncate(&self) {
        File::options().write(true).open(self.path()).unwrap().set_len(0).unwrap();
    }

    fn look(&mut self) {
        self.tail.look(Instant::now(), Others::default());
    }

    fn read(&mut self) {
        let mut buffer = vec![0; 4096];
        while let Some(chunk) = self.tail.next_chunk(&mut buffer) {
            self.counted += chunk.lines().count();
        }
    }

    /// Everything that has been counted once all is read.
    fn all(&mut self) -> usize {
        for _ in 0..3 {
            self.look();
            self.read();
        }
        self.counted
    }

    /// What a checkpoint has of it.
    fn saved(&self) -> Vec<Position> {
        self.tail.positions().collect()
    }

    /// Whoever follows it after a start, with the counts as of `saved`.
    fn restart(&mut self, saved: &[Position], counted: usize) {
        self.tail = Tail::new(self.path(), Format::Events, [].into(), saved, Instant::now());
        self.counted = counted;
    }
}

#[test]
fn an_empty_one_that_was_filled_copied_and_truncated_between_two_looks() {
    for age in [Duration::ZERO, Duration::from_secs(60)] {
        let mut journal = Journal::new();
        journal.write(0);
        // The kernel's time of a write is older than now by up to a tick.
        if age > Duration::ZERO {
            File::open(journal.path()).unwrap().set_modified(SystemTime::now() - age).unwrap();
        }
        assert_eq!(journal.all(), 0);
        for number in 1..4 {
            journal.write(5);
            journal.copy(number);
            journal.truncate();
            journal.look();
            journal.read();
            assert_eq!(journal.counted, 5 * number as usize, "{age:?}");
        }
    }
}

#[test]
fn the_same_before_the_next_start() {
    let mut journal = Journal::new();
    journal.write(0);
    journal.all();
    let saved = journal.saved();
    journal.write(5);
    assert_eq!(journal.all(), 5);
    journal.copy(1);
    journal.truncate();
    journal.write(2);
    journal.restart(&saved, 0);
    assert_eq!(journal.all(), 7);
}

#[test]
fn one_that_was_not_there_and_was_rotated_before_it_was_seen() {
    let mut journal = Journal::new();
    assert_eq!(journal.all(), 0);
    let saved = journal.saved();
    for number in 1..4 {
        journal.write(5);
        fs::rename(journal.path(), journal.rotated(number)).unwrap();
    }
    journal.write(1);
    assert_eq!(journal.all(), 16);
    journal.restart(&saved, 0);
    assert_eq!(journal.all(), 16);
}

#[test]
fn files_from_before_the_first_start_are_not_read() {
    let folder = TempDir::new("truncations");
    let path = folder.join("events.jsonl");
    append(&folder.join("events.jsonl.1"), &cycles(5));
    File::options()
        .append(true)
        .open(folder.join("events.jsonl.1"))
        .unwrap()
        .set_modified(SystemTime::now() - Duration::from_secs(1))
        .unwrap();
    append(&path, &cycles(2));
    let tail = Tail::new(path, Format::Events, [].into(), &[], Instant::now());
    let mut journal = Journal { folder, tail, counted: 0 };
    assert_eq!(journal.all(), 2);
}

#[test]
fn a_copy_that_is_there_before_the_original_is_truncated() {
    let mut journal = Journal::new();
    journal.write(0);
    journal.all();
    for number in 1..4 {
        journal.write(5);
        journal.copy(number);
        assert_eq!(journal.all(), 5 * number as usize, "before");
        journal.truncate();
        assert_eq!(journal.all(), 5 * number as usize, "after");
    }
}

#[test]
fn a_copy_that_is_overwritten_by_the_next_one() {
    for seen in [false, true] {
        let mut journal = Journal::new();
        for number in 1..4 {
            journal.write(5);
            assert_eq!(journal.all(), 6 * (number - 1) + 5, "before");
            journal.write(1);
            journal.copy(1);
            if seen {
                assert_eq!(journal.all(), 6 * number, "between");
            }
            journal.truncate();
            assert_eq!(journal.all(), 6 * number, "after");
        }
    }
}

#[test]
fn a_rotated_one_that_is_truncated_and_written_to() {
    for name in ["events.jsonl.1", "events.jsonl.old"] {
        let mut journal = Journal::new();
        journal.write(3);
        assert_eq!(journal.all(), 3);
        let rotated = journal.folder.join(name);
        fs::rename(journal.path(), &rotated).unwrap();
        journal.write(1);
        assert_eq!(journal.all(), 4);
        File::options().write(true).open(&rotated).unwrap().set_len(0).unwrap();
        append(&rotated, &cycles(2));
        assert_eq!(journal.all(), 6);
    }
}

#[test]
fn one_that_begins_a_new_life_between_the_look_and_the_read() {
    for refilled in [1, 5, 9] {
        let mut journal = Journal::new();
        journal.write(3);
        assert_eq!(journal.all(), 3);
        journal.write(2);
        journal.look();
        journal.copy(1);
        journal.truncate();
        journal.write(refilled);
        journal.read();
        assert_eq!(journal.all(), 5 + refilled);
    }
}
