//! Where a request ends: whatever its head says of its body, no byte of that body is taken for a request, and nobody
//! between a client and the exporter can be of another opinion without the connection ending over it.

use std::io::{BufReader, Read, Write};

use crate::support::exporter::Exporter;
use crate::support::http::{Response, connect};
use crate::support::journal::CYCLES;

/// An event of 29 bytes, 1d as a chunk's size.
const EVENT: &str = r#"{"event":"cycle","seconds":1}"#;
const CHUNKED: &str = "1d\r\n{\"event\":\"cycle\",\"seconds\":1}\r\n0\r\n\r\n";
/// Stands behind the bytes in question: it has the only 404, and ends the connection.
const NEXT: &str = "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn post(headers: &str, body: &str) -> String {
    format!("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}\r\n\r\n{body}")
}

/// The statuses of all answers to `request` and what stands behind it; the server has to end the connection.
fn statuses(exporter: &Exporter, request: impl AsRef<[u8]>) -> Vec<u16> {
    let mut stream = BufReader::new(connect(exporter.address));
    stream.get_mut().write_all(&[request.as_ref(), NEXT.as_bytes()].concat()).expect("all is taken");
    let (mut bytes, mut statuses) = (Vec::new(), Vec::new());
    stream.read_to_end(&mut bytes).expect("the connection ends");
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        statuses.push(Response::next(&mut rest).status);
    }
    statuses
}

/// Sends each request to an exporter that is ready; all have to be answered so, and as many events to be counted.
fn assert_answers<R: AsRef<[u8]>>(requests: impl IntoIterator<Item = R>, expected: &[u16], events: bool) {
    let exporter = Exporter::start("");
    exporter.ready();
    let log = exporter.log();
    let mut counted = 0.0;
    for request in requests {
        let request = request.as_ref();
        let shown = request[..request.len().min(400)].escape_ascii();
        assert_eq!(statuses(&exporter, request), expected, "{shown}");
        counted += f64::from(u8::from(events));
        assert_eq!(exporter.value(CYCLES), Some(counted), "{shown}");
    }
    assert!(counted > 0.0 || !events);
    assert_eq!(exporter.log(), log, "what clients send is nothing to log");
}

#[test]
fn a_length_and_chunks_are_read_as_chunks_and_end_the_connection() {
    // Somebody in between who goes by the length takes what stands behind it for a request.
    let headers = ["Content-Length: 6\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 6"];
    assert_answers(headers.map(|headers| post(headers, CHUNKED)), &[200], true);
}

#[test]
fn a_body_ends_where_its_head_says() {
    let chunked = ["Transfer-Encoding: chunked", "Transfer-Encoding:\tChUnKeD "].map(|headers| post(headers, CHUNKED));
    let lengths = ["Content-Length: 29 ", "Content-Length: 0029", "Content-Length: 29\r\nContent-Length: 29"];
    let lengths = lengths.map(|headers| post(headers, EVENT));
    let extension = post("Transfer-Encoding: chunked", &CHUNKED.replace("1d\r\n", "1d;name=value\r\n"));
    let trailer = post("Transfer-Encoding: chunked", &CHUNKED.replace("0\r\n", "0\r\nContent-Length: 99\r\n"));
    // A line feed alone ends a line of the head, as RFC 9112 lets it.
    let line_feeds = post("Content-Length: 29", "").replace("\r\n", "\n") + EVENT;
    assert_answers(chunked.into_iter().chain(lengths).chain([extension, trailer, line_feeds]), &[200, 404], true);
}

#[test]
fn a_body_whose_end_is_in_doubt_is_400_and_ends_the_connection() {
    let lengths = ["+29", "-29", "0x1d", "29, 29", "29 0", "2 9", "\u{b}29", "1e1", "", "18446744073709551616"];
    let lengths = lengths.map(|length| post(&format!("Content-Length: {length}"), EVENT));
    let heads = [
        "Content-Length: 29\r\nContent-Length: 0",
        "Content-Length : 29",
        "Content-Length\t: 29",
        "Content-Length: 29\r\n\tor less",
        "X: a\rContent-Length: 29",
    ];
    let codings = [
        "xchunked",
        "chunked, identity",
        "chunked, gzip",
        "\"chunked\"",
        "\u{b}chunked",
        "chunked\r\nTransfer-Encoding: identity",
    ];
    let codings = codings.map(|coding| post(&format!("Transfer-Encoding: {coding}"), CHUNKED));
    let spaced = ["Transfer-Encoding : chunked", "Transfer-Encoding:\r\n chunked", " Transfer-Encoding: chunked"];
    let old = post("Transfer-Encoding: chunked", CHUNKED).replace("HTTP/1.1", "HTTP/1.0");
    let requests = lengths.into_iter().chain(heads.map(|head| post(head, EVENT))).chain(codings);
    let requests = requests.chain(spaced.map(|head| post(head, CHUNKED))).chain([old]);
    assert_answers(requests, &[400], false);
}

