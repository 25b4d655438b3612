//! Starts, and those that cannot be: each ends with exit code 1 and one line that says what is in the way.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::process::Command;
use std::time::SystemTime;

use sentinel_exporter::journal::checkpoint::{SavedLedger, Snapshot, encode};
use sentinel_exporter::journal::ledger::Ledger;
use sentinel_exporter::journal::tail::Position;
use sentinel_exporter::sample::Limits;
use serde_json::json;

use crate::support::daemon::{free_port, local};
use crate::support::disk::run;
use crate::support::exporter::{Exporter, Setup, append};

/// The one line that it logs before it ends.
fn refused(setup: &Setup) -> String {
    let output = setup.output();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len(), log.lines().count()), (Some(1), 0, 1), "{log}");
    log
}

#[test]
fn a_port_in_use() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap();
    for address in [taken.to_string(), format!(":{}", taken.port())] {
        let setup = Setup::new("").argument(&format!("--web.listen-address={address}"));
        let line = refused(&setup);
        assert!(line.contains(&format!("cannot listen on {address}: Address already in use")), "{line}");
        assert!(!setup.folder().join("sentinel-data").exists(), "nothing was made");
    }
}

#[test]
fn a_host_that_is_not_here() {
    let line = refused(&Setup::new("web: {listen_address: '192.0.2.1:8000'}").argument("--web.listen-address=192.0.2.1:0"));
    assert!(line.contains("cannot listen on 192.0.2.1:0: Cannot assign requested address"), "{line}");
}

#[test]
fn a_state_dir_that_cannot_be_written() {
    // Below a file: root may write to any folder.
    let setup = Setup::new("state_dir: file/data");
    fs::write(setup.folder().join("file"), "").unwrap();
    let line = refused(&setup);
    let told = format!("state_dir {}/file/data: cannot be made: Not a directory", setup.folder().display());
    assert!(line.contains(&told) && line.contains("needs a folder to write to"), "{line}");
}

#[test]
fn a_second_one_on_the_same_folder() {
    let setup = Setup::new("");
    // What a process with a longer number left is not mixed with the new one.
    append(&setup.folder().join("sentinel-data/lock"), "1234567890123\n");
    let first = setup.start();
    let line = refused(&first.another());
    let told = format!("state_dir {} is used by process {} already", first.path("sentinel-data").display(), first.pid());
    assert!(line.contains(&told), "{line}");
    assert_eq!(first.get("/health").status, 200);
    // A lock that a killed process left is none.
    first.kill_and_restart().scrape();
}

#[test]
fn a_port_of_which_connections_linger_is_free() {
    let address = format!("--web.listen-address={}", local(free_port()));
    let first = Setup::new("").argument(&address).start();
    // The server closes first, and its side is remembered for a minute.
    first.get("/health");
    first.stop();
    Setup::new("").argument(&address).start();
}

#[test]
fn a_configuration_that_cannot_be_read() {
    for (file, told) in [("nowhere.yml", "nowhere.yml: No such file or directory"), (".", ".: Is a directory")] {
        let line = refused(&Setup::without_configuration().argument(&format!("--config.file={file}")));
        assert!(line.contains(told), "{line}");
    }
}

#[test]
fn the_folder_is_made() {
    let exporter = Exporter::start("state_dir: a/b/c");
    exporter.scrape();
    assert!(exporter.path("a/b/c/journal").is_dir());
}

#[test]
fn a_long_replay_is_told_and_answered_with_503() {
    let setup = Setup::new("journals: [{path: events.jsonl}]");
    // A line of zeros that takes no room, and long to read.
    let journal = File::create(setup.folder().join("events.jsonl")).unwrap();
    journal.set_len(64 << 30).unwrap();
    let exporter = setup.start();
    for path in ["/metrics", "/-/ready"] {
        let answer = exporter.get(path);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{path}");
    }
    let body = b"{\"event\":\"cycle\",\"seconds\":1}";
    let answer = crate::support::http::post_events(exporter.address, "", body).unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(exporter.get("/-/healthy").status, 200);
    exporter.logged("reading the journals, in bytes; /metrics answers 503 until that is done");
    let log = exporter.log();
    let line = log.lines().find(|line| line.contains("reading the journals")).unwrap();
    let number = |name: &str| line.split(name).nth(1).unwrap().split(' ').next().unwrap().parse::<u64>().unwrap();
    assert!(number("unread=") > 0 && number("unread=") < 64 << 30, "{line}");
    let (status, took) = exporter.stop();
    assert!(status.success() && took < std::time::Duration::from_secs(2), "{took:?}");
}

/// A checkpoint in which nothing is counted, with these positions.
fn checkpoint(positions: Vec<Position>) -> Vec<u8> {
    encode(&Snapshot::V1 { positions, ledger: SavedLedger::of(&Ledger::new(Limits::default())) }).unwrap()
}

#[test]
fn it_answers_while_it_looks_for_what_was_read() {
    let setup = Setup::new("journals: [{path: events.jsonl}]");
    // It may be a copy of the file that was counted, which takes long to find out.
    let (path, length) = (setup.folder().join("events.jsonl"), 64_u64 << 30);
    File::create(&path).unwrap().set_len(length).unwrap();
    let written = SystemTime::UNIX_EPOCH;
    let mark = json!({"dev": 0, "inode": 0, "head": null, "offset": length, "checksum": 1, "written": written});
    let position = serde_json::from_value(json!({"path": path, "mark": mark, "finished": false})).unwrap();
    fs::create_dir_all(setup.folder().join("sentinel-data/journal")).unwrap();
    fs::write(setup.folder().join("sentinel-data/checkpoint"), checkpoint(vec![position])).unwrap();
    let exporter = setup.start();
    assert_eq!([exporter.get("/-/healthy").status, exporter.get("/").status], [200, 200]);
    assert_eq!([exporter.get("/-/ready").status, exporter.get("/metrics").status], [503, 503]);
    assert!(!exporter.log().contains("is gone"), "it has found out: {}", exporter.log());
    let (status, took) = exporter.stop();
    assert!(status.success() && took < std::time::Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_hangup_during_the_start_is_a_reload_after_it() {
    let setup = Setup::new("");
    let data = setup.folder().join("sentinel-data");
    fs::create_dir_all(data.join("journal")).unwrap();
    // The start waits for whoever writes the checkpoint.
    run("mkfifo", &[], &data.join("checkpoint"));
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| setup.start());
        let mut reading = File::options().write(true).open(data.join("checkpoint")).unwrap();
        let pid = fs::read_to_string(data.join("lock")).unwrap();
        assert!(Command::new("kill").args(["-HUP", pid.trim()]).status().unwrap().success());
        reading.write_all(&checkpoint(Vec::new())).unwrap();
        drop(reading);
        let exporter = starting.join().unwrap();
        exporter.logged("the new configuration was taken");
    });
}
