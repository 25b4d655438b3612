//! Writers that have a file open which was rotated away, and write to it seldom.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use sentinel_exporter::journal::ledger::Format;
use sentinel_exporter::journal::others::Others;
use sentinel_exporter::journal::tail::Tail;

use crate::support::exporter::append;
use crate::support::journal::cycles;
use crate::support::tempdir::TempDir;

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// A journal that was rotated by rename, whose writer still has the file open.
struct Journal {
    folder: TempDir,
    writer: File,
    tail: Tail,
    now: Instant,
    counted: usize,
}

impl Journal {
    fn rotated() -> Self {
        let folder = TempDir::new("lingering");
        let path = folder.join("events.jsonl");
        let now = Instant::now();
        let writer = File::options().create(true).append(true).open(&path).unwrap();
        let tail = Tail::new(path, Format::Events, [].into(), &[], now);
        let mut journal = Self { folder, writer, tail, now, counted: 0 };
        journal.write(1);
        assert_eq!(journal.after(Duration::ZERO), 1);
        fs::rename(journal.path(), journal.folder.join("events.jsonl.1")).unwrap();
        // As logrotate's "create" does, and a while ago: one that is new may have been filled and truncated before anybody looked.
        append(&journal.path(), "");
        File::open(journal.path()).unwrap().set_modified(SystemTime::now() - MINUTE).unwrap();
        journal
    }

    fn path(&self) -> PathBuf {
        self.folder.join("events.jsonl")
    }

    fn write(&mut self, count: usize) {
        self.writer.write_all(cycles(count).as_bytes()).unwrap();
    }

    /// What has been counted once `time` has gone by, in which the tail looked.
    fn after(&mut self, time: Duration) -> usize {
        let mut buffer = vec![0; 1024];
        for time in [Duration::ZERO, time] {
            self.now += time;
            self.tail.look(self.now, Others::default());
            while let Some(chunk) = self.tail.next_chunk(&mut buffer) {
                self.counted += chunk.lines().count();
            }
        }
        self.counted
    }

    /// How many files are no longer read on.
    fn let_go(&self) -> usize {
        // Nothing was there when the tail began, and that is one.
        self.tail.positions().filter(|position| position.finished).count() - 1
    }
}

#[test]
fn one_that_has_not_noticed_is_heard_however_seldom_it_writes() {
    let mut journal = Journal::rotated();
    for gap in [62 * Duration::from_secs(1), 20 * MINUTE, 3 * DAY] {
        let before = journal.after(gap);
        journal.write(1);
        assert_eq!(journal.after(Duration::ZERO), before + 1, "after {gap:?}");
    }
    // Rotated once more, before anything was written to the file at the path.
    fs::rename(journal.folder.join("events.jsonl.1"), journal.folder.join("events.jsonl.2")).unwrap();
    fs::rename(journal.path(), journal.folder.join("events.jsonl.1")).unwrap();
    assert_eq!(journal.after(DAY), 4);
    journal.write(1);
    assert_eq!(journal.after(DAY), 5);
}

#[test]
fn one_of_several_is_heard_for_a_quarter_of_an_hour_after_the_others_noticed() {
    let mut journal = Journal::rotated();
    append(&journal.path(), &cycles(1));
    assert_eq!(journal.after(14 * MINUTE), 2);
    journal.write(1);
    assert_eq!(journal.after(14 * MINUTE), 3);
    assert_eq!(journal.let_go(), 0);
    journal.after(MINUTE);
    assert_eq!(journal.let_go(), 1);
}

#[test]
fn a_deleted_file_is_let_go_after_a_minute() {
    let mut journal = Journal::rotated();
    fs::remove_file(journal.folder.join("events.jsonl.1")).unwrap();
    journal.write(1);
    assert_eq!(journal.after(59 * Duration::from_secs(1)), 2);
    assert_eq!(journal.let_go(), 0);
    journal.after(Duration::from_secs(1));
    assert_eq!(journal.let_go(), 1, "its room on the disk is free only then");
}
