//! The sources: what is asked again and again, and the loop that asks.
//!
//! A source only fetches and says what it found. The runner times it, publishes, reports success and failure and logs
//! the change from one to the other, so that no source can forget to.

pub mod postgres;
pub mod sre_state;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::board::Board;
use crate::family::Feed;
use crate::sample::SampleSet;
use crate::telemetry::Telemetry;

/// What was wrong with a part of a poll: text for the log and the status page, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError(pub String);

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of what a source looks at, which fails by itself.
pub struct Part {
    /// Its name for the log and the status page.
    pub name: &'static str,
    /// All its samples, or why there are none.
    pub outcome: Result<SampleSet, SourceError>,
}

/// Something that is looked at again and again.
pub trait Source: Send + 'static {
    /// Its name: the `collector` label.
    const NAME: &'static str;
    /// The families that it feeds.
    const FEED: Feed;

    /// Looks once. It has to end by itself, whatever hangs.
    fn poll(&mut self) -> impl Future<Output = Vec<Part>> + Send;
}

/// Polls `source` for ever.
pub async fn run<S: Source>(mut source: S, interval: Duration, board: Arc<Board>, telemetry: Arc<Telemetry>) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = Vec::new();
    loop {
        ticks.tick().await;
        let begun = Instant::now();
        let found = source.poll().await;
        let Some(status) = board.publish(S::NAME, found, begun.elapsed()) else { return };
        telemetry.collector_ran(S::NAME, &status);
        // Parts that fail for the same reason, such as a database that is not there, share a line.
        for same in status.errors.chunk_by(|(_, one), (_, next)| one == next) {
            let new: Vec<_> = same.iter().filter(|error| !known.contains(*error)).map(|(part, _)| *part).collect();
            if let Some((_, error)) = same.first().filter(|_| !new.is_empty()) {
                tracing::warn!(collector = S::NAME, part = new.join(", "), error, "a collector failed");
            }
        }
        if status.errors.is_empty() && !known.is_empty() {
            tracing::info!(collector = S::NAME, "the collector succeeds again");
        }
        known = status.errors;
    }
}
