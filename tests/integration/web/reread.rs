//! A web configuration that changes while it is in force: what is taken at once, what is refused, and what waits for a reload.

use std::fs;
use std::io::{BufReader, Read, Write};

use super::{ASKING, RIGHT, TLS, USERS, WRONG, install, start};
use crate::support::certs::Certs;
use crate::support::exporter::{Exporter, Setup};
use crate::support::http::{Response, connect};
use crate::support::page::Page;
use crate::support::tls::{Client, der};

const SUCCESSFUL: &str = "sentinel_exporter_config_last_reload_successful";
const REFUSED: &str = "the web configuration has changed and was refused";

fn put(exporter: &Exporter, name: &str, text: &str) {
    fs::write(exporter.path(name), text).unwrap();
}

/// The metrics, read with the password.
fn successful(exporter: &Exporter, client: &Client) -> Option<f64> {
    loop {
        let answer = client.get(exporter.address, "/metrics", RIGHT).unwrap();
        if answer.status == 200 {
            return Page::parse(answer.text()).value(SUCCESSFUL);
        }
        assert_eq!(answer.status, 503, "{}", answer.text());
    }
}

#[test]
fn each_request_is_answered_as_the_file_says_now() {
    let certs = Certs::new();
    let exporter = start(&certs, TLS);
    let client = Client::new(&certs.ca);
    let status = |headers| client.get(exporter.address, "/", headers).unwrap().status;
    assert_eq!(status(""), 200);
    put(&exporter, "web.yml", &format!("{TLS}{USERS}"));
    assert_eq!([status(""), status(WRONG), status(RIGHT)], [401, 401, 200]);
    // Another password: the one before is not remembered as right.
    let another = USERS.replace(
        "7iTRsm9VN.2r.aNenrfDJugEjcY6PESP47LP1rK9DV.x4GdMA5WkC",
        "AAAAAAAAAAAAAAAAAAAAA.mRdSmc6ufFKYLaB9zbrxbSLSxiRZrv6",
    );
    put(&exporter, "web.yml", &format!("{TLS}{another}http_server_config: {{headers: {{X-Frame-Options: deny}}}}\n"));
    let answer = client.get(exporter.address, "/", RIGHT).unwrap();
    assert_eq!((answer.status, answer.header("x-frame-options")), (401, Some("deny")));
    exporter.logged_times("was taken", 2);
    assert!(exporter.log().matches("was taken").count() == 2, "{}", exporter.log());
}

#[test]
fn a_request_of_an_old_connection_asks_for_the_password_of_now() {
    let certs = Certs::new();
    let exporter = start(&certs, TLS);
    let mut stream = BufReader::new(Client::new(&certs.ca).connect(exporter.address));
    let mut ask = || {
        stream.get_mut().write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        Response::next(&mut stream).status
    };
    assert_eq!(ask(), 200);
    put(&exporter, "web.yml", &format!("{TLS}{USERS}"));
    assert_eq!(ask(), 401);
}

#[test]
fn a_broken_file_leaves_the_one_before_in_force() {
    let certs = Certs::new();
    let exporter = start(&certs, &format!("{TLS}{USERS}"));
    let client = Client::new(&certs.ca);
    assert_eq!(successful(&exporter, &client), Some(1.0));
    let good = fs::read_to_string(exporter.path("web.yml")).unwrap();
    let key = fs::read_to_string(exporter.path("server.key")).unwrap();
    for (file, text, told) in [
        ("web.yml", "tls_server_config: [", "web.yml: expected YAML"),
        ("web.yml", "basic_auth_users: {a: b}\n", "web.yml: basic_auth_users[0]: expected the bcrypt hash"),
        ("server.key", "", "tls_server_config.key_file: expected a private key as PEM"),
        ("server.crt", "x", "tls_server_config.cert_file: expected at least one certificate"),
    ] {
        put(&exporter, file, text);
        for _ in 0..3 {
            assert_eq!(successful(&exporter, &client), Some(0.0), "{file} {text}");
            assert_eq!(client.get(exporter.address, "/", "").unwrap().status, 401);
        }
        exporter.logged(told);
        assert_eq!(exporter.log().matches(told).count(), 1, "{told}: {}", exporter.log());
        put(&exporter, "web.yml", &good);
        put(&exporter, "server.key", &key);
        fs::copy(&certs.localhost.cert, exporter.path("server.crt")).unwrap();
        assert_eq!(successful(&exporter, &client), Some(1.0));
    }
    // It may also be gone for a while.
    fs::remove_file(exporter.path("web.yml")).unwrap();
    assert_eq!(successful(&exporter, &client), Some(0.0));
    put(&exporter, "web.yml", &good);
    assert_eq!(successful(&exporter, &client), Some(1.0));
}

