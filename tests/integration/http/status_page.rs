//! The page for somebody who has just been paged: each source with its age and what is wrong, and nothing of it taken for HTML.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::exporter::{Exporter, Setup};

const STATE: &str = "bot/state/sre_metrics.json";

/// The texts of the row that begins with `name`: the name, its state, when it was good, what is wrong.
fn row(exporter: &Exporter, name: &str) -> [String; 4] {
    let answer = exporter.get("/");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let rows = answer.text().split("<tr><th scope=\"row\">").filter_map(|row| row.split_once("</tr>"));
    let mut rows = rows.map(|(row, _)| row.splitn(4, "<td").map(text).collect::<Vec<_>>());
    let found = rows.find(|row| row[0] == name).unwrap_or_else(|| panic!("no row {name}:\n{}", answer.text()));
    found.try_into().expect("four cells")
}

/// What a reader sees of some HTML, whose first tag may have lost its beginning.
fn text(html: &str) -> String {
    let html = if html.starts_with(['>', ' ']) { html.split_once('>').unwrap().1 } else { html };
    let parts = html.split('<').enumerate().map(|(at, part)| if at == 0 { part } else { part.split_once('>').unwrap().1 });
    parts.collect::<String>()
}

#[test]
fn a_source_shows_its_age() {
    let setup = Setup::new("sre: {root: bot, interval: 100ms}");
    std::fs::create_dir_all(setup.folder().join("bot/state")).unwrap();
    std::fs::write(setup.folder().join(STATE), "{}").unwrap();
    let exporter = setup.start();
    let deadline = Instant::now() + Duration::from_secs(30);
    while row(&exporter, "sre_state") != ["sre_state", "✔ ok", "0 s ago", ""] {
        assert!(Instant::now() < deadline, "{:?}", row(&exporter, "sre_state"));
    }

    std::fs::write(exporter.path(STATE), "{").unwrap();
    exporter.shows("sre_metrics.json: expected the bot's state as JSON");
    let failing = row(&exporter, "sre_state");
    assert_eq!(failing[1], "✖ failing");
    assert!(failing[2].ends_with(" s ago"), "{failing:?}");
}

#[test]
fn a_source_that_never_succeeded_says_why() {
    // Accepts and never answers.
    let database = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgresql://u:hunter2@{}/db?sslmode=disable", database.local_addr().unwrap());
    let exporter = Exporter::start(format!("postgres: {{url: \"{url}\", timeout: 100ms}}"));
    exporter.logged("a collector failed");
    let failing = row(&exporter, "postgres");
    assert_eq!(failing[1..3], ["✖ failing", "never"]);
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
    assert_eq!(row(&exporter, &path("events.jsonl"))[1..], ["✔ ok", "31 bytes read, 0 to read", ""]);
    assert_eq!(row(&exporter, &path("later.jsonl"))[1..], ["? waiting", "there is no such file yet", ""]);
    assert_eq!(row(&exporter, &path("sentinel-data"))[1..], ["✖ failing", "never", "not a regular file"]);
}

#[test]
fn programs_are_told_the_verdict_of_the_page() {
    let exporter = Exporter::start("journals: [{path: events.jsonl}]");
    let told = |event: &str, verdict: &str, why: &str| {
        exporter.append("events.jsonl", event);
        exporter.scrape();
        let json: Value = serde_json::from_str(exporter.get("/api/sre/health").text()).unwrap();
        assert_eq!(json["overall_status"], verdict);
        assert!(json["summary"].as_str().unwrap().starts_with(why), "{json}");
        assert!(exporter.get("/").text().contains(&format!("{verdict} · sentinel-exporter</title>")), "{verdict}");
    };
    told("", "unknown", "No checks are configured; no figure is out of bounds");
    let switch = |active: bool| format!("{{\"event\":\"kill_switch\",\"active\":{active}}}\n");
    told(&switch(true), "critical", "No checks are configured; 1 figure is out of bounds");
    told(&switch(false), "healthy", "No checks are configured; no figure is out of bounds");
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

#[test]
fn what_a_browser_may_do_is_said() {
    let exporter = Exporter::start("");
    for path in ["/", "/page.css", "/page.js", "/page.svg", "/api/sre/health"] {
        let answer = exporter.get(path);
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{path} has no policy"));
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
    let page = exporter.get("/").text().to_owned();
    for inline in ["<style", " style=", " onclick", " onload", "javascript:"] {
        assert!(!page.contains(inline), "{inline} in:\n{page}");
    }
    assert_eq!(page.matches("<script").count(), page.matches("<script src=\"/page.js\"").count());
}
