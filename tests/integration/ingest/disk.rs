//! A disk that is full, or cannot be written to: on a small file system of its own, which only root can mount.

use crate::support::disk::{Disk, run};
use crate::support::exporter::{Exporter, Setup, append};
use crate::support::journal::{CYCLES, cycles};

const FAILURES: &str = "sentinel_exporter_snapshot_failures_total";

/// What is done to the disk.
type Step<'a> = &'a dyn Fn();

/// An exporter whose folder is on a small disk, and a journal beside it.
fn on_a_small_disk() -> (Exporter, Disk) {
    let setup = Setup::new("journals: [{path: events.jsonl}]");
    let disk = Disk::mount(&setup.folder().join("sentinel-data"));
    (setup.start(), disk)
}

#[test]
fn with_a_full_disk_posts_are_refused_and_none_is_lost() {
    let (mut exporter, disk) = on_a_small_disk();
    let mut accepted = 0;
    for round in 0..2 {
        let (refused, again) = loop {
            let (key, body) = (format!("Idempotency-Key: {accepted}\r\n"), cycles(1000));
            let answer = exporter.post(&key, &body);
            match answer.status {
                200 => accepted += 1000,
                _ => break (answer, (key, body)),
            }
            assert!(accepted < 100_000, "the disk is never full");
        };
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "round {round}");
        exporter.logged("posts cannot be written and are refused");
        assert_eq!(exporter.value(CYCLES), Some(f64::from(accepted)), "what was refused is not there");
        append(&exporter.path("events.jsonl"), &cycles(1));
        accepted += 1;
        assert_eq!(exporter.value(CYCLES), Some(f64::from(accepted)), "journals are counted all the same");

        disk.remount(&format!("size={}m", round + 2));
        assert_eq!(exporter.post(&again.0, again.1).status, 200);
        accepted += 1000;
        assert_eq!(exporter.value(CYCLES), Some(f64::from(accepted)), "what was refused is sent again");
        exporter.logged("posts are written again");
        exporter = exporter.kill_and_restart();
        assert_eq!(exporter.value(CYCLES), Some(f64::from(accepted)), "round {round}");
    }
}

#[test]
fn a_checkpoint_that_cannot_be_written_stops_nothing() {
    let (exporter, disk) = on_a_small_disk();
    assert_eq!(exporter.scrape().value(FAILURES), Some(0.0));
    disk.fill();
    exporter.append("events.jsonl", &cycles(1));
    let page = exporter.eventually("a save fails", |page| page.value(FAILURES) > Some(0.0));
    assert_eq!(page.value(CYCLES), Some(1.0));
    let saved = page.value("sentinel_exporter_snapshot_last_success_timestamp_seconds");
    exporter.append("events.jsonl", &cycles(1));
    assert_eq!(exporter.value(CYCLES), Some(2.0));
    assert!(exporter.get("/").text().contains("No space left on device"));
    exporter.logged("the checkpoint cannot be saved; counting goes on");
    assert_eq!(exporter.log().matches("the checkpoint cannot be saved").count(), 1);

    disk.make_room();
    exporter
        .eventually("it is saved again", |page| page.value("sentinel_exporter_snapshot_last_success_timestamp_seconds") > saved);
    exporter.logged("the checkpoint is saved again");
    let exporter = exporter.kill_and_restart();
    assert_eq!(exporter.value(CYCLES), Some(2.0));
}

#[test]
fn neither_does_one_that_cannot_be_renamed_nor_a_folder_that_becomes_read_only() {
    let (exporter, disk) = on_a_small_disk();
    exporter.ready();
    let previous = disk.path.join("checkpoint.previous");
    let in_the_way = || {
        let _ = std::fs::remove_file(&previous);
        std::fs::create_dir_all(previous.join("folder")).unwrap();
    };
    let out_of_the_way = || std::fs::remove_dir_all(&previous).unwrap();
    let read_only = || {
        run("mount", &["--bind", disk.path.to_str().unwrap()], &disk.path);
        run("mount", &["-o", "remount,bind,ro"], &disk.path);
    };
    let read_write = || run("umount", &[], &disk.path);
    let obstacles: [(Step, Step, &str); 2] =
        [(&in_the_way, &out_of_the_way, "irectory"), (&read_only, &read_write, "Read-only file system")];
    let mut counted = 0.0;
    for (begin, end, error) in obstacles {
        let failures = exporter.value(FAILURES);
        begin();
        exporter.append("events.jsonl", &cycles(1));
        counted += 1.0;
        let page = exporter.eventually("a save fails", |page| page.value(FAILURES) > failures);
        assert_eq!(page.value(CYCLES), Some(counted));
        let status = exporter.get("/");
        assert!(status.text().contains(error), "{}", status.text());
        end();
        let saved = page.value("sentinel_exporter_snapshot_last_success_timestamp_seconds");
        exporter.eventually("it is saved again", |page| {
            page.value("sentinel_exporter_snapshot_last_success_timestamp_seconds") > saved
        });
    }
    let exporter = exporter.kill_and_restart();
    assert_eq!(exporter.value(CYCLES), Some(counted));
    assert_eq!(exporter.value("sentinel_exporter_counter_reset_timestamp_seconds"), Some(0.0));
}
