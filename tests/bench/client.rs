//! A client that scrapes as fast as it can, over a connection that it keeps.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use crate::harness::Measured;
use crate::support::http::connect;

/// What Prometheus sends.
pub(crate) const AS_PROMETHEUS: &str = "Accept: application/openmetrics-text;version=1.0.0,\
    application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n\
    Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n";

pub(crate) struct Client {
    address: SocketAddr,
    /// None before the first request, and after an answer whose end was that of the connection.
    stream: Option<TcpStream>,
    bytes: Vec<u8>,
    /// Where the body of the last answer begins.
    body: usize,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, bytes: Vec::new(), body: 0 }
    }

    /// The seconds from before a GET until the answer was there. `headers` are whole lines. Panics unless it is a 200.
    pub(crate) fn get(&mut self, path: &str, headers: &str) -> f64 {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes())
    }

    /// The same for a request as it is.
    pub(crate) fn send(&mut self, request: &[u8]) -> f64 {
        let begun = Instant::now();
        let mut stream = self.stream.take().unwrap_or_else(|| connect(self.address));
        stream.write_all(request).expect("the request is sent");
        let kept = self.read(&mut stream);
        let seconds = begun.elapsed().as_secs_f64();
        assert!(self.bytes[9..].starts_with(b"200"), "{}", String::from_utf8_lossy(&self.bytes));
        self.stream = kept.then_some(stream);
        seconds
    }

    /// The body of the last answer, with the chunks' heads if it came in chunks.
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.body..]
    }

    /// Reads an answer; true when the connection can be kept.
    fn read(&mut self, stream: &mut TcpStream) -> bool {
        self.bytes.clear();
        self.body = loop {
            assert!(self.more(stream), "the connection was closed");
            if let Some(end) = memchr::memmem::find(&self.bytes, b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8_lossy(&self.bytes[..self.body]).to_lowercase();
        if let Some(length) = head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
            let read = self.bytes.len();
            self.bytes.resize(self.body + length.parse::<usize>().expect("a length"), 0);
            stream.read_exact(&mut self.bytes[read..]).expect("a body");
            head.starts_with("http/1.1")
        } else if head.contains("transfer-encoding: chunked") {
            while !self.bytes.ends_with(b"\r\n0\r\n\r\n") {
                assert!(self.more(stream), "the connection was closed");
            }
            true
        } else {
            while self.more(stream) {}
            false
        }
    }

    fn more(&mut self, stream: &mut TcpStream) -> bool {
        let mut chunk = [0; 64 * 1024];
        let read = stream.read(&mut chunk).expect("an answer");
        self.bytes.extend_from_slice(&chunk[..read]);
        read > 0
    }

    /// The seconds of so many requests of the metrics page.
    pub(crate) fn scrapes(&mut self, times: usize, headers: &str) -> Measured {
        Measured::of((0..times).map(|_| self.get("/metrics", headers)))
    }
}
