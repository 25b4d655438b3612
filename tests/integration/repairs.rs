//! Repairs by the running exporter and by `sentinel-exporter check --fix`, beside each other.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bot::Bot;
use crate::support::disk::Disk;
use crate::support::exporter::{Exporter, Setup};
use crate::support::page::Page;
use crate::support::stand_in::{Answer, StandIn};

const LOCK: &str = "data/uw_flow_cache.json.lock";
const LOG: &str = "state/sre_rca_fixes.jsonl";
const STALE: Duration = Duration::from_secs(400);
const SUCCESS: &str = "sentinel_auto_fixes_total{fix=\"clear_cache_lock\",result=\"success\"}";
const STATUS: &str = "sentinel_check_status{check=\"cache_lock\",source=\"exporter\"}";

fn setup(remediation: &str) -> (Setup, Bot) {
    let setup = Setup::new(format!(
        "sre: {{root: bot, interval: 100ms}}\nchecks: {{interval: 100ms}}\nremediation: {{enabled: true, fixes: [clear_cache_lock]{remediation}}}"
    ));
    let bot = Bot::new(setup.folder());
    (setup, bot)
}

fn kept(bot: &Bot) -> usize {
    let names = fs::read_dir(bot.path("data")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("uw_flow_cache.json.lock.before-fix-")).count()
}

fn ran(page: &Page) -> f64 {
    page.value("sentinel_check_last_run_timestamp_seconds{check=\"cache_lock\",source=\"exporter\"}").unwrap_or(0.0)
}

/// Waits until the check has run twice after now.
fn after_two_looks(exporter: &Exporter) -> Page {
    for _ in 0..2 {
        let last = ran(&exporter.scrape());
        exporter.eventually("another look", |page| ran(page) > last);
    }
    exporter.scrape()
}

fn report(output: &std::process::Output) -> (Option<i32>, Value) {
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

#[test]
fn a_stale_lock_is_found_repaired_verified_and_counted_once() {
    let (setup, bot) = setup("");
    bot.lock(LOCK, STALE);
    let exporter = setup.start();
    let page = exporter.eventually("the repair", |page| page.value(SUCCESS) == Some(1.0));
    assert!(!bot.path(LOCK).exists());
    assert_eq!(kept(&bot), 1);
    assert_eq!(page.value("sentinel_rca_sessions_total{trigger=\"scheduled\",status=\"ok\"}"), Some(1.0));
    assert_eq!(page.value("sentinel_check_status{check=\"cache_lock\",source=\"rca\"}"), Some(0.0));
    exporter.eventually("the second look", |page| page.value(STATUS) == Some(0.0));
    exporter.logged("a repair was tried");

    // It comes again within the cool-down: it is told, and not repaired.
    bot.lock(LOCK, STALE);
    exporter.eventually("it is told", |page| page.value(STATUS) == Some(2.0));
    assert_eq!(after_two_looks(&exporter).value(SUCCESS), Some(1.0));
    assert!(bot.path(LOCK).exists());
    // A restart neither counts it again nor forgets the cool-down.
    let exporter = exporter.kill_and_restart();
    exporter.eventually("it is told", |page| page.value(STATUS) == Some(2.0));
    assert_eq!(after_two_looks(&exporter).value(SUCCESS), Some(1.0));
    assert_eq!(fs::read_to_string(bot.path(LOG)).unwrap().lines().count(), 1);
}

#[test]
fn a_fix_that_fails_is_counted_so() {
    let (setup, bot) = setup("");
    bot.lock(LOCK, STALE);
    let holder = fs::File::open(bot.path(LOCK)).unwrap();
    holder.try_lock().unwrap();
    let exporter = setup.start();
    let failed = "sentinel_auto_fixes_total{fix=\"clear_cache_lock\",result=\"failed\"}";
    exporter.eventually("the failure", |page| page.value(failed) == Some(1.0));
    exporter.eventually("it is told", |page| page.value(STATUS) == Some(2.0));
    assert_eq!(after_two_looks(&exporter).value(failed), Some(1.0), "it is not tried again before its cool-down");
    assert!(bot.path(LOCK).exists());
}

#[test]
fn without_the_switch_nothing_is_touched() {
    let setup = Setup::new("sre: {root: bot, interval: 100ms}\nchecks: {interval: 100ms}");
    let bot = Bot::new(setup.folder());
    bot.lock(LOCK, STALE);
    let exporter = setup.start();
    exporter.eventually("it is told", |page| page.value(STATUS) == Some(2.0));
    after_two_looks(&exporter);
    assert!(bot.path(LOCK).exists() && !bot.path(LOG).exists());
}

#[test]
fn cron_and_the_exporter_do_it_once() {
    let (setup, bot) = setup("");
    let exporter = setup.start();
    exporter.eventually("a look", |page| page.value(STATUS) == Some(0.0));
    bot.lock(LOCK, STALE);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let config = format!("--config.file={}", exporter.path("sentinel.yml").display());
                let mut check = Command::new(env!("CARGO_BIN_EXE_sentinel-exporter"));
                let output = check.args([&config, "check", "--fix", "--json"]).output().unwrap();
                assert!(matches!(output.status.code(), Some(0 | 2)), "{output:?}");
            });
        }
    });
    exporter.eventually("the repair", |page| page.value(SUCCESS) == Some(1.0));
    assert_eq!(after_two_looks(&exporter).value(SUCCESS), Some(1.0));
    assert_eq!((kept(&bot), fs::read_to_string(bot.path(LOG)).unwrap().lines().count()), (1, 1));
}

