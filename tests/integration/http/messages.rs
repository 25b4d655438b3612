//! Requests as bytes: several on a connection, too large ones, and such as are none.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use crate::support::exporter::Exporter;
use crate::support::http::{Response, connect};

/// Sends `bytes` as they are, and reads the one answer; the server has to close the connection after it.
fn send(exporter: &Exporter, bytes: &[u8]) -> Response {
    let mut stream = connect(exporter.address);
    stream.write_all(bytes).expect("all is taken");
    Response::read(&mut stream)
}

#[test]
fn a_connection_is_used_again() {
    let exporter = Exporter::start("");
    let mut stream = BufReader::new(connect(exporter.address));
    for (path, status) in [("/health", 200), ("/nothing", 404), ("/", 200), ("/-/reload", 405), ("/health", 200)] {
        write!(stream.get_mut(), "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").expect("it is sent");
        assert_eq!(Response::next(&mut stream).status, status, "{path}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let exporter = Exporter::start("");
    let mut stream = BufReader::new(connect(exporter.address));
    let pair = "GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.get_mut().write_all(pair.repeat(100).as_bytes()).expect("they are sent");
    for _ in 0..100 {
        assert_eq!([(); 2].map(|()| Response::next(&mut stream).status), [200, 404]);
    }
}

#[test]
fn the_old_protocol_is_spoken() {
    let exporter = Exporter::start("");
    assert_eq!(send(&exporter, b"GET /health HTTP/1.0\r\n\r\n").text(), "{\"status\": \"ok\"}");
}

#[test]
fn what_is_no_request_is_400() {
    let exporter = Exporter::start("");
    for bytes in [
        &b"hello\r\n\r\n"[..],
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /health HTTP/1.1\r\nA: \x00\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        // The first bytes of TLS.
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        assert_eq!(send(&exporter, bytes).status, 400, "{}", bytes.escape_ascii());
    }
    assert_eq!(exporter.get("/health").status, 200);
}

#[test]
fn a_head_beyond_the_limit_is_431() {
    let exporter = Exporter::start("");
    let long = |length| format!("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: {}\r\n\r\n", "a".repeat(length));
    assert_eq!(send(&exporter, long(12 * 1024).as_bytes()).status, 200);
    let many = |count| format!("GET /health HTTP/1.1\r\n{}\r\n", "A: a\r\n".repeat(count));
    let path = |length| format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(length));
    let method = format!("{} /health HTTP/1.1\r\n\r\n", "A".repeat(20 * 1024));
    // The longest are still being sent when the answer has been given: it must not be lost over that.
    for request in [long(20 * 1024), many(200), many(10_000), path(20 * 1024), path(1 << 20), method, long(8 << 20)] {
        assert_eq!(send(&exporter, request.as_bytes()).status, 431, "{} bytes", request.len());
    }
}

#[test]
fn a_body_beyond_the_limit_is_413() {
    let exporter = Exporter::start("web: {enable_lifecycle: true}");
    let head = |length| format!("POST /-/reload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for length in [64 * 1024 + 1, 8 << 20] {
        let request = [format!("{}\r\n", head(length)).into_bytes(), vec![b'x'; length]].concat();
        assert_eq!(send(&exporter, &request).status, 413, "{length}");
    }
    // Who asks first is not told to go on.
    assert_eq!(send(&exporter, format!("{}Expect: 100-continue\r\n\r\n", head(1 << 30)).as_bytes()).status, 413);
    assert_eq!(exporter.value("sentinel_exporter_config_last_reload_successful"), Some(1.0));
}

#[test]
fn an_endless_body_is_cut() {
    let exporter = Exporter::start("");
    let mut stream = connect(exporter.address);
    stream.write_all(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").expect("the head is taken");
    let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
    let begun = Instant::now();
    let refused = loop {
        if let Err(error) = stream.write_all(&chunk) {
            break error.kind();
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "it is still read");
    };
    assert!([ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&refused), "{refused}");
}

#[test]
fn a_request_that_ends_in_the_middle_is_forgotten() {
    let exporter = Exporter::start("");
    for bytes in ["", "G", "GET /health HTTP/1.1\r\nHost"] {
        let mut stream = connect(exporter.address);
        stream.write_all(bytes.as_bytes()).expect("it is taken");
        stream.shutdown(std::net::Shutdown::Write).expect("our side ends");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the other side ends");
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "), "{bytes:?}: {}", answer.escape_ascii());
    }
}
