//! The checks that run in the exporter, as samples.

use std::net::TcpListener;
use std::time::Duration;

use sentinel_exporter::health;
use sentinel_exporter::health::repair::Fix;
use serde_json::Value;

use crate::support::bot::Bot;
use crate::support::exporter::{Exporter, Setup};
use crate::support::page::Page;

const LOCK: &str = "state/uw_flow_cache.json.lock";

fn start(checks: &str) -> (Exporter, Bot) {
    let setup = Setup::new(format!("sre: {{root: bot, interval: 100ms}}\nchecks: {{interval: 100ms{checks}}}"));
    let bot = Bot::new(setup.folder());
    (setup.start(), bot)
}

fn status(page: &Page, check: &str) -> Option<f64> {
    page.value(&format!("sentinel_check_status{{check=\"{check}\",source=\"exporter\"}}"))
}

fn statuses(page: &Page) -> Vec<f64> {
    let of_exporter = |(series, status): &(&str, f64)| series.contains("source=\"exporter\"").then_some(*status);
    page.family("sentinel_check_status").iter().filter_map(of_exporter).collect()
}

#[test]
fn every_check_has_its_level_and_its_time() {
    let (exporter, bot) = start("");
    let success = "sentinel_exporter_collector_success{collector=\"checks\"}";
    let page = exporter.eventually("all checks", |page| statuses(page).len() == 11 && page.value(success) == Some(1.0));
    assert_eq!(statuses(&page), [0.0; 11]);
    assert_eq!(page.value("sentinel_exporter_collector_interval_seconds{collector=\"checks\"}"), Some(0.1));
    let ran = "sentinel_check_last_run_timestamp_seconds{check=\"cache_lock\",source=\"exporter\"}";
    let first = page.value(ran).unwrap();
    exporter.eventually("it runs again", |page| page.value(ran).unwrap() > first);

    bot.lock(LOCK, Duration::from_secs(400));
    bot.write("data/entry_thresholds.json", "{\"base\": 2.9}");
    exporter.eventually("the lock", |page| status(page, "cache_lock") == Some(2.0));
    exporter.eventually("the threshold", |page| status(page, "entry_thresholds") == Some(1.0));
    std::fs::remove_file(bot.path(LOCK)).unwrap();
    exporter.eventually("the lock is gone", |page| status(page, "cache_lock") == Some(0.0));
}

#[test]
fn they_stand_beside_those_of_the_bot() {
    let (exporter, _bot) = start("");
    exporter.append(
        "bot/logs/critical_health_checks.jsonl",
        "{\"timestamp\": 1.0, \"name\": \"weights_file\", \"status\": \"CRITICAL\"}\n",
    );
    let page = exporter.eventually("the exporter's own", |page| status(page, "weights_file").is_some());
    assert_eq!(page.value("sentinel_check_status{check=\"weights_file\",source=\"critical\"}"), Some(2.0));
    assert_eq!(status(&page, "weights_file"), Some(0.0));
}

#[test]
fn a_check_that_is_turned_off_goes() {
    let (exporter, _bot) = start("");
    exporter.eventually("all checks", |page| statuses(page).len() == 11);
    let config = std::fs::read_to_string(exporter.path("sentinel.yml")).unwrap();
    let config = config.replace("checks: {", "checks: {zero_trades: {enabled: false}, ");
    std::fs::write(exporter.path("sentinel.yml"), config).unwrap();
    exporter.signal("HUP");
    let page = exporter.eventually("one less", |page| statuses(page).len() == 10);
    assert_eq!(status(&page, "zero_trades"), None);
}

/// A database that accepts and never answers, and the section for it.
fn silent_database() -> (TcpListener, String) {
    let database = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgresql://u:p@{}/db?sslmode=disable", database.local_addr().unwrap());
    (database, format!("postgres: {{url: \"{url}\", interval: 100ms, timeout: 100ms}}\nchecks: {{interval: 100ms}}"))
}

fn told(exporter: &Exporter) -> Value {
    serde_json::from_str(exporter.get("/api/sre/health").text()).unwrap()
}

#[test]
fn a_source_without_a_bot_has_its_checks() {
    let (_database, config) = silent_database();
    let exporter = Exporter::start(config);
    let page = exporter.eventually("its checks", |page| statuses(page).len() == 3);
    for check in ["postgres", "stuck_batches", "error_spike"] {
        assert_eq!(status(&page, check), Some(1.0), "{check}");
    }
    assert_eq!(told(&exporter)["overall_status"], "degraded");
    assert!(page.family("sentinel_mock_signals_total").is_empty(), "without a bot there is nothing of it");
}

