//! How long a client may take, on a clock that goes on at once when nobody has anything to do: half a minute is over in no time.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use sentinel_exporter::config::{Config, Overrides, load};
use sentinel_exporter::serve::Exporter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::support::tempdir::TempDir;

const SECOND: Duration = Duration::from_secs(1);

/// Serves in this process, on the test's own clock.
async fn serve(folder: &Path) -> SocketAddr {
    let config =
        load::parse("", folder, &|_| None, |document| Config::decode(document, &Overrides::default())).expect("the defaults");
    let exporter = Exporter::start(config, mpsc::channel(1).0).await.expect("it starts");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    // It has nothing to read, which takes a thread a moment of everybody's time.
    while !exporter.site.follower.caught_up() {
        std::thread::yield_now();
    }
    tokio::spawn(sentinel_exporter::http::serve(listener, exporter.site.clone()));
    address
}

/// Whether the server has ended the connection, waiting for a second.
async fn ended(client: &mut TcpStream) -> bool {
    match timeout(SECOND, client.read(&mut [0; 1024])).await {
        Ok(read) => read.is_ok_and(|length| length == 0),
        Err(_) => false,
    }
}

/// Waits until the connection is `closed` while the test's clock stands still: a process that another test is starting has a copy of
/// every socket until it runs its program.
async fn cut_off(closed: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !closed() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is still connected");
        std::thread::sleep(Duration::from_millis(1));
        tokio::task::yield_now().await;
    }
}

fn assert_seconds(begun: Instant, expected: u64) {
    let took = begun.elapsed().as_secs();
    assert!((expected..expected + 3).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_has_half_a_minute() {
    let folder = TempDir::new("deadlines");
    let mut client = TcpStream::connect(serve(folder.path()).await).await.expect("a connection");
    let begun = Instant::now();
    while !ended(&mut client).await {}
    assert_seconds(begun, 30);
}

#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_gives_no_more_time() {
    let folder = TempDir::new("deadlines");
    let mut client = TcpStream::connect(serve(folder.path()).await).await.expect("a connection");
    let begun = Instant::now();
    client.write_all(b"GET /health HTTP/1.1\r\nA: ").await.expect("the beginning is taken");
    while !ended(&mut client).await {
        client.write_all(b"a").await.expect("a byte is taken");
    }
    assert_seconds(begun, 30);
}

#[tokio::test(start_paused = true)]
async fn between_two_requests_there_is_half_a_minute() {
    let folder = TempDir::new("deadlines");
    let mut client = TcpStream::connect(serve(folder.path()).await).await.expect("a connection");
    for wait in [20, 20, 0] {
        client.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("a request is taken");
        assert!(client.read(&mut [0; 1024]).await.expect("an answer") > 0);
        sleep(wait * SECOND).await;
    }
    let begun = Instant::now();
    while !ended(&mut client).await {}
    assert_seconds(begun, 30);
}

/// All that comes until the server ends the connection, while the client sends a byte a second.
async fn answer_to_a_byte_now_and_then(client: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    loop {
        match timeout(SECOND, client.read_buf(&mut answer)).await {
            Ok(Ok(1..)) => {}
            Ok(_) => return String::from_utf8(answer).expect("an answer of text"),
            // Once it is cut off nobody takes it.
            Err(_) => drop(client.write_all(b" ").await),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_has_ten_seconds_however_it_comes() {
    let folder = TempDir::new("deadlines");
    let address = serve(folder.path()).await;
    for length in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        let mut client = TcpStream::connect(address).await.expect("a connection");
        let head = format!("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{length}\r\n\r\n");
        let begun = Instant::now();
        client.write_all(head.as_bytes()).await.expect("the head is taken");
        if length.ends_with("chunked") {
            client.write_all(b"3e8\r\n").await.expect("the size is taken");
        }
        let answer = answer_to_a_byte_now_and_then(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert_seconds(begun, 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_nobody_asked_for_is_not_waited_for() {
    let folder = TempDir::new("deadlines");
    let address = serve(folder.path()).await;
    for (head, status) in [("GET /health", "200"), ("POST /-/reload", "403"), ("POST /nothing", "404")] {
        let mut client = TcpStream::connect(address).await.expect("a connection");
        // A byte goes out at once: the kernel's own waiting is on another clock.
        client.set_nodelay(true).expect("it goes out at once");
        let begun = Instant::now();
        let head = format!("{head} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
        client.write_all(head.as_bytes()).await.expect("the head is taken");
        let answer = answer_to_a_byte_now_and_then(&mut client).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
        assert_seconds(begun, 0);
        // What goes on coming is not taken for long either.
        for _ in 0..5 {
            let _ = client.try_write(b" ");
            sleep(SECOND / 4).await;
        }
        let closed = || client.try_write(b" ").is_err_and(|error| error.kind() != ErrorKind::WouldBlock);
        cut_off(closed).await;
        assert_seconds(begun, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_answer_has_ten_seconds() {
    let folder = TempDir::new("deadlines");
    let address = serve(folder.path()).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let client = socket.connect(address).await.expect("a connection");
    let begun = Instant::now();
    // Far more answers than the buffers between the two hold.
    let requests = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    let closed = || loop {
        match client.try_write(requests.as_bytes()) {
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    };
    while !closed() && begun.elapsed() < 11 * SECOND {
        sleep(SECOND).await;
    }
    cut_off(closed).await;
    assert_seconds(begun, 10);
}
