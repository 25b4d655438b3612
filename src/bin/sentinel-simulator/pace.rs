//! The pace of a simulation: which real moment a simulated one falls on.

use std::time::Duration;

use tokio::time::Instant;

use crate::arguments::Speed;
use crate::moment::Moment;

/// Simulated time on the real clock.
pub(crate) struct Pace {
    speed: Speed,
    start: Moment,
    /// When the start was reached.
    reached: Option<Instant>,
}

impl Pace {
    /// A pace that waits for nothing before `start`.
    pub(crate) fn new(speed: Speed, start: Moment) -> Self {
        Self { speed, start, reached: None }
    }

    /// The real moment of `at`, or nothing if it should not be waited for.
    pub(crate) fn due(&mut self, at: Moment) -> Option<Instant> {
        let Speed::Times(speed) = self.speed else {
            return None;
        };
        if at < self.start {
            return None;
        }
        let reached = *self.reached.get_or_insert_with(Instant::now);
        reached.checked_add(Duration::from_secs_f64(at.since(self.start) / speed))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pace;
    use crate::arguments::Speed;
    use crate::moment::Moment;

    #[test]
    fn waits_in_proportion_and_not_for_the_backfill() -> Result<(), String> {
        let start = Moment::parse("2026-01-05T14:30:00Z")?;
        let mut pace = Pace::new(Speed::Times(60.0), start);
        assert_eq!(pace.due(start.plus(-1.0)), None);
        let first = pace.due(start);
        let wait = pace.due(start.plus(90.0)).zip(first).map(|(later, first)| later - first);
        assert_eq!(wait, Some(Duration::from_millis(1500)));
        assert_eq!(Pace::new(Speed::Max, start).due(start), None);
        Ok(())
    }
}
