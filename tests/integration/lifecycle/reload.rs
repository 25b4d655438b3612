//! SIGHUP and POST /-/reload: a new configuration is taken whole or not at all, and whatever comes of it, counts stay.

use std::io::Write as _;
use std::net::TcpListener;

use crate::support::exporter::{Exporter, Setup};
use crate::support::http::{Response, request};
use crate::support::page::Page;

const CYCLE: &str = "{\"event\":\"cycle\",\"seconds\":0.25,\"ok\":true}\n";
const CYCLES: &str = "sentinel_trading_cycles_total";
const SUCCESSFUL: &str = "sentinel_exporter_config_last_reload_successful";
const TIME: &str = "sentinel_exporter_config_last_reload_success_timestamp_seconds";

/// An exporter that may be told over HTTP, which answers when it is done.
fn start(config: &str) -> Exporter {
    let exporter = Exporter::start(lifecycle(config));
    exporter.scrape();
    exporter
}

fn lifecycle(config: &str) -> String {
    format!("web: {{enable_lifecycle: true}}\n{config}")
}

fn reload(exporter: &Exporter, config: &str) -> Response {
    std::fs::write(exporter.path("sentinel.yml"), config).unwrap();
    request(exporter.address, "POST", "/-/reload", "")
}

/// Reloads a configuration that is good.
fn take(exporter: &Exporter, config: &str) {
    let answer = reload(exporter, &lifecycle(config));
    assert_eq!((answer.status, answer.text()), (200, "The configuration was taken.\n"));
}

#[test]
fn what_is_taken_is_in_force() {
    let exporter = start("");
    let begun = exporter.value(TIME).unwrap();
    exporter.append("a.jsonl", CYCLE);
    assert_eq!(exporter.value(CYCLES), Some(0.0));
    take(&exporter, "journals: [{path: a.jsonl}]");
    let page = exporter.scrape();
    assert_eq!((page.value(CYCLES), page.value(SUCCESSFUL)), (Some(1.0), Some(1.0)));
    assert!(page.value(TIME).unwrap() > begun);
    exporter.logged("the new configuration was taken");

    assert_eq!(reload(&exporter, "web: {telemetry_path: /m}\njournals: [{path: a.jsonl}]").status, 200);
    assert_eq!([exporter.get("/m").status, exporter.get("/metrics").status], [200, 404]);
    // And with that it is off.
    assert_eq!(reload(&exporter, "").status, 403);
}

#[test]
fn a_source_that_is_started_anew_has_not_failed() {
    const LAST: &str = "sentinel_exporter_collector_last_success_timestamp_seconds{collector=\"sre_state\"}";
    const SUCCESS: &str = "sentinel_exporter_collector_success{collector=\"sre_state\"}";
    let exporter = start("sre: {root: bot, interval: 50ms}");
    exporter.append("bot/state/sre_metrics.json", "{}");
    exporter.eventually("a success", |page| page.value(SUCCESS) == Some(1.0));
    exporter.append("bot/state/sre_metrics.json", "{");
    let last = exporter.eventually("a failure", |page| page.value(SUCCESS) == Some(0.0)).value(LAST);
    assert!(last > Some(0.0));
    take(&exporter, "sre: {root: bot, interval: 60ms}");
    let page = exporter.eventually("the new one has looked", |page| page.value(SUCCESS) == Some(0.0));
    assert_eq!(page.value(LAST), last);
}

#[test]
fn a_signal_does_the_same() {
    let exporter = Exporter::start("");
    assert_eq!(request(exporter.address, "POST", "/-/reload", "").status, 403);
    exporter.append("a.jsonl", CYCLE);
    std::fs::write(exporter.path("sentinel.yml"), "journals: [{path: a.jsonl}]").unwrap();
    exporter.signal("HUP");
    exporter.eventually("the line in the new journal", |page| page.value(CYCLES) == Some(1.0));
    std::fs::write(exporter.path("sentinel.yml"), "journals: {}").unwrap();
    exporter.signal("HUP");
    exporter.eventually("the refusal", |page| page.value(SUCCESSFUL) == Some(0.0) && page.value(CYCLES) == Some(1.0));
    exporter.logged("sentinel.yml: journals: expected a list");
}

