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

use std::borrow::Cow;
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
    pub name: Cow<'static, str>,
    /// All its samples, or why there are none.
    pub outcome: Result<SampleSet, SourceError>,
    /// What is wrong with the thing itself, such as an endpoint that is down. The look at it succeeded, and its samples say the same.
    pub trouble: Option<String>,
}

impl Part {
    /// A part without trouble.
    pub fn new(name: impl Into<Cow<'static, str>>, outcome: Result<SampleSet, SourceError>) -> Self {
        Self { name: name.into(), outcome, trouble: None }
    }
}

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
    known: Vec<(Cow<'static, str>, String)>,
}

impl Log {
    fn of(collector: &'static str, words: Words) -> Self {
        Self { collector, words, known: Vec::new() }
    }

    fn tell(&mut self, errors: Vec<(Cow<'static, str>, String)>) {
        let (collector, (begun, over)) = (self.collector, self.words);
        // Parts that fail for the same reason, such as a database that is not there, share a line.
        for same in errors.chunk_by(|(_, one), (_, next)| one == next) {
            let new: Vec<_> = same.iter().filter(|error| !self.known.contains(*error)).map(|(part, _)| &**part).collect();
            if let Some((_, error)) = same.first().filter(|_| !new.is_empty()) {
                tracing::warn!(collector, part = new.join(", "), error, "{begun}");
            }
        }
        if errors.is_empty() && !self.known.is_empty() {
            let parts: Vec<_> = self.known.iter().map(|(part, _)| &**part).collect();
            tracing::info!(collector, part = parts.join(", "), "{over}");
        }
        self.known = errors;
    }
}
