//! Lines that no reader of the journal may accept, one of each kind every ten minutes while the fault is on.

use super::plan::Plan;
use super::{Action, Agenda, Process};
use crate::faults::Fault;
use crate::moment::Moment;

/// A line of this many bytes is too long for any reader.
const OVERSIZE: usize = 70 * 1024;

/// The writer of bad lines.
pub(super) struct Defects;

impl Process for Defects {
    fn step(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) -> Moment {
        let mut next = plan.end;
        if plan.has(Fault::BadLines, now) {
            let ts = plan.stamp(now).seconds();
            let lines = [
                format!(r#"{{"ts":{ts},"event":"cycle","ok":true,"sec"#),
                format!(r#"{{"ts":{ts},"event":"lunch","seconds":1800}}"#),
                format!(r#"{{"ts":{ts},"event":"cycle","ok":true,"seconds":-1.3}}"#),
                format!(r#"{{"ts":{ts},"event":"cycle","seconds":1.3,"note":"{}"}}"#, "x".repeat(OVERSIZE)),
            ];
            for line in lines {
                agenda.act(now, Action::BadLine(line));
            }
            next = now.plus(600.0);
        }
        plan.faults.wake(&[Fault::BadLines], now, next)
    }
}
