//! A crowd of clients that are silent, ask and do not listen, or send whatever comes to mind, and a scrape among them that has
//! its answer all the same.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Resource, getrlimit, setrlimit};
use sentinel_exporter::config::{Config, ListenAddress, Overrides, load};
use sentinel_exporter::{http, serve};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::support::exporter::{Exporter, Setup};
use crate::support::http::{Response, connect, request};
use crate::support::tempdir::TempDir;

/// Far longer than a scrape takes, far shorter than Prometheus waits.
const SOON: Duration = Duration::from_secs(2);

/// Connections, while no other test has as many: together they would be more than this process may open.
struct Crowd {
    streams: Vec<TcpStream>,
    _turn: MutexGuard<'static, ()>,
}

/// A thousand, or half as many as the files that this process may open: the other tests need some as well.
fn crowd(exporter: &Exporter) -> Crowd {
    crowd_of(1000, exporter.address)
}

fn crowd_of(most: usize, address: SocketAddr) -> Crowd {
    let turn = turn();
    Crowd { streams: connections(most, address), _turn: turn }
}

fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For whoever has the turn.
fn connections(most: usize, address: SocketAddr) -> Vec<TcpStream> {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("the limits");
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a limit of files");
    let files: usize = files.split_whitespace().next().and_then(|soft| soft.parse().ok()).unwrap_or(usize::MAX);
    assert!(files >= 1024, "ulimit -n is {files}: too few for more connections than the exporter keeps");
    let begun = Instant::now();
    let streams = (0..most.min(files / 2)).map(|_| connect(address)).collect();
    // One that finds no place in the queue tries again after a second.
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    streams
}

fn scrape_soon(exporter: &Exporter) {
    let begun = Instant::now();
    exporter.scrape();
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn a_thousand_silent_clients_do_not_hold_up_a_scrape() {
    let exporter = Exporter::start("");
    exporter.scrape();
    let mut silent = crowd(&exporter);
    scrape_soon(&exporter);
    let open = || {
        let open = silent.streams.iter().filter(|stream| {
            stream.set_nonblocking(true).expect("a socket that does not wait");
            stream.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        });
        open.count()
    };
    // The last to come may still be waiting to be accepted.
    let begun = Instant::now();
    while open() > 256 {
        assert!(begun.elapsed() < Duration::from_secs(30), "too many stay: {}", open());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(open() >= 200, "only {} stay", open());
    // The quietest, not one that has just come.
    let mut late = connect(exporter.address);
    let _more: Vec<_> = (0..100).map(|_| connect(exporter.address)).collect();
    late.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it is still connected");
    assert_eq!(Response::read(&mut late).status, 200);
    // Half a request is no better.
    for stream in &mut silent.streams {
        // The oldest have been closed by now.
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost");
    }
    scrape_soon(&exporter);
}

#[test]
fn a_client_with_many_connections_takes_none_of_another() {
    let exporter = Exporter::start("");
    exporter.scrape();
    let _turn = turn();
    // As Prometheus keeps it between two scrapes, on another host.
    let mut kept = connect_from("127.0.0.2", exporter.address);
    for _ in 0..3 {
        drop(connections(1000, exporter.address));
        // First come, first served: all of them have been accepted.
        exporter.ready();
    }
    kept.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it is still connected");
    assert_eq!(Response::read(&mut kept).status, 200);
}

/// A connection of another client than those of `connect`.
fn connect_from(source: &str, address: SocketAddr) -> TcpStream {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    rustix::net::bind(&socket, &SocketAddr::new(source.parse().expect("an address"), 0)).expect("an address of this host");
    rustix::net::connect(&socket, &address).expect("a connection");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket that does not wait for ever");
    stream
}

#[test]
fn slow_readers_neither_fill_the_memory_nor_hold_up_a_scrape() {
    const READERS: usize = 40;
    let exporter = Exporter::start("journals: [{path: events.jsonl}]\nlimits: {series_per_family: 60000}");
    let symbol = "x".repeat(100);
    let line = |number| format!("{{\"event\":\"position\",\"symbol\":\"{number}{symbol}\",\"usd\":1.5}}\n");
    exporter.append("events.jsonl", &(0..60_000).map(line).collect::<String>());
    exporter.eventually("all of it is counted", |page| page.samples.len() > 60_000);
    let page = exporter.scrape_text().body.len();
    assert!(page * READERS > 300 << 20, "{page} bytes are too few to tell");
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", exporter.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
    };
    let before = memory();
    let mut readers = crowd_of(READERS, exporter.address);
    for stream in &mut readers.streams {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("the request is sent");
    }
    for stream in &readers.streams {
        // Until its answer begins, or its connection has given way.
        let _ = stream.peek(&mut [0]);
    }
    let begun = Instant::now();
    assert!(exporter.scrape_text().body.len() >= page);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    // A buffer may be twice as large as the page in it.
    let taken = memory().saturating_sub(before);
    assert!(taken < 160 << 20, "{taken} bytes for {READERS} pages of {page}");
}

#[test]
fn ten_thousand_idle_clients_do_not_hold_up_a_scrape() {
    const CLIENTS: usize = 10_000;
    raise_open_files(CLIENTS as u64 + 2000);
    // As systemd and most shells start it.
    let exporter = Setup::new("").descriptors(1024).start();
    exporter.scrape();
    let log = exporter.log();
    let mut idle = crowd_of(0, exporter.address);
    // Silent ones, such as ask and then stay, and such as never end their request.
    let sent = ["", "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost: x\r\nA: "];
    for (number, sent) in (0..CLIENTS).zip(sent.iter().cycle()) {
        let mut stream = connect(exporter.address);
        stream.write_all(sent.as_bytes()).expect("it has just come, so it is not the one that gives way");
        idle.streams.push(stream);
        // Before more of them wait than there is room for.
        if number % 500 == 250 {
            scrape_soon(&exporter);
        }
    }
    scrape_soon(&exporter);
    // Those that have just been closed may still be on their way out.
    exporter.eventually("some hundred connections are left", |page| {
        page.value("process_open_fds").is_some_and(|files| (200.0..300.0).contains(&files))
    });
    assert_eq!(exporter.log(), log, "a crowd is nothing to log");
}

/// Lets this process have `files` open.
fn raise_open_files(files: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < files) {
        limit.current = Some(files);
        let raised = setrlimit(Resource::Nofile, limit);
        assert!(raised.is_ok(), "this test needs {files} open files; `ulimit -Hn` is {:?}", limit.maximum);
    }
}

