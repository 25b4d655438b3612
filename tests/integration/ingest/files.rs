//! The exporter's own journal as files: what a crash leaves at its end, how it is rotated, and when that is deleted.

use std::fs;
use std::time::{Duration, Instant};

use sentinel_exporter::journal::ledger::Format;
use sentinel_exporter::journal::others::Others;
use sentinel_exporter::journal::own::OwnJournal;
use sentinel_exporter::journal::tail::{Position, Tail};

use crate::support::exporter::{Exporter, Setup, append};
use crate::support::journal::{CYCLES, cycles};
use crate::support::tempdir::TempDir;

const OWN: &str = "sentinel-data/journal/events.jsonl";
const MIB: usize = 1024 * 1024;

/// Lines without an event, as long as the longest post and 64 MiB together.
fn filling() -> String {
    (" ".repeat(MIB - 1) + "\n").repeat(64)
}

#[test]
fn a_torn_line_at_its_end_is_cut_off() {
    let setup = Setup::new("");
    append(&setup.folder().join(OWN), &(cycles(1) + "{\"at\":1,\"key\":[1,2]}\u{1e}{\"event\":\"cy"));
    let exporter = setup.start();
    assert_eq!(exporter.value(CYCLES), Some(1.0));
    assert_eq!(exporter.post("", cycles(2)).status, 200);
    let page = exporter.scrape();
    assert_eq!(page.value(CYCLES), Some(3.0));
    assert_eq!(page.value("sentinel_exporter_events_rejected_total{reason=\"json\"}"), Some(0.0));
    assert!(!fs::read_to_string(exporter.own_journal()).unwrap().contains("\"cy\n"));
}

#[test]
fn what_no_crash_of_ours_left_is_put_aside() {
    let setup = Setup::new("");
    append(&setup.folder().join(OWN), &(cycles(1) + &"x".repeat(3 * MIB)));
    let exporter = setup.start();
    assert_eq!(exporter.value(CYCLES), Some(1.0));
    for count in 2..5 {
        assert_eq!(exporter.post("", cycles(1)).status, 200);
        assert_eq!(exporter.value(CYCLES), Some(f64::from(count)));
    }
    assert!(exporter.path(&format!("{OWN}.000001")).exists());
}

#[test]
fn it_is_rotated_at_64_mib_and_nothing_is_lost_or_counted_again() {
    let setup = Setup::new("");
    append(&setup.folder().join(OWN), &(cycles(1) + &filling()));
    let mut exporter = setup.start();
    assert_eq!(exporter.value(CYCLES), Some(1.0));
    assert_eq!(exporter.post("Idempotency-Key: a\r\n", cycles(1)).status, 200);
    for number in 1..4 {
        assert_eq!(exporter.post("", cycles(1)).status, 200);
        assert_eq!(exporter.value(CYCLES), Some(f64::from(2 + number)));
        assert!(exporter.path(&format!("{OWN}.000001")).exists());
        exporter = exporter.kill_and_restart();
        assert_eq!(exporter.value(CYCLES), Some(f64::from(2 + number)));
    }
    assert!(!exporter.path(&format!("{OWN}.000002")).exists());
}

#[test]
fn one_that_somebody_took_away_is_begun_anew() {
    let exporter = Exporter::start("");
    assert_eq!(exporter.post("", cycles(1)).status, 200);
    assert_eq!(exporter.value(CYCLES), Some(1.0));
    fs::rename(exporter.own_journal(), exporter.path("sentinel-data/elsewhere")).unwrap();
    assert_eq!(exporter.post("", cycles(1)).status, 200);
    assert_eq!(exporter.value(CYCLES), Some(2.0));
    assert!(exporter.own_journal().exists());
}

/// Reads all of `tail`.
fn read(tail: &mut Tail, now: Instant) -> Vec<Position> {
    let mut buffer = vec![0; 1024];
    tail.look(now, Others::default());
    while let Some(chunk) = tail.next_chunk(&mut buffer) {
        chunk.lines().for_each(drop);
    }
    tail.positions().collect()
}

#[test]
fn a_rotated_one_is_deleted_once_all_of_it_was_counted() {
    let folder = TempDir::new("own");
    let path = folder.join("events.jsonl");
    let (first, second) = (folder.join("events.jsonl.000001"), folder.join("events.jsonl.000002"));
    let own = OwnJournal::new(path.clone());
    let begin = Instant::now();
    let mut tail = Tail::new(path.clone(), Format::Posts, [].into(), &[], begin);
    let delete = |positions: &[Position]| own.delete_finished(positions.iter());

    append(&path, &cycles(1));
    read(&mut tail, begin);
    fs::rename(&path, &first).unwrap();
    append(&path, &cycles(1));
    let lingering = read(&mut tail, begin);
    delete(&lingering);
    assert!(first.exists(), "somebody may still write to it");

    let finished = read(&mut tail, begin + Duration::from_secs(61));
    fs::rename(&path, &second).unwrap();
    delete(&finished);
    assert!(!first.exists());
    assert!(second.exists());

    read(&mut tail, begin + Duration::from_secs(70));
    let finished = read(&mut tail, begin + Duration::from_secs(140));
    let of_second = finished.iter().find(|position| position.finished && position.mark.offset > 0).unwrap();
    // Another journal's files are not the exporter's to delete.
    delete(&[Position { path: folder.join("other.jsonl"), ..of_second.clone() }]);
    assert!(second.exists());
    append(&second, &cycles(1));
    delete(&finished);
    assert!(second.exists(), "it holds more than was counted");
}
