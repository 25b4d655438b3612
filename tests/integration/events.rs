//! What every event does to the samples, and what becomes of a line that is none.

use sentinel_exporter::journal::event::Line;
use sentinel_exporter::journal::ledger::{Format, Ledger};
use sentinel_exporter::journal::rejection::Reason;
use sentinel_exporter::sample::Limits;

use crate::support::folded::{READ_AT, effects, ledger, page};

/// Asserts that `lines` have exactly the effects of `expected`: `series value` each. Buckets may be left out.
#[track_caller]
fn assert_effects(lines: &[&str], expected: &[&str]) {
    let actual = effects(lines).into_iter().filter(|(series, _)| !series.contains("_bucket"));
    let mut actual: Vec<_> = actual.map(|(series, value)| format!("{series} {}", value.unwrap_or(f64::NAN))).collect();
    let mut expected: Vec<_> = expected.iter().map(|sample| (*sample).to_owned()).collect();
    actual.sort();
    expected.sort();
    assert_eq!(actual, expected, "{lines:#?}");
}

#[test]
fn a_cycle() {
    let cycle = r#"{"event":"cycle","ts":100.5,"seconds":1.25}"#;
    let counted = ["sentinel_trading_cycles_total 1", "sentinel_last_cycle_timestamp_unix 100.5"];
    let duration = ["sentinel_trading_cycle_duration_seconds_sum 1.25", "sentinel_trading_cycle_duration_seconds_count 1"];
    assert_effects(&[cycle], &[counted, duration].concat());
    let failed = r#"{"event":"cycle","ts":100.5,"seconds":1.25,"ok":false}"#;
    assert_effects(&[failed], &[&counted[..], &duration, &["sentinel_trading_cycles_failed_total 1"]].concat());
}

