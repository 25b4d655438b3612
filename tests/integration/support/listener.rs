//! What servers of the tests have in common: a port of their own, a thread for each connection, and one request in it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Gives each connection to `serve`, in a thread, for as long as the tests run; the address to connect to.
pub(crate) fn listen<T>(serve: impl Fn(TcpStream) -> T + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            thread::spawn(move || drop(serve(stream)));
        }
    });
    address
}

/// A request as it came.
pub(crate) struct Request {
    /// Its first line and headers, with the empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Reads one; none when the client ends before it does.
    pub(crate) fn read(stream: impl Read) -> Option<Request> {
        let mut reader = BufReader::new(stream);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if reader.read_until(b'\n', &mut head).ok()? == 0 {
                return None;
            }
        }
        let mut request = Request { head: String::from_utf8(head).ok()?, body: Vec::new() };
        let length = request.header("Content-Length").and_then(|length| length.parse().ok()).unwrap_or(0);
        request.body.resize(length, 0);
        reader.read_exact(&mut request.body).ok()?;
        Some(request)
    }

    /// Its path, with the query.
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Writes an answer, after which the connection ends. `headers` are whole lines, each ended by `\r\n`.
pub(crate) fn answer(stream: &mut impl Write, status: u16, headers: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} It\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}")?;
    stream.flush()
}
