//! What a client can do before it has shown anything: be slow, speak something else, or come too often.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use sentinel_exporter::config::{Config, Overrides, load};
use sentinel_exporter::serve::Exporter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::{TLS, USERS, WRONG, start};
use crate::support::certs::Certs;
use crate::support::exporter::Setup;
use crate::support::http::{connect, request};
use crate::support::tempdir::TempDir;
use crate::support::tls::Client;

/// The beginning of a TLS handshake, which promises more.
const HALF_A_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00";

#[test]
fn slow_handshakes_do_not_hold_up_a_scrape() {
    let certs = Certs::new();
    let exporter = start(&certs, TLS);
    let client = Client::new(&certs.ca);
    while client.get(exporter.address, "/-/ready", "").unwrap().status != 200 {}
    let slow: Vec<TcpStream> = (0..400)
        .map(|at| {
            let mut stream = connect(exporter.address);
            if at % 2 == 0 {
                stream.write_all(HALF_A_HELLO).expect("it is taken");
            }
            stream
        })
        .collect();
    let begun = Instant::now();
    assert_eq!(client.get(exporter.address, "/metrics", "").unwrap().status, 200);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    drop(slow);
}

/// Serves in this process, on the test's own clock.
async fn serve(folder: &Path) -> SocketAddr {
    let certs = Certs::new();
    for (name, from) in [("server.crt", &certs.localhost.cert), ("server.key", &certs.localhost.key)] {
        std::fs::copy(from, folder.join(name)).unwrap();
    }
    std::fs::write(folder.join("web.yml"), TLS).unwrap();
    let config =
        load::parse("web: {config_file: web.yml}", folder, &|_| None, |document| Config::decode(document, &Overrides::default()));
    let exporter = Exporter::start(config.expect("it is good"), mpsc::channel(1).0).await.expect("it starts");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(sentinel_exporter::http::serve(listener, exporter.site.clone()));
    address
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_ten_seconds() {
    let folder = TempDir::new("handshake");
    let address = serve(folder.path()).await;
    for first in [b"", HALF_A_HELLO] {
        let mut client = tokio::net::TcpStream::connect(address).await.expect("a connection");
        client.write_all(first).await.expect("it is taken");
        let begun = tokio::time::Instant::now();
        let read = client.read(&mut [0; 1024]).await;
        assert!(read.as_ref().is_ok_and(|length| *length == 0) || read.is_err(), "{read:?}");
        let took = begun.elapsed().as_secs();
        assert!((10..13).contains(&took), "{took} s");
    }
}

#[test]
fn plain_text_is_told_that_tls_is_spoken() {
    let exporter = start(&Certs::new(), TLS);
    let answer = request(exporter.address, "GET", "/metrics", "");
    assert_eq!((answer.status, answer.text()), (400, "This port speaks TLS: the address begins with https.\n"));
    // What is neither is told so as well, or simply cut off.
    let mut stream = connect(exporter.address);
    stream.write_all(&[0xff; 64]).expect("it is taken");
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => assert!(answer.starts_with(b"\x15\x03"), "an alert: {}", answer.escape_ascii()),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    assert!(!exporter.log().contains("panic"), "{}", exporter.log());
}

#[test]
fn what_comes_too_often_is_refused_before_anything_else() {
    let setup = Setup::new("web: {config_file: web.yml}");
    std::fs::write(setup.folder().join("web.yml"), format!("{USERS}rate_limit: {{interval: 1h, burst: 3}}\n")).unwrap();
    let exporter = setup.start();
    let status = |path, headers| request(exporter.address, "GET", path, headers).status;
    assert_eq!([status("/-/healthy", ""), status("/", ""), status("/", WRONG)], [200, 401, 401]);
    for path in ["/-/healthy", "/metrics", "/v1/events"] {
        let answer = request(exporter.address, "GET", path, WRONG);
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")), "{path}");
    }
}

#[test]
fn a_large_request_of_a_stranger_is_not_read() {
    let setup = Setup::new("web: {config_file: web.yml}");
    std::fs::write(setup.folder().join("web.yml"), USERS).unwrap();
    let exporter = setup.start();
    let mut stream = connect(exporter.address);
    stream.write_all(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n").expect("the head is taken");
    let begun = Instant::now();
    let chunk = [b'x'; 1 << 16];
    while stream.write_all(&chunk).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it is still read");
    }
    let long = format!("Authorization: Basic {}\r\n", "A".repeat(20_000));
    assert_eq!(request(exporter.address, "GET", "/", &long).status, 431);
}
