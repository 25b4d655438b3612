//! What is made of every answer, and of none.

use super::{KEY, PROBES, UP, config, errors, good, later, polling, stale_cache};
use crate::support::certs::Certs;
use crate::support::daemon::free_port;
use crate::support::exporter::{Exporter, Setup};
use crate::support::stand_in::{Answer, StandIn};

#[test]
fn the_request_is_that_of_a_client() {
    let postgrest = StandIn::start(good());
    let exporter = polling(&postgrest);
    let page = exporter.eventually("it is up", |page| page.value(UP) == Some(1.0));
    assert!(page.value(PROBES) >= Some(1.0));
    assert_eq!(errors(&page, "PGRST002"), 0.0, "it is there from the start");
    let request = postgrest.wait(1).remove(0);
    let mut lines = request.lines();
    assert_eq!(lines.next(), Some("GET /rest/v1/simplicity_batches?select=id&limit=1 HTTP/1.1"));
    let headers: Vec<_> = lines.collect();
    for header in ["accept-profile: intake", &format!("apikey: {KEY}"), "accept: application/json"] {
        assert!(headers.contains(&header), "{header}: {request}");
    }
    exporter.shows(r#"postgrest</th><td class="good">"#);
}

#[test]
fn every_bad_answer_is_down_with_its_code() {
    let elsewhere = StandIn::start(good());
    let postgrest = StandIn::start(good());
    let exporter = polling(&postgrest);
    let moved = Answer::Whole(302, format!("Location: {}\r\n", elsewhere.url("/simplicity_batches")), String::new());
    let page_of_a_proxy = "<html><head><title>502 Bad Gateway</title></head></html>";
    let expired = r#"{"code":"PGRST301","details":null,"hint":null,"message":"JWT expired"}"#;
    let schema = r#"{"code":"PGRST106","details":null,"hint":null,"message":"The schema must be one of the following: public"}"#;
    for (answer, code, told) in [
        (stale_cache(), "PGRST002", "PGRST002: Could not query the database for the schema cache. Retrying."),
        (Answer::json(401, expired), "PGRST301", "PGRST301: JWT expired"),
        (Answer::json(406, schema), "PGRST106", "PGRST106: The schema must be one of the following: public"),
        (Answer::json(401, r#"{"message":"Invalid API key"}"#), "HTTP_401", "HTTP_401: not an answer of PostgREST"),
        (Answer::Whole(502, String::new(), page_of_a_proxy.to_owned()), "HTTP_502", "HTTP_502: not an answer of PostgREST"),
        (Answer::json(200, "[{\"id\""), "HTTP_200", "HTTP_200: expected a JSON array"),
        (moved, "HTTP_302", "HTTP_302: a redirect, which is not followed"),
    ] {
        postgrest.answers(good());
        exporter.eventually("it is up", |page| page.value(UP) == Some(1.0));
        postgrest.answers(answer);
        let page = exporter.eventually(code, |page| errors(page, code) > 0.0 && page.value(UP) == Some(0.0));
        assert_eq!(page.value(r#"sentinel_exporter_collector_success{collector="postgrest"}"#), Some(1.0), "it was looked at");
        exporter.shows(told);
        exporter.logged(told);
    }
    assert_eq!(elsewhere.requests(), [""; 0], "nobody elsewhere sees the key");
    let log = exporter.log();
    assert_eq!(log.matches("JWT expired").count(), 1, "what goes on is logged once:\n{log}");
    postgrest.answers(good());
    exporter.logged("what the collector looks at is well again");
    exporter.shows(r#"postgrest</th><td class="good">"#);
}

#[test]
fn no_answer_is_down_without_a_code() {
    let postgrest = StandIn::start(good());
    let exporter = Exporter::start(config(&postgrest.url("")).replace("interval", "timeout: 500ms, interval"));
    for (answer, told) in [
        (Answer::Nothing, "no answer within 500ms"),
        (Answer::Slowly, "no answer within 500ms"),
        (Answer::Endless, "an answer of more than 65536 bytes"),
        (Answer::Bytes(b""), "connection closed before message completed"),
        (Answer::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n"), "invalid HTTP"),
        (Answer::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]"), "end of file before message length reached"),
    ] {
        postgrest.answers(good());
        let before = exporter.eventually("it is up", |page| page.value(UP) == Some(1.0));
        postgrest.answers(answer);
        let page = exporter.eventually(told, |page| page.value(UP) == Some(0.0));
        assert!(page.value(PROBES) > before.value(PROBES), "a failed probe has a duration too");
        assert_eq!(page.family("sentinel_postgrest_errors_total").len(), 1, "PGRST002 alone: {told}");
        exporter.shows(told);
    }
    assert_eq!(errors(&exporter.scrape(), "PGRST002"), 0.0);
}

#[test]
fn nobody_there() {
    for (host, told) in [
        (format!("http://127.0.0.1:{}", free_port()), "Connection refused"),
        ("http://no-such-host.invalid".to_owned(), "dns error"),
    ] {
        let exporter = Exporter::start(config(&host));
        exporter.eventually("it is down", |page| page.value(UP) == Some(0.0));
        exporter.logged(told);
        exporter.shows(told);
    }
}

#[test]
fn tls_is_checked() {
    let certs = Certs::new();
    let start = |pair, ca: &std::path::Path| {
        let postgrest = StandIn::start_tls(good(), pair);
        let trusting = Setup::new(config(&postgrest.url(""))).environment("SSL_CERT_FILE", &ca.to_string_lossy());
        (trusting.environment("SSL_CERT_DIR", "").start(), postgrest)
    };
    let (exporter, _postgrest) = start(&certs.localhost, &certs.ca);
    exporter.eventually("it is up", |page| page.value(UP) == Some(1.0));
    for (pair, ca, told) in
        [(&certs.elsewhere, &certs.ca, "certificate not valid for name"), (&certs.localhost, &certs.stranger, "UnknownIssuer")]
    {
        let (exporter, postgrest) = start(pair, ca);
        exporter.eventually("it is down", |page| page.value(UP) == Some(0.0));
        exporter.logged(told);
        assert_eq!(postgrest.requests(), [""; 0], "the key is not told to an impostor");
    }
}

#[test]
fn a_system_without_certificates_can_do_without_tls() {
    let postgrest = StandIn::start(good());
    let setup =
        Setup::new(config(&postgrest.url(""))).environment("SSL_CERT_FILE", "/nowhere").environment("SSL_CERT_DIR", "/nowhere");
    let exporter = setup.start();
    exporter.eventually("it is up", |page| page.value(UP) == Some(1.0));
    assert!(exporter.log().contains("the package ca-certificates has them"), "{}", exporter.log());
}

#[test]
fn counts_survive_a_restart() {
    let postgrest = StandIn::start(stale_cache());
    let exporter = polling(&postgrest);
    exporter.eventually("two errors", |page| errors(page, "PGRST002") >= 2.0);
    postgrest.answers(good());
    later(&exporter);
    let before = exporter.scrape();
    let after = exporter.stop_and_restart().scrape();
    assert_eq!(errors(&after, "PGRST002"), errors(&before, "PGRST002"));
    assert!(after.value(PROBES) >= before.value(PROBES));
}

#[test]
fn the_key_is_told_to_postgrest_alone() {
    // A server that tells everybody what it was told.
    let echo = format!(r#"{{"code":"PGRST301","message":"bad key {KEY}"}}"#);
    let postgrest = StandIn::start(Answer::json(401, &echo));
    let url = postgrest.url("/rest");
    let text = format!("postgrest: {{url: {url:?}, api_key_file: key, interval: 50ms, timeout: 500ms, stale_after: 1m}}");
    let setup = Setup::new(text).argument("--log.level=debug");
    std::fs::write(setup.folder().join("key"), format!("{KEY}\n")).unwrap();
    let exporter = setup.start();
    exporter.logged("bad key <secret>");
    exporter.shows("bad key &lt;secret&gt;");
    postgrest.answers(Answer::Nothing);
    exporter.logged("no answer within");
    exporter.signal("HUP");
    exporter.logged("configuration was taken");
    assert!(postgrest.requests()[0].contains(KEY));
    let told = ["/", "/metrics", "/nowhere"].map(|path| exporter.get(path).text().to_owned()).concat() + &exporter.log();
    for secret in [KEY, "own-5531", "/rest"] {
        assert!(!told.contains(secret), "{secret} is in:\n{told}");
    }
}
