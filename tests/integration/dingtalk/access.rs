//! Who may post, and what is no notification.

use std::io::Write;

use serde_json::json;

use super::{alert, bridge, notification, post};
use crate::support::dingtalk::DingTalk;
use crate::support::exporter::{Exporter, Setup};
use crate::support::http::{self, Response};

fn with_headers(bridge: &Exporter, headers: &str) -> Response {
    let body = notification("g", &[alert("A", "critical")]).to_string();
    http::try_post(bridge.address, "/dingtalk/sre/send", headers, &body).expect("an answer")
}

#[test]
fn only_who_knows_the_token_may_post() {
    let dingtalk = DingTalk::start();
    let config = format!("token_file: token\n{}", super::config(&dingtalk, ""));
    let setup = Setup::of_subcommand("dingtalk", config);
    std::fs::write(setup.folder().join("token"), "s3cret\n").unwrap();
    let bridge = setup.start();
    for headers in ["", "Authorization: Bearer s3cre\r\n", "Authorization: Basic s3cret\r\n", "Authorization: s3cret\r\n"] {
        let answer = with_headers(&bridge, headers);
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer realm=\"dingtalk\"")), "{headers}");
    }
    assert_eq!(dingtalk.requests(), 0);
    assert_eq!(with_headers(&bridge, "Authorization: Bearer s3cret\r\n").status, 200);
    // Health and metrics are for everybody.
    assert!(["/metrics", "/-/healthy", "/-/ready"].iter().all(|path| bridge.get(path).status == 200));
    assert!(!bridge.log().contains("s3cre"), "{}", bridge.log());
}

#[test]
fn without_a_token_a_proxy_does_not_speak_for_this_host() {
    let dingtalk = DingTalk::start();
    let bridge = bridge(&dingtalk, "");
    for header in ["X-Forwarded-For: 192.0.2.1", "X-Real-IP: 192.0.2.1", "Via: 1.1 proxy", "Origin: http://localhost"] {
        assert_eq!(with_headers(&bridge, &format!("{header}\r\n")).status, 403, "{header}");
    }
    assert_eq!(with_headers(&bridge, "").status, 200);
}

#[test]
fn a_page_in_a_browser_on_this_host_notifies_nobody() {
    let dingtalk = DingTalk::start();
    let bridge = bridge(&dingtalk, "");
    let body = notification("g", &[alert("A", "critical")]).to_string();
    // A form needs no leave of the server, but has one of these types.
    for kind in ["Content-Type: \r\n", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"] {
        let answer = http::try_post(bridge.address, "/dingtalk/sre/send", kind, &body).expect("an answer");
        assert_eq!(answer.status, 415, "{kind}");
    }
    // A name that leads here, as a page of that name sends it.
    let host = format!("evil.example:{}", bridge.address.port());
    let mut stream = http::connect(bridge.address);
    let head =
        format!("POST /dingtalk/sre/send HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n");
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).expect("the request is sent");
    assert_eq!(Response::read(&mut stream).status, 403);
    assert_eq!(dingtalk.requests(), 0);
}

