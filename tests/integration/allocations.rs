//! What is done for every line or for every sample allocates nothing.

use std::sync::{Arc, Mutex};

use allocation_counter::measure;
use sentinel_exporter::board::Board;
use sentinel_exporter::dingtalk::payload::Notification;
use sentinel_exporter::exposition;
use sentinel_exporter::journal::ledger::{Format, Ledger};
use sentinel_exporter::sample::Limits;

use crate::support::folded::READ_AT;

/// Every event, with labels and without.
const LINES: [&str; 21] = [
    r#"{"ts":1768137395.12,"event":"cycle","ok":false,"seconds":1.31}"#,
    r#"{"event":"data_fetch","seconds":0.7,"ok":false,"endpoint":"alpaca","strategy":"of nobody's interest"}"#,
    r#"{"event":"feature_build","seconds":0.2}"#,
    r#"{"event":"prediction","seconds":0.1834,"confidence":0.71}"#,
    r#"{"event":"signal","action":"BUY","executed":true}"#,
    r#"{"event":"zmq_send","seconds":0.052}"#,
    r#"{"event":"api_call","endpoint":"alpaca","seconds":0.3}"#,
    r#"{"event":"api_error","endpoint":"eodhd","error_code":"timeout"}"#,
    r#"{"event":"uptime","seconds":60}"#,
    r#"{"event":"order","symbol":"EURUSD","side":"buy","status":"new","seconds":0.087}"#,
    r#"{"event":"order","symbol":"GBPUSD","side":"sell","status":"filled","slippage_bps":-1.4}"#,
    r#"{"event":"error","component":"risk","error_type":"Timeout"}"#,
    r#"{"event":"websocket","state":"reconnected"}"#,
    r#"{"event":"kill_switch","active":true,"trigger":"LATENCY","seconds":0.4}"#,
    r#"{"event":"kill_switch","active":false}"#,
    r#"{"event":"cancel_all","seconds":0.9}"#,
    r#"{"event":"risk_check","check":"daily_loss","action":"allow"}"#,
    r#"{"event":"pnl","usd":-12.75,"daily_loss_limit_usd":200}"#,
    r#"{"event":"position","symbol":"ÉURUSD","usd":1000.5}"#,
    r#"{"event":"regime","regime":"trend"}"#,
    r#"{"event":"reconciliation","drift_usd":0.25}"#,
];

fn count(ledger: &mut Ledger) {
    for line in LINES {
        ledger.count(Format::Events, line.as_bytes(), READ_AT).expect(line);
    }
}

#[test]
fn a_line_of_known_series_allocates_nothing() {
    let mut ledger = Ledger::new(Limits::default());
    assert!(measure(|| count(&mut ledger)).count_total > 0, "new series are allocated");
    assert_eq!(measure(|| count(&mut ledger)).count_total, 0);
}

#[test]
fn a_notification_takes_little_more_than_its_bytes() {
    const BYTES: usize = 2 << 20;
    let filled = |begin: &str, piece: &str, end: &str| {
        let pieces = (0..BYTES / piece.len()).map(|_| piece).collect::<Vec<_>>().join(",");
        format!("{{\"version\":\"4\",\"alerts\":[{begin}{pieces}{end}]}}")
    };
    for body in [
        filled("", r#"{"status":""}"#, ""),
        filled(r#"{"status":"","labels":{"#, r#""a":"""#, "}}"),
        filled(r#"{"status":"","annotations":{"#, r#""a":"""#, "}}"),
        filled("", &format!(r#"{{"status":"","labels":{{"a":"{}"}}}}"#, "x".repeat(100_000)), ""),
    ] {
        let taken = measure(|| assert!(Notification::parse(body.as_bytes()).is_ok())).bytes_max;
        assert!(taken < BYTES as u64, "{taken} bytes for {}...", &body[..80]);
    }
}

#[test]
fn a_page_allocates_the_same_whatever_its_size() {
    let allocations = |symbols: u32| {
        let mut ledger = Ledger::new(Limits::default());
        count(&mut ledger);
        for symbol in 0..symbols {
            let line = format!(r#"{{"event":"position","symbol":"{symbol}","usd":{symbol}.5}}"#);
            ledger.count(Format::Events, line.as_bytes(), READ_AT).expect(&line);
        }
        let board = Board::new(Arc::new(Mutex::new(ledger)));
        let mut page = Vec::new();
        exposition::render(&board.view(), &mut page);
        page.clear();
        measure(|| exposition::render(&board.view(), &mut page)).count_total
    };
    assert_eq!(allocations(900), allocations(1));
}
