//! What a body may be, and what the client is told of each of its events.

use std::io::Write;

use crate::support::exporter::Exporter;
use crate::support::http::{Response, connect};
use crate::support::journal::{CYCLES, cycles};

const GOOD: &str = r#"{"event":"cycle","seconds":1}"#;

#[test]
fn json_lines_are_counted_in_the_next_scrape() {
    let exporter = Exporter::start("");
    let answer = exporter.post("", cycles(3));
    assert_eq!((answer.status, answer.text()), (200, r#"{"accepted":3,"rejected":[]}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(exporter.value(CYCLES), Some(3.0));
    // Without a last line end, with blank lines and those of another system.
    assert_eq!(exporter.post("", format!("\r\n{GOOD}\r\n\n  \n{GOOD}")).text(), r#"{"accepted":2,"rejected":[]}"#);
    assert_eq!(exporter.value(CYCLES), Some(5.0));
}

#[test]
fn an_array_is_counted_however_it_is_written() {
    let exporter = Exporter::start("");
    let json = "Content-Type: application/json; charset=UTF-8\r\n";
    let pretty = "\n [\n  {\n    \"event\": \"order\",\n    \"symbol\": \"A\\nB\",\r\n    \"side\": \"buy\", \"status\": \"new\"\n  },\n {\"event\":\"cycle\",\"seconds\":1}]\n";
    assert_eq!(exporter.post(json, pretty).text(), r#"{"accepted":2,"rejected":[]}"#);
    let page = exporter.scrape();
    assert_eq!(page.value(CYCLES), Some(1.0));
    assert_eq!(page.value(r#"sentinel_orders_total{symbol="A\nB",side="buy",status="new"}"#), Some(1.0));
}

#[test]
fn what_is_not_good_is_told_by_its_line_and_counted_by_its_reason() {
    let exporter = Exporter::start("");
    let lines = [GOOD, "{\"event\":\"cycle\"}", "no JSON", "", "{\"event\":\"cycle\",\"seconds\":-1}", GOOD];
    let answer = exporter.post("", lines.join("\n"));
    let told = [
        r#"{"accepted":2,"rejected":["#,
        r#"{"line":2,"reason":"expected field \"seconds\" to be a number, but found nothing"},"#,
        r#"{"line":3,"reason":"expected a JSON object"},"#,
        r#"{"line":5,"reason":"expected field \"seconds\" to be a number of seconds >= 0, but found -1"}]}"#,
    ];
    assert_eq!((answer.status, answer.text()), (200, told.concat().as_str()));
    let array = format!("[{GOOD},1,{GOOD}]");
    let told = r#"{"accepted":2,"rejected":[{"line":2,"reason":"expected a JSON object"}]}"#;
    assert_eq!(exporter.post("Content-Type: application/json\r\n", array).text(), told);
    let page = exporter.scrape();
    let rejected = |reason| page.value(&format!("sentinel_exporter_events_rejected_total{{reason=\"{reason}\"}}"));
    assert_eq!(["json", "schema", "range", "oversize"].map(rejected), [Some(2.0), Some(1.0), Some(1.0), Some(0.0)]);
    assert_eq!(page.value(CYCLES), Some(4.0));
}

#[test]
fn an_event_over_64_kib_is_rejected_and_its_neighbours_are_not() {
    let exporter = Exporter::start("");
    let of_length = |length: usize| format!("{GOOD}{}", " ".repeat(length - GOOD.len()));
    let padded = |length: usize| format!("{}\"x\":\"{}\"}}", "{\"event\":\"cycle\",\"seconds\":1,", "y".repeat(length - 36));
    assert_eq!(padded(65_536).len(), 65_536);
    let answer = exporter.post("", [padded(65_536), padded(65_537), of_length(70_000)].join("\n"));
    let told = r#"{"accepted":2,"rejected":[{"line":2,"reason":"expected at most 64 KiB an event, but found 65537 bytes"}]}"#;
    assert_eq!(answer.text(), told);
    let page = exporter.scrape();
    assert_eq!(page.value(CYCLES), Some(2.0));
    assert_eq!(page.value("sentinel_exporter_events_rejected_total{reason=\"oversize\"}"), Some(1.0));
}

#[test]
fn a_hundred_rejected_lines_are_listed() {
    let exporter = Exporter::start("");
    let answer = exporter.post("", format!("{GOOD}\n{}", "x\n".repeat(1000)));
    let text = answer.text();
    assert_eq!(text.matches("\"line\"").count(), 100);
    assert!(text.ends_with(r#"{"line":101,"reason":"expected a JSON object"}],"rejected_not_listed":900}"#), "{text}");
    assert_eq!(exporter.value("sentinel_exporter_events_rejected_total{reason=\"json\"}"), Some(1000.0));
}

#[test]
fn without_a_good_event_it_is_400() {
    let exporter = Exporter::start("");
    for (body, told) in [
        ("", "The body holds no event: expected JSON lines or a JSON array.\n"),
        (" \r\n\n", "The body holds no event: expected JSON lines or a JSON array.\n"),
        ("[]", "The body holds no event: expected JSON lines or a JSON array.\n"),
        ("{}", r#"{"accepted":0,"rejected":[{"line":1,"reason":"expected field \"event\" to be a string, but found nothing"}]}"#),
        (
            "[{\"event\":\"cycle\",\"seconds\":1},\n]",
            r#"{"accepted":0,"rejected":[{"line":2,"reason":"expected a JSON array: trailing comma at line 2 column 1"}]}"#,
        ),
    ] {
        let answer = exporter.post("", body);
        assert_eq!((answer.status, answer.text()), (400, told), "{body:?}");
    }
    let page = exporter.scrape();
    assert_eq!(page.value(CYCLES), Some(0.0));
    assert_eq!(page.value("sentinel_exporter_events_rejected_total{reason=\"json\"}"), Some(1.0));
    assert_eq!(page.value("sentinel_exporter_events_rejected_total{reason=\"schema\"}"), Some(1.0));
}

#[test]
fn anything_but_json_in_utf_8_is_415() {
    let exporter = Exporter::start("");
    for header in [
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/json; charset=latin1\r\n",
        "Content-Type:\r\n",
        "Content-Encoding: gzip\r\n",
    ] {
        let answer = exporter.post(header, GOOD);
        assert_eq!(answer.status, 415, "{header}");
        assert!(answer.text().starts_with("Expected "), "{}", answer.text());
    }
    for header in [
        "Content-Type: Application/JSONL\r\n",
        "Content-Type: application/ndjson;charset=\"utf-8\"\r\nContent-Encoding: identity\r\n",
    ] {
        assert_eq!(exporter.post(header, GOOD).status, 200, "{header}");
    }
    assert_eq!(exporter.value(CYCLES), Some(2.0));
}

#[test]
fn a_body_of_more_than_a_mebibyte_is_413() {
    let exporter = Exporter::start("");
    assert_eq!(exporter.post("", cycles(20_000)).status, 200);
    assert_eq!(exporter.value(CYCLES), Some(20_000.0));
    let longest = format!("{GOOD}{}", "\n".repeat(1_048_576 - GOOD.len()));
    assert_eq!(exporter.post("", &longest).status, 200);
    assert_eq!(exporter.post("", longest + "\n").status, 413);
    // One that announces its length is answered before it sends anything.
    let mut early = connect(exporter.address);
    let head = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1048577\r\n\r\n";
    early.write_all(head.as_bytes()).unwrap();
    assert_eq!(Response::read(&mut early).status, 413);
    let mut stream = connect(exporter.address);
    let head = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(65_536));
    // The server answers before it has taken all.
    let _ = stream.write_all((head.to_owned() + &chunk.repeat(17)).as_bytes());
    assert_eq!(Response::read(&mut stream).status, 413);
    assert_eq!(exporter.value(CYCLES), Some(20_001.0));
}

#[test]
fn a_body_in_chunks_is_taken() {
    let exporter = Exporter::start("");
    exporter.ready();
    let mut stream = connect(exporter.address);
    let head = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = GOOD.as_bytes().chunks(7).map(|part| format!("{:x}\r\n{}\r\n", part.len(), str::from_utf8(part).unwrap()));
    stream.write_all((head.to_owned() + &chunks.collect::<String>() + "0\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(Response::read(&mut stream).text(), r#"{"accepted":1,"rejected":[]}"#);
}

#[test]
fn a_body_that_does_not_come_is_408_and_a_broken_one_counts_nothing() {
    let exporter = Exporter::start("");
    exporter.ready();
    let head = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n";
    let mut slow = connect(exporter.address);
    slow.write_all(format!("{head}{GOOD}\n").as_bytes()).unwrap();
    let mut broken = connect(exporter.address);
    broken.write_all(format!("{head}{GOOD}\n").as_bytes()).unwrap();
    drop(broken);
    assert_eq!(Response::read(&mut slow).status, 408);
    assert_eq!(exporter.value(CYCLES), Some(0.0));
}

#[test]
fn only_post_is_answered() {
    let exporter = Exporter::start("");
    let answer = exporter.get("/v1/events");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
}

#[test]
fn an_event_without_a_time_has_that_of_its_post_for_ever() {
    let exporter = Exporter::start("");
    assert_eq!(exporter.post("", r#"{"event":"cycle","seconds":1,"ts":null}"#).status, 200);
    let last = "sentinel_last_cycle_timestamp_unix";
    let at = exporter.value(last).unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!((now - 60.0..=now).contains(&at), "{at}");
    let journal = std::fs::read(exporter.own_journal()).unwrap();
    drop(exporter);

    let again = crate::support::exporter::Setup::new("");
    let path = again.folder().join("sentinel-data/journal/events.jsonl");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, journal).unwrap();
    assert_eq!(again.start().value(last), Some(at));
}
