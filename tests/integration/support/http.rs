//! A plain HTTP/1.1 client that shows exactly what came.

use std::io::{self, BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a test waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// Reads an answer to its end; the connection has to be one that the server closes.
    pub(crate) fn read(stream: &mut impl Read) -> Response {
        Response::try_read(stream).expect("an answer in time")
    }

    /// The same, for an end that is expected to come otherwise.
    pub(crate) fn try_read(stream: &mut impl Read) -> io::Result<Response> {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Response::of(&bytes, end))
    }

    /// Reads one answer of a connection that stays open.
    pub(crate) fn next(stream: &mut impl BufRead) -> Response {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_until(b'\n', &mut bytes).expect("a head in time"), 0, "the connection ended");
        }
        let mut response = Response::of(&bytes, bytes.len() - 4);
        let length = response.header("content-length").and_then(|length| length.parse().ok()).expect("a length");
        response.body.resize(length, 0);
        stream.read_exact(&mut response.body).expect("a body in time");
        response
    }

    fn of(bytes: &[u8], head: usize) -> Response {
        let body = bytes[head + 4..].to_vec();
        let head = String::from_utf8(bytes[..head].to_vec()).expect("a head of text");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Response { status, head, body }
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body as JSON, which may come in chunks.
    pub(crate) fn json(&self) -> serde_json::Value {
        if self.header("transfer-encoding") != Some("chunked") {
            return serde_json::from_slice(&self.body).expect("a body of JSON");
        }
        let (mut rest, mut body) = (self.text(), String::new());
        while let Some((size, after)) = rest.split_once("\r\n") {
            let size = usize::from_str_radix(size, 16).expect("the size of a chunk");
            body += &after[..size];
            rest = after[size..].strip_prefix("\r\n").expect("the end of a chunk");
        }
        serde_json::from_str(&body).expect("a body of JSON")
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("a body of text")
    }
}

/// A connection with a deadline for reading and writing.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, TIMEOUT).expect("a connection");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a read timeout");
    stream.set_write_timeout(Some(TIMEOUT)).expect("a write timeout");
    stream
}

/// Sends a request without a body. `headers` are whole lines, each ended by `\r\n`.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, headers: &str) -> Response {
    send(address, method, path, headers, "")
}

/// Whether a server answers at `/-/ready` that it is, as Prometheus' programs do.
pub(crate) fn is_ready(address: SocketAddr) -> bool {
    try_get(address, "/-/ready").is_some_and(|answer| answer.status == 200)
}

/// Posts JSON.
pub(crate) fn post(address: SocketAddr, path: &str, json: &str) -> Response {
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", json.len());
    send(address, "POST", path, &headers, json)
}

fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Response {
    let mut stream = connect(address);
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all((head + body).as_bytes()).expect("the request is sent");
    Response::read(&mut stream)
}

/// Posts events as JSON lines or, with another `Content-Type` among the `headers`, as what that says. None when the connection
/// breaks before there is an answer.
pub(crate) fn post_events(address: SocketAddr, headers: &str, body: &[u8]) -> Option<Response> {
    let kind = if headers.contains("Content-Type:") { "" } else { "Content-Type: application/x-ndjson\r\n" };
    let length = body.len();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{kind}Content-Length: {length}\r\n{headers}\r\n"
    );
    exchange(address, &[head.as_bytes(), body].concat())
}

/// Posts JSON, unless a `Content-Type` is among the `headers`, each ended by `\r\n`. None when the connection breaks before there is an answer.
pub(crate) fn try_post(address: SocketAddr, path: &str, headers: &str, json: &str) -> Option<Response> {
    let kind = if headers.contains("Content-Type:") { "" } else { "Content-Type: application/json\r\n" };
    let length = json.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{kind}{headers}Content-Length: {length}\r\n\r\n"
    );
    exchange(address, (head + json).as_bytes())
}

/// GET of a path. None when the connection breaks before there is an answer.
pub(crate) fn try_get(address: SocketAddr, path: &str) -> Option<Response> {
    exchange(address, format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())
}

/// Sends a request and reads its answer, if it comes whole.
fn exchange(address: SocketAddr, request: &[u8]) -> Option<Response> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).expect("a read timeout");
    // A server that refuses the body may close before it was taken.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let response = Response::of(&bytes, end);
    let length: usize = response.header("content-length")?.parse().expect("a length");
    (response.body.len() == length).then_some(response)
}
