//! Each fault changes what its description says, from its onset on and not before.

use std::collections::BTreeSet;

use clap::ValueEnum;
use serde_json::Value;

use super::{Actions, HOUR, ORDINARY, batches, day, plan, records};
use crate::day::{Action, Batch};
use crate::faults::Fault;
use crate::moment::Moment;

#[test]
fn every_fault_changes_what_it_says_and_only_from_its_onset_on() {
    let onset = plan(1, 0.0, 0.0, &[]).start.plus(HOUR);
    let healthy = day(1, ORDINARY, &[]);
    for &fault in Fault::value_variants() {
        let actions = day(1, ORDINARY, &[&format!("{}@1h", fault.name())]);
        let (before, after) = (measure(fault, &healthy, onset), measure(fault, &actions, onset));
        assert!(shows(fault, before, after), "{fault:?}: {before} without it, {after} with it");
        // A drill is prepared for during the minute before it.
        let quiet = |actions: &Actions| {
            let early = actions.iter().take_while(|(at, _)| *at < onset.plus(-60.0));
            format!("{:?}", early.collect::<Vec<_>>())
        };
        assert_eq!(quiet(&actions), quiet(&healthy), "{fault:?}");
    }
}

/// The number that the fault is about, over the time from `onset` on.
fn measure(fault: Fault, actions: &Actions, onset: Moment) -> f64 {
    let late: Actions = actions.iter().filter(|(at, _)| *at >= onset).cloned().collect();
    let of = |name| records(&late, name);
    let rejected = |order: &Value| order["status"] == "rejected";
    let new = |order: &Value| order["status"] == "new";
    match fault {
        Fault::FailedCycles => share(&of("cycle"), failed),
        Fault::StalledCycles => of("cycle").len() as f64,
        Fault::DataFetchFailures => share(&of("data_fetch"), failed),
        Fault::PredictionFailures => share(&of("prediction"), failed),
        Fault::SlowPredictions => share(&of("prediction"), |p| p["ok"] == true && seconds_above(0.5)(p)),
        Fault::ZmqFailures => share(&of("zmq_send"), failed),
        Fault::SlowZmq => share(&of("zmq_send"), seconds_above(0.5)),
        Fault::ApiErrors => count(&of("api_error"), |error| error["endpoint"] == "alpaca"),
        Fault::SignalsNotExecuted | Fault::KillSwitch => count(&of("signal"), |signal| signal["executed"] == true),
        Fault::SlowOrders => share(&of("order"), seconds_above(0.1)),
        Fault::VerySlowOrders => share(&of("order"), seconds_above(0.5)),
        Fault::TradingErrors => of("error").len() as f64,
        Fault::RejectedOrders => count(&of("order"), rejected) / count(&of("order"), new),
        Fault::NoOrders => count(&of("order"), new),
        Fault::Slippage => share(&of("order"), |order| order["slippage_bps"].as_f64() > Some(100.0)),
        Fault::SlippageSpike => count(&of("order"), |order| order["slippage_bps"] == 600.0),
        Fault::WebsocketDown => count(&of("websocket"), |event| event["state"] == "reconnected"),
        Fault::ReconnectStorm => of("websocket").len() as f64,
        Fault::SlowKillSwitch => count(&of("kill_switch"), seconds_above(2.0)),
        Fault::SlowCancelAll => largest(&of("cancel_all"), "seconds"),
        Fault::DailyLoss => of("pnl").last().and_then(|pnl| pnl["usd"].as_f64()).unwrap_or_default(),
        Fault::Drift => largest(&of("reconciliation"), "drift_usd"),
        Fault::ReconciliationFailures => count(&of("reconciliation"), failed),
        Fault::NoReconciliation => of("reconciliation").len() as f64,
        Fault::StuckBatches => {
            let done = batches(&late, "completed").count() + batches(&late, "failed").count();
            batches(&late, "uploaded").count() as f64 - done as f64
        }
        Fault::ErrorSpike => mean(batches(&late, "completed"), |batch| batch.invalid),
        Fault::FailedBatches => batches(&late, "failed").count() as f64,
        Fault::Duplicates => mean(batches(&late, "completed"), |batch| batch.duplicate),
        Fault::QuietPipeline => batches(&late, "uploaded").count() as f64,
        Fault::FailedMockSignal => count(&of("session"), |session| {
            session["trigger"] == "mock_signal_failure" && session["fixes_applied"][0] == "clear_cache_lock (success)"
        }),
        Fault::StaleMockSignal => of("metrics").len() as f64,
        Fault::LowParserHealth => of("metrics").last().map_or(0.0, |m| largest(std::slice::from_ref(m), "parser_health_index")),
        Fault::FailedFix => count(&of("session"), |session| session["fixes_applied"][0] == "clear_cache_lock (failed)"),
        Fault::FailingChecks => share(&of("check"), |check| check["status"] == "CRITICAL"),
        Fault::BadLines => late.iter().filter(|(_, action)| matches!(action, Action::BadLine(_))).count() as f64,
        Fault::LabelExplosion => {
            let symbols: BTreeSet<String> = of("order").iter().map(|order| order["symbol"].to_string()).collect();
            symbols.len() as f64
        }
    }
}

