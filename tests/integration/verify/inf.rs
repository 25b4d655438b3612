//! scripts/verify-inf.sh against the exporter itself.

use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{ACTIVE, Report, Script};
use crate::support::daemon::{free_port, local};
use crate::support::exporter::{Exporter, Setup};
use crate::support::site::{Answer, Site};

/// With every kind of event once, written just now.
const EVENTS: &str = r#"{"event":"cycle","seconds":1}
{"event":"order","symbol":"EURUSD","side":"buy","status":"new","seconds":0.02}
{"event":"error","component":"zmq","error_type":"timeout"}
{"event":"api_call","endpoint":"hub","seconds":0.2}
{"event":"api_error","endpoint":"hub","error_code":"timeout"}
{"event":"risk_check","check":"size","action":"allow"}
{"event":"position","symbol":"EURUSD","usd":100}
{"event":"regime","regime":"calm"}
"#;

const STATE: &str = "{\"logic_heartbeat\": 1736116800.5, \"mock_signal_success_pct\": 100.0, \"parser_health_index\": 100.0, \
                     \"auto_fix_count\": 0, \"last_update\": 1736116800.0}";

/// One with a journal that the daemon writes to, and two collectors that succeed.
pub(super) fn start() -> Exporter {
    let setup = Setup::new("journals: [{path: events.jsonl}]\nsre: {root: bot, interval: 50ms, stale_after: 1s}");
    fs::create_dir_all(setup.folder().join("bot/state")).unwrap();
    fs::write(setup.folder().join("bot/state/sre_metrics.json"), STATE).unwrap();
    fs::write(setup.folder().join("events.jsonl"), EVENTS).unwrap();
    // Nobody else gets the port once it is stopped.
    let exporter = setup.argument(&format!("--web.listen-address={}", local(free_port()))).start();
    exporter.eventually("the collectors succeed", |page| {
        let success = page.family("sentinel_exporter_collector_success");
        success.len() == 2 && success.iter().all(|(_, value)| *value == 1.0)
    });
    exporter
}

fn verify(exporter: &Exporter) -> Report {
    Script::new("verify-inf.sh").arg(exporter.address.to_string()).run()
}

/// A stand-in that answers what the exporter has answered.
fn copy(exporter: &Exporter) -> Site {
    let site = Site::start();
    for path in ["/health", "/-/ready", "/metrics"] {
        site.page(path, exporter.get(path).text());
    }
    site
}