#[test]
fn what_is_no_notification_is_told_so() {
    let dingtalk = DingTalk::start();
    let bridge = bridge(&dingtalk, "");
    let good = notification("g", &[alert("A", "critical")]);
    for (path, body, status, told) in [
        ("/dingtalk/nobody/send", good.to_string(), 404, "No robot has this name"),
        ("/dingtalk/sre", good.to_string(), 404, "/dingtalk/<robot>/send"),
        ("/", good.to_string(), 404, "/dingtalk/<robot>/send"),
        ("/dingtalk/sre/send", String::new(), 400, "Expected Alertmanager's webhook"),
        ("/dingtalk/sre/send", "{".to_owned(), 400, "Expected Alertmanager's webhook"),
        ("/dingtalk/sre/send", "{\"alerts\": []}".to_owned(), 400, "missing field `version`"),
        ("/dingtalk/sre/send", json!({"version": "3", "alerts": []}).to_string(), 400, "version 4"),
        ("/dingtalk/sre/send", json!({"version": "4", "alerts": {}}).to_string(), 400, "Expected Alertmanager's webhook"),
    ] {
        let answer = http::post(bridge.address, path, &body);
        assert!(answer.status == status && answer.text().contains(told), "{path} {body}: {} {}", answer.status, answer.text());
    }
    assert_eq!(http::request(bridge.address, "GET", "/dingtalk/sre/send", "").status, 405);
    assert_eq!(dingtalk.requests(), 0);
    // Nothing in it is nothing to tell, and what a newer release adds does no harm.
    assert_eq!(post(&bridge, "sre", &notification("g", &[])).status, 200);
    let mut newer = good;
    newer["notificationReason"] = "new".into();
    newer["alerts"][0]["mutedBy"] = json!([{"id": 1}]);
    assert_eq!(post(&bridge, "sre", &newer).status, 200);
    assert_eq!(dingtalk.messages().len(), 1);
    // Nor does null where there is nothing.
    for key in ["groupKey", "externalURL", "truncatedAlerts"] {
        let mut null = notification("g", &[alert(key, "critical")]);
        null[key] = json!(null);
        assert_eq!(post(&bridge, "sre", &null).status, 200, "{key}");
    }
    for key in ["labels", "annotations", "startsAt", "endsAt", "generatorURL"] {
        let mut null = alert(key, "critical");
        null[key] = json!(null);
        assert_eq!(post(&bridge, "sre", &notification("g", &[null])).status, 200, "{key}");
    }
    let mut empty = notification("g", &[]);
    empty["alerts"] = json!(null);
    assert_eq!(post(&bridge, "sre", &empty).status, 200);
    assert_eq!(dingtalk.messages().len(), 9);
}

#[test]
fn a_notification_may_be_long_but_not_endless() {
    let dingtalk = DingTalk::start();
    let bridge = bridge(&dingtalk, "");
    let mut long = alert("A", "critical");
    long["labels"]["text"] = "x".repeat(7 << 20).into();
    assert_eq!(post(&bridge, "sre", &notification("g", &[long.clone()])).status, 200);
    long["labels"]["text"] = "x".repeat(8 << 20).into();
    let answer = post(&bridge, "sre", &notification("g", &[long]));
    assert!(answer.status == 413 && answer.text().contains("max_alerts"), "{} {}", answer.status, answer.text());
}

/// What a terminal would obey, in a path, which is bytes to HTTP.
fn post_raw(bridge: &Exporter, headers: &str) -> u16 {
    let mut stream = http::connect(bridge.address);
    let host = bridge.address;
    let mut request = b"POST /dingtalk/\xc2\x9b31m\xc2\x85x\xe2\x80\xae".to_vec();
    request.extend([b'y'; 200]);
    request.extend(format!("/send HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}Content-Length: 0\r\n\r\n").bytes());
    stream.write_all(&request).expect("the request is sent");
    Response::read(&mut stream).status
}

#[test]
fn strangers_neither_flood_the_log_nor_write_in_it() {
    let dingtalk = DingTalk::start();
    for format in ["logfmt", "json"] {
        let config = format!("token: s3cret\n{}", super::config(&dingtalk, ""));
        let bridge = Setup::of_subcommand("dingtalk", config).argument(&format!("--log.format={format}")).start();
        for _ in 0..100 {
            assert_eq!(post_raw(&bridge, ""), 401);
        }
        assert!(!bridge.log().contains("yyy"), "a stranger's path is in the log: {}", bridge.log());
        for _ in 0..100 {
            assert_eq!(post_raw(&bridge, "Content-Type: application/json\r\nAuthorization: Bearer s3cret\r\n"), 404);
        }
        bridge.logged("no robot has this name");
        let log = bridge.log();
        assert!(log.contains("31m") && log.contains(&"y".repeat(40)) && !log.contains(&"y".repeat(64)), "{log}");
        assert_eq!(log.matches("was refused").count(), 2, "{log}");
        assert!(!log.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'), "{log:?}");
    }
}
