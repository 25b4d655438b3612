//! Which completed batches have been counted.
//!
//! Transactions commit late: a batch can become visible after another that was completed after it. So the last 15 minutes
//! before the newest completion are read again each time, and the batches in them that are known are passed over by their id.

use std::collections::BTreeMap;

/// How late a batch may become visible and still be counted, in microseconds.
const WINDOW: i64 = 15 * 60 * 1_000_000;

/// A completed batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Its UUID.
    pub id: u128,
    /// Its completion in Unix microseconds.
    pub completed_at: i64,
    /// Its duration, if it is known.
    pub seconds: Option<f64>,
    /// Its share of invalid rows, from 0 to 1, if it is known.
    pub error_ratio: Option<f64>,
}

/// The newest completion seen, and the batches of the window before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batches {
    /// Unix microseconds; never later than the database's clock, so that one row with a wrong time cannot hide those that follow.
    pub(super) watermark: Option<i64>,
    /// Completion by id.
    pub(super) known: BTreeMap<u128, i64>,
}

impl Batches {
    /// The completion time from which on batches have to be read, in Unix microseconds; None before the first answer.
    pub fn window_start(&self) -> Option<i64> {
        self.watermark.map(|watermark| watermark.saturating_sub(WINDOW))
    }

    /// The batches among `completed` that are new, `now` being the database's clock in Unix microseconds.
    /// The first time none is: what was completed before is not counted.
    pub fn take_new<'a>(&mut self, completed: &'a [Batch], now: i64) -> Vec<&'a Batch> {
        let first = self.watermark.is_none();
        let newest = completed.iter().map(|batch| batch.completed_at).max().unwrap_or(i64::MIN);
        let floor = if first { now } else { i64::MIN };
        let watermark = newest.min(now).max(floor).max(self.watermark.unwrap_or(i64::MIN));
        let start = self.window_start().unwrap_or(i64::MIN);
        let mut new = Vec::new();
        for batch in completed.iter().filter(|batch| batch.completed_at >= start) {
            if self.known.insert(batch.id, batch.completed_at).is_none() && !first {
                new.push(batch);
            }
        }
        self.watermark = Some(watermark);
        self.known.retain(|_, completed_at| *completed_at >= watermark.saturating_sub(WINDOW));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;
    const NOON: i64 = 1_768_132_800_000_000;

    fn batch(id: u128, completed_at: i64) -> Batch {
        Batch { id, completed_at, seconds: Some(1.0), error_ratio: Some(0.0) }
    }

    fn ids(new: Vec<&Batch>) -> Vec<u128> {
        new.iter().map(|batch| batch.id).collect()
    }

    #[test]
    fn the_first_look_counts_nothing_and_each_batch_counts_once() {
        let mut batches = Batches::default();
        assert_eq!(batches.window_start(), None);
        assert!(batches.take_new(&[batch(1, NOON)], NOON).is_empty());
        let all = [batch(1, NOON), batch(2, NOON), batch(3, NOON + 1)];
        assert_eq!(ids(batches.take_new(&all, NOON + MINUTE)), [2, 3], "two of the same microsecond");
        assert!(batches.take_new(&all, NOON + MINUTE).is_empty());
    }

    #[test]
    fn a_late_commit_within_the_window_counts() {
        let mut batches = Batches::default();
        batches.take_new(&[], NOON);
        assert_eq!(ids(batches.take_new(&[batch(1, NOON - 14 * MINUTE)], NOON + MINUTE)), [1]);
        assert!(batches.take_new(&[batch(2, NOON - 16 * MINUTE)], NOON + MINUTE).is_empty());
    }

    #[test]
    fn a_completion_in_the_future_hides_nothing() {
        let mut batches = Batches::default();
        batches.take_new(&[], NOON);
        assert_eq!(ids(batches.take_new(&[batch(1, NOON + 999 * MINUTE)], NOON + MINUTE)), [1]);
        assert_eq!(batches.window_start(), Some(NOON - 14 * MINUTE));
        let both = [batch(2, NOON + 2 * MINUTE), batch(1, NOON + 999 * MINUTE)];
        assert_eq!(ids(batches.take_new(&both, NOON + 2 * MINUTE)), [2]);
    }

    #[test]
    fn what_has_left_the_window_is_forgotten() {
        let mut batches = Batches::default();
        batches.take_new(&[batch(1, NOON)], NOON);
        batches.take_new(&[batch(2, NOON + 20 * MINUTE)], NOON + 20 * MINUTE);
        assert_eq!(batches.known.keys().copied().collect::<Vec<_>>(), [2]);
    }
}
