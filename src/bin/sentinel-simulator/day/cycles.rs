//! The trading cycle, once a minute while trading is open: data, features, prediction, and sometimes a signal that becomes
//! orders. Each part takes its time, so a cycle's events lie in a row and its duration is the sum of theirs.

use super::dice::{Dice, Seldom};
use super::event::Event;
use super::orders::{Book, call_broker};
use super::plan::Plan;
use super::{Agenda, Process, safety};
use crate::faults::Fault;
use crate::moment::Moment;

/// Seconds before the close at which positions are closed. No cycle begins in the half minute before that.
const FLATTEN: f64 = 10.0;

/// After this many cycles without a BUY or SELL the next one brings one, so that whoever counts orders always has some.
const MOST_IDLE: u32 = 4;

/// Mostly HOLD.
const ACTIONS: [&str; 9] = ["HOLD", "HOLD", "HOLD", "HOLD", "HOLD", "BUY", "BUY", "SELL", "SELL"];

/// The trading cycles of all days.
pub(super) struct Cycles {
    dice: Dice,
    book: Book,
    slow_source: Seldom,
    lost_prediction: Seldom,
    held_back: Seldom,
    /// Cycles since the last BUY or SELL.
    idle: u32,
}

impl Cycles {
    /// A daemon that has no positions yet.
    pub(super) fn new(plan: &Plan) -> Self {
        let mut dice = plan.dice("cycles");
        Self {
            slow_source: Seldom::new(plan.begin, &mut dice, (0.8, 1.5)),
            lost_prediction: Seldom::new(plan.begin, &mut dice, (3.0, 5.0)),
            held_back: Seldom::new(plan.begin, &mut dice, (0.5, 1.0)),
            book: Book::new(plan),
            idle: 0,
            dice,
        }
    }

    /// Runs one cycle, moving `clock` along. False if it failed.
    fn run(&mut self, clock: &mut Moment, plan: &Plan, agenda: &mut Agenda) -> bool {
        if !self.fetch(clock, plan, agenda) {
            return false;
        }
        let seconds = self.dice.between(0.15, 0.35);
        *clock = clock.plus(seconds);
        agenda.event(*clock, Event::FeatureBuild { seconds });
        if !self.predict(clock, plan, agenda) {
            return false;
        }
        let seconds = self.dice.between(0.05, 0.2);
        *clock = clock.plus(seconds);
        call_broker(&mut self.dice, *clock, seconds, plan, agenda);
        if plan.has(Fault::FailedCycles, *clock) && self.dice.chance(0.33) {
            return false;
        }
        if let Some(action) = self.decide(*clock, plan) {
            self.act(action, clock, plan, agenda);
        }
        // A few percent of the cycles find the machine busy.
        let rest = if self.dice.chance(0.04) { (1.0, 2.5) } else { (0.15, 0.35) };
        *clock = clock.plus(self.dice.between(rest.0, rest.1));
        true
    }

    fn fetch(&mut self, clock: &mut Moment, plan: &Plan, agenda: &mut Agenda) -> bool {
        let endpoint = "eodhd";
        let broken = plan.has(Fault::DataFetchFailures, *clock) && self.dice.chance(0.8);
        if broken || self.slow_source.happens(*clock, &mut self.dice) {
            let seconds = self.dice.between(2.0, 3.0);
            *clock = clock.plus(seconds);
            let error_code = self.dice.pick(&["timeout", "timeout", "429", "502"]);
            agenda.event(*clock, Event::DataFetch { ok: false, seconds, endpoint });
            agenda.event(*clock, Event::ApiError { endpoint, error_code });
            if broken {
                return false;
            }
        }
        let seconds = self.dice.between(0.35, 0.75);
        *clock = clock.plus(seconds);
        agenda.event(*clock, Event::DataFetch { ok: true, seconds, endpoint });
        true
    }

    fn predict(&mut self, clock: &mut Moment, plan: &Plan, agenda: &mut Agenda) -> bool {
        let endpoint = "hub";
        let broken = plan.has(Fault::PredictionFailures, *clock) && self.dice.chance(0.9);
        let ok = !(broken || self.lost_prediction.happens(*clock, &mut self.dice));
        let slow = plan.has(Fault::SlowPredictions, *clock) && self.dice.chance(0.5);
        let seconds = match (ok, slow) {
            // The daemon gives up after a second.
            (false, _) => 1.0,
            (true, true) => self.dice.between(0.6, 0.95),
            (true, false) => self.dice.between(0.12, 0.3),
        };
        *clock = clock.plus(seconds);
        let confidence = ok.then(|| self.dice.between(0.5, 0.95));
        agenda.event(*clock, Event::Prediction { ok, seconds, confidence, endpoint });
        if !ok {
            agenda.event(*clock, Event::ApiError { endpoint, error_code: "timeout" });
        }
        ok
    }

    /// The signal of this cycle; one of five has none.
    fn decide(&mut self, now: Moment, plan: &Plan) -> Option<&'static str> {
        self.idle += 1;
        // A drill is held when the desk has nothing to do.
        let action = if safety::drill_is_near(plan, now) {
            "HOLD"
        } else if self.idle > MOST_IDLE {
            self.dice.pick(&["BUY", "SELL"])
        } else if self.dice.chance(0.2) {
            return None;
        } else {
            self.dice.pick(&ACTIONS)
        };
        if action != "HOLD" {
            self.idle = 0;
        }
        Some(action)
    }

    /// Writes the signal and, if it is one to act on, sends it and places its orders.
    fn act(&mut self, action: &'static str, clock: &mut Moment, plan: &Plan, agenda: &mut Agenda) {
        let now = *clock;
        if action == "HOLD"
            || plan.has(Fault::SignalsNotExecuted, now)
            || plan.has(Fault::KillSwitch, now)
            || self.held_back.happens(now, &mut self.dice)
        {
            agenda.event(now, Event::Signal { action, executed: false });
            return;
        }
        let sent = !(plan.has(Fault::ZmqFailures, now) && self.dice.chance(0.7));
        agenda.event(now, Event::Signal { action, executed: sent });
        let seconds = match plan.has(Fault::SlowZmq, now) {
            true => self.dice.between(0.6, 0.9),
            false => self.dice.between(0.005, 0.06),
        };
        *clock = now.plus(seconds);
        agenda.event(*clock, Event::ZmqSend { ok: sent, seconds });
        if sent && !plan.has(Fault::NoOrders, now) {
            let side = if action == "BUY" { "buy" } else { "sell" };
            for order in 0..self.dice.count(1, 3) {
                let at = clock.plus(0.15 * f64::from(order));
                self.book.place(at, side, plan, agenda);
            }
        }
    }
}

impl Process for Cycles {
    fn step(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) -> Moment {
        let flatten = plan.closing(now).plus(-FLATTEN);
        if now >= flatten {
            self.book.flatten(now, agenda);
            return plan.next_opening(now);
        }
        if !plan.has(Fault::StalledCycles, now) {
            let mut clock = now;
            let ok = self.run(&mut clock, plan, agenda);
            let seconds = clock.since(now);
            agenda.event(clock, Event::Cycle { ok, seconds });
        }
        let next = now.plus(60.0);
        if next.plus(30.0) > flatten { flatten } else { next }
    }
}
