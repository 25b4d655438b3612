//! The market stream and the kill switch: on an ordinary day one short disconnect and, unless there are none, one planned drill.

use super::event::Event;
use super::plan::Plan;
use super::{Agenda, Process};
use crate::faults::Fault;
use crate::moment::Moment;

/// Seconds after the start of a day at which the stream breaks off for a moment.
const DISCONNECT: f64 = 1.5 * 3600.0;

/// Seconds after the start of a day at which the drill is held.
const DRILL: f64 = 3.0 * 3600.0;

/// A drill is held at once when one of these begins.
const DRILL_FAULTS: [Fault; 2] = [Fault::SlowKillSwitch, Fault::SlowCancelAll];

/// The websocket to the exchange.
pub(super) struct Stream {
    opening: Option<Moment>,
    disconnect: Option<Moment>,
}

impl Stream {
    /// Not connected yet.
    pub(super) fn new() -> Self {
        Self { opening: None, disconnect: None }
    }
}

impl Process for Stream {
    fn step(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) -> Moment {
        if plan.has(Fault::WebsocketDown, now) {
            agenda.event(now, Event::Websocket { state: "disconnected" });
            return plan.end;
        }
        // The first step opens the first day.
        if self.opening.is_none_or(|opening| now == opening) {
            agenda.event(now, Event::Websocket { state: "connected" });
        }
        let storm = plan.has(Fault::ReconnectStorm, now);
        if storm || self.disconnect == Some(now) {
            let seconds = if storm { 1.0 } else { 3.0 };
            agenda.event(now, Event::Websocket { state: "disconnected" });
            agenda.event(now.plus(seconds), Event::Websocket { state: "reconnected" });
        }
        let opening = plan.next_opening(now);
        let disconnect = plan.next_daily(now, DISCONNECT);
        self.opening = Some(opening);
        self.disconnect = Some(disconnect);
        let planned = opening.min(disconnect);
        let planned = if storm { planned.min(now.plus(15.0)) } else { planned };
        let sudden = [Fault::WebsocketDown, Fault::ReconnectStorm];
        plan.faults.wake(&sudden, now, planned)
    }
}

/// The kill switch: planned drills, and a real trip for the fault.
pub(super) struct KillSwitch;

impl Process for KillSwitch {
    fn step(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) -> Moment {
        if plan.has(Fault::KillSwitch, now) {
            // No drill may come after this one: it would end with a release.
            halt("LATENCY", now, plan, agenda);
            return plan.end;
        }
        if is_drill(plan, now) {
            halt("MANUAL", now, plan, agenda);
            agenda.event(now.plus(30.0), Event::KillSwitch { active: false, trigger: "MANUAL", seconds: None });
        }
        let next = plan.faults.wake(&[Fault::KillSwitch], now, next_drill(plan, now));
        // A trip within a drill would be ended by the drill's release.
        if is_drill(plan, now) { next.max(now.plus(31.0)) } else { next }
    }
}

/// Whether a drill is held within a minute of `now`.
pub(super) fn drill_is_near(plan: &Plan, now: Moment) -> bool {
    next_drill(plan, now.plus(-60.0)) < now.plus(60.0)
}

fn halt(trigger: &'static str, now: Moment, plan: &Plan, agenda: &mut Agenda) {
    let slow = plan.has(Fault::SlowKillSwitch, now);
    let halted = if slow { 2.8 } else { 0.4 };
    let seconds = if plan.has(Fault::SlowCancelAll, now) { 2.6 } else { 0.6 };
    agenda.event(now.plus(halted), Event::KillSwitch { active: true, trigger, seconds: Some(halted) });
    agenda.event(now.plus(halted + seconds), Event::CancelAll { seconds });
}

fn is_drill(plan: &Plan, now: Moment) -> bool {
    next_drill(plan, now.plus(-0.001)) == now
}

/// The first drill after `now`.
fn next_drill(plan: &Plan, now: Moment) -> Moment {
    let daily = if plan.drills { plan.next_daily(now, DRILL) } else { plan.end };
    plan.faults.wake(&DRILL_FAULTS, now, daily)
}