/// Whether a measure of `healthy` without the fault and `faulty` with it is what the fault describes.
fn shows(fault: Fault, healthy: f64, faulty: f64) -> bool {
    match fault {
        // What stops: at most what was under way at the onset is still seen.
        Fault::StalledCycles
        | Fault::SignalsNotExecuted
        | Fault::KillSwitch
        | Fault::NoOrders
        | Fault::WebsocketDown
        | Fault::NoReconciliation
        | Fault::QuietPipeline
        | Fault::StaleMockSignal => healthy >= 1.0 && faulty == 0.0,
        Fault::DailyLoss => healthy > -100.0 && (faulty + 170.0).abs() < 1.0,
        Fault::LowParserHealth => healthy == 100.0 && faulty == 70.0,
        Fault::SlippageSpike => healthy == 0.0 && faulty == 1.0,
        Fault::Drift => healthy < 5.0 && faulty == 150.0,
        Fault::SlowCancelAll => healthy == 0.6 && faulty == 2.6,
        // At once and at the planned time.
        Fault::SlowKillSwitch => healthy == 0.0 && faulty == 2.0,
        Fault::ErrorSpike => healthy < 0.05 && (0.25..0.4).contains(&faulty),
        Fault::Duplicates => (0.1..0.3).contains(&healthy) && (0.6..0.8).contains(&faulty),
        Fault::FailedCycles
        | Fault::DataFetchFailures
        | Fault::PredictionFailures
        | Fault::SlowPredictions
        | Fault::ZmqFailures
        | Fault::SlowZmq
        | Fault::SlowOrders
        | Fault::VerySlowOrders
        | Fault::RejectedOrders
        | Fault::Slippage
        | Fault::FailingChecks => healthy < 0.05 && faulty > 0.2,
        Fault::ApiErrors
        | Fault::TradingErrors
        | Fault::ReconnectStorm
        | Fault::ReconciliationFailures
        | Fault::StuckBatches
        | Fault::FailedBatches
        | Fault::FailedMockSignal
        | Fault::FailedFix
        | Fault::BadLines
        | Fault::LabelExplosion => faulty >= healthy + 5.0,
    }
}

/// The share of `all` for which `holds`.
fn share(all: &[Value], holds: impl Fn(&Value) -> bool) -> f64 {
    all.iter().filter(|value| holds(value)).count() as f64 / all.len().max(1) as f64
}

fn count(all: &[Value], holds: impl Fn(&Value) -> bool) -> f64 {
    all.iter().filter(|value| holds(value)).count() as f64
}

fn largest(all: &[Value], field: &str) -> f64 {
    let numbers = all.iter().filter_map(|value| value[field].as_f64());
    numbers.fold(0.0, |largest, number| largest.max(number.abs()))
}

fn seconds_above(limit: f64) -> impl Fn(&Value) -> bool {
    move |value| value["seconds"].as_f64() > Some(limit)
}

fn failed(value: &Value) -> bool {
    value["ok"] == false
}

/// The mean share of `part` in the rows of a batch.
fn mean<'a>(batches: impl Iterator<Item = &'a Batch>, part: impl Fn(&Batch) -> u32) -> f64 {
    let shares: Vec<f64> = batches.map(|batch| f64::from(part(batch)) / f64::from(batch.total)).collect();
    shares.iter().sum::<f64>() / shares.len().max(1) as f64
}
