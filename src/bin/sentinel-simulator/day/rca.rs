//! Root-cause-analysis sessions, the lines of `state/sre_rca_fixes.jsonl`: a manual one now and then that finds nothing, and
//! those that faults bring.

use serde::Serialize;

use super::dice::Dice;
use super::plan::Plan;
use super::{Action, Agenda, Process};
use crate::faults::Fault;
use crate::moment::Moment;

/// The name of each check and what it says when all is well.
const CHECKS: [(&str, &str); 6] = [
    ("uw_parser_integrity", "Parser fields present"),
    ("composite_weights", "Weights file valid"),
    ("entry_thresholds", "Entry thresholds normal"),
    ("freshness_scores", "Freshness scores normal"),
    ("alpaca_latency", "Alpaca API responding"),
    (CACHE_LOCK, "No stale lock files"),
];

/// The check that finds what the faults break, and its fix.
const CACHE_LOCK: &str = "cache_lock";
const CLEAR_CACHE_LOCK: &str = "clear_cache_lock";

/// One session, a line of the log.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Session {
    timestamp: f64,
    trigger: &'static str,
    overall_status: &'static str,
    checks: Vec<Check>,
    fixes_applied: Vec<String>,
    time: String,
}

#[derive(Debug, Clone, Serialize)]
struct Check {
    check_name: &'static str,
    status: &'static str,
    message: &'static str,
    fix_applied: Option<&'static str>,
    fix_success: bool,
}

impl Session {
    /// A session in which every check but the broken one is OK; `fixed` says whether there was a fault and its fix worked.
    fn new(written: Moment, trigger: &'static str, fixed: Option<bool>) -> Self {
        let check = |(check_name, message)| match fixed {
            Some(fix_success) if check_name == CACHE_LOCK => Check {
                check_name,
                status: "FAIL",
                message: "Stale lock files found: data/uw_flow_cache.json.lock",
                fix_applied: Some(CLEAR_CACHE_LOCK),
                fix_success,
            },
            _ => Check { check_name, status: "OK", message, fix_applied: None, fix_success: false },
        };
        let result = |success| if success { "success" } else { "failed" };
        Self {
            timestamp: written.seconds(),
            trigger,
            overall_status: if fixed.is_some() { "FAIL" } else { "OK" },
            checks: CHECKS.map(check).into(),
            fixes_applied: fixed.iter().map(|&success| format!("{CLEAR_CACHE_LOCK} ({})", result(success))).collect(),
            time: written.with_offset(),
        }
    }
}

/// The session that a failed mock signal starts.
pub(super) fn after_mock_signal(written: Moment) -> Session {
    Session::new(written, "mock_signal_failure", Some(true))
}

/// The sessions that people start.
pub(super) struct Routine {
    dice: Dice,
}

impl Routine {
    /// None yet.
    pub(super) fn new(plan: &Plan) -> Self {
        Self { dice: plan.dice("rca") }
    }
}

impl Process for Routine {
    fn step(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) -> Moment {
        let broken = plan.has(Fault::FailedFix, now);
        let session = Session::new(plan.stamp(now), "manual", broken.then_some(false));
        agenda.act(now, Action::Session(session));
        let pause = if broken { 900.0 } else { self.dice.between(5400.0, 9000.0) };
        plan.faults.wake(&[Fault::FailedFix], now, now.plus(pause))
    }
}
