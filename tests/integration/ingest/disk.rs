//! A disk that is full, or cannot be written to: on a small file system of its own, which only root can mount.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::exporter::{Exporter, Setup, append};
use crate::support::journal::{CYCLES, cycles};

const FAILURES: &str = "sentinel_exporter_snapshot_failures_total";

/// A file system of 1 MiB at `path`, unmounted when it goes out of scope.
struct Disk {
    path: PathBuf,
}

impl Disk {
    fn mount(path: &Path) -> Disk {
        std::fs::create_dir(path).unwrap();
        run("mount", &["-t", "tmpfs", "-o", "size=1m", "tmpfs"], path);
        Disk { path: path.to_owned() }
    }

    fn remount(&self, options: &str) {
        run("mount", &["-o", &format!("remount,{options}")], &self.path);
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut size = 1 << 20;
        let ballast = self.path.join("ballast");
        while size > 0 {
            let written = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&ballast)
                .and_then(|mut file| std::io::Write::write_all(&mut file, &vec![0; size]));
            if written.is_err() {
                size /= 2;
            }
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

fn run(command: &str, arguments: &[&str], path: &Path) {
    let output = Command::new(command).args(arguments).arg(path).output().expect("the command runs");
    assert!(output.status.success(), "{command} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

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
        let refused = loop {
            let answer = exporter.post("", cycles(1000));
            match answer.status {
                200 => accepted += 1000,
                _ => break answer,
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
        assert_eq!(exporter.post("", cycles(1)).status, 200);
        accepted += 1;
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
fn a_folder_that_becomes_read_only_stops_nothing() {
    let (exporter, disk) = on_a_small_disk();
    assert_eq!(exporter.post("", cycles(1)).status, 200);
    assert_eq!(exporter.value(CYCLES), Some(1.0));
    // An open file keeps a file system from becoming read-only; the exporter's are the lock and its own journal.
    std::fs::create_dir(disk.path.join("checkpoint.new")).unwrap();
    exporter.append("events.jsonl", &cycles(1));
    let page = exporter.eventually("a save fails", |page| page.value(FAILURES) > Some(0.0));
    assert_eq!(page.value(CYCLES), Some(2.0));
    std::fs::remove_dir(disk.path.join("checkpoint.new")).unwrap();
    let failures = page.value(FAILURES);
    exporter.logged("the checkpoint is saved again");
    assert_eq!(exporter.kill_and_restart().value(CYCLES), Some(2.0));
    assert!(failures >= Some(1.0));
}
