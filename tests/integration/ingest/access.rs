//! Who may send events.

use std::fs;

use crate::support::exporter::{Exporter, Setup};
use crate::support::journal::{CYCLES, cycles};

const TOKEN: &str = "hunter2-hunter2";

fn with_token() -> Exporter {
    let setup = Setup::new("ingest: {token_file: token}\nweb: {enable_lifecycle: true}");
    fs::write(setup.folder().join("token"), format!("{TOKEN}\n")).unwrap();
    setup.start()
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[test]
fn only_who_has_the_token() {
    let exporter = with_token();
    for header in [
        String::new(),
        bearer(""),
        bearer("hunter2-hunter"),
        bearer("hunter2-hunter22"),
        bearer("Hunter2-hunter2"),
        format!("Authorization: Basic {TOKEN}\r\n"),
        format!("Authorization: {TOKEN}\r\n"),
        "Authorization: Bearer\r\n".to_owned(),
        format!("X-Token: {TOKEN}\r\n"),
    ] {
        let answer = exporter.post(&header, cycles(1));
        assert_eq!(answer.status, 401, "{header}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"events\""));
    }
    assert_eq!(exporter.value(CYCLES), Some(0.0));
    assert_eq!(exporter.post(&bearer(TOKEN), cycles(1)).status, 200);
    assert_eq!(exporter.post(&format!("authorization: bearer {TOKEN}\r\n"), cycles(1)).status, 200);
    assert_eq!(exporter.value(CYCLES), Some(2.0));
    assert!(!exporter.log().contains(TOKEN));
}

#[test]
fn nothing_is_read_of_who_has_not() {
    let exporter = with_token();
    // Its length alone would be 413.
    assert_eq!(exporter.post("", "x".repeat(2_000_000)).status, 401);
}

#[test]
fn a_reload_brings_another_token() {
    let exporter = with_token();
    fs::write(exporter.path("token"), "another\n").unwrap();
    assert_eq!(exporter.post(&bearer(TOKEN), cycles(1)).status, 200, "until then the old one is good");
    assert_eq!(crate::support::http::request(exporter.address, "POST", "/-/reload", "").status, 200);
    assert_eq!(exporter.post(&bearer(TOKEN), cycles(1)).status, 401);
    assert_eq!(exporter.post(&bearer("another"), cycles(1)).status, 200);
}

#[test]
fn without_a_token_a_proxy_is_not_this_host() {
    let exporter = Exporter::start("");
    for header in [
        "X-Forwarded-For: 192.0.2.7\r\n",
        "Forwarded: for=192.0.2.7\r\n",
        "X-Real-IP: 192.0.2.7\r\n",
        "Via: 1.1 proxy\r\n",
        "Origin: http://evil.example\r\n",
    ] {
        let answer = exporter.post(header, cycles(1));
        assert_eq!(
            (answer.status, answer.text()),
            (
                403,
                "Posts are taken from this host alone, sent to localhost or 127.0.0.1 without a proxy; ingest.token_file lets others in.\n"
            )
        );
    }
    assert_eq!(exporter.value(CYCLES), Some(0.0));
}
