//! The properties of a day: equal plans give equal days, time never runs backwards, an ordinary day has everything once, and
//! trading closes and opens again. What the faults do to it stands in `faults`.

mod faults;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Action, Batch, Day, Plan};
use crate::faults::{Faults, Onset};
use crate::moment::Moment;

const HOUR: f64 = 3600.0;

/// An ordinary trading day.
const ORDINARY: f64 = 6.5 * HOUR;

type Actions = Vec<(Moment, Action)>;

fn day(seed: u64, seconds: f64, faults: &[&str]) -> Actions {
    Day::new(plan(seed, 0.0, seconds, faults)).collect()
}

fn plan(seed: u64, backfill: f64, seconds: f64, faults: &[&str]) -> Plan {
    let start = Moment::FIRST.plus(1_767_623_400.0);
    let onsets: Result<Vec<Onset>, String> = faults.iter().map(|fault| fault.parse()).collect();
    assert!(onsets.is_ok(), "{onsets:?}");
    Plan {
        seed,
        begin: start.plus(-backfill),
        start,
        end: start.plus(seconds),
        stamp_speed: 1.0,
        faults: Faults::new(&onsets.unwrap_or_default(), start),
        drills: true,
    }
}

/// What is called `name`, as a reader sees it: the trading events of this name, or `metrics`, `session` or `check`.
fn records(actions: &Actions, name: &str) -> Vec<Value> {
    let record = |(_, action): &(Moment, Action)| match (action, name) {
        (Action::Event(event), _) => Some(json!(event)).filter(|event| event["event"] == name),
        (Action::Metrics(metrics), "metrics") => Some(json!(metrics)),
        (Action::Session(session), "session") => Some(json!(session)),
        (Action::Check(check), "check") => Some(json!(check)),
        _ => None,
    };
    actions.iter().filter_map(record).collect()
}

fn batches<'a>(actions: &'a Actions, status: &'a str) -> impl Iterator<Item = &'a Batch> {
    actions.iter().filter_map(move |(_, action)| match action {
        Action::Batch(batch) if batch.status == status => Some(batch),
        _ => None,
    })
}

#[test]
fn equal_plans_give_equal_days() {
    let text = |seed| format!("{:?}", day(seed, ORDINARY, &["bad_lines@1h"]));
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
}

#[test]
fn everything_happens_in_the_order_of_time_and_within_the_plan() {
    let plan = plan(1, 2.0 * HOUR, 30.0 * HOUR, &["reconnect_storm@3h", "bad_lines"]);
    let (begin, end) = (plan.begin, plan.end);
    let actions: Actions = Day::new(plan).collect();
    assert!(actions.is_sorted_by_key(|&(at, _)| at));
    assert!(actions.iter().all(|&(at, _)| at >= begin && at < end));
    let arrivals = batches(&actions, "uploaded").filter(|batch| batch.created < begin.plus(2.0 * HOUR));
    assert!(arrivals.count() > 60, "the backfill has its batches");
}

#[test]
fn an_ordinary_day_has_every_event() {
    let actions = day(1, ORDINARY, &[]);
    for name in [
        "cycle",
        "data_fetch",
        "feature_build",
        "prediction",
        "signal",
        "zmq_send",
        "api_call",
        "api_error",
        "uptime",
        "order",
        "error",
        "websocket",
        "kill_switch",
        "cancel_all",
        "risk_check",
        "pnl",
        "position",
        "regime",
        "reconciliation",
    ] {
        assert!(!records(&actions, name).is_empty(), "{name}");
    }
    let statuses: BTreeSet<String> = records(&actions, "order").iter().map(|order| order["status"].to_string()).collect();
    assert_eq!(statuses.len(), 5, "{statuses:?}");
    for status in ["uploaded", "staging", "inserting", "upserting", "processing", "failed", "completed"] {
        assert!(batches(&actions, status).next().is_some(), "{status}");
    }
    assert!(records(&actions, "metrics").iter().any(|metrics| metrics["last_mock_signal_score"].is_null()));
    assert!(!records(&actions, "session").is_empty());
    let warned = |check: &Value| check["status"] == "WARNING";
    assert!(records(&actions, "check").iter().any(warned));
}

#[test]
fn without_drills_the_kill_switch_rests() {
    let all: Actions = Day::new(Plan { drills: false, ..plan(1, 0.0, 50.0 * HOUR, &[]) }).collect();
    assert!(records(&all, "kill_switch").is_empty() && records(&all, "cancel_all").is_empty());
    assert!(!records(&all, "cycle").is_empty());
}

#[test]
fn trading_closes_without_positions_and_opens_again() {
    let actions = day(1, 30.0 * HOUR, &[]);
    let start = plan(1, 0.0, 0.0, &[]).start;
    let (close, opening) = (start.plus(ORDINARY), start.plus(24.0 * HOUR));
    let within = |from: Moment, to: Moment| -> Actions {
        let inside = |(at, _): &&(Moment, Action)| (from..to).contains(at);
        actions.iter().filter(inside).cloned().collect()
    };

    let mut held = BTreeMap::new();
    for position in records(&within(start, close), "position") {
        held.insert(position["symbol"].to_string(), position["usd"].as_f64());
    }
    assert!(held.len() > 10 && held.values().all(|usd| *usd == Some(0.0)), "{held:?}");

    let night = within(close, opening);
    assert_eq!(records(&night, "regime"), [json!({"event": "regime", "regime": "closed"})]);
    assert!(records(&night, "cycle").is_empty() && records(&night, "order").is_empty());
    assert!(!records(&night, "uptime").is_empty(), "the daemon runs on");

    let morning = within(opening, Moment::LAST);
    assert_eq!(records(&morning, "pnl")[0]["usd"], 0.0);
    assert!(!records(&morning, "cycle").is_empty());
    assert!(records(&morning, "regime").iter().all(|event| event["regime"] != "closed"));
}
