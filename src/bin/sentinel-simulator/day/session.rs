//! The trading day seen from outside the cycles: the market's regime, which says whether trading is open, and reconciliation.

use super::dice::{Dice, rounded};
use super::event::Event;
use super::plan::Plan;
use super::{Agenda, Process};
use crate::faults::Fault;
use crate::moment::Moment;

const REGIMES: [&str; 4] = ["trending", "ranging", "volatile", "calm"];

/// Seconds after the opening at which the first cycle of even a slow start is done.
const AFTER_FIRST_CYCLE: f64 = 8.0;

/// The regime: one of the open ones after the first cycle, another now and then, `closed` at the close.
pub(super) struct Regime {
    dice: Dice,
}

impl Regime {
    /// No regime yet.
    pub(super) fn new(plan: &Plan) -> Self {
        Self { dice: plan.dice("regime") }
    }
}

impl Process for Regime {
    fn step(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) -> Moment {
        if now == plan.begin {
            return now.plus(AFTER_FIRST_CYCLE);
        }
        let open = plan.is_open(now);
        let regime = if open { self.dice.pick(&REGIMES) } else { "closed" };
        agenda.event(now, Event::Regime { regime });
        if open {
            now.plus(self.dice.between(2400.0, 6000.0)).min(plan.closing(now))
        } else {
            plan.next_opening(now).plus(AFTER_FIRST_CYCLE)
        }
    }
}

/// Reconciliation with the broker, at the opening and then hourly.
pub(super) struct Reconciliation {
    dice: Dice,
}

impl Reconciliation {
    /// None yet.
    pub(super) fn new(plan: &Plan) -> Self {
        Self { dice: plan.dice("reconciliation") }
    }
}

impl Process for Reconciliation {
    fn step(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) -> Moment {
        if !plan.has(Fault::NoReconciliation, now) {
            let ok = !plan.has(Fault::ReconciliationFailures, now);
            let drift = match plan.has(Fault::Drift, now) {
                true => 150.0,
                false => rounded(self.dice.between(-3.0, 3.0), 2),
            };
            let drift_usd = ok.then_some(drift);
            agenda.event(now, Event::Reconciliation { ok, drift_usd });
        }
        let hourly = now.plus(3600.0);
        let opening = plan.next_opening(now);
        let planned = if plan.is_open(hourly) { hourly.min(opening) } else { opening };
        let sudden = [Fault::Drift, Fault::ReconciliationFailures];
        plan.faults.wake(&sudden, now, planned)
    }
}
