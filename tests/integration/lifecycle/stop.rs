//! SIGTERM ends it within a second, with everything counted and saved, whatever it is doing or waiting for.

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use crate::support::exporter::{Exporter, Setup};
use crate::support::http::connect;

const CYCLE: &str = "{\"event\":\"cycle\",\"seconds\":0.25,\"ok\":true}\n";
/// Thousands of lines that take longer to read than to stop.
const LONG: u32 = 600;

fn stops(exporter: Exporter) {
    let log = exporter.log();
    let (status, took) = exporter.stop();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(1), "{took:?}\n{log}");
}

#[test]
fn with_nothing_to_do() {
    let exporter = Exporter::start("");
    exporter.scrape();
    stops(exporter);
}

#[test]
fn by_ctrl_c() {
    let exporter = Exporter::start("");
    exporter.signal("INT");
    exporter.logged("stopping");
    stops(exporter);
}

#[test]
fn in_the_middle_of_a_long_journal() {
    let setup = Setup::new("journals: [{path: events.jsonl}]");
    let mut journal = File::create(setup.folder().join("events.jsonl")).unwrap();
    (0..LONG).for_each(|_| journal.write_all(CYCLE.repeat(1000).as_bytes()).unwrap());
    // A line of zeros that takes no room, and longer to read than this test.
    let length = journal.metadata().unwrap().len();
    journal.set_len(length + (64 << 30)).unwrap();
    let exporter = setup.start();
    let again = exporter.another();
    assert_eq!(exporter.get("/metrics").status, 503, "it has read the journal already");
    stops(exporter);
    journal.set_len(length).unwrap();
    // It goes on where it was.
    assert!(again.folder().join("sentinel-data/checkpoint").exists(), "what was counted is not saved");
    assert_eq!(again.start().value("sentinel_trading_cycles_total"), Some(f64::from(LONG) * 1000.0));
}

#[test]
fn after_a_reload_that_finds_a_pipe() {
    for key in [
        "ingest: {token_file: pipe}",
        "postgres: {url: 'postgresql://u@127.0.0.1:1/d', ca_file: pipe}",
        "web: {config_file: pipe}",
    ] {
        let exporter = Exporter::start("");
        exporter.scrape();
        // Whoever opens one waits for somebody who writes.
        let made = Command::new("mkfifo").arg(exporter.path("pipe")).status().expect("mkfifo runs");
        assert!(made.success());
        std::fs::write(exporter.path("sentinel.yml"), key).unwrap();
        exporter.signal("HUP");
        exporter.logged("it is no regular file");
        stops(exporter);
    }
}

#[test]
fn while_clients_are_slow() {
    let exporter = Exporter::start("");
    exporter.scrape();
    let mut clients: Vec<_> = (0..20).map(|_| connect(exporter.address)).collect();
    let requests = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    for (at, client) in clients.iter_mut().enumerate() {
        client.set_nonblocking(true).unwrap();
        // Half of them in the middle of a request, half in the middle of an answer.
        let _ = client.write(if at % 2 == 0 { &b"GET /met"[..] } else { requests.as_bytes() });
    }
    stops(exporter);
}

#[test]
fn while_the_database_hangs() {
    let database = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgresql://u:p@{}/db", database.local_addr().unwrap());
    let exporter = Exporter::start(format!("postgres: {{url: \"{url}\", timeout: 1h}}"));
    let _held = database.accept().unwrap();
    stops(exporter);
}

#[test]
fn a_line_written_just_before_is_saved() {
    let exporter = Exporter::start("journals: [{path: events.jsonl}]");
    exporter.scrape();
    exporter.append("events.jsonl", CYCLE);
    let again = exporter.another();
    stops(exporter);
    // Only what was saved knows of it now.
    std::fs::remove_file(again.folder().join("events.jsonl")).unwrap();
    assert_eq!(again.start().value("sentinel_trading_cycles_total"), Some(1.0));
}
