//! `sentinel-exporter check`, as cron, a terminal and a pipeline use it.

use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::bot::Bot;
use crate::support::exporter::{Exporter, Setup};
use crate::support::postgres::Postgres;
use crate::support::stand_in::{Answer, StandIn};

const STALE: Duration = Duration::from_secs(301);
const LOCK: &str = "data/uw_flow_cache.json.lock";

fn setup(config: &str) -> (Setup, Bot) {
    let setup = Setup::new(format!("sre: {{root: bot}}\n{config}")).argument("check");
    let bot = Bot::new(setup.folder());
    (setup, bot)
}

/// Exit code, standard output and standard error.
fn told(output: &Output) -> (Option<i32>, &str, &str) {
    (output.status.code(), str::from_utf8(&output.stdout).unwrap(), str::from_utf8(&output.stderr).unwrap())
}

/// Exit code and report; standard output holds nothing else.
fn report(output: &Output) -> (Option<i32>, Value) {
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

fn alerts(report: &Value) -> Vec<(&str, &str)> {
    let alerts = report["alerts"].as_array().unwrap();
    alerts.iter().map(|alert| (alert["check"].as_str().unwrap(), alert["level"].as_str().unwrap())).collect()
}

#[test]
fn a_healthy_day_exits_with_0() {
    let (setup, _bot) = setup("environment: staging");
    let output = setup.output();
    let (code, text, errors) = told(&output);
    assert_eq!((code, errors), (Some(0), ""));
    assert!(text.starts_with("HEALTHY  staging, 20") && text.ends_with("+00:00: all 11 checks are well\n"), "{text}");
    assert_eq!(text.lines().count(), 1);
    // It takes no folder.
    assert!(!setup.folder().join("sentinel-data").exists());

    let (code, report) = report(&setup.argument("--json").output());
    assert_eq!((code, &report["overall_status"], &report["environment"]), (Some(0), &json!("healthy"), &json!("staging")));
    let metrics = json!({"total_checks": 11, "alerts_triggered": 0, "critical_alerts": 0, "warning_alerts": 0});
    assert_eq!((&report["alerts"], &report["metrics"]), (&json!([]), &metrics));
    let timestamp = report["timestamp"].as_str().unwrap();
    assert!(timestamp.len() == 25 && timestamp.ends_with("+00:00"), "{timestamp}");
}

#[test]
fn the_exit_code_is_that_of_the_worst() {
    let (setup, bot) = setup("");
    let setup = setup.argument("--json");
    bot.write("data/uw_weights.json", "{}");
    let (code, warning) = report(&setup.output());
    assert_eq!((code, &warning["overall_status"]), (Some(1), &json!("degraded")));
    assert_eq!(alerts(&warning), [("weights_file", "warning")]);

    bot.lock(LOCK, STALE);
    let (code, critical) = report(&setup.output());
    assert_eq!((code, &critical["overall_status"]), (Some(2), &json!("critical")));
    assert_eq!(alerts(&critical), [("cache_lock", "critical"), ("weights_file", "warning")]);
    let metrics = json!({"total_checks": 11, "alerts_triggered": 2, "critical_alerts": 1, "warning_alerts": 1});
    assert_eq!(critical["metrics"], metrics);
    let lock = &critical["alerts"][0];
    assert!(lock["message"].as_str().unwrap().starts_with("data/uw_flow_cache.json.lock was left behind 30"), "{lock}");
    let details = &lock["details"];
    assert_eq!((&details["threshold"], &details["file"]), (&json!("at most 5m old"), &json!(LOCK)));
    assert!((301..400).contains(&details["value"].as_u64().unwrap()), "{details}");
    assert!(bot.path(LOCK).exists(), "it only looks");
}

#[test]
fn people_see_one_screen_without_colours_in_a_pipe() {
    let (setup, bot) = setup("");
    bot.write("data/uw_weights.json", "{}");
    bot.lock(LOCK, STALE);
    let output = setup.output();
    let (code, text, errors) = told(&output);
    assert_eq!((code, errors), (Some(2), ""));
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("CRITICAL  prod, ") && lines[0].ends_with(": 2 of 11 checks not well"), "{text}");
    assert!(lines[2].starts_with("CRITICAL  cache_lock    data/uw_flow_cache.json.lock was left behind 30"), "{text}");
    assert!(lines[3].contains("value: 30") && lines[3].contains("threshold: at most 5m old"), "{text}");
    assert!(lines[3].ends_with("runbook: SentinelCheckFailing"), "{text}");
    assert!(lines[5].starts_with("WARNING   weights_file  there is no weight"), "{text}");
    assert!(lines[8].starts_with("OK: entry_thresholds, uw_parser_integrity, "), "{text}");
    assert!(lines.len() <= 24 && !text.contains('\x1b'), "{text}");
}