#[test]
fn a_request_that_is_being_answered_does_not_give_way() {
    // In this process, so that the test says when the answer is made.
    let (folder, runtime) = (TempDir::new("crowd"), Runtime::new().expect("a runtime"));
    let config = load::parse("web: {enable_lifecycle: true}", folder.path(), &|_| None, |document| {
        Config::decode(document, &Overrides::default())
    })
    .expect("it is good");
    let (reloads, mut inbox) = mpsc::channel(1);
    let address = runtime.block_on(async {
        let exporter = serve::Exporter::start(config, reloads).await.expect("it starts");
        let listener = http::listen(&ListenAddress::One("127.0.0.1:0".to_owned())).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        tokio::spawn(http::serve(listener, exporter.site.clone()));
        address
    });
    let mut slow = connect(address);
    slow.write_all(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("the request is sent");
    let done = inbox.blocking_recv().expect("the request has begun");
    let _silent = crowd_of(300, address);
    // It came last, so all of them are there.
    assert_eq!(request(address, "GET", "/health", "").status, 200);
    done.send(Ok(())).expect("somebody waits for it");
    assert_eq!(Response::read(&mut slow).status, 200);
}

#[test]
fn clients_that_take_no_answer_do_not_hold_up_a_scrape() {
    let exporter = Exporter::start("");
    exporter.scrape();
    let mut deaf = crowd(&exporter);
    // More answers than the buffers between the two hold.
    let requests = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    for stream in deaf.streams.iter_mut().rev().take(100) {
        stream.set_nonblocking(true).expect("a socket that does not wait");
        let _ = stream.write(requests.as_bytes());
    }
    for _ in 0..5 {
        scrape_soon(&exporter);
    }
}

#[test]
fn a_crowd_beyond_the_open_files_does_not_hold_up_a_scrape() {
    let exporter = Setup::new("").descriptors(40).start();
    exporter.scrape();
    let silent = crowd(&exporter);
    scrape_soon(&exporter);
    drop(silent);
    scrape_soon(&exporter);
    exporter.logged("cannot accept connections");
    assert_eq!(exporter.log().matches("cannot accept connections").count(), 1, "{}", exporter.log());
}

#[test]
fn clients_that_do_everything_wrong_at_once_do_not_hold_up_a_scrape() {
    let exporter = Exporter::start("");
    exporter.ready();
    let log = exporter.log();
    let post = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let requests = [
        "\0".repeat(64 << 10),
        format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20)),
        format!("GET / HTTP/1.1\r\n{}", "A: a\r\n".repeat(10_000)),
        "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000),
        format!("{post}Content-Length: 1000000\r\n\r\n{}", "[".repeat(1_000_000)),
        format!("{post}Content-Length: 1000000\r\n\r\n{}", "{\n".repeat(500_000)),
        format!("{post}Content-Length: 1000\r\n\r\n{{"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n{}", "1\r\n \r\n".repeat(200_000)),
        format!("{post}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{post}"),
    ];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // A scrape that fails has to end the others too.
        let _end = OnDrop(&done);
        for request in &requests {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    // Cut off, answered or neither, the next one comes soon.
                    let mut stream = connect(exporter.address);
                    let _ = stream.write_all(request.as_bytes());
                    stream.set_read_timeout(Some(Duration::from_millis(10))).expect("a socket");
                    let _ = stream.read(&mut [0; 1024]);
                }
            });
        }
        for _ in 0..20 {
            scrape_soon(&exporter);
        }
    });
    assert_eq!(exporter.log(), log, "what clients send is nothing to log");
}

/// Sets what it holds when it goes out of scope.
struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
