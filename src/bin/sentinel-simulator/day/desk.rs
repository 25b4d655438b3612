//! What the daemon says about itself between the cycles: its uptime, the day's result with the risk checks, and errors.

use super::dice::{Dice, Seldom, rounded};
use super::event::Event;
use super::plan::Plan;
use super::{Agenda, Process};
use crate::faults::Fault;
use crate::moment::Moment;

/// The loss in USD at which the daemon stops for the day.
const DAILY_LOSS_LIMIT: f64 = 200.0;

const CHECKS: [&str; 3] = ["position_limit", "daily_loss", "exposure"];

const ERRORS: [(&str, &str); 5] = [
    ("order_router", "timeout"),
    ("order_router", "connection_reset"),
    ("risk_engine", "stale_price"),
    ("market_data", "parse_error"),
    ("position_keeper", "mismatch"),
];

/// The daemon's uptime, every minute by day and night: it has been running since the begin.
pub(super) struct Uptime;

impl Process for Uptime {
    fn step(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) -> Moment {
        let seconds = now.since(plan.begin);
        agenda.event(now, Event::Uptime { seconds });
        now.plus(60.0)
    }
}

/// The day's profit and loss and the risk checks, every minute while trading is open.
pub(super) struct Earnings {
    dice: Dice,
    block: Seldom,
    usd: f64,
}

impl Earnings {
    /// A day that has earned nothing yet.
    pub(super) fn new(plan: &Plan) -> Self {
        let mut dice = plan.dice("earnings");
        Self { block: Seldom::new(plan.begin, &mut dice, (1.0, 2.0)), usd: 0.0, dice }
    }

    /// Moves the result on by a minute. Drawn back to a small profit, it never comes near the limit by itself.
    fn wander(&mut self, losing: bool) {
        let change = if losing {
            (-0.85 * DAILY_LOSS_LIMIT - self.usd) / 2.0
        } else {
            self.dice.between(-6.0, 6.0) + 0.02 * (25.0 - self.usd)
        };
        self.usd = rounded(self.usd + change, 2);
    }

    fn check(&mut self, now: Moment, losing: bool, agenda: &mut Agenda) {
        for check in CHECKS {
            let limited = losing && check == "daily_loss";
            let unlucky = check == "position_limit" && self.block.happens(now, &mut self.dice);
            let action = if limited || unlucky { "block" } else { "allow" };
            agenda.event(now, Event::RiskCheck { check, action });
        }
    }
}

impl Process for Earnings {
    fn step(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) -> Moment {
        let losing = plan.has(Fault::DailyLoss, now);
        let opening = plan.next_opening(now);
        agenda.event(now, Event::Pnl { usd: self.usd, daily_loss_limit_usd: DAILY_LOSS_LIMIT });
        self.check(now, losing, agenda);
        let next = now.plus(60.0);
        if plan.is_open(next) && next < opening {
            self.wander(losing);
            next
        } else {
            // The next day begins with nothing won or lost.
            self.usd = 0.0;
            opening
        }
    }
}

/// Trading errors, a few on any day.
pub(super) struct Mishaps {
    dice: Dice,
    mishap: Seldom,
}

impl Mishaps {
    /// None yet.
    pub(super) fn new(plan: &Plan) -> Self {
        let mut dice = plan.dice("mishaps");
        let mishap = Seldom::new(plan.begin, &mut dice, (3.0, 5.0));
        Self { dice, mishap }
    }
}

impl Process for Mishaps {
    fn step(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) -> Moment {
        if !plan.is_open(now) {
            return plan.next_opening(now);
        }
        let seldom = self.mishap.happens(now, &mut self.dice);
        if seldom || plan.has(Fault::TradingErrors, now) {
            let (component, error_type) = self.dice.pick(&ERRORS);
            agenda.event(now, Event::Error { component, error_type });
        }
        now.plus(20.0)
    }
}