fn verify_copy(site: &Site) -> Report {
    Script::new("verify-inf.sh").arg(site.address.to_string()).run()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn all_is_well() {
    let exporter = start();
    let report = verify(&exporter);
    report.assert_well(&[]);
    assert_eq!(report.checks.len(), 16, "{}", report.said);
    assert_eq!(report.checks["families"].text, "37 of 37");
    assert!(report.checks["port"].text.ends_with("listened on: 127.0.0.1"), "{}", report.said);
    assert!(report.checks["service"].text.contains("runs since Sun 2026-01-04"), "{}", report.said);
    assert_eq!(report.checks["collectors"].text, "succeed: checks sre_state");
}

#[test]
fn a_fresh_exporter_is_well_too() {
    let exporter = Exporter::start("journals: [{path: events.jsonl}]");
    exporter.ready();
    exporter.append("events.jsonl", "{\"event\":\"cycle\",\"seconds\":1}\n");
    let report = verify(&exporter);
    report.assert_well(&[("collectors", "none is configured")]);
    assert!(report.checks["families"].text.starts_with("30 of 37; with their first event come sentinel_api_errors_total"));
}

#[test]
fn the_exporter_is_stopped() {
    let mut exporter = start();
    exporter.kill();
    let report = verify(&exporter);
    report.assert_only("port", "FAIL", "nothing listens on port", "systemctl status sentinel-exporter");
    assert_eq!(report.status("reload"), "skip");
}

#[test]
fn the_service_is_not_as_it_should_be() {
    let exporter = start();
    let address = exporter.address.to_string();
    let cases = [
        ("ActiveState=inactive", "is stopped", "sudo systemctl start sentinel-exporter"),
        ("ActiveState=failed", "is failed (running, success)", "journalctl -u sentinel-exporter"),
        ("ActiveState=activating", "is activating", "journalctl -u sentinel-exporter"),
    ];
    for (state, words, command) in cases {
        let systemctl = ACTIVE.replace("ActiveState=active", state);
        Script::new("verify-inf.sh")
            .arg(&address)
            .program("systemctl", &systemctl)
            .run()
            .assert_only("service", "FAIL", words, command);
    }
    let unknown = ACTIVE.replace("loaded", "not-found").replace("=active", "=inactive");
    let script = Script::new("verify-inf.sh").arg(&address).args("--unit other").program("systemctl", &unknown);
    script.run().assert_only("service", "FAIL", "no unit other", "systemctl list-units");
    let report = Script::new("verify-inf.sh").arg(&address).program("systemctl", "exit 1").run();
    report.assert_well(&[("service", "no systemd that answers here")]);
}

#[test]
fn something_else_listens_there() {
    let site = copy(&start());
    let ask = |path: &str, answer| site.with(path, answer, || verify_copy(&site));
    verify_copy(&site).assert_well(&[]);
    let health = "curl -sS --max-time 5 http://127.0.0.1";
    ask("/health", Answer::new(404, "")).assert_only("health", "FAIL", "/health answers 404", health);
    ask("/health", Answer::new(200, "OK")).assert_only("health", "FAIL", "is it the exporter", health);
    ask("/-/ready", Answer::new(503, "")).assert_only("ready", "FAIL", "the answer is 503", "journalctl");
    ask("/metrics", Answer::new(500, "")).assert_only("metrics", "FAIL", "the answer is 500", "/metrics");
    ask("/metrics", Answer::new(200, "<html>\n")).assert_only("metrics", "FAIL", "no metrics", "/metrics");
}

#[test]
fn nothing_hangs() {
    let site = copy(&start());
    for path in ["/health", "/-/ready", "/metrics"] {
        let begun = Instant::now();
        let slow = Answer::new(200, "").after(Duration::from_secs(60));
        let report =
            site.with(path, slow, || Script::new("verify-inf.sh").arg(site.address.to_string()).args("--timeout 1").run());
        let check = path.trim_start_matches("/-").trim_start_matches('/');
        report.assert_only(check, "FAIL", "timed out", "");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}

#[test]
fn the_page_is_at_fault() {
    let site = copy(&start());
    let page = site.at("/metrics");
    let ask = |from: &str, to: &str| site.with("/metrics", page.replace(from, to), || verify_copy(&site));
    ask("# TYPE sentinel_pnl_usd gauge\n", "sentinel_pnl_usd{oops 1\n").assert_one(
        "promtool",
        "FAIL",
        "text format parsing error",
        "| promtool check metrics",
    );
    ask("# HELP sentinel_pnl_usd ", "# HELP other ").assert_only(
        "promtool",
        "FAIL",
        "sentinel_pnl_usd no help text",
        "| promtool check metrics",
    );
    // An older exporter has a family less.
    ask("sentinel_cancel_all_seconds", "other_seconds").assert_only(
        "families",
        "FAIL",
        "missing: sentinel_cancel_all_seconds",
        "sentinel-exporter --version",
    );
    let lag = |bytes: &str| {
        let line = page.replace("events.jsonl\"} 0\n", &format!("events.jsonl\"}} {bytes}\n"));
        site.with("/metrics", line, || verify_copy(&site))
    };
    lag("1048576").assert_only("lag", "warn", "1048576 bytes of /", "| grep journal_lag");
    lag("1048577").assert_only("lag", "FAIL", "are not read", "journalctl");
}

/// The value of a series in the page of a stand-in, changed.
fn verify_with(site: &Site, series: &str, value: &str) -> Report {
    let changed = site.at("/metrics").with_value(series, value);
    site.with("/metrics", changed, || verify_copy(site))
}

#[test]
fn the_checkpoint_is_old() {
    let site = copy(&start());
    let saved = "sentinel_exporter_snapshot_last_success_timestamp_seconds";
    verify_with(&site, saved, &(now() - 290).to_string()).assert_well(&[]);
    let report = verify_with(&site, saved, &(now() - 310).to_string());
    report.assert_only("checkpoint", "FAIL", "saved 5 min ago", "grep -i checkpoint");
    report.assert_only("checkpoint", "FAIL", "failures: 0", "df -h");
    // Before the first one it is as old as the process.
    verify_with(&site, saved, "0").assert_well(&[]);
    site.set("/metrics", site.at("/metrics").with_value(saved, "0"));
    verify_with(&site, "process_start_time_seconds", "1.7e+09").assert_only("checkpoint", "FAIL", "saved", "df -h");
}

#[test]
fn a_collector_fails() {
    let exporter = Exporter::start("journals: [{path: events.jsonl}]\nsre: {root: bot}");
    exporter.append("events.jsonl", EVENTS);
    exporter.ready();
    exporter.logged("a collector failed");
    let checks = "sentinel_exporter_collector_success{collector=\"checks\"}";
    exporter.eventually("the checks have run", |page| page.value(checks) == Some(1.0));
    verify(&exporter).assert_only("collectors", "FAIL", "failing: sre_state (never succeeded)", "grep -i collector");

    let site = copy(&start());
    let (success, last) = ("sentinel_exporter_collector_success", "sentinel_exporter_collector_last_success_timestamp_seconds");
    let of = |name: &str| format!("{name}{{collector=\"sre_state\"}}");
    verify_with(&site, &of(success), "0").assert_only("collectors", "FAIL", "failing: sre_state (last success", "journalctl");
    // One that hangs says nothing new.
    verify_with(&site, &of(last), &(now() - 290).to_string()).assert_well(&[]);
    let report = verify_with(&site, &of(last), &(now() - 310).to_string());
    report.assert_only("collectors", "FAIL", "last success 5 min ago", "journalctl");
    // A slow one has three of its intervals.
    site.set("/metrics", site.at("/metrics").with_value(&of("sentinel_exporter_collector_interval_seconds"), "900"));
    verify_with(&site, &of(last), &(now() - 2600).to_string()).assert_well(&[]);
    assert_eq!(verify_with(&site, &of(last), &(now() - 2800).to_string()).status("collectors"), "FAIL");
}

#[test]
fn the_journal_stands_still() {
    let begin = |events: &str| {
        let exporter = Exporter::start("journals: [{path: events.jsonl}]");
        exporter.ready();
        exporter.append("events.jsonl", events);
        exporter
    };
    let cycle = |ago: u64| format!("{{\"event\":\"cycle\",\"seconds\":1,\"ts\":{}}}\n", now() - ago);
    let exporter = begin(&cycle(600));
    let report = verify(&exporter);
    let ls = format!("ls -l {}", exporter.path("events.jsonl").display());
    report.assert_only("journal", "FAIL", "10 min old, and the market is not closed", &ls);
    exporter.append("events.jsonl", &format!("{{\"event\":\"regime\",\"regime\":\"closed\",\"ts\":{}}}\n", now() - 590));
    assert!(verify(&exporter).checks["journal"].text.starts_with("the market is closed"));
    exporter.append("events.jsonl", &format!("{{\"event\":\"regime\",\"regime\":\"calm\",\"ts\":{}}}\n", now() - 580));
    assert_eq!(verify(&exporter).status("journal"), "FAIL");
    exporter.append("events.jsonl", &cycle(170));
    assert_eq!(verify(&exporter).status("journal"), "ok");

    verify(&begin("")).assert_only("journal", "FAIL", "no event ever came", "ls -l ");
    let future = format!("{{\"event\":\"uptime\",\"seconds\":1,\"ts\":{}}}\n", now() + 300);
    verify(&begin(&future)).assert_only("journal", "FAIL", "in the future: a clock is wrong", "timedatectl");
    let without = Exporter::start("");
    without.ready();
    verify(&without).assert_only("journal", "warn", "no journal of the daemon's is configured", "/etc/sentinel-exporter/inf.yml");
}

#[test]
fn what_was_lost_is_told() {
    let exporter = start();
    exporter.append("events.jsonl", "no event\n");
    verify(&exporter).assert_only("rejected", "warn", "json=1", "not.counted");
    exporter.logged("not counted");

    let exporter = Exporter::start("journals: [{path: events.jsonl}]\nlimits: {series_per_family: 1}");
    exporter.ready();
    let position = |symbol: &str| format!("{{\"event\":\"position\",\"symbol\":\"{symbol}\",\"usd\":1}}\n");
    exporter.append("events.jsonl", &(position("A") + &position("B")));
    verify(&exporter).assert_only("dropped", "warn", "sentinel_position_usd=1", "'^limits:' /etc/sentinel-exporter/inf.yml");

    let mut exporter = start();
    exporter.end();
    for name in ["checkpoint", "checkpoint.previous"] {
        fs::write(exporter.path("sentinel-data").join(name), "damaged").unwrap();
    }
    let exporter = exporter.again();
    exporter.ready();
    exporter.append("events.jsonl", EVENTS);
    verify(&exporter).assert_only("counters", "warn", "the checkpoint was gone", "grep -i checkpoint");
    exporter.logged("no good checkpoint");
}

#[test]
fn a_configuration_was_refused() {
    let exporter = start();
    fs::write(exporter.path("sentinel.yml"), "jurnals: []\n").unwrap();
    exporter.signal("HUP");
    exporter.logged("the new configuration was refused");
    verify(&exporter).assert_only("reload", "FAIL", "refused", "--config.check --config.file=/etc/sentinel-exporter/inf.yml");
}

/// Every command that the script cannot do without is said to be missing; without promtool it goes on.
#[test]
fn commands_are_missing() {
    let exporter = start();
    let tools = [
        "awk", "bash", "cat", "curl", "date", "dirname", "getent", "grep", "hostname", "mktemp", "paste", "rm", "sed", "sort",
        "timeout", "wc",
    ];
    let report = Script::new("verify-inf.sh").arg(exporter.address.to_string()).with_programs(&tools).run();
    report.assert_well(&[("promtool", "promtool is not installed here")]);
    assert!(report.checks["promtool"].next[0].ends_with("| promtool check metrics"), "{}", report.said);
    for missing in ["awk", "curl"] {
        let others: Vec<_> = tools.into_iter().filter(|tool| *tool != missing).collect();
        let report = Script::new("verify-inf.sh").with_programs(&others).run();
        assert_eq!(report.code, 2);
        assert_eq!(report.said, format!("verify-inf.sh: {missing} is missing; on Debian: sudo apt-get install {missing}\n"));
    }
}
