//! The machinery of the metric table: what a family is, and the macro that declares one.
//!
//! A family's kind and its number of labels are part of its type, so that `inc` on a gauge or a forgotten
//! label is a compile error. The table itself stands in [`crate::catalogue`].

use std::marker::PhantomData;

/// A count that only rises.
pub enum Counter {}
/// A value that goes up and down.
pub enum Gauge {}
/// Observations sorted into buckets, with their sum and count.
pub enum Histogram {}

/// What the `# TYPE` line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// See [`Counter`].
    Counter,
    /// See [`Gauge`].
    Gauge,
    /// See [`Histogram`].
    Histogram,
}

impl Kind {
    /// The word of the text format.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// The part of the catalogue that a family belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The trading daemon: cycles, predictions, orders, risk.
    Trading,
    /// The stock bot: mock signals, root-cause analysis, checks.
    Sre,
    /// The ingestion pipeline: ops views and PostgREST.
    Ops,
    /// The exporter about itself.
    Exporter,
    /// The bridge to DingTalk about itself, which is a process of its own with a page of its own.
    Dingtalk,
}

/// Who feeds a family. What is not configured feeds nothing, and its families are not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Trading events; the exporter's own journal is always there.
    Journals,
    /// The state file and the logs of the bot's health checks (`sre`).
    SreState,
    /// The ops views (`postgres`).
    Postgres,
    /// The PostgREST probe (`postgrest`).
    Postgrest,
    /// HTTP probes (`probes`).
    Probes,
    /// The exporter itself.
    Exporter,
    /// The bridge to DingTalk.
    Bridge,
}

/// Where the samples of a family live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Counted, or set by an event: kept over restarts.
    Ledger,
    /// Observed by a poll: replaced whole, gone when stale.
    SampleSet,
    /// The process's own: starts anew with it.
    Registry,
}

/// Everything that is known of a family before its first sample.
#[derive(Debug)]
pub struct FamilyInfo {
    /// The position in [`crate::catalogue::ALL`].
    pub index: usize,
    /// The metric's name.
    pub name: &'static str,
    /// The doc comment as it stands in the table; [`Self::help`] is for reading.
    pub(crate) doc: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Label names, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// True when a label's values come from outside, so that their number is limited.
    pub open: bool,
    /// Upper bounds, without +Inf; empty but for histograms.
    pub buckets: &'static [f64],
    /// Label sets that are shown from the first sample set on.
    pub always: &'static [&'static [&'static str]],
    /// The part of the catalogue.
    pub group: Group,
    /// Who feeds it.
    pub feed: Feed,
    /// Where its samples live.
    pub store: Store,
}

impl FamilyInfo {
    /// The HELP text: one paragraph on one line.
    pub fn help(&self) -> &'static str {
        self.doc.trim_start()
    }
}

/// A family of kind `K` with `N` labels.
pub struct Family<K, const N: usize> {
    info: &'static FamilyInfo,
    kind: PhantomData<K>,
}

impl<K, const N: usize> Family<K, N> {
    /// For [`families!`] alone: the table is the only place that makes families.
    pub(crate) const fn new(info: &'static FamilyInfo) -> Self {
        assert!(info.labels.len() == N);
        Self { info, kind: PhantomData }
    }

    /// What the table says of it.
    pub const fn info(&self) -> &'static FamilyInfo {
        self.info
    }
}

/// Declares the table: for each family its doc comment (the HELP text), `NAME: Kind "metric_name" [labels]`, with `; open` after the
/// labels when their values come from outside, then `buckets [...]` for a histogram, and `always [...]`, the label sets that are there from the start.
macro_rules! families {
    ($($group:ident, $feed:ident, $store:ident {
        $($(#[doc = $doc:literal])+
          $name:ident: $kind:ident $metric:literal [$($label:literal),* $(; $open:ident)?]
          $(buckets [$($bound:literal),+])? $(always [$([$($value:literal),+]),+])?;)+
    })+) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "variants repeat the statics' names to number them")]
        enum Index { $($($name),+),+ }

        $($(
            $(#[doc = $doc])+
            pub static $name: Family<$kind, { let labels: &[&str] = &[$($label),*]; labels.len() }> = Family::new(&FamilyInfo {
                index: Index::$name as usize,
                name: $metric,
                doc: concat!($($doc),+),
                kind: Kind::$kind,
                labels: &[$($label),*],
                open: families!(@open $($open)?),
                buckets: &[$($($bound as f64),+)?],
                always: &[$($(&[$($value),+]),+)?],
                group: Group::$group,
                feed: Feed::$feed,
                store: Store::$store,
            });
        )+)+

        /// Every family, in the order in which /metrics shows them.
        pub static ALL: &[&FamilyInfo] = &[$($($name.info()),+),+];
    };
    (@open open) => { true };
    (@open) => { false };
}
pub(crate) use families;
