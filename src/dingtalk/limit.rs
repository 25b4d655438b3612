//! How fast a robot may be used: DingTalk blocks one for ten minutes when it sends more than 20 messages in a minute.

use std::time::Duration;

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// A token bucket, kept as one time: that at which it is full again.
///
/// A quarter of a minute's messages may come at once, and the rest is spread over the minute, so that no minute has more than its
/// number. It begins with one message alone: whatever a process before this one has sent, its start adds no burst to that.
#[derive(Debug)]
pub(super) struct Bucket {
    interval: Duration,
    burst: Duration,
    full: Instant,
}

impl Bucket {
    /// For so many messages a minute, which are 2 at least.
    pub(super) fn new(per_minute: usize, now: Instant) -> Self {
        let per_minute = u32::try_from(per_minute).unwrap_or(u32::MAX);
        let capacity = (per_minute / 4).max(1);
        let interval = MINUTE / (per_minute - capacity).max(1);
        let burst = interval * (capacity - 1);
        Self { interval, burst, full: now + burst }
    }

    /// When the next message may be sent; in the past if it may be now.
    pub(super) fn ready_at(&self) -> Instant {
        self.full.checked_sub(self.burst).unwrap_or(self.full)
    }

    /// A message is sent.
    pub(super) fn take(&mut self, now: Instant) {
        self.full = self.full.max(now) + self.interval;
    }

    /// Nothing is sent for so long.
    pub(super) fn rest(&mut self, now: Instant, rest: Duration) {
        self.full = self.full.max(now + rest + self.burst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When messages are sent by somebody who sends as soon as may be.
    fn greedy(bucket: &mut Bucket, from: Instant, until: Instant) -> Vec<Instant> {
        let mut sent = Vec::new();
        let mut now = from;
        loop {
            now = now.max(bucket.ready_at());
            if now >= until {
                return sent;
            }
            bucket.take(now);
            sent.push(now);
        }
    }

    fn most_in_a_minute(sent: &[Instant]) -> usize {
        let within = |from: &Instant| sent.iter().filter(|at| *at >= from && **at < *from + MINUTE).count();
        sent.iter().map(within).max().unwrap_or(0)
    }

    #[tokio::test(start_paused = true)]
    async fn no_minute_has_more_than_its_number() {
        let start = Instant::now();
        for per_minute in [2, 3, 4, 5, 18, 19, 20] {
            let mut bucket = Bucket::new(per_minute, start);
            // Quiet for a while, and then as fast as can be.
            let mut sent = greedy(&mut bucket, start + MINUTE * 5, start + MINUTE * 10);
            assert!(most_in_a_minute(&sent) <= per_minute, "{per_minute}: {}", most_in_a_minute(&sent));
            assert!(sent.len() >= (per_minute - per_minute / 4 - 1) * 5, "{per_minute}: {}", sent.len());
            sent.truncate(per_minute / 4);
            assert!(sent.iter().all(|at| *at == start + MINUTE * 5), "a burst goes out at once");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn two_restarts_in_a_minute_stay_below_the_limit_of_dingtalk() {
        let start = Instant::now() + MINUTE;
        let mut sent = greedy(&mut Bucket::new(18, start), start + MINUTE, start + MINUTE + Duration::from_secs(20));
        for restart in [20, 30] {
            let from = start + MINUTE + Duration::from_secs(restart);
            sent.extend(greedy(
                &mut Bucket::new(18, from),
                from,
                from + Duration::from_secs(if restart == 20 { 10 } else { 120 }),
            ));
        }
        assert!(most_in_a_minute(&sent) <= 20, "{}", most_in_a_minute(&sent));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_is_kept() {
        let start = Instant::now();
        let mut bucket = Bucket::new(18, start);
        bucket.rest(start, MINUTE);
        assert_eq!(bucket.ready_at(), start + MINUTE);
        bucket.take(start + MINUTE);
        assert!(bucket.ready_at() > start + MINUTE, "one message shows whether it is over");
    }
}
