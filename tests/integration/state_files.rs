//! The stock bot's state file and logs, as the bot writes, half-writes and rotates them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::exporter::{Exporter, append};
use crate::support::page::Page;

const STATE: &str = "bot/state/sre_metrics.json";
const RCA: &str = "bot/state/sre_rca_fixes.jsonl";
const CRITICAL: &str = "bot/logs/critical_health_checks.jsonl";

fn start() -> Exporter {
    Exporter::start("sre: {root: bot, interval: 50ms, stale_after: 1s}")
}

/// Writes the state file as the bot does: aside, and renamed.
fn write_state(exporter: &Exporter, text: &str) {
    let (path, aside) = (exporter.path(STATE), exporter.path("bot/state/aside"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&aside, text).unwrap();
    fs::rename(aside, path).unwrap();
}

fn outcome(score: f64, time: &str) -> String {
    format!(
        "{{\"logic_heartbeat\": 1736116800.5, \"mock_signal_success_pct\": 90.0, \"parser_health_index\": 75.0, \"auto_fix_count\": 3, \
         \"last_mock_signal_score\": {score}, \"last_mock_signal_time\": \"{time}\", \"last_update\": 1736116800.0}}"
    )
}

fn success(page: &Page) -> Option<f64> {
    page.value("sentinel_exporter_collector_success{collector=\"sre_state\"}")
}

fn signals(page: &Page, result: &str) -> f64 {
    page.value(&format!("sentinel_mock_signals_total{{result=\"{result}\"}}")).unwrap()
}

#[test]
fn every_outcome_is_counted_once_in_both_forms_of_its_time() {
    let exporter = start();
    write_state(&exporter, &outcome(4.5, "2026-01-05T22:30:00Z"));
    let page = exporter.eventually("the first outcome", |page| page.value("sentinel_mock_signal_last_score") == Some(4.5));
    assert_eq!(signals(&page, "pass"), 1.0);
    assert_eq!(page.value("sentinel_mock_signal_success_ratio"), Some(0.9));
    assert_eq!(page.value("sentinel_parser_health_ratio"), Some(0.75));
    assert_eq!(page.value("sentinel_logic_heartbeat_timestamp_seconds"), Some(1736116800.5));
    assert_eq!(page.value("sentinel_auto_fixes_reported"), Some(3.0));
    // The same moment in the other form, then a later one.
    write_state(&exporter, &outcome(3.9, "2026-01-05T22:30:00.000000+00:00"));
    exporter.eventually("the file is read", |page| page.value("sentinel_mock_signal_last_score") == Some(3.9));
    write_state(&exporter, &outcome(4.0, "2026-01-05T22:45:00.123456+00:00"));
    let page = exporter.eventually("the second outcome", |page| signals(page, "pass") == 2.0);
    assert_eq!(signals(&page, "fail"), 0.0);
    write_state(&exporter, &outcome(3.99, "2026-01-05T23:00:00.123456+00:00"));
    let page = exporter.eventually("the third outcome", |page| signals(page, "fail") == 1.0);
    assert_eq!(page.value("sentinel_mock_signal_score_sum"), Some(4.5 + 4.0 + 3.99));
    assert_eq!(page.value("sentinel_mock_signal_score_bucket{le=\"4.0\"}"), Some(2.0));
}

#[test]
fn what_the_bot_has_not_written_is_not_there() {
    let exporter = start();
    let page = exporter.eventually("it was looked for", |page| success(page) == Some(0.0));
    assert_eq!(page.value("sentinel_logic_heartbeat_timestamp_seconds"), None);
    assert_eq!(signals(&page, "pass"), 0.0, "counters are there from the start");
    assert_eq!(page.value("sentinel_exporter_collector_last_success_timestamp_seconds{collector=\"sre_state\"}"), Some(0.0));
    write_state(&exporter, r#"{"logic_heartbeat": 5, "parser_health_index": null}"#);
    let page = exporter.eventually("it is there", |page| success(page) == Some(1.0));
    assert_eq!(page.value("sentinel_logic_heartbeat_timestamp_seconds"), Some(5.0));
    assert_eq!(page.value("sentinel_parser_health_ratio"), None);
    assert_eq!(page.value("sentinel_mock_signal_last_score"), None);
}

#[test]
fn a_half_written_file_keeps_the_last_good_one_until_it_is_stale() {
    let exporter = Exporter::start("sre: {root: bot, interval: 50ms, stale_after: 5s}");
    let whole = outcome(4.5, "2026-01-05T22:30:00Z");
    write_state(&exporter, &whole);
    exporter.eventually("the file is read", |page| success(page) == Some(1.0));
    write_state(&exporter, &whole[..whole.len() / 2]);
    let page = exporter.eventually("it fails", |page| success(page) == Some(0.0));
    assert_eq!(page.value("sentinel_parser_health_ratio"), Some(0.75), "the last good one");
    assert!(exporter.get("/").text().contains("sre_metrics.json"), "the status page names it");
    exporter.eventually("it is stale", |page| page.value("sentinel_parser_health_ratio").is_none());
    write_state(&exporter, &whole);
    let page = exporter.eventually("it is back", |page| page.value("sentinel_parser_health_ratio") == Some(0.75));
    assert_eq!(signals(&page, "pass"), 1.0, "the same outcome does not count again");
    exporter.logged("the collector succeeds again");
}

#[test]
fn nobody_waits_for_the_writer_of_a_pipe() {
    let exporter = start();
    write_state(&exporter, "{}");
    exporter.eventually("the file is read", |page| success(page) == Some(1.0));
    let path = exporter.path(STATE);
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    exporter.eventually("it fails", |page| success(page) == Some(0.0));
    exporter.shows("sre_metrics.json: not a regular file");
    write_state(&exporter, "{}");
    exporter.eventually("the file is read again", |page| success(page) == Some(1.0));
}

#[test]
fn a_log_that_cannot_be_read_is_a_failure() {
    let exporter = start();
    write_state(&exporter, "{}");
    exporter.eventually("logs may be missing", |page| success(page) == Some(1.0));
    for (log, name) in [(RCA, "sre_rca_fixes.jsonl"), (CRITICAL, "critical_health_checks.jsonl")] {
        // Root may read any file, but a folder is none.
        fs::create_dir_all(exporter.path(log)).unwrap();
        exporter.eventually("it fails", |page| success(page) == Some(0.0));
        exporter.shows(&format!("{name}: not a regular file"));
        fs::remove_dir(exporter.path(log)).unwrap();
        exporter.eventually("it succeeds again", |page| success(page) == Some(1.0));
    }
}

#[test]
fn a_session_counts_with_its_checks_and_fixes() {
    let exporter = start();
    exporter.append(
        RCA,
        concat!(
            r#"{"timestamp": 1736116800.0, "trigger": "mock_signal_failure", "overall_status": "FAIL", "checks": ["#,
            r#"{"check_name": "uw_parser_integrity", "status": "OK", "message": "x", "fix_applied": null, "fix_success": false},"#,
            r#"{"check_name": "alpaca_latency", "status": "WARNING", "message": "x", "fix_applied": null, "fix_success": false},"#,
            r#"{"check_name": "entry_thresholds", "status": "FAIL", "message": "x", "fix_applied": "reset_entry_thresholds", "fix_success": false},"#,
            r#"{"check_name": "cache_lock", "status": "FAIL", "message": "x", "fix_applied": "clear_cache_lock", "fix_success": true}],"#,
            r#""fixes_applied": ["reset_entry_thresholds (failed)", "clear_cache_lock (success)"], "time": "2026-01-05T22:30:00+00:00"}"#,
            "\n{\"trigger\": \"manual\", \"overall_status\": \"OK\"}\n{\"trigger\": \"manual\"}\n",
        ),
    );
    let page = exporter.scrape();
    let session =
        |trigger, status| page.value(&format!("sentinel_rca_sessions_total{{trigger=\"{trigger}\",status=\"{status}\"}}"));
    assert_eq!(
        (session("mock_signal_failure", "fail"), session("manual", "ok"), session("manual", "fail")),
        (Some(1.0), Some(1.0), Some(0.0))
    );
    let check = |name| page.value(&format!("sentinel_check_status{{check=\"{name}\",source=\"rca\"}}"));
    assert_eq!(check("uw_parser_integrity"), Some(0.0));
    assert_eq!(check("alpaca_latency"), Some(1.0));
    assert_eq!(check("entry_thresholds"), Some(2.0));
    assert_eq!(check("cache_lock"), Some(0.0), "its fix has mended it");
    let fix = |name, result| page.value(&format!("sentinel_auto_fixes_total{{fix=\"{name}\",result=\"{result}\"}}"));
    assert_eq!((fix("clear_cache_lock", "success"), fix("reset_entry_thresholds", "failed")), (Some(1.0), Some(1.0)));
    let ran = "sentinel_check_last_run_timestamp_seconds{check=\"cache_lock\",source=\"rca\"}";
    assert_eq!(page.value(ran), Some(1736116800.0));
    assert_eq!(page.value("sentinel_exporter_events_rejected_total{reason=\"schema\"}"), Some(1.0));
}

#[test]
fn critical_checks_are_followed_over_rotation() {
    let exporter = start();
    let line = |at: f64, status: &str| {
        format!(
            "{{\"timestamp\": {at:.1}, \"time\": \"2026-01-05 22:30:00\", \"name\": \"weights_file\", \"status\": \"{status}\", \
             \"message\": \"x\", \"can_auto_fix\": true, \"fix_applied\": false}}\n"
        )
    };
    let status = || exporter.value("sentinel_check_status{check=\"weights_file\",source=\"critical\"}");
    exporter.append(CRITICAL, &line(1.0, "WARNING"));
    assert_eq!(status(), Some(1.0));
    exporter.append(CRITICAL, &line(2.0, "CRITICAL"));
    assert_eq!(status(), Some(2.0));
    let path = exporter.path(CRITICAL);
    fs::rename(&path, Path::new(&format!("{}.1", path.display()))).unwrap();
    append(&path, &line(3.0, "OK"));
    assert_eq!(status(), Some(0.0));
    let ran = "sentinel_check_last_run_timestamp_seconds{check=\"weights_file\",source=\"critical\"}";
    assert_eq!(exporter.value(ran), Some(3.0));
}