#[test]
fn what_has_a_mistake_is_refused_whole() {
    let exporter = start("journals: [{path: a.jsonl}]");
    exporter.append("a.jsonl", CYCLE);
    let before = exporter.scrape();
    // Two good sections, two mistakes.
    let bad = "web: {telemetry_path: /m}\njournals: [{path: b.jsonl}]\nsre: {}\nlimits: {series_per_family: 0}";
    let answer = reload(&exporter, bad);
    let lines: Vec<_> = answer.text().lines().collect();
    assert_eq!((answer.status, lines.len(), lines[0]), (500, 3, "The configuration was refused:"));
    assert!(lines[1].contains("sentinel.yml: sre.root: expected") && lines[2].contains(": limits.series_per_family: expected"));
    lines[1..].iter().for_each(|line| exporter.logged(&line.replace('"', "\\\"")));

    exporter.append("a.jsonl", CYCLE);
    exporter.append("b.jsonl", CYCLE);
    let after = exporter.scrape();
    assert_eq!((after.value(CYCLES), after.value(SUCCESSFUL)), (Some(2.0), Some(0.0)));
    assert_eq!(after.value(TIME), before.value(TIME));
    assert_eq!(after.types, before.types);
    take(&exporter, "journals: [{path: b.jsonl}, {path: a.jsonl}]");
    let page = exporter.scrape();
    assert_eq!((page.value(CYCLES), page.value(SUCCESSFUL)), (Some(3.0), Some(1.0)));
}

#[test]
fn what_only_a_restart_can_change_is_refused() {
    let exporter = start("");
    let answer = reload(&exporter, &lifecycle("state_dir: elsewhere\nlimits: {series_per_family: 5}"));
    assert_eq!(
        (answer.status, answer.text()),
        (500, "The configuration was refused:\nstate_dir: cannot change without a restart\n")
    );
    assert!(!exporter.path("elsewhere").exists());
    // The address of the command line overrides it, before and after.
    assert_eq!(reload(&exporter, "web: {listen_address: ':9', enable_lifecycle: true}").status, 200);
}

#[test]
fn a_file_that_is_gone_is_a_mistake() {
    let exporter = start("");
    std::fs::remove_file(exporter.path("sentinel.yml")).unwrap();
    let answer = request(exporter.address, "POST", "/-/reload", "");
    assert!(answer.status == 500 && answer.text().contains("sentinel.yml: No such file or directory"), "{}", answer.text());
    assert_eq!(exporter.value(SUCCESSFUL), Some(0.0));
}

#[test]
fn a_source_comes_and_goes_whole() {
    let exporter = start("");
    let before = exporter.scrape().types;
    exporter.append("bot/state/sre_metrics.json", "{\"parser_health_index\": 90}");
    take(&exporter, "sre: {root: bot}");
    exporter.eventually("its first poll", |page| {
        page.value("sentinel_exporter_collector_success{collector=\"sre_state\"}") == Some(1.0)
    });
    assert_eq!(exporter.value("sentinel_parser_health_ratio"), Some(0.9));
    take(&exporter, "");
    assert_eq!(exporter.scrape().types, before);
}

#[test]
fn a_journal_that_comes_back_is_not_counted_again() {
    let exporter = start("journals: [{path: a.jsonl}]");
    exporter.append("a.jsonl", CYCLE);
    assert_eq!(exporter.value(CYCLES), Some(1.0));
    take(&exporter, "");
    exporter.append("a.jsonl", CYCLE);
    assert_eq!(exporter.value(CYCLES), Some(1.0));
    take(&exporter, "journals: [{path: a.jsonl}]");
    assert_eq!(exporter.value(CYCLES), Some(2.0));
}

#[test]
fn a_secret_is_read_again() {
    let databases = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let config = "postgres: {url_file: url, interval: 50ms, timeout: 50ms, stale_after: 1s}";
    let exporter = start("");
    for database in databases {
        let mut file = std::fs::File::create(exporter.path("url")).unwrap();
        writeln!(file, "postgresql://u:p@{}/d", database.local_addr().unwrap()).unwrap();
        take(&exporter, config);
        database.accept().unwrap();
    }
}

#[test]
fn a_hundred_in_a_row_lose_no_count() {
    let exporter = start("journals: [{path: a.jsonl}]");
    for round in 0..100 {
        exporter.append("a.jsonl", CYCLE);
        take(&exporter, ["journals: [{path: a.jsonl}]", "journals: [{path: b.jsonl}, {path: a.jsonl}]"][round % 2]);
    }
    assert_eq!(exporter.value(CYCLES), Some(100.0));
}

#[test]
fn a_reload_while_the_journals_are_first_read_does_not_end_that_early() {
    let setup = Setup::new(lifecycle("journals: [{path: long.jsonl}]"));
    std::fs::write(setup.folder().join("long.jsonl"), CYCLE.repeat(200_000)).unwrap();
    let exporter = setup.start();
    take(&exporter, "journals: [{path: long.jsonl}, {path: other.jsonl}]");
    // The first page that is shown is whole, even to a client that has no time to wait for it.
    let page = exporter.scrape_with("X-Prometheus-Scrape-Timeout-Seconds: 0.002\r\n");
    assert_eq!(Page::parse(page.text()).value(CYCLES), Some(200_000.0));
}
