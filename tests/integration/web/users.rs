//! Users and passwords: what is open without, what has credentials of its own, and what no header gets through.

use std::fs;

use super::{ASKING, RIGHT, TLS, USERS, WRONG, start};
use crate::support::certs::Certs;
use crate::support::exporter::{Exporter, Setup};
use crate::support::http::{post_events, request};
use crate::support::tls::Client;

/// With users and without TLS; `config` is more of sentinel.yml.
fn plain(config: &str) -> Exporter {
    let setup = Setup::new(format!("web: {{config_file: web.yml, enable_lifecycle: true}}\n{config}"));
    fs::write(setup.folder().join("web.yml"), USERS).unwrap();
    setup.start()
}

fn status(exporter: &Exporter, method: &str, path: &str, headers: &str) -> u16 {
    request(exporter.address, method, path, headers).status
}

#[test]
fn everything_but_health_wants_a_password() {
    let exporter = plain("");
    while status(&exporter, "GET", "/-/ready", RIGHT) != 200 {}
    exporter.logged("basic_auth_users without tls_server_config");
    for path in ["/-/healthy", "/health"] {
        assert_eq!(status(&exporter, "GET", path, ""), 200, "{path}");
        assert_eq!(status(&exporter, "GET", path, WRONG), 200, "{path}");
    }
    for path in ["/", "/metrics", "/-/ready", "/-/reload", "/nothing", "/health/", "//health", "/-/healthy/../metrics", "*"] {
        for headers in ["", WRONG] {
            let answer = request(exporter.address, "GET", path, headers);
            assert_eq!(
                (answer.status, answer.header("www-authenticate")),
                (401, Some("Basic realm=\"sentinel\", charset=\"UTF-8\""))
            );
            assert_eq!(answer.text(), "Expected a user and a password of basic_auth_users.\n", "{path}");
        }
    }
    for (path, expected) in [("/", 200), ("/-/ready", 200), ("/nothing", 404), ("/-/reload", 405)] {
        assert_eq!(status(&exporter, "GET", path, RIGHT), expected, "{path}");
    }
    exporter.scrape_with(RIGHT);
}

#[test]
fn a_reload_wants_a_password_too() {
    let exporter = plain("");
    for headers in ["", WRONG] {
        assert_eq!(status(&exporter, "POST", "/-/reload", headers), 401);
    }
    assert_eq!(status(&exporter, "POST", "/-/reload", RIGHT), 200);
    fs::write(exporter.path("sentinel.yml"), "web: {config_file: web.yml}").unwrap();
    assert_eq!(status(&exporter, "POST", "/-/reload", RIGHT), 200);
    // A password is no right to reload.
    assert_eq!(status(&exporter, "POST", "/-/reload", RIGHT), 403);
}

#[test]
fn events_want_their_token_alone() {
    let exporter = plain("ingest: {token: t0ken}");
    while status(&exporter, "GET", "/-/ready", RIGHT) != 200 {}
    let event = b"{\"event\":\"cycle\",\"seconds\":1,\"ok\":true}\n";
    let post = |headers: &str| post_events(exporter.address, headers, event).unwrap();
    let answer = post(RIGHT);
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer realm=\"events\"")));
    assert_eq!(post("").status, 401);
    assert_eq!(post("Authorization: Bearer t0ken\r\n").status, 200);
    assert_eq!(status(&exporter, "GET", "/metrics", "Authorization: Bearer t0ken\r\n"), 401);
}

#[test]
fn a_header_is_right_or_it_is_not() {
    let exporter = plain("");
    for (value, expected) in [
        ("Basic cHJvbWV0aGV1czpjb3JyZWN0IGhvcnNl", 200),
        ("basic cHJvbWV0aGV1czpjb3JyZWN0IGhvcnNl", 200),
        ("Basic  cHJvbWV0aGV1czpjb3JyZWN0IGhvcnNl", 401), // Two spaces.
        ("Basic cHJvbWV0aGV1czpjb3JyZWN0IGhvcnNl x", 401),
        ("Basic cHJvbWV0aGV1czpjb3JyZWN0IGhvcnNl=", 401),
        ("Basic", 401),
        ("Basic ", 401),
        ("Basic !!!!", 401),
        ("Digest cHJvbWV0aGV1czpjb3JyZWN0IGhvcnNl", 401),
        ("Bearer cHJvbWV0aGV1czpjb3JyZWN0IGhvcnNl", 401),
        ("Basic cHJvbWV0aGV1cw==", 401),                     // Without a colon.
        ("Basic cHJvbWV0aGV1czo=", 401),                     // Without a password.
        ("Basic OmNvcnJlY3QgaG9yc2U=", 401),                 // Without a user.
        ("Basic UHJvbWV0aGV1czpjb3JyZWN0IGhvcnNl", 401),     // Prometheus
        ("Basic cHJvbWV0aGV1czpjb3JyZWN0IGhvcnNlAA==", 401), // With a NUL at the end.
        ("Basic cHJvbWV0aGV1czpjb3JyZWN0IGhvcnNl/w==", 401), // That is no UTF-8.
        ("Basic cHJvbWV0aGV1czpjb3JyZWN0IGhvcnNlIA==", 401), // With a space at the end.
    ] {
        assert_eq!(status(&exporter, "GET", "/", &format!("Authorization: {value}\r\n")), expected, "{value}");
    }
    assert_eq!(status(&exporter, "GET", "/", &format!("{RIGHT}{RIGHT}")), 401, "two of them");
    assert_eq!(status(&exporter, "GET", "/", &format!("{RIGHT}{WRONG}")), 401, "two of them");
}

#[test]
fn nobody_reads_names_and_passwords_in_the_log() {
    let setup = Setup::new("web: {config_file: web.yml}").argument("--log.level=debug");
    fs::write(setup.folder().join("web.yml"), USERS).unwrap();
    let exporter = setup.start();
    for headers in [RIGHT, WRONG] {
        request(exporter.address, "GET", "/", headers);
    }
    // A file with mistakes, which are logged, beside names and hashes.
    let bad = format!("{USERS}  someone: $2b$04$hunter2\n  prometheus: again\n");
    fs::write(exporter.path("web.yml"), bad).unwrap();
    request(exporter.address, "GET", "/", RIGHT);
    exporter.logged("the key at line 2 column 3 is there twice");
    fs::write(exporter.path("web.yml"), format!("{USERS}  someone: $2b$04$hunter2\n  a:b: hunter2\n")).unwrap();
    request(exporter.address, "GET", "/", RIGHT);
    exporter.logged("basic_auth_users[2]: expected a name without colons");
    for secret in ["someone", "hunter2", "2b$04", "correct", "cHJvbWV0", "wrong\n"] {
        assert!(!exporter.log().contains(secret), "{secret} is in the log:\n{}", exporter.log());
    }
    assert!(!exporter.log().contains("user=") && !exporter.log().contains("message=prometheus"), "{}", exporter.log());
}

#[test]
fn a_password_and_a_certificate_are_two_things() {
    let certs = Certs::new();
    let exporter = start(&certs, &format!("{TLS}{ASKING}{USERS}"));
    let hub = Client::showing(&certs.ca, &certs.client("hub", "DNS:hub"));
    for (headers, expected) in [("", 401), (WRONG, 401), (RIGHT, 200)] {
        assert_eq!(hub.get(exporter.address, "/", headers).unwrap().status, expected);
    }
    for headers in ["", RIGHT] {
        assert!(Client::new(&certs.ca).get(exporter.address, "/", headers).is_err());
    }
}
