//! The critical health checks, every five minutes a line for each in `logs/critical_health_checks.jsonl`.

use serde::Serialize;

use super::dice::{Dice, Seldom};
use super::plan::Plan;
use super::{Action, Agenda, Process};
use crate::faults::Fault;
use crate::moment::Moment;

/// A check: its name, what it says when all is well, and whether the bot can mend it.
const CHECKS: [(&str, &str, bool); 6] = [
    (WEIGHTS_FILE, "Weights file valid", true),
    (ENTRY_THRESHOLDS, "Entry thresholds normal", true),
    ("enrich_signal_fields", "Enriched signal has all fields", false),
    ("freshness_killing_scores", "Freshness scores normal", false),
    ("adaptive_weights_killing_scores", "Adaptive weights normal", false),
    (ZERO_TRADES, "Orders are being placed", false),
];

const WEIGHTS_FILE: &str = "weights_file";
const ENTRY_THRESHOLDS: &str = "entry_thresholds";
const ZERO_TRADES: &str = "zero_trades_scores";

/// One result of a check, a line of the log.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HealthCheck {
    timestamp: f64,
    time: String,
    name: &'static str,
    status: &'static str,
    message: &'static str,
    can_auto_fix: bool,
    fix_applied: bool,
}

/// The rounds of checks.
pub(super) struct Checks {
    dice: Dice,
    warning: Seldom,
}

impl Checks {
    /// None yet.
    pub(super) fn new(plan: &Plan) -> Self {
        let mut dice = plan.dice("checks");
        let warning = Seldom::new(plan.begin, &mut dice, (1.0, 2.0));
        Self { dice, warning }
    }
}

impl Process for Checks {
    fn step(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) -> Moment {
        let failing = plan.has(Fault::FailingChecks, now);
        // One round only: the next one, five minutes later, is well again.
        let warning = self.warning.happens(now, &mut self.dice);
        for (name, well, can_auto_fix) in CHECKS {
            let (status, message) = match name {
                ENTRY_THRESHOLDS if failing => ("CRITICAL", "Entry threshold base 3.4 is above 3.0"),
                ZERO_TRADES if failing => ("CRITICAL", "No orders in the last 10 cycles"),
                WEIGHTS_FILE if warning => ("WARNING", "Weights file missing (will use defaults)"),
                _ => ("OK", well),
            };
            let check = HealthCheck {
                timestamp: plan.stamp(now).seconds(),
                time: plan.stamp(now).plain(),
                name,
                status,
                message,
                can_auto_fix,
                fix_applied: false,
            };
            agenda.act(now, Action::Check(check));
        }
        plan.faults.wake(&[Fault::FailingChecks], now, now.plus(300.0))
    }
}