#[test]
fn a_data_fetch() {
    let duration = ["sentinel_data_fetch_duration_seconds_sum 2", "sentinel_data_fetch_duration_seconds_count 1"];
    let eodhd = [&duration[..], &["sentinel_api_calls_total{endpoint=\"eodhd\"} 1"]].concat();
    assert_effects(&[r#"{"event":"data_fetch","seconds":2}"#], &eodhd);
    let failed = [&duration[..], &["sentinel_data_fetch_failed_total 1", "sentinel_api_calls_total{endpoint=\"x\"} 1"]].concat();
    assert_effects(&[r#"{"event":"data_fetch","seconds":2,"ok":false,"endpoint":"x"}"#], &failed);
}

#[test]
fn a_feature_build() {
    let duration = ["sentinel_feature_build_duration_seconds_sum 0.5", "sentinel_feature_build_duration_seconds_count 1"];
    assert_effects(&[r#"{"event":"feature_build","seconds":0.5}"#], &duration);
}

#[test]
fn a_prediction() {
    let asked = ["sentinel_prediction_requests_total 1", "sentinel_api_calls_total{endpoint=\"hub\"} 1"];
    let answered = ["sentinel_prediction_latency_seconds_sum 0.25", "sentinel_prediction_latency_seconds_count 1"];
    assert_effects(&[r#"{"event":"prediction","seconds":0.25}"#], &[asked, answered].concat());
    let confident = [&asked[..], &answered, &["sentinel_last_prediction_confidence 0.71"]].concat();
    assert_effects(&[r#"{"event":"prediction","seconds":0.25,"confidence":0.71}"#], &confident);
    let failed = [&asked[..], &["sentinel_prediction_failures_total 1"]].concat();
    assert_effects(&[r#"{"event":"prediction","seconds":0.25,"ok":false,"confidence":0.71}"#], &failed);
}

#[test]
fn a_signal() {
    let signal = "sentinel_trading_signals_total{action=\"BUY\"} 1";
    assert_effects(&[r#"{"event":"signal","action":"BUY"}"#], &[signal]);
    let executed = [signal, "sentinel_trading_signals_executed_total{action=\"BUY\"} 1"];
    assert_effects(&[r#"{"event":"signal","action":"BUY","executed":true}"#], &executed);
}

#[test]
fn a_zmq_send() {
    let sent = ["sentinel_zmq_send_latency_seconds_sum 0.5", "sentinel_zmq_send_latency_seconds_count 1"];
    assert_effects(&[r#"{"event":"zmq_send","seconds":0.5}"#], &sent);
    assert_effects(&[r#"{"event":"zmq_send","seconds":0.5,"ok":false}"#], &["sentinel_zmq_send_failures_total 1"]);
}

#[test]
fn calls_and_errors_of_an_api() {
    let call = "sentinel_api_calls_total{endpoint=\"alpaca\"} 1";
    assert_effects(&[r#"{"event":"api_call","endpoint":"alpaca"}"#], &[call]);
    let latency = ["sum", "count"].map(|part| format!("sentinel_api_latency_seconds_{part}{{endpoint=\"alpaca\"}} 1"));
    assert_effects(&[r#"{"event":"api_call","endpoint":"alpaca","seconds":1}"#], &[call, &latency[0], &latency[1]]);
    let error = "sentinel_api_errors_total{endpoint=\"hub\",error_code=\"429\"} 1";
    assert_effects(&[r#"{"event":"api_error","endpoint":"hub","error_code":"429"}"#], &[error]);
}

#[test]
fn an_uptime() {
    assert_effects(&[r#"{"event":"uptime","seconds":60}"#], &["sentinel_daemon_uptime_seconds 60"]);
}

#[test]
fn an_order() {
    let order = "sentinel_orders_total{symbol=\"EURUSD\",side=\"buy\",status=\"new\"} 1";
    assert_effects(&[r#"{"event":"order","symbol":"EURUSD","side":"buy","status":"new"}"#], &[order]);
    let line = r#"{"event":"order","symbol":"EURUSD","side":"buy","status":"new","seconds":0.5,"slippage_bps":-2}"#;
    let latency = ["sentinel_order_latency_seconds_sum 0.5", "sentinel_order_latency_seconds_count 1"];
    let slippage = ["sentinel_slippage_bps_sum 2", "sentinel_slippage_bps_count 1"];
    assert_effects(&[line], &[&[order], &latency[..], &slippage].concat());
}

#[test]
fn an_error() {
    let error = "sentinel_trading_errors_total{component=\"risk\",error_type=\"Timeout\"} 1";
    assert_effects(&[r#"{"event":"error","component":"risk","error_type":"Timeout"}"#], &[error]);
}

#[test]
fn a_websocket() {
    let state = |ts: f64, state: &str| format!(r#"{{"event":"websocket","ts":{ts},"state":"{state}"}}"#);
    let (lost, lost_again) = (state(1000.0, "disconnected"), state(2000.0, "disconnected"));
    let down = |lines: &[&str]| page(ledger(lines)).value("sentinel_websocket_downtime_seconds").unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!((down(&[&lost]) - (now - 1000.0)).abs() < 5.0);
    assert!((down(&[&lost, &lost_again]) - (now - 1000.0)).abs() < 5.0, "the first of several counts");
    assert_eq!(down(&[&state(4_102_444_800.0, "disconnected")]), 0.0, "never below 0");
    assert_effects(&[&lost, &state(3000.0, "connected")], &[]);
    assert_effects(&[&lost, &state(3000.0, "reconnected")], &["sentinel_websocket_reconnects_total 1"]);
}

#[test]
fn a_kill_switch() {
    let on = r#"{"event":"kill_switch","active":true,"trigger":"LATENCY","seconds":0.5}"#;
    let also = r#"{"event":"kill_switch","active":true}"#;
    let off = r#"{"event":"kill_switch","active":false,"trigger":"LATENCY"}"#;
    let active = |trigger: &str| format!("sentinel_kill_switch_active{{trigger=\"{trigger}\"}} 1");
    let counted = |trigger: &str| format!("sentinel_kill_switch_activations_total{{trigger=\"{trigger}\"}} 1");
    let took = ["sum 0.5", "count 1"].map(|part| format!("sentinel_kill_switch_activation_seconds_{part}"));
    let counts = [counted("LATENCY"), counted("MANUAL"), took[0].clone(), took[1].clone()];
    let both = [active("LATENCY"), active("MANUAL")].into_iter().chain(counts.clone()).collect::<Vec<_>>();
    assert_effects(&[on, also], &both.iter().map(String::as_str).collect::<Vec<_>>());
    assert_effects(&[on, also, off], &counts.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn cancelling_all_orders_and_a_risk_check() {
    let took = ["sentinel_cancel_all_seconds_sum 1.5", "sentinel_cancel_all_seconds_count 1"];
    assert_effects(&[r#"{"event":"cancel_all","seconds":1.5}"#], &took);
    let check = "sentinel_risk_checks_total{check=\"exposure\",action=\"block\"} 1";
    assert_effects(&[r#"{"event":"risk_check","check":"exposure","action":"block"}"#], &[check]);
}

#[test]
fn profit_and_loss() {
    assert_eq!(page(ledger::<&str>([])).value("sentinel_daily_loss_limit_usd"), Some(200.0));
    assert_effects(&[r#"{"event":"pnl","usd":-12.5}"#], &["sentinel_pnl_usd -12.5"]);
    let limit = ["sentinel_pnl_usd -12.5", "sentinel_daily_loss_limit_usd 300"];
    assert_effects(&[r#"{"event":"pnl","usd":-12.5,"daily_loss_limit_usd":300}"#], &limit);
}

#[test]
fn a_position_ends_with_zero() {
    let open = r#"{"event":"position","symbol":"A","usd":-5}"#;
    assert_effects(&[open], &["sentinel_position_usd{symbol=\"A\"} -5"]);
    assert_effects(&[open, r#"{"event":"position","symbol":"A","usd":0}"#], &[]);
    assert_effects(&[r#"{"event":"position","symbol":"B","usd":0.0}"#], &[]);
}

#[test]
fn one_regime_at_a_time() {
    let lines = ["closed", "trending", "closed"].map(|regime| format!(r#"{{"event":"regime","regime":"{regime}"}}"#));
    let regime = |regime: &str, value| format!("sentinel_market_regime{{regime=\"{regime}\"}} {value}");
    let expected = [regime("closed", 1), regime("trending", 0)];
    assert_effects(&lines.each_ref().map(String::as_str), &expected.each_ref().map(String::as_str));
}

#[test]
fn a_reconciliation() {
    let done = ["sentinel_reconciliation_drift_usd 7.5", "sentinel_last_reconciliation_timestamp_seconds 9"];
    assert_effects(&[r#"{"event":"reconciliation","ts":9,"drift_usd":7.5}"#], &done);
    assert_effects(&[r#"{"event":"reconciliation","ts":9}"#], &done[1..]);
    let failed = r#"{"event":"reconciliation","ts":9,"ok":false,"drift_usd":7.5}"#;
    assert_effects(&[failed], &["sentinel_reconciliation_failures_total 1"]);
}

#[test]
fn a_line_without_a_time_happened_when_it_was_read() {
    let page = page(ledger([r#"{"event":"cycle","seconds":1}"#]));
    assert_eq!(page.value("sentinel_last_cycle_timestamp_unix"), Some(READ_AT));
    assert_eq!(page.value("sentinel_exporter_last_event_timestamp_seconds"), Some(READ_AT));
    assert_eq!(page.value("sentinel_exporter_events_total{event=\"cycle\"}"), Some(1.0));
}

#[test]
fn what_an_event_does_not_have_is_ignored() {
    for line in [
        r#"{"event":"uptime","seconds":60,"action":7,"symbol":null,"status":{"deep":[1,{"er":2}]},"note":"x"}"#,
        r#" { "event" : "uptime" , "seconds" : 6e1 , "ts" : null } "#,
        "{\"event\":\"upt\\u0069me\",\"seconds\":60}\r",
    ] {
        assert_effects(&[line], &["sentinel_daemon_uptime_seconds 60"]);
    }
}

#[test]
fn a_bad_line_is_rejected_with_its_reason_and_what_was_expected() {
    let at_most = |n| format!(r#"{{"event":"uptime","seconds":{n}}}"#);
    for (line, reason, expected) in [
        ("not json", Reason::Json, "a JSON object"),
        (r#"["uptime",1,60]"#, Reason::Json, "a JSON object"),
        ("7", Reason::Json, "a JSON object"),
        (r#"{"event":"uptime","seconds":60"#, Reason::Json, "EOF"),
        (r#"{"event":"uptime","seconds":60} {}"#, Reason::Json, "trailing characters"),
        (r#"{"event":"uptime","seconds":NaN}"#, Reason::Json, "expected value"),
        (&at_most("1e999"), Reason::Range, "finite"),
        (&at_most("-0.001"), Reason::Range, "\"seconds\" to be a number of seconds >= 0, but found -0.001"),
        (&at_most("\"60\""), Reason::Schema, "\"seconds\" to be a number, but found a string"),
        (&at_most("null"), Reason::Schema, "\"seconds\" to be a number, but found nothing"),
        (r#"{"event":"uptime"}"#, Reason::Schema, "\"seconds\""),
        (r#"{"event":"downtime","seconds":1}"#, Reason::Schema, "\"downtime\""),
        (r#"{"seconds":1}"#, Reason::Schema, "\"event\" to be a string, but found nothing"),
        (r#"{"event":"cycle","seconds":1,"ok":1}"#, Reason::Schema, "\"ok\" to be true or false, but found a number"),
        (r#"{"event":"cycle","seconds":1,"seconds":2}"#, Reason::Schema, "duplicate field `seconds`"),
        (r#"{"event":"cycle","seconds":null,"seconds":2}"#, Reason::Schema, "duplicate field `seconds`"),
        (
            r#"{"event":"order","symbol":"A","side":"buy","status":"lost"}"#,
            Reason::Schema,
            "new, partial, filled, canceled, rejected",
        ),
        (r#"{"event":"websocket","state":"odd"}"#, Reason::Schema, "connected, disconnected, reconnected"),
        (r#"{"event":"api_error","endpoint":"hub","error_code":429}"#, Reason::Schema, "\"error_code\" to be a string"),
        (r#"{"event":"pnl","usd":1,"daily_loss_limit_usd":0}"#, Reason::Range, "above 0"),
        (r#"{"event":"uptime","seconds":1,"ts":1768137395120}"#, Reason::Range, "\"ts\" to be Unix seconds"),
        (r#"{"event":"uptime","seconds":1,"ts":-1}"#, Reason::Range, "\"ts\""),
        (r#"{"event":"uptime","seconds":1,"ts":"now"}"#, Reason::Schema, "\"ts\" to be a number"),
    ] {
        let mut ledger = Ledger::new(Limits::default());
        let rejection = ledger.count(Format::Events, line.as_bytes(), READ_AT).expect_err(line);
        assert_eq!(rejection.reason, reason, "{line}: {rejection}");
        assert!(rejection.to_string().contains(expected), "{line}: {rejection}");
        assert_eq!(effects(&[line]), [], "{line}");
    }
    let invalid = [&b"{\"event\":\"uptime\",\"x\":\""[..], &[0xff], b"\",\"seconds\":1}"].concat();
    let rejection = Line::parse(&invalid).err().expect("not UTF-8");
    assert_eq!((rejection.reason, rejection.to_string().as_str()), (Reason::Json, "expected UTF-8, but byte 23 is not"));
}