#[test]
fn check_repairs_when_it_is_told_to() {
    let (setup, bot) = setup("");
    bot.lock(LOCK, STALE);
    let setup = setup.argument("check").argument("--json");
    let (code, found) = report(&setup.output());
    assert_eq!((code, &found["fixes"]), (Some(2), &json!([])), "it only looks");

    let setup = setup.argument("--fix");
    let (code, fixed) = report(&setup.output());
    assert_eq!((code, &fixed["overall_status"]), (Some(0), &json!("healthy")), "{fixed}");
    let message = "data/uw_flow_cache.json.lock: removed";
    let fix = json!({"fix": "clear_cache_lock", "check": "cache_lock", "result": "success", "message": message});
    assert_eq!(fixed["fixes"], json!([fix]));
    let session: Value = serde_json::from_str(&fs::read_to_string(bot.path(LOG)).unwrap()).unwrap();
    assert_eq!(session["trigger"], "manual");
}

#[test]
fn a_dry_run_tells_and_touches_nothing() {
    let (setup, bot) = setup("");
    bot.lock(LOCK, STALE);
    let setup = setup.argument("check").argument("--fix").argument("--dry-run");
    let output = setup.output();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text.contains("FIX       clear_cache_lock, planned: data/uw_flow_cache.json.lock: removed\n"), "{text}");
    assert!(bot.path(LOCK).exists());
    let mut state: Vec<_> = fs::read_dir(bot.path("state")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    state.sort();
    assert_eq!(state, ["position_metadata.json", "sre_metrics.json"]);
}

#[test]
fn a_dry_run_alone_is_refused() {
    let output = setup("").0.argument("check").argument("--dry-run").output();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), &b""[..]));
}

#[test]
fn what_is_switched_off_is_said() {
    let (setup, bot) = setup(", max_per_hour: 1");
    bot.write("data/uw_weights.json", "{}");
    let setup = setup.argument("check").argument("--fix").argument("--json");
    let (code, report) = report(&setup.output());
    assert_eq!(code, Some(1));
    let why = (&report["fixes"][0]["result"], &report["fixes"][0]["message"]);
    assert_eq!(why, (&json!("skipped"), &json!("it is not among remediation.fixes")));
    assert_eq!(fs::read_to_string(bot.path("data/uw_weights.json")).unwrap(), "{}");
}

#[test]
fn a_mock_signal_that_fails_has_everything_looked_at() {
    let scores = StandIn::start(Answer::json(200, "{\"score\": 1.5}"));
    let setup = Setup::new(format!(
        "sre: {{root: bot, interval: 100ms}}\nmock_signal: {{url: '{}', interval: 500ms}}\n\
         checks: {{interval: 30m}}\nremediation: {{enabled: true, fixes: [clear_cache_lock]}}",
        scores.url("/score")
    ));
    let bot = Bot::new(setup.folder());
    // Whoever starts waits a minute for a bot that starts, too, unless there was a signal long ago.
    bot.write("state/sre_metrics.json", "{\"last_mock_signal_score\": 4.5, \"last_mock_signal_time\": \"2026-01-05T22:30:00Z\"}");
    let exporter = setup.start();
    exporter.eventually("the first look", |page| page.value(STATUS) == Some(0.0));
    bot.lock(LOCK, STALE);
    let page = exporter.eventually("the repair", |page| page.value(SUCCESS) == Some(1.0));
    let sessions = page.family("sentinel_rca_sessions_total");
    let of_mock_signal = sessions.iter().filter(|(series, _)| series.contains("mock_signal_failure"));
    assert!(of_mock_signal.map(|(_, count)| count).sum::<f64>() >= 1.0, "{sessions:?}");
    let log = fs::read_to_string(bot.path(LOG)).unwrap();
    let fixed = log.lines().find(|line| line.contains("clear_cache_lock (success)")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(fixed).unwrap()["trigger"], "mock_signal_failure");
}

#[test]
fn what_cannot_be_logged_is_not_repaired() {
    let (setup, bot) = setup("");
    fs::remove_dir_all(bot.path("")).unwrap();
    let disk = Disk::mount(&bot.path(""));
    let bot = Bot::new(setup.folder());
    bot.lock(LOCK, STALE);
    disk.fill();
    let setup = setup.argument("check").argument("--fix").argument("--json").argument("--only=cache_lock");
    let (code, full) = report(&setup.output());
    assert_eq!((code, &full["fixes"][0]["result"]), (Some(2), &json!("skipped")));
    let why = full["fixes"][0]["message"].as_str().unwrap();
    assert!(why.ends_with("(os error 28); what cannot be logged is not repaired"), "{why}");
    assert!(bot.path(LOCK).exists());
    disk.make_room();
    let (code, fixed) = report(&setup.output());
    assert_eq!((code, &fixed["fixes"][0]["result"]), (Some(0), &json!("success")), "{fixed}");
}
