//! What is known now: the ledger, the latest samples of every source, and how each source is doing.
//!
//! Readers (a scrape, the status page) take a [`View`]. Samples that have become stale are not in it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::unix_now;
use crate::family::{FamilyInfo, Feed, Store};
use crate::journal::ledger::Ledger;
use crate::locked;
use crate::part::{Part, Wrong};
use crate::sample::{SampleSet, Series, Value};

/// How a source is doing.
#[derive(Clone, Debug)]
pub struct SourceStatus {
    /// Time between polls.
    pub interval: Duration,
    /// How old samples may become when polls fail.
    pub stale_after: Duration,
    /// How long the last poll took; None before the first one ended.
    pub took: Option<Duration>,
    /// When a poll last succeeded in all its parts, in Unix seconds; 0 if none has.
    pub last_success: f64,
    /// What is wrong, part by part; empty when the last poll succeeded.
    pub errors: Vec<Wrong>,
    /// What is wrong with the things that it looked at, part by part; of those whose samples are shown.
    pub troubles: Vec<Wrong>,
}

struct Registered {
    feed: Feed,
    status: SourceStatus,
    parts: BTreeMap<Cow<'static, str>, Good>,
}

/// The last good outcome of a part.
struct Good {
    samples: Arc<SampleSet>,
    trouble: Option<String>,
    came: Instant,
}

impl Registered {
    /// The parts that are not stale.
    fn fresh(&self, now: Instant) -> impl Iterator<Item = (&Cow<'static, str>, &Good)> {
        self.parts.iter().filter(move |(_, good)| now.duration_since(good.came) < self.status.stale_after)
    }
}

/// See the module.
pub struct Board {
    ledger: Arc<Mutex<Ledger>>,
    sources: Mutex<BTreeMap<&'static str, Registered>>,
}

impl Board {
    /// A board that shows `ledger` and no source yet.
    pub fn new(ledger: Arc<Mutex<Ledger>>) -> Self {
        Self { ledger, sources: Mutex::default() }
    }

    /// The ledger, for a source that finds something to count.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        locked(&self.ledger)
    }

    /// Shows a source from now on. It takes the place of one of the same name, whose last success stays known: a reload is no failure.
    pub fn register(&self, source: &'static str, feed: Feed, interval: Duration, stale_after: Duration) -> SourceStatus {
        let mut sources = locked(&self.sources);
        let last_success = sources.get(source).map_or(0.0, |before| before.status.last_success);
        let (errors, troubles) = (Vec::new(), Vec::new());
        let status = SourceStatus { interval, stale_after, took: None, last_success, errors, troubles };
        sources.insert(source, Registered { feed, status: status.clone(), parts: BTreeMap::new() });
        status
    }

    /// Shows a source and its samples no longer.
    pub fn unregister(&self, source: &'static str) {
        locked(&self.sources).remove(source);
    }

    /// Takes what a poll found: every part that succeeded replaces its last samples. Returns how the source is doing now.
    pub fn publish(&self, source: &'static str, found: Vec<Part>, took: Duration) -> Option<SourceStatus> {
        let now = Instant::now();
        let mut sources = locked(&self.sources);
        let registered = sources.get_mut(source)?;
        let mut errors = Vec::new();
        for part in found {
            match part.outcome {
                Ok(mut samples) => {
                    self.ledger().dropped(&samples.take_dropped());
                    registered.parts.insert(part.name, Good { samples: Arc::new(samples), trouble: part.trouble, came: now });
                }
                Err(error) => errors.push((part.name, error.to_string())),
            }
        }
        let status = &mut registered.status;
        if errors.is_empty() {
            status.last_success = unix_now();
        }
        status.took = Some(took);
        status.errors = errors;
        Some(status.clone())
    }

    /// Shows no other parts of a source than those that `keep` names.
    pub fn retain(&self, source: &str, keep: impl Fn(&str) -> bool) {
        if let Some(source) = locked(&self.sources).get_mut(source) {
            source.parts.retain(|part, _| keep(part));
        }
    }

    /// How every source is doing, by name.
    pub fn sources(&self) -> Vec<(&'static str, SourceStatus)> {
        let now = Instant::now();
        let status = |source: &Registered| {
            let troubles = source.fresh(now).filter_map(|(part, good)| Some((part.clone(), good.trouble.clone()?)));
            SourceStatus { troubles: troubles.collect(), ..source.status.clone() }
        };
        locked(&self.sources).iter().map(|(name, source)| (*name, status(source))).collect()
    }

    /// What is known now. The ledger does not count while a view of it is held.
    pub fn view(&self) -> View<'_> {
        let now = Instant::now();
        let sources = locked(&self.sources);
        let samples = sources.values().flat_map(|source| source.fresh(now)).map(|(_, good)| good.samples.clone()).collect();
        let feeds = sources.values().map(|source| source.feed).chain([Feed::Journals, Feed::Exporter]).collect();
        drop(sources);
        View { now: unix_now(), ledger: self.ledger(), feeds, samples }
    }
}

/// What is known at one moment.
pub struct View<'a> {
    /// That moment, in Unix seconds.
    pub now: f64,
    ledger: MutexGuard<'a, Ledger>,
    feeds: Vec<Feed>,
    samples: Vec<Arc<SampleSet>>,
}

impl View<'_> {
    /// The series of a family, whoever found them. The ledger's are left out while nothing that feeds them is configured.
    pub fn series(&self, info: &FamilyInfo) -> impl Iterator<Item = Series<'_>> {
        let counts = info.store == Store::Ledger && self.feeds.contains(&info.feed);
        let counted = counts.then(|| self.ledger.samples().series(info));
        counted.into_iter().flatten().chain(self.samples.iter().flat_map(|samples| samples.series(info)))
    }

    /// The gauges of a family: their labels' values, and theirs.
    pub fn gauges(&self, info: &FamilyInfo) -> impl Iterator<Item = (Vec<String>, f64)> {
        self.series(info).filter_map(|series| match series.value() {
            Value::Gauge(value) => Some((series.labels(), *value)),
            Value::Elapsed(since) => Some((series.labels(), (self.now - since).max(0.0))),
            Value::Counter(_) | Value::Histogram(_) => None,
        })
    }

    /// The gauge of a family that has one.
    pub fn gauge(&self, info: &FamilyInfo) -> Option<f64> {
        self.gauges(info).next().map(|(_, value)| value)
    }

    /// The sum of a family's counters.
    pub fn count(&self, info: &FamilyInfo) -> u64 {
        self.series(info).map(|series| if let Value::Counter(count) = series.value() { *count } else { 0 }).sum()
    }

    /// What people are told of `about`, beside its samples.
    pub fn remark(&self, about: &str) -> Option<&str> {
        self.samples.iter().find_map(|samples| samples.remark(about))
    }
}
