//! The sources: what is asked again and again, and the loop that asks.
//!
//! A source only fetches and says what it found. The runner times it, publishes, reports success and failure and logs
//! the change from one to the other, so that no source can forget to.

pub mod broker;
pub mod endpoint;
pub mod mock_signal;
pub mod postgres;
pub mod postgrest;
pub mod probe;
pub mod sre_state;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::board::Board;
use crate::family::Feed;
pub use crate::part::{Part, SourceError};
use crate::part::{Wrong, by_reason};
use crate::telemetry::Telemetry;

/// Something that is looked at again and again.
pub trait Source: Send + 'static {
    /// Its name: the `collector` label.
    const NAME: &'static str;
    /// The families that it feeds.
    const FEED: Feed;

    /// Ends when a look is wanted before its time.
    fn wanted(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Looks once. It has to end by itself, whatever hangs.
    fn poll(&mut self) -> impl Future<Output = Vec<Part>> + Send;
}

/// Polls `source` every so often, for ever; without an interval once.
pub async fn run<S: Source>(mut source: S, every: Option<Duration>, board: Arc<Board>, telemetry: Arc<Telemetry>) {
    let mut ticks = tokio::time::interval(every.unwrap_or(Duration::from_hours(24)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut failures, mut troubles) = (Log::of(S::NAME, FAILURE), Log::of(S::NAME, TROUBLE));
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = source.wanted() => {}
        }
        let begun = Instant::now();
        let found = source.poll().await;
        let trouble = found.iter().filter_map(|part| Some((part.name.clone(), part.trouble.clone()?))).collect();
        let Some(status) = board.publish(S::NAME, found, begun.elapsed()) else { return };
        telemetry.collector_ran(S::NAME, &status);
        failures.tell(status.errors);
        troubles.tell(trouble);
        if every.is_none() {
            return;
        }
    }
}

/// What is logged when something begins, and when all of it is over.
type Words = (&'static str, &'static str);
const FAILURE: Words = ("a collector failed", "the collector succeeds again");
const TROUBLE: Words = ("what a collector looked at is not well", "what the collector looks at is well again");

/// Logs the change from good to bad and back, not each try.
struct Log {
    collector: &'static str,
    words: Words,
    known: Vec<Wrong>,
}

impl Log {
    fn of(collector: &'static str, words: Words) -> Self {
        Self { collector, words, known: Vec::new() }
    }

    fn tell(&mut self, wrong: Vec<Wrong>) {
        let (collector, (begun, over)) = (self.collector, self.words);
        for (part, error) in by_reason(wrong.iter().filter(|wrong| !self.known.contains(*wrong))) {
            tracing::warn!(collector, part, error, "{begun}");
        }
        if wrong.is_empty() && !self.known.is_empty() {
            let parts: Vec<_> = self.known.iter().map(|(part, _)| &**part).collect();
            tracing::info!(collector, part = parts.join(", "), "{over}");
        }
        self.known = wrong;
    }
}