#[test]
fn chunks_that_are_none_are_400_and_end_the_connection() {
    let bodies = [
        CHUNKED.replace("\r\n", "\n"),
        CHUNKED.replace("1d\r\n", "1d\n"),
        CHUNKED.replace("1d\r\n", "1d;a\nb\r\n"),
        CHUNKED.replace("1d\r\n", &format!("1d;{}\r\n", "a".repeat(20_000))),
        CHUNKED.replace("1d\r\n", "0x1d\r\n"),
        CHUNKED.replace("1d\r\n", "-1d\r\n"),
        CHUNKED.replace("1d\r\n", "\r\n"),
        CHUNKED.replace("1d\r\n", "1c\r\n"),
        CHUNKED.replace("1d\r\n", "1000000000000001d\r\n"),
        CHUNKED.replace("0\r\n", &format!("0\r\n{}", "A: a\r\n".repeat(10_000))),
    ];
    assert_answers(bodies.map(|body| post("Transfer-Encoding: chunked", &body)), &[400], false);
}

#[test]
fn a_request_in_the_body_of_another_is_none() {
    let hidden = post(&format!("Content-Length: {}", EVENT.len()), EVENT);
    let length = format!("Content-Length: {}\r\n\r\n{hidden}", hidden.len());
    let chunks = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    for (head, status) in [("GET /health", 200), ("DELETE /nothing", 404), ("PUT /v1/events", 405), ("POST /-/reload", 403)] {
        let requests = [&length, &chunks].map(|body| format!("{head} HTTP/1.1\r\nHost: x\r\n{body}"));
        assert_answers(requests, &[status, 404], false);
    }
}

#[test]
fn what_no_client_should_send_is_refused() {
    let requests: [&[u8]; 12] = [
        b"GET /hea\0lth HTTP/1.1\r\n\r\n",
        b"G\0T /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHo\0st: x\r\n\r\n",
        b"GET /h\xffalth HTTP/1.1\r\n\r\n",
        &[0; 4096],
        b"GET /health HTTP/1.1\r\n Host: x\r\n\r\n",
        b"GET /health HTTP/1.1\rHost: x\r\r",
        b"GET\t/health HTTP/1.1\r\n\r\n",
        b"GET /health http/1.1\r\n\r\n",
        b"GET /health HTTP/1.1 \r\n\r\n",
        // HTTP/0.9, and HTTP/2 as HTTP/1 would write it.
        b"GET /health\r\n",
        b"GET /health HTTP/2.0\r\n\r\n",
    ];
    assert_answers(requests, &[400], false);
}

#[test]
fn a_proxy_or_another_protocol_is_not_what_answers() {
    let exporter = Exporter::start("");
    exporter.ready();
    let upgrade = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
    for (request, expected) in [
        // Another host's name makes no difference, and nobody is asked for it.
        ("GET http://192.0.2.1/health HTTP/1.1\r\nHost: x\r\n\r\n", &[200, 404][..]),
        ("CONNECT 192.0.2.1:5432 HTTP/1.1\r\nHost: x\r\n\r\n", &[404, 404]),
        ("CONNECT /health HTTP/1.1\r\nHost: x\r\n\r\n", &[405, 404]),
        ("GET 192.0.2.1:5432 HTTP/1.1\r\nHost: x\r\n\r\n", &[404, 404]),
        ("GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", &[404, 404]),
        (upgrade, &[200, 404]),
        // The preface of HTTP/2: its client knows by the end of the connection.
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0", &[]),
    ] {
        assert_eq!(statuses(&exporter, request), expected, "{request:?}");
    }
}