#[test]
fn what_is_taken_out_of_the_configuration_is_no_longer_checked() {
    let (_database, config) = silent_database();
    let exporter = Exporter::start(format!("sre: {{root: bot, interval: 100ms}}\n{config}"));
    let _bot = Bot::new(&exporter.path(""));
    exporter.eventually("all checks", |page| statuses(page).len() == 14);
    let take = |config: &str| {
        std::fs::write(exporter.path("sentinel.yml"), config).unwrap();
        exporter.signal("HUP");
    };
    take("sre: {root: bot, interval: 100ms}\nchecks: {interval: 100ms}");
    let page = exporter.eventually("those of the bot", |page| statuses(page).len() == 11);
    assert_eq!(status(&page, "postgres"), None);
    let checks = told(&exporter)["checks"].as_array().unwrap().iter().map(|check| check["check"].clone()).collect::<Vec<_>>();
    assert!(checks.len() == 11 && !checks.contains(&"postgres".into()), "{checks:?}");

    take("");
    exporter.eventually("none", |page| statuses(page).is_empty());
    assert_eq!(told(&exporter)["checks"], Value::Array(Vec::new()));
    exporter.shows("No checks are configured");
}

#[test]
fn a_file_of_the_bot_takes_little_memory_whatever_is_in_it() {
    let setup = Setup::new("sre: {root: bot}");
    let bot = Bot::new(setup.folder());
    // As a tree of values it takes up to a hundred times its size.
    let tree = |bytes: usize| format!("{{\"base\": 1, \"score\": 1, \"tree\": [{}0]}}\n", "{\"\":0},".repeat(bytes / 7));
    bot.write("data/uw_weights.json", &tree(16 << 20));
    bot.write("data/entry_thresholds.json", &tree(16 << 20));
    bot.write("state/sre_metrics.json", &tree(1 << 19));
    let keys: String = (0..1_300_000).map(|key| format!("\"k{key:06}\":0,")).collect();
    bot.write("data/uw_flow_cache.json", &format!("{{{keys}\"last\":0}}"));
    for log in ["data/uw_attribution.jsonl", "logs/run.jsonl", "data/live_orders.jsonl"] {
        bot.write(log, &tree(4_000_000));
    }
    let exporter = setup.start();
    exporter.eventually("all checks", |page| statuses(page).len() == 11);
    told(&exporter);
    let process = std::fs::read_to_string(format!("/proc/{}/status", exporter.pid())).unwrap();
    let peak = process.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    // packaging/sentinel-exporter.service allows 512 MiB.
    assert!(peak.unwrap() < 256 << 10, "{peak:?} kB");
}

#[test]
fn a_check_keeps_to_its_own_interval() {
    let (exporter, bot) = start(", weights_file: {interval: 30m}");
    exporter.eventually("all checks", |page| statuses(page).len() == 11);
    bot.write("data/uw_weights.json", "[");
    bot.write("data/entry_thresholds.json", "{\"base\": 4}");
    let page = exporter.eventually("the other one", |page| status(page, "entry_thresholds") == Some(2.0));
    assert_eq!(status(&page, "weights_file"), Some(0.0), "half an hour has not passed");
}

#[test]
fn a_bot_that_is_not_there_is_told() {
    let exporter = Exporter::start("sre: {root: nowhere, interval: 100ms}");
    let page = exporter.eventually("all checks", |page| statuses(page).len() == 11);
    for (check, level) in [
        ("weights_file", 1.0),
        ("entry_thresholds", 1.0),
        ("uw_parser_integrity", 2.0),
        ("enrich_signal_fields", 1.0),
        ("freshness_scores", 1.0),
        ("zero_trades", 1.0),
        ("cache_lock", 1.0),
        ("uw_daemon_liveness", 2.0),
        ("uw_cache_freshness", 1.0),
        ("sre_state", 1.0),
    ] {
        assert_eq!(status(&page, check), Some(level), "{check}");
    }
}

#[test]
fn every_check_is_in_the_table_and_has_its_runbook() {
    let read = |name: &str| std::fs::read_to_string(format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let operations = read("operations.md");
    let runbooks = ["data", "sre"].map(|team| read(&format!("runbooks/{team}.md"))).concat();
    for check in &health::ALL {
        assert!(operations.contains(&format!("`{}`", check.name)), "docs/operations.md does not have {}", check.name);
        assert!(runbooks.lines().any(|line| line == format!("## {}", check.runbook)), "{}", check.runbook);
    }
    for fix in Fix::ALL {
        assert!(operations.contains(&format!("| `{}` |", fix.name())), "docs/operations.md does not have {}", fix.name());
    }
}
