//! A token bucket: how many requests may come at once, and how many after that.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::locked;

/// A token bucket, full at first.
pub(super) struct Bucket {
    interval: Duration,
    burst: u32,
    /// When it will be full again; each token that is taken makes that an interval later.
    full_at: Mutex<Instant>,
}

impl Bucket {
    /// `burst` tokens, and one more each `interval`.
    pub(super) fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst, full_at: Mutex::new(Instant::now()) }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&self) -> bool {
        let now = Instant::now();
        let mut full_at = locked(&self.full_at);
        let then = now.max(*full_at) + self.interval;
        let taken = then - now <= self.interval.saturating_mul(self.burst);
        if taken {
            *full_at = then;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_through_and_then_one_an_interval() {
        let second = Duration::from_secs(1);
        let bucket = Bucket::new(second, 3);
        let taken = || (0..10).filter(|_| bucket.take()).count();
        assert_eq!(taken(), 3);
        tokio::time::advance(second).await;
        assert_eq!(taken(), 1);
        tokio::time::advance(second * 2).await;
        assert_eq!(taken(), 2);
        tokio::time::advance(second * 100).await;
        assert_eq!(taken(), 3);
    }
}
