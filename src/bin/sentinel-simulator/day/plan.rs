//! The frame of the simulation: when it begins and ends, when trading is open, and which faults begin when. Trading opens at the
//! begin and then a day after each start, and closes six and a half hours after the start of its day.

use super::dice::Dice;
use crate::faults::{Fault, Faults};
use crate::moment::Moment;

const DAY: f64 = 24.0 * 3600.0;
const TRADING: f64 = 6.5 * 3600.0;

/// What a day is made from; equal plans give equal days.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// What all chance comes from.
    pub(crate) seed: u64,
    /// The first moment, the start less the backfill.
    pub(crate) begin: Moment,
    /// The moment from which faults, planned drills and days are counted.
    pub(crate) start: Moment,
    /// The first moment that is no longer simulated.
    pub(crate) end: Moment,
    /// Simulated seconds a second of the times that are written.
    pub(crate) stamp_speed: f64,
    /// What goes wrong, and from when on.
    pub(crate) faults: Faults,
    /// Whether a kill switch drill is held every day. Somebody is paged by it.
    pub(crate) drills: bool,
}

impl Plan {
    /// The time that is written for `at`.
    pub(crate) fn stamp(&self, at: Moment) -> Moment {
        self.start.plus(at.since(self.start) / self.stamp_speed)
    }

    /// Chance for the process called `name`, independent of that of all others.
    pub(super) fn dice(&self, name: &str) -> Dice {
        Dice::new(self.seed, name)
    }

    /// Whether `fault` has begun by `now`.
    pub(super) fn has(&self, fault: Fault, now: Moment) -> bool {
        self.faults.active(fault, now)
    }

    /// Whether trading is open.
    pub(super) fn is_open(&self, now: Moment) -> bool {
        now < self.closing(now)
    }

    /// The moment at which trading closes, on the day of `now`.
    pub(super) fn closing(&self, now: Moment) -> Moment {
        self.day_start(now).plus(TRADING)
    }

    /// The moment at which trading opens on the day after that of `now`.
    pub(super) fn next_opening(&self, now: Moment) -> Moment {
        self.day_start(now).plus(DAY)
    }

    /// The first moment after `now` that is `offset` seconds after the start of a day.
    pub(super) fn next_daily(&self, now: Moment, offset: f64) -> Moment {
        let today = self.day_start(now).plus(offset);
        if today > now { today } else { today.plus(DAY) }
    }

    /// The start of the day of `now`; the backfill belongs to the first.
    fn day_start(&self, now: Moment) -> Moment {
        let days = (now.since(self.start) / DAY).floor().max(0.0);
        self.start.plus(days * DAY)
    }
}
