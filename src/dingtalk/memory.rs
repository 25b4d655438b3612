//! What was delivered although nobody could be told so: the rest of a notification failed, or who sent it had given up waiting.
//!
//! Alertmanager sends such a notification again, whole; what is remembered is not sent a second time.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// How long it is remembered: longer than the group intervals after which Alertmanager comes again, and shorter than the repeat
/// intervals after which it wants an alert repeated.
const KEEP: Duration = Duration::from_secs(15 * 60);
/// How much is remembered; the oldest is forgotten beyond that.
const MOST: usize = 10_000;

/// Alerts that were delivered, by the keys of [`super::payload::Alert`].
#[derive(Debug, Default)]
pub(super) struct Memory {
    since: HashMap<u64, Instant>,
    order: VecDeque<(Instant, u64)>,
}

impl Memory {
    /// An alert was delivered.
    pub(super) fn remember(&mut self, key: u64, now: Instant) {
        while let Some((at, oldest)) = self.order.front().copied() {
            if self.order.len() < MOST && now - at < KEEP {
                break;
            }
            self.order.pop_front();
            // It may have been forgotten and remembered again since.
            if self.since.get(&oldest) == Some(&at) {
                self.since.remove(&oldest);
            }
        }
        self.since.insert(key, now);
        self.order.push_back((now, key));
    }

    /// Whether an alert was delivered.
    pub(super) fn holds(&self, key: u64, now: Instant) -> bool {
        self.since.get(&key).is_some_and(|since| now - *since < KEEP)
    }

    /// Who sent it knows by now: if it comes again, it is meant to.
    pub(super) fn forget(&mut self, key: u64) {
        self.since.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_ends_after_its_time() {
        let start = Instant::now();
        let mut memory = Memory::default();
        memory.remember(1, start);
        assert!(memory.holds(1, start + KEEP - Duration::from_secs(1)));
        assert!(!memory.holds(1, start + KEEP) && !memory.holds(2, start));
        memory.forget(1);
        assert!(!memory.holds(1, start));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_bounded_and_the_newest_stays() {
        let start = Instant::now();
        let mut memory = Memory::default();
        for key in 0..MOST as u64 + 5 {
            memory.remember(key, start);
        }
        assert_eq!((memory.since.len(), memory.order.len()), (MOST, MOST));
        assert!(!memory.holds(4, start) && memory.holds(5, start) && memory.holds(MOST as u64 + 4, start));
        // What is remembered, forgotten and remembered again does not fill it either.
        for _ in 0..MOST {
            memory.forget(7);
            memory.remember(7, start);
        }
        assert!(memory.order.len() <= MOST && memory.since.len() <= MOST && memory.holds(7, start));
        memory.remember(1, start + KEEP);
        assert_eq!((memory.since.len(), memory.order.len()), (1, 1));
    }
}
