//! The pure generator of a day: from a plan, all that happens in the order of its time. A day is a queue of two kinds of entries:
//! actions, which are handed out, and processes, which at their moment write actions into the queue and name the moment of
//! their next step. Every process has chance of its own, so that a fault in one leaves the others as they were.

mod batches;
mod checks;
mod cycles;
mod defects;
mod desk;
mod dice;
mod event;
mod mock_signals;
mod orders;
mod plan;
mod rca;
mod safety;
mod session;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::moment::Moment;

pub(crate) use self::batches::{Batch, RowError};
pub(crate) use self::checks::HealthCheck;
pub(crate) use self::event::Event;
pub(crate) use self::mock_signals::SreMetrics;
pub(crate) use self::plan::Plan;
pub(crate) use self::rca::Session;

/// Something that happens, with all that a sink needs to write it but its moment.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// One trading event, a line of the journal.
    Event(Event),
    /// A journal line, without its end, that no reader may accept.
    BadLine(String),
    /// The new content of `state/sre_metrics.json`.
    Metrics(SreMetrics),
    /// A line of `state/sre_rca_fixes.jsonl`.
    Session(Session),
    /// A line of `logs/critical_health_checks.jsonl`.
    Check(HealthCheck),
    /// The new state of a batch, whole.
    Batch(Batch),
    /// All invalid rows of the batch with this id.
    RowErrors(String, Vec<RowError>),
}

/// A part of the day that acts now and again.
trait Process {
    /// Acts at `now`, and names the moment of the next step.
    fn step(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) -> Moment;
}

/// What is still to come, earliest first; of one moment, in the order in which it was planned.
#[derive(Default)]
struct Agenda {
    queue: BinaryHeap<Reverse<Entry>>,
    planned: u64,
}

impl Agenda {
    /// Plans `action` for `at`, which lies never before the step that plans it.
    fn act(&mut self, at: Moment, action: Action) {
        self.push(at, Item::Action(action));
    }

    /// Plans a trading event for `at`.
    fn event(&mut self, at: Moment, event: Event) {
        self.act(at, Action::Event(event));
    }

    fn push(&mut self, at: Moment, item: Item) {
        let order = self.planned;
        self.planned += 1;
        self.queue.push(Reverse(Entry { at, order, item }));
    }
}

enum Item {
    Action(Action),
    Process(Box<dyn Process>),
}

struct Entry {
    at: Moment,
    order: u64,
    item: Item,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

/// All that happens from the plan's begin to its end, in the order of time.
pub(crate) struct Day {
    plan: Plan,
    agenda: Agenda,
}

impl Day {
    /// The day of `plan`.
    pub(crate) fn new(plan: Plan) -> Self {
        let processes: [Box<dyn Process>; 13] = [
            Box::new(safety::Stream::new()),
            Box::new(safety::KillSwitch),
            Box::new(desk::Uptime),
            Box::new(desk::Earnings::new(&plan)),
            Box::new(desk::Mishaps::new(&plan)),
            Box::new(session::Reconciliation::new(&plan)),
            Box::new(cycles::Cycles::new(&plan)),
            Box::new(session::Regime::new(&plan)),
            Box::new(mock_signals::MockSignals::new(&plan)),
            Box::new(rca::Routine::new(&plan)),
            Box::new(checks::Checks::new(&plan)),
            Box::new(batches::Intake::new(&plan)),
            Box::new(defects::Defects),
        ];
        let mut agenda = Agenda::default();
        for process in processes {
            agenda.push(plan.begin, Item::Process(process));
        }
        Self { plan, agenda }
    }

    /// The time that is written for `at`.
    pub(crate) fn stamp(&self, at: Moment) -> Moment {
        self.plan.stamp(at)
    }
}

impl Iterator for Day {
    type Item = (Moment, Action);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Reverse(entry) = self.agenda.queue.pop()?;
            let now = entry.at;
            if now >= self.plan.end {
                return None;
            }
            match entry.item {
                Item::Action(action) => return Some((now, action)),
                Item::Process(mut process) => {
                    let next = process.step(now, &self.plan, &mut self.agenda);
                    // A step that did not move on would hold the whole day at its moment.
                    let next = next.max(now.plus(0.001));
                    self.agenda.push(next, Item::Process(process));
                }
            }
        }
    }
}
