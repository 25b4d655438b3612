//! The page for somebody who has just been paged: each source with its age and what is wrong, and nothing of it taken for HTML.

use std::net::TcpListener;

use crate::support::exporter::{Exporter, Setup};

const STATE: &str = "bot/state/sre_metrics.json";

/// The cells of the row that begins with `name`.
fn row(exporter: &Exporter, name: &str) -> Vec<String> {
    let answer = exporter.get("/");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let rows = answer.text().split("<tr><td>").filter_map(|row| row.split_once("</tr>"));
    let mut rows = rows.map(|(row, _)| row.split("<td").map(|cell| cell.trim_start_matches('>').to_owned()).collect::<Vec<_>>());
    rows.find(|row| row[0] == name).unwrap_or_else(|| panic!("no row {name}:\n{}", answer.text()))
}

#[test]
fn a_source_shows_its_age() {
    let setup = Setup::new("sre: {root: bot, interval: 100ms}");
    std::fs::create_dir_all(setup.folder().join("bot/state")).unwrap();
    std::fs::write(setup.folder().join(STATE), "{}").unwrap();
    let exporter = setup.start();
    let success = "sentinel_exporter_collector_success{collector=\"sre_state\"}";
    exporter.eventually("the first poll", |page| page.value(success) == Some(1.0));
    assert_eq!(row(&exporter, "sre_state"), ["sre_state", " class=ok>ok", "0 s ago", ""]);

    std::fs::write(exporter.path(STATE), "{").unwrap();
    exporter.eventually("a failing poll", |page| page.value(success) == Some(0.0));
    let failing = row(&exporter, "sre_state");
    assert_eq!(failing[1], " class=bad>failing");
    assert!(
        failing[2].ends_with(" s ago") && failing[3].contains("sre_metrics.json: expected the bot's state as JSON"),
        "{failing:?}"
    );
}

#[test]
fn a_source_that_never_succeeded_says_why() {
    // Accepts and never answers.
    let database = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgresql://u:hunter2@{}/db?sslmode=disable", database.local_addr().unwrap());
    let exporter = Exporter::start(format!("postgres: {{url: \"{url}\", timeout: 100ms}}"));
    exporter.logged("a collector failed");
    let failing = row(&exporter, "postgres");
    assert_eq!(failing[1..3], [" class=bad>failing", "never"]);
    // All its parts fail for the same reason, which is told once.
    assert_eq!(failing[3].matches("no connection within 100ms").count(), 1, "{failing:?}");
    assert_eq!(failing[3].matches("ops.v_").count(), 3, "{failing:?}");
    assert!(!exporter.get("/").text().contains("hunter2"));
}

#[test]
fn journals_show_how_far_they_were_read() {
    let exporter = Exporter::start("journals: [{path: events.jsonl}, {path: later.jsonl}, {path: sentinel-data}]");
    exporter.append("events.jsonl", "{\"event\":\"uptime\",\"seconds\":1}\n");
    exporter.scrape();
    let path = |name| exporter.path(name).display().to_string();
    assert_eq!(row(&exporter, &path("events.jsonl"))[1..], [" class=ok>ok", "31 bytes read, 0 to read", ""]);
    assert_eq!(row(&exporter, &path("later.jsonl"))[1..], [" class=unknown>waiting", "there is no such file yet", ""]);
    assert_eq!(row(&exporter, &path("sentinel-data"))[1..], [" class=bad>failing", "never", "not a regular file"]);
}

#[test]
fn text_from_outside_is_no_markup() {
    let exporter = Exporter::start("journals: [{path: \"<b>&\\\"x\"}]");
    exporter.scrape();
    let page = exporter.get("/");
    assert!(page.text().contains("&lt;b&gt;&amp;&quot;x"), "{}", page.text());
    let page = Exporter::start("web: {telemetry_path: '/\"><script>'}").get("/");
    assert!(page.text().contains("<a href=\"/&quot;&gt;&lt;script&gt;\">"), "{}", page.text());
}
