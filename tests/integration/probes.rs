//! HTTP probes of the real exporter: each by itself, whatever the others do.

use std::time::Duration;

use crate::support::certs::Certs;
use crate::support::daemon::free_port;
use crate::support::exporter::{Exporter, Setup};
use crate::support::page::Page;
use crate::support::stand_in::{Answer, StandIn};

const SUCCESS: &str = r#"sentinel_exporter_collector_success{collector="probe"}"#;

fn probe(name: &str, url: &str, more: &str) -> String {
    format!("  - {{name: {name}, url: {url:?}, interval: 50ms, timeout: 500ms, fail_after: 400ms, warn_after: 200ms{more}}}\n")
}

fn success(page: &Page, name: &str) -> Option<f64> {
    page.value(&format!("sentinel_probe_success{{probe={name:?}}}"))
}

fn duration(page: &Page, name: &str) -> f64 {
    page.value(&format!("sentinel_probe_duration_seconds{{probe={name:?}}}")).unwrap()
}

fn good() -> Answer {
    Answer::json(200, "{}")
}

#[test]
fn one_that_hangs_delays_no_other() {
    let (hangs, answers) = (StandIn::start(Answer::Nothing), StandIn::start(good()));
    let exporter = Exporter::start(format!(
        "probes:\n{}{}",
        probe("hangs", &hangs.url("/"), "").replace("500ms", "1m"),
        probe("answers", &answers.url("/"), "")
    ));
    exporter.eventually("the good one", |page| success(page, "answers") == Some(1.0));
    answers.wait(5);
    assert_eq!((hangs.wait(1).len(), success(&exporter.scrape(), "hangs")), (1, None), "the first request waits still");
    answers.answers(Answer::json(503, "{}"));
    exporter.eventually("the change", |page| success(page, "answers") == Some(0.0));
    assert_eq!(hangs.requests().len(), 1);
}

#[test]
fn every_failure_is_seen_and_told() {
    let (endpoint, elsewhere) = (StandIn::start(good()), StandIn::start(good()));
    let headers = ", headers: {Authorization: 'Bearer token-qzkw', X-Key: {file: key}}";
    let setup = Setup::new(format!("probes:\n{}", probe("gateway", &endpoint.url("/path?token=query-qzkw"), headers)));
    let setup = setup.argument("--log.level=debug");
    std::fs::write(setup.folder().join("key"), "file-qzkw\n").unwrap();
    let exporter = setup.start();
    let moved = Answer::Whole(302, format!("Location: {}\r\n", elsewhere.url("/")), String::new());
    for (answer, told) in [
        (Answer::json(503, "{}"), "answered 503, expected 200"),
        (Answer::json(204, ""), "answered 204, expected 200"),
        (moved, "answered 302, expected 200; redirects are not followed"),
        (Answer::After(Duration::from_millis(410), "{}".to_owned()), "answered later than 400ms"),
        (Answer::Nothing, "no answer within 500ms"),
        (Answer::Slowly, "no answer within 500ms"),
        (Answer::Endless, "an answer of more than 1048576 bytes"),
        (Answer::Bytes(b""), "connection closed before message completed"),
    ] {
        endpoint.answers(good());
        exporter.eventually("it is good", |page| success(page, "gateway") == Some(1.0));
        exporter.shows(r#"probe</th><td class="good">"#);
        endpoint.answers(answer);
        let page = exporter.eventually(told, |page| success(page, "gateway") == Some(0.0));
        assert_eq!(page.value(SUCCESS), Some(1.0), "it was looked at");
        exporter.shows(told);
        exporter.logged(told);
    }
    let request = endpoint.requests().remove(0);
    for sent in ["GET /path?token=query-qzkw HTTP/1.1", "authorization: Bearer token-qzkw", "x-key: file-qzkw"] {
        assert!(request.contains(sent), "{sent}: {request}");
    }
    assert_eq!(elsewhere.requests(), [""; 0], "nobody elsewhere sees the headers");
    let told = ["/", "/metrics"].map(|path| exporter.get(path).text().to_owned()).concat() + &exporter.log();
    assert!(!told.contains("qzkw") && !told.contains("/path"), "{told}");
}

#[test]
fn a_slow_answer_is_a_success_that_is_told() {
    let endpoint = StandIn::start(Answer::After(Duration::from_millis(250), "{}".to_owned()));
    let exporter = Exporter::start(format!("probes:\n{}", probe("gateway", &endpoint.url("/"), "")));
    let page = exporter.eventually("it is good", |page| success(page, "gateway") == Some(1.0));
    assert!((0.25..0.4).contains(&duration(&page, "gateway")), "{}", duration(&page, "gateway"));
    exporter.shows("gateway: answered later than 200ms");
}

#[test]
fn another_status_can_be_what_is_expected() {
    let endpoint = StandIn::start(Answer::json(401, "{}"));
    let exporter = Exporter::start(format!("probes:\n{}", probe("locked", &endpoint.url("/"), ", expected_status: 401")));
    exporter.eventually("it is good", |page| success(page, "locked") == Some(1.0));
}

#[test]
fn nobody_there_and_impostors() {
    let certs = Certs::new();
    let impostor = StandIn::start_tls(good(), &certs.elsewhere);
    let text = probe("closed", &format!("http://127.0.0.1:{}", free_port()), "")
        + &probe("nowhere", "http://no-such-host.invalid/", "")
        + &probe("impostor", &impostor.url("/"), "");
    let exporter = Setup::new(format!("probes:\n{text}")).environment("SSL_CERT_FILE", &certs.ca.to_string_lossy()).start();
    for (name, told) in
        [("closed", "Connection refused"), ("nowhere", "dns error"), ("impostor", "certificate not valid for name")]
    {
        exporter.eventually(name, |page| success(page, name) == Some(0.0));
        exporter.logged(told);
    }
    assert_eq!(impostor.requests(), [""; 0]);
}

#[test]
fn names_stay_apart_however_short_labels_are() {
    let endpoint = StandIn::start(good());
    let names = ["gateway-of-one", "gateway-of-two"];
    let text = names.map(|name| probe(name, &endpoint.url("/"), "")).concat();
    let exporter = Exporter::start(format!("limits: {{label_value_bytes: 7}}\nprobes:\n{text}"));
    let page = exporter.eventually("both", |page| names.iter().all(|name| success(page, name) == Some(1.0)));
    assert_eq!(page.family("sentinel_probe_success").len(), 2);
}

#[test]
fn a_reload_takes_probes_away_and_brings_others() {
    let endpoint = StandIn::start(good());
    let old = format!("probes:\n{}", probe("old", &endpoint.url("/"), ""));
    let exporter = Exporter::start(old.clone());
    exporter.eventually("the old one", |page| success(page, "old") == Some(1.0));
    std::fs::write(exporter.path("sentinel.yml"), old.replace("name: old", "name: new")).unwrap();
    exporter.signal("HUP");
    let page = exporter.eventually("the new one", |page| success(page, "new") == Some(1.0));
    assert_eq!(success(&page, "old"), None);
    std::fs::write(exporter.path("sentinel.yml"), "").unwrap();
    exporter.signal("HUP");
    exporter.eventually("none", |page| page.value(SUCCESS).is_none() && page.family("sentinel_probe_success").is_empty());
}
