//! Every path's answer: its status, its headers and its body.

use std::io::Read;

use crate::support::exporter::{Exporter, Setup, append};
use crate::support::http::request;
use crate::support::page::Page;

const TEXT: &str = "text/plain; charset=utf-8";

#[test]
fn metrics_are_in_the_text_format() {
    let exporter = Exporter::start("");
    let page = exporter.scrape_text();
    assert_eq!(page.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(page.header("content-encoding"), None);
    assert_eq!(page.header("content-length"), Some(page.body.len().to_string().as_str()));
    assert!(page.text().ends_with('\n'));
    // What Prometheus would rather have is not what it gets.
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n";
    let page = request(exporter.address, "GET", "/metrics", accept);
    assert_eq!(page.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
}

#[test]
fn gzip_holds_the_same_families() {
    let exporter = Exporter::start("");
    // As on a page with the orders of some symbols.
    let order =
        |symbol: usize| format!("{{\"event\":\"order\",\"symbol\":\"SYMBOL{symbol}\",\"side\":\"buy\",\"status\":\"new\"}}\n");
    append(&exporter.own_journal(), &(0..20).map(order).collect::<String>());
    let plain = exporter.scrape_text();
    let packed = request(exporter.address, "GET", "/metrics", "Accept-Encoding: gzip\r\n");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!([&plain, &packed].map(|page| page.header("vary")), [Some("Accept-Encoding"); 2]);
    assert!(packed.body.len() < plain.body.len() / 4, "{} bytes of {}", packed.body.len(), plain.body.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*packed.body).read_to_string(&mut text).expect("gzip");
    assert_eq!(Page::parse(&text).types, Page::parse(plain.text()).types);
}

#[test]
fn head_has_the_same_headers_and_no_body() {
    let exporter = Exporter::start("");
    exporter.scrape();
    for (path, headers) in
        [("/", ""), ("/health", ""), ("/-/ready", ""), ("/metrics", ""), ("/metrics", "Accept-Encoding: gzip\r\n")]
    {
        let [get, head] = ["GET", "HEAD"].map(|method| request(exporter.address, method, path, headers));
        assert_eq!((get.status, head.status, head.body.len()), (200, 200, 0), "{path}");
        for header in ["content-type", "content-encoding", "vary"] {
            assert_eq!(head.header(header), get.header(header), "{path} {header}");
        }
        // Not the same number: between the two, time has gone by in the page.
        let length = head.header("content-length").map(|length| length.parse::<usize>().expect("a length"));
        assert!(length.is_some_and(|length| length.abs_diff(get.body.len()) < 100), "{path} {length:?} {}", get.body.len());
    }
}

#[test]
fn health_endpoints_answer_what_scripts_look_for() {
    let exporter = Exporter::start("");
    exporter.scrape();
    let health = exporter.get("/health");
    assert_eq!(
        (health.status, health.header("content-type"), health.text()),
        (200, Some("application/json"), "{\"status\": \"ok\"}")
    );
    for (path, text) in [("/-/healthy", "sentinel-exporter is healthy.\n"), ("/-/ready", "sentinel-exporter is ready.\n")] {
        let answer = exporter.get(path);
        assert_eq!((answer.status, answer.header("content-type"), answer.text()), (200, Some(TEXT), text));
    }
}

#[test]
fn a_query_makes_no_difference() {
    let exporter = Exporter::start("");
    exporter.scrape();
    for path in ["/metrics?name[]=up", "/?", "/health?from=hub"] {
        assert_eq!(exporter.get(path).status, 200, "{path}");
    }
}

#[test]
fn what_is_not_there_is_404() {
    let exporter = Exporter::start("");
    for path in ["/nothing", "/metrics/", "//metrics", "/Metrics", "/-/", "/%6detrics", "*"] {
        let answer = exporter.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (404, Some(TEXT)), "{path}");
    }
}

#[test]
fn a_method_that_makes_no_sense_is_405_with_those_that_do() {
    let exporter = Exporter::start("web: {enable_lifecycle: true}");
    for path in ["/", "/metrics", "/health", "/-/healthy", "/-/ready"] {
        for method in ["POST", "DELETE", "OPTIONS", "BREW"] {
            let answer = request(exporter.address, method, path, "");
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method} {path}");
        }
    }
    let answer = exporter.get("/-/reload");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST, PUT")));
}

#[test]
fn the_metrics_can_be_elsewhere() {
    let configured = Exporter::start("web: {telemetry_path: /federate}");
    let overridden = Setup::new("web: {telemetry_path: /federate}").argument("--web.telemetry-path=/m").start();
    for (exporter, path) in [(&configured, "/federate"), (&overridden, "/m")] {
        assert!([200, 503].contains(&exporter.get(path).status));
        assert_eq!(exporter.get("/metrics").status, 404);
        assert!(exporter.get("/").text().contains(&format!("<a href=\"{path}\">")));
    }
    assert_eq!(overridden.get("/federate").status, 404);
}
