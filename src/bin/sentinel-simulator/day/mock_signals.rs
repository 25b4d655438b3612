//! The trading bot's mock signals: every 15 minutes one is injected, and what came of it is kept in `state/sre_metrics.json`.

use serde::Serialize;

use super::dice::Dice;
use super::plan::Plan;
use super::{Action, Agenda, Process, rca};
use crate::faults::Fault;
use crate::moment::Moment;

/// The content of `state/sre_metrics.json`. Times are Unix seconds, or text where the name says `_time`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SreMetrics {
    logic_heartbeat: f64,
    mock_signal_success_pct: f64,
    parser_health_index: f64,
    auto_fix_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_mock_signal_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_mock_signal_time: Option<String>,
    last_update: f64,
}

/// The injections so far.
pub(super) struct MockSignals {
    dice: Dice,
    injected: u32,
    success_pct: f64,
    fixes: u32,
}

impl MockSignals {
    /// None yet.
    pub(super) fn new(plan: &Plan) -> Self {
        Self { dice: plan.dice("mock signals"), injected: 0, success_pct: 100.0, fixes: 0 }
    }

    fn inject(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) {
        let failed = plan.has(Fault::FailedMockSignal, now);
        let score = if failed {
            self.success_pct = (self.success_pct - 10.0).max(0.0);
            self.fixes += 1;
            let analysed = now.plus(2.0);
            agenda.act(analysed, Action::Session(rca::after_mock_signal(plan.stamp(analysed))));
            self.dice.between(2.0, 2.9)
        } else {
            self.dice.between(4.3, 4.7)
        };
        self.injected += 1;
        // Both notations occur in the bot's files.
        let time = match self.injected % 2 {
            0 => plan.stamp(now).with_micros(),
            _ => plan.stamp(now).zulu(),
        };
        let metrics = self.metrics(now, plan, Some((score, time)));
        agenda.act(now, Action::Metrics(metrics));
    }

    fn metrics(&self, now: Moment, plan: &Plan, last: Option<(f64, String)>) -> SreMetrics {
        let (score, time) = last.unzip();
        SreMetrics {
            logic_heartbeat: plan.stamp(now).seconds(),
            mock_signal_success_pct: self.success_pct,
            parser_health_index: if plan.has(Fault::FailedMockSignal, now) {
                50.0
            } else if plan.has(Fault::LowParserHealth, now) {
                70.0
            } else {
                100.0
            },
            auto_fix_count: self.fixes,
            last_mock_signal_score: score,
            last_mock_signal_time: time,
            last_update: plan.stamp(now).seconds(),
        }
    }
}

impl Process for MockSignals {
    fn step(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) -> Moment {
        if plan.has(Fault::StaleMockSignal, now) {
            return plan.end;
        }
        if now == plan.begin {
            // A bot that has just started has a heartbeat, but no outcome yet.
            agenda.act(now, Action::Metrics(self.metrics(now, plan, None)));
            return now.plus(30.0);
        }
        self.inject(now, plan, agenda);
        let sudden = [Fault::FailedMockSignal, Fault::LowParserHealth];
        plan.faults.wake(&sudden, now, now.plus(900.0))
    }
}
