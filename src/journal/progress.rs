//! What the log says of a long first replay, during which /metrics has no answer.

use std::time::{Duration, Instant};

use super::tail::Tail;

/// How often it says something; a shorter replay is not mentioned.
const INTERVAL: Duration = Duration::from_secs(2);

pub(super) struct Progress {
    begun: Instant,
    told: Option<Instant>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { begun: Instant::now(), told: None }
    }
}

impl Progress {
    /// Tells how much is still to be read, if it is time.
    pub(super) fn report(&mut self, tails: &[Tail]) {
        if self.told.unwrap_or(self.begun).elapsed() >= INTERVAL {
            self.told = Some(Instant::now());
            let (read, unread): (u64, u64) =
                tails.iter().map(|tail| (tail.offset().unwrap_or(0), tail.lag())).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
            tracing::info!(read, unread, "reading the journals, in bytes; /metrics answers 503 until that is done");
        }
    }

    /// Tells that it is done, if it told anything before.
    pub(super) fn ended(&self) {
        if self.told.is_some() {
            tracing::info!(seconds = self.begun.elapsed().as_secs_f64(), "the journals have been read");
        }
    }
}
