//! Files beside a journal and paths to it that could be taken for what they are not, in front of the running exporter.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sentinel_exporter::journal::ledger::Format;
use sentinel_exporter::journal::others::Others;
use sentinel_exporter::journal::tail::Tail;

use crate::support::exporter::{Exporter, Setup, append};
use crate::support::journal::{CYCLES, cycles};
use crate::support::tempdir::TempDir;

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
fn a_folder_with_two_names_is_rotated_and_counted_once() {
    let exporter = Exporter::start("journals: [{path: real/events.jsonl}, {path: link/events.jsonl}]");
    assert_eq!(exporter.value(CYCLES), Some(0.0), "nothing is there yet");
    symlink("real", exporter.path("link")).unwrap();
    let path = exporter.path("real/events.jsonl");
    append(&path, &cycles(2));
    assert_eq!(exporter.value(CYCLES), Some(2.0));
    for generation in 1..=3 {
        append(&path, &cycles(1));
        fs::rename(&path, exporter.path(&format!("real/events.jsonl.{generation}"))).unwrap();
        append(&path, &cycles(1));
        assert_eq!(exporter.value(CYCLES), Some(f64::from(2 + 2 * generation)));
    }
    exporter.logged("it is the same file as");
}

#[test]
fn a_journal_that_another_one_is_rotated_to_is_counted_once() {
    for journals in ["{path: events.jsonl}, {path: events.jsonl.1}", "{path: events.jsonl.1}, {path: events.jsonl}"] {
        let mut exporter = Exporter::start(format!("journals: [{journals}]"));
        let rotate = |from: &str, to: &str| fs::rename(exporter.path(from), exporter.path(to)).unwrap();
        exporter.append("events.jsonl", &cycles(2));
        assert_eq!(exporter.value(CYCLES), Some(2.0));
        rotate("events.jsonl", "events.jsonl.1");
        exporter.append("events.jsonl", &cycles(1));
        assert_eq!(exporter.value(CYCLES), Some(3.0), "{journals}");
        rotate("events.jsonl.1", "events.jsonl.2");
        rotate("events.jsonl", "events.jsonl.1");
        exporter.append("events.jsonl", &cycles(1));
        assert_eq!(exporter.value(CYCLES), Some(4.0), "{journals}");
        exporter.logged("it is the same file as");
        exporter = exporter.stop_and_restart();
        exporter.append("events.jsonl", &cycles(1));
        assert_eq!(exporter.value(CYCLES), Some(5.0), "{journals}");
    }
}

#[test]
fn a_file_that_is_no_longer_read_by_one_path_is_read_on_by_another() {
    let folder = TempDir::new("rotations");
    let paths: Arc<[PathBuf]> = [folder.join("events.jsonl"), folder.join("other.jsonl")].into();
    let begin = Instant::now();
    let mut tails =
        paths.iter().map(|path| Tail::new(path.clone(), Format::Events, paths.clone(), &[], begin)).collect::<Vec<_>>();
    let mut counted = 0;
    let mut pass = |hours| {
        let mut buffer = vec![0; 1024];
        for at in 0..tails.len() {
            let (tail, others) = Others::of(&mut tails, at).unwrap();
            tail.look(begin + Duration::from_hours(hours), others);
        }
        for tail in &mut tails {
            while let Some(chunk) = tail.next_chunk(&mut buffer) {
                counted += chunk.lines().count();
            }
        }
        counted
    };
    append(&paths[0], &cycles(3));
    assert_eq!(pass(0), 3);
    fs::rename(&paths[0], &paths[1]).unwrap();
    append(&paths[0], &cycles(1));
    assert_eq!(pass(0), 4);
    assert_eq!(pass(1), 4, "it is let go, and taken up where it was");
    append(&paths[1], &cycles(2));
    assert_eq!(pass(1), 6);
    // And back again.
    fs::remove_file(&paths[0]).unwrap();
    fs::rename(&paths[1], &paths[0]).unwrap();
    append(&paths[0], &cycles(1));
    assert_eq!(pass(1), 7);
}

#[test]
fn what_others_keep_beside_a_journal_is_not_counted() {
    let exporter = Exporter::start("journals: [{path: events.jsonl}]");
    let path = exporter.path("events.jsonl");
    append(&path, &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(1.0));
    for name in ["events.jsonl.bak", "events.jsonl.tmp.1", "events.jsonl-old", "events.jsonl.old.gz", "events.jsonl."] {
        append(&exporter.path(name), &cycles(2));
    }
    append(&exporter.path("events.jsonl.offset"), "12345\n");
    fs::rename(&path, exporter.path("events.jsonl.1")).unwrap();
    append(&path, &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(2.0));
    let page = exporter.scrape();
    assert!(page.family("sentinel_exporter_events_rejected_total").iter().all(|(_, lines)| *lines == 0.0), "{page:?}");
    assert!(!exporter.log().contains("compressed"), "{}", exporter.log());
}

#[test]
fn a_journal_is_known_again_whatever_it_was_renamed_to() {
    let mut exporter = Exporter::start("journals: [{path: events.jsonl}]");
    let path = exporter.path("events.jsonl");
    append(&path, &cycles(5));
    assert_eq!(exporter.value(CYCLES), Some(5.0));
    exporter.end();
    append(&path, &cycles(1));
    fs::rename(&path, exporter.path("events.jsonl.old")).unwrap();
    append(&path, &cycles(1));
    exporter = exporter.again();
    assert_eq!(exporter.value(CYCLES), Some(7.0));
    // A copy is known by what was counted of it.
    append(&path, &cycles(1));
    fs::copy(&path, exporter.path("events.jsonl.copy")).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    append(&path, &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(9.0));
}

#[test]
fn a_rotated_file_that_cannot_be_read_is_told_of_once() {
    // Not even root may read this.
    let unreadable = "/proc/sys/vm/drop_caches";
    assert!(File::open(unreadable).is_err() && fs::metadata(unreadable).unwrap().is_file());
    let setup = Setup::new("journals: [{path: events.jsonl}]");
    let path = setup.folder().join("events.jsonl");
    append(&path, &cycles(1));
    // Whatever is beside it is newer.
    File::options().append(true).open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let exporter = setup.start();
    assert_eq!(exporter.value(CYCLES), Some(1.0));
    fs::remove_file(&path).unwrap();
    symlink(unreadable, &path).unwrap();
    symlink(unreadable, exporter.path("events.jsonl.1")).unwrap();
    for _ in 0..10 {
        assert_eq!(exporter.value(CYCLES), Some(1.0));
    }
    exporter.logged_times("cannot be read", 2);
    assert_eq!(exporter.log().matches("cannot be read").count(), 2, "{}", exporter.log());
    // Again when it could be read in between.
    fs::remove_file(exporter.path("events.jsonl.1")).unwrap();
    append(&exporter.path("events.jsonl.1"), &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(2.0));
    fs::rename(exporter.path("events.jsonl.1"), exporter.path("events.jsonl.2")).unwrap();
    symlink(unreadable, exporter.path("events.jsonl.1")).unwrap();
    exporter.eventually("it is told of again", |_| exporter.log().matches("a rotated file cannot be read").count() == 2);
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
    exporter.logged("compressed before it was seen");
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