#[test]
fn a_file_that_a_refused_one_names_is_waited_for() {
    let certs = Certs::new();
    let exporter = start(&certs, TLS);
    let client = Client::new(&certs.ca);
    put(&exporter, "web.yml", &TLS.replace("server.", "another."));
    assert_eq!(successful(&exporter, &client), Some(0.0));
    let another = certs.another("another");
    fs::copy(&another.cert, exporter.path("another.crt")).unwrap();
    assert_eq!(successful(&exporter, &client), Some(0.0));
    fs::copy(&another.key, exporter.path("another.key")).unwrap();
    assert_eq!(client.request(exporter.address, "GET", "/", "", "").unwrap().1, der(&another));
    assert_eq!(successful(&exporter, &client), Some(1.0));
}

#[test]
fn what_lets_more_people_in_takes_a_reload() {
    let certs = Certs::new();
    let asking = format!("{TLS}{ASKING}");
    let strict = format!("{asking}  client_allowed_sans: [hub]\n{USERS}");
    let hub = Client::showing(&certs.ca, &certs.client("hub", "DNS:hub"));
    for (weaker, told) in [
        ("", "basic_auth_users: there are none any more"),
        (USERS, "tls_server_config: it is not there any more"),
        (&format!("{TLS}{USERS}"), "tls_server_config.client_auth_type: it asks less"),
        (
            &strict.replace("RequireAndVerifyClientCert", "RequireAnyClientCert"),
            "tls_server_config.client_auth_type: it asks less",
        ),
        (&format!("{asking}{USERS}"), "tls_server_config.client_allowed_sans: there are none"),
    ] {
        let exporter = start(&certs, &strict);
        put(&exporter, "web.yml", weaker);
        assert_eq!(successful(&exporter, &hub), Some(0.0), "{told}");
        exporter.logged(told);
        assert_eq!(exporter.log().matches(REFUSED).count(), 1, "{}", exporter.log());
        assert_eq!(hub.get(exporter.address, "/", WRONG).unwrap().status, 401);
        assert!(Client::new(&certs.ca).get(exporter.address, "/", RIGHT).is_err());
        exporter.signal("HUP");
        exporter.logged("the new configuration was taken");
        if weaker.contains("tls_server_config") {
            assert_eq!(successful(&exporter, &hub), Some(1.0), "{told}");
        } else {
            assert_eq!(Page::parse(exporter.scrape_with(RIGHT).text()).value(SUCCESSFUL), Some(1.0), "{told}");
        }
    }
}

#[test]
fn a_reload_takes_all_of_it_or_nothing() {
    let certs = Certs::new();
    let exporter = start(&certs, TLS);
    let client = Client::new(&certs.ca);
    let reload = || client.request(exporter.address, "POST", "/-/reload", "", "").unwrap().0;
    put(&exporter, "web.yml", "basic_auth_users: {a: b}\n");
    put(&exporter, "sentinel.yml", "web: {config_file: web.yml, enable_lifecycle: true, telemetry_path: /m}\n");
    let answer = reload();
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("web.config_file: ") && answer.text().contains("basic_auth_users[0]"), "{}", answer.text());
    assert_eq!(client.get(exporter.address, "/m", "").unwrap().status, 404);
    // Another file may be named, or none.
    put(&exporter, "other.yml", &format!("{TLS}http_server_config: {{headers: {{X-Frame-Options: deny}}}}\n"));
    put(&exporter, "sentinel.yml", "web: {config_file: other.yml, enable_lifecycle: true, telemetry_path: /m}\n");
    assert_eq!(reload().status, 200);
    let another = certs.another("another");
    install(&exporter, &another);
    let (answer, shown) = client.request(exporter.address, "GET", "/m", "", "").unwrap();
    assert_eq!((answer.status, answer.header("x-frame-options"), shown), (200, Some("deny"), der(&another)));
    put(&exporter, "sentinel.yml", "");
    assert_eq!(reload().status, 200);
    exporter.scrape();
}

#[test]
fn a_bad_file_is_no_start() {
    let setup = Setup::new("").argument("--web.config.file=web.yml");
    fs::write(setup.folder().join("web.yml"), TLS).unwrap();
    let output = setup.output();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("tls_server_config.cert_file: expected a readable file"), "{told}");
}

#[test]
fn an_open_connection_ends_with_the_answer_after_tls_has_changed() {
    let certs = Certs::new();
    let exporter = start(&certs, "");
    let mut stream = BufReader::new(connect(exporter.address));
    let mut ask = || {
        stream.get_mut().write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").expect("the request is sent");
        let answer = Response::next(&mut stream);
        (answer.status, answer.header("connection").map(str::to_owned))
    };
    assert_eq!(ask(), (200, None));
    // What is no matter of connections leaves them open.
    put(&exporter, "web.yml", "http_server_config: {headers: {X-Frame-Options: deny}}\n");
    assert_eq!(ask(), (200, None));
    put(&exporter, "web.yml", TLS);
    assert_eq!(ask(), (200, Some("close".to_owned())));
    assert_eq!(stream.read(&mut [0]).expect("an end"), 0);
    assert_eq!(Client::new(&certs.ca).get(exporter.address, "/-/healthy", "").unwrap().status, 200);
}