#[test]
fn colours_are_for_a_terminal_that_wants_them() {
    let (setup, _bot) = setup("");
    let config = setup.folder().join("sentinel.yml");
    setup.output();
    // util-linux's script runs it in a terminal.
    let terminal = |no_color: &str| {
        let command = format!("{} check --config.file={}", env!("CARGO_BIN_EXE_sentinel-exporter"), config.display());
        let output = Command::new("script").args(["-qec", &command, "/dev/null"]).env("NO_COLOR", no_color).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(terminal("").starts_with("\x1b[32mHEALTHY\x1b[0m"));
    assert!(terminal("1").starts_with("HEALTHY"));
}

#[test]
fn what_cannot_run_exits_with_3() {
    let (only, _bot) = setup("");
    let broken = Setup::new("checks: {intervall: 1s}").argument("check").argument("--json");
    let nothing = Setup::new("").argument("check").argument("--json");
    for (setup, expected) in [
        (only.argument("--json").argument("--only=nonsense"), "there is no check nonsense; there are weights_file, "),
        (setup("").0.argument("--only=stuck_batches"), "stuck_batches: turned off, or the configuration lacks what is checked"),
        (setup("checks: {cache_lock: {enabled: false}}").0.argument("--only=cache_lock"), "cache_lock: turned off, or the "),
        (setup("").0.argument("--jason"), "error: unexpected argument '--jason' found"),
        (setup("").0.argument("--interval=5m"), "error: the following required arguments were not provided"),
        (setup("").0.argument("--timeout=long"), "error: invalid value 'long'"),
        (broken, "checks.intervall: unknown key; expected one of "),
        (nothing, "there is nothing to check: the configuration has none of "),
    ] {
        let output = setup.output();
        let (code, stdout, errors) = told(&output);
        assert_eq!((code, stdout), (Some(3), ""), "{expected}: {errors}");
        assert!(errors.contains(expected), "{expected}: {errors}");
    }
}

#[test]
fn a_database_that_hangs_does_not_hold_it_up() {
    // The kernel accepts, and nobody answers.
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgresql://u:p@{}/d", hangs.local_addr().unwrap());
    let (setup, _bot) = setup(&format!("postgres: {{url: '{url}', interval: 100ms, timeout: 1h}}"));
    let begun = Instant::now();
    let output = setup.argument("--json").argument("--timeout=1s").output();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    let (code, report) = report(&output);
    assert_eq!(code, Some(1));
    assert_eq!(alerts(&report), ["stuck_batches", "error_spike", "postgres"].map(|check| (check, "warning")));
    for alert in report["alerts"].as_array().unwrap() {
        assert!(alert["message"].as_str().unwrap().contains("no answer within 1s"), "{alert}");
    }
    // It was asked once.
    hangs.set_nonblocking(true).unwrap();
    assert!(hangs.accept().is_ok() && hangs.accept().is_err());
}

#[test]
fn a_database_is_asked_once_and_told_of() {
    let postgres = Postgres::new();
    postgres.sql(
        "INSERT INTO intake.simplicity_batches (id, status, created_at)
         VALUES ('00000000-0000-0000-0000-000000000001', 'staging', now() - interval '11 minutes');",
    );
    let (setup, _bot) = setup(&format!("postgres: {{url: '{}'}}", postgres.url("sentinel_exporter")));
    let (code, report) = report(&setup.argument("--json").output());
    assert_eq!((code, alerts(&report)), (Some(2), vec![("stuck_batches", "critical")]));
    assert_eq!(report["alerts"][0]["details"]["runbook"], "SentinelBatchesStuck");
    postgres.sql("DELETE FROM intake.simplicity_batches");
}

#[test]
fn only_what_is_asked_for_is_looked_at() {
    let quiet = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgresql://u:p@{}/d", quiet.local_addr().unwrap());
    let (setup, bot) = setup(&format!("postgres: {{url: '{url}'}}"));
    bot.write("data/uw_weights.json", "");
    let output = setup.argument("--json").argument("--only=cache_lock").argument("--only").argument("trade_cadence").output();
    let (code, report) = report(&output);
    assert_eq!((code, report["metrics"]["total_checks"].as_u64()), (Some(0), Some(2)));
    quiet.set_nonblocking(true).unwrap();
    assert!(quiet.accept().is_err(), "nobody asks the database");
}

#[test]
fn it_runs_beside_an_exporter_on_the_same_configuration() {
    let exporter = Exporter::start("sre: {root: bot}");
    let _bot = Bot::new(&exporter.path(""));
    let output = exporter.another().argument("check").output();
    assert_eq!(told(&output).0, Some(0), "{output:?}");
}

#[test]
fn a_loop_looks_again_and_again() {
    let (setup, bot) = setup("");
    let setup = setup.argument("--json").argument("--loop").argument("--interval=100ms").argument("--only=weights_file");
    let mut looks = setup.lines();
    assert_eq!(serde_json::from_str::<Value>(&looks.next()).unwrap()["overall_status"], "healthy");
    bot.write("data/uw_weights.json", "{");
    let deadline = Instant::now() + Duration::from_secs(10);
    while serde_json::from_str::<Value>(&looks.next()).unwrap()["overall_status"] != "critical" {
        assert!(Instant::now() < deadline, "it never saw that the file is broken");
    }
}

/// A broker with an account, and with these positions.
fn broker(symbols: &[&str]) -> Answer {
    let positions: Vec<_> = symbols.iter().map(|symbol| json!({"symbol": symbol})).collect();
    let at = |path, value: Value| (path, Answer::json(200, &value.to_string()));
    Answer::At(vec![at("/v2/account", json!({"id": "x"})), at("/v2/positions", json!(positions))])
}

#[test]
fn the_broker_is_asked_and_compared() {
    let alpaca = StandIn::start(broker(&["AAPL"]));
    let (setup, _bot) = setup(&format!(
        "broker: {{url: '{}', key_id: id, secret_key: key}}\n\
         checks: {{alpaca_latency: {{warning: 1m, critical: 1m}}}}",
        alpaca.url("")
    ));
    let setup = setup.argument("--json").argument("--only=position_tracking").argument("--only=alpaca_latency");
    let (code, well) = report(&setup.output());
    assert_eq!((code, alerts(&well)), (Some(0), vec![]));
    let mut asked: Vec<_> = alpaca.requests().iter().map(|request| request.lines().next().unwrap().to_owned()).collect();
    asked.sort();
    assert_eq!(asked, ["GET /v2/account HTTP/1.1", "GET /v2/positions HTTP/1.1"], "nothing is asked twice");

    alpaca.answers(broker(&["AAPL", "TSLA"]));
    let (code, differ) = report(&setup.output());
    assert_eq!((code, alerts(&differ)), (Some(2), vec![("position_tracking", "critical")]));
    assert_eq!(differ["alerts"][0]["message"], "only at the broker: TSLA; only in the bot: none");

    alpaca.answers(Answer::json(503, "{}"));
    let (code, down) = report(&setup.output());
    assert_eq!((code, alerts(&down)), (Some(2), vec![("alpaca_latency", "critical"), ("position_tracking", "warning")]));

    alpaca.answers(Answer::Nothing);
    let begun = Instant::now();
    let (code, hangs) = report(&setup.argument("--timeout=500ms").output());
    assert_eq!((code, alerts(&hangs)), (Some(2), vec![("alpaca_latency", "critical"), ("position_tracking", "warning")]));
    assert!(begun.elapsed() < Duration::from_secs(3));
    for alert in hangs["alerts"].as_array().unwrap() {
        assert!(alert["message"].as_str().unwrap().contains("no answer within 500ms"), "{alert}");
    }
}

#[test]
fn without_credentials_the_broker_is_not_asked() {
    let alpaca = StandIn::start(broker(&[]));
    let (setup, _bot) = setup(&format!("broker: {{url: '{}'}}", alpaca.url("")));
    let (code, report) = report(&setup.argument("--json").output());
    assert_eq!((code, alerts(&report)), (Some(1), vec![("position_tracking", "warning"), ("alpaca_latency", "warning")]));
    assert_eq!(alpaca.requests(), [""; 0]);
}

#[test]
fn it_changes_nothing() {
    // A bot that is to be injected with signals, and a PostgREST whose cache is stale.
    let stale = r#"{"code":"PGRST002","message":"Could not query the database for the schema cache. Retrying."}"#;
    let web = StandIn::start(Answer::json(503, stale));
    let postgres = Postgres::new();
    let (setup, bot) = setup(&format!(
        "mock_signal: {{url: '{}'}}\npostgres: {{url: '{}'}}\npostgrest: {{url: '{}', reload_schema_cache: true}}",
        web.url("/score"),
        postgres.url("sentinel_exporter"),
        web.url("/rest/v1"),
    ));
    let state = std::fs::read_to_string(bot.path("state/sre_metrics.json")).unwrap();
    let setup = setup.argument("--json").argument("--log.level=info");
    let output = setup.output();
    let log = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!log.contains("reload"), "{log}");
    let (code, report) = report(&output);
    assert_eq!((code, alerts(&report)), (Some(2), vec![("schema_cache", "critical"), ("postgrest", "warning")]));
    let asked: Vec<_> = web.requests().iter().map(|request| request.lines().next().unwrap().to_owned()).collect();
    assert_eq!(asked, ["GET /rest/v1/simplicity_batches?select=id&limit=1 HTTP/1.1"]);
    assert_eq!(std::fs::read_to_string(bot.path("state/sre_metrics.json")).unwrap(), state);
}
