//! What comes on a connection: whatever it is, every answer is one of HTTP, the exporter has a page for the next client, and
//! nothing panics on the way.
//!
//! Client and server are on one thread and on a clock that goes on at once when both wait: no deadline takes any time.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::sync::Once;

use sentinel_exporter::config::{Config, Overrides, load};
use sentinel_exporter::{http, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use super::pages;
use crate::support::tempdir::TempDir;

/// What there is an answer for. 500 is none of them: it would be a reload's, which is off.
const STATUSES: [u16; 14] = [100, 200, 400, 401, 403, 404, 405, 408, 413, 415, 417, 422, 431, 503];
const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

thread_local! {
    static SERVER: RefCell<Option<Server>> = const { RefCell::new(None) };
    static PANICKED: Cell<bool> = const { Cell::new(false) };
}

/// An exporter that serves in this thread.
struct Server {
    runtime: Runtime,
    address: SocketAddr,
    _exporter: serve::Exporter,
    _folder: TempDir,
}

impl Server {
    fn start() -> Self {
        note_panics();
        let folder = TempDir::new("requests");
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
        let config = load::parse("", folder.path(), &|_| None, |document| Config::decode(document, &Overrides::default()))
            .expect("the defaults");
        let (exporter, address) = runtime.block_on(async {
            let exporter = serve::Exporter::start(config, mpsc::channel(1).0).await.expect("it starts");
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("its address");
            tokio::spawn(http::serve(listener, exporter.site.clone()));
            (exporter, address)
        });
        while !exporter.site.follower.caught_up() {
            std::thread::yield_now();
        }
        Self { runtime, address, _exporter: exporter, _folder: folder }
    }

    /// All that comes for `bytes` until the server ends the connection.
    fn answers(&self, bytes: &[u8]) -> Vec<u8> {
        self.runtime.block_on(async {
            let mut stream = TcpStream::connect(self.address).await.expect("a connection");
            let (mut read, mut write) = stream.split();
            let mut answers = Vec::new();
            // Refused early, it may be cut while it is sent, and what was answered before that is lost.
            let _ = tokio::join!(write.write_all(bytes), read.read_to_end(&mut answers));
            answers
        })
    }
}

/// A task that panics tells nobody else.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICKED.set(true);
            before(panic);
        }));
    });
}

pub(super) fn check(input: &[u8]) {
    SERVER.with_borrow_mut(|server| {
        let server = server.get_or_insert_with(Server::start);
        let answers = server.answers(input);
        let mut rest = &answers[..];
        while !rest.is_empty() {
            rest = after_answer(rest).unwrap_or_else(|| panic!("not an answer: {}", rest.escape_ascii()));
        }
        let page = server.answers(SCRAPE);
        let (head, page) = str::from_utf8(&page).expect("text").split_once("\r\n\r\n").expect("a head and a page");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        pages::read(page);
        assert!(!PANICKED.take(), "something panicked");
    });
}

/// What stands behind an answer, if it is one. Only the client knows whether it asked for a head alone; no body of ours begins as
/// an answer does.
fn after_answer(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let (head, rest) = bytes.split_at(end);
    let mut lines = str::from_utf8(head).ok()?.trim_end().split("\r\n");
    let mut status = lines.next()?.splitn(3, ' ');
    let known = status.next()?.starts_with("HTTP/1.") && STATUSES.contains(&status.next()?.parse().ok()?);
    let headers: Option<Vec<_>> = lines.map(|line| line.split_once(": ")).collect();
    let length = headers?.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.map_or(Some(0), |(_, length)| length.parse::<usize>().ok())?;
    let body = if rest.starts_with(b"HTTP/1.") { 0 } else { length };
    // Cut while it was sent, the last may be shorter.
    known.then(|| rest.get(body..).unwrap_or_default())
}
