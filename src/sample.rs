//! Samples: the values of families, kept in the form in which a scrape copies them.
//!
//! A series keeps its text up to the value (`name{label="x"} `) from its birth, so that rendering it is one copy and
//! one number. The series of a family are sorted by that text, which is their key too: look-up is a binary search, unless
//! the label set is still where it was found last.

mod rows;
mod series;

use rows::Rows;
pub use rows::Series;
pub use series::{Buckets, Value};

use crate::catalogue;
use crate::family::{Counter, Family, FamilyInfo, Gauge, Histogram};

/// Label sets whose places are remembered; more than are counted in a day.
const FOUND: usize = 1024;

/// How much may come from outside before it is cut or dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Label sets a family; what is over it is dropped and counted.
    pub series_per_family: usize,
    /// Bytes a label value; longer ones are cut at a character boundary.
    pub label_value_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { series_per_family: 1000, label_value_bytes: 128 }
    }
}

/// Samples of any number of families.
///
/// A poll builds a new one each time; the ledger keeps one for good.
#[derive(Clone, Debug)]
pub struct SampleSet {
    families: Box<[Rows]>,
    limits: Limits,
    dropped: Vec<&'static FamilyInfo>,
    scratch: String,
    /// By a hash of family and label set, where it was found last. It may have moved: what is there is checked.
    found: Box<[u32; FOUND]>,
    /// What people are told of something, beside its samples.
    remarks: Vec<(Box<str>, Box<str>)>,
}

impl SampleSet {
    /// An empty set.
    pub fn new(limits: Limits) -> Self {
        let families = catalogue::ALL.iter().map(|_| Rows::default()).collect();
        Self { families, limits, dropped: Vec::new(), scratch: String::new(), found: Box::new([0; FOUND]), remarks: Vec::new() }
    }

    /// The series of a family, sorted by label set.
    pub fn series(&self, info: &FamilyInfo) -> impl Iterator<Item = Series<'_>> {
        self.families[info.index].iter()
    }

    /// Keeps `text` for people who ask about `about`; it is no metric.
    pub fn set_remark(&mut self, about: &str, text: &str) {
        self.remarks.push((about.into(), text.into()));
    }

    /// What is to be said of `about`.
    pub fn remark(&self, about: &str) -> Option<&str> {
        self.remarks.iter().find(|(known, _)| **known == *about).map(|(_, text)| &**text)
    }

    /// Takes new limits; what is there already stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The families over their limit since the last call, one entry a sample that was not kept.
    pub fn take_dropped(&mut self) -> Vec<&'static FamilyInfo> {
        std::mem::take(&mut self.dropped)
    }

    /// True when [`Self::take_dropped`] would return anything.
    pub fn has_dropped(&self) -> bool {
        !self.dropped.is_empty()
    }

    /// Makes what a family shows before its first sample: its `always` label sets, or its only one when it has no labels.
    /// How many there may be is for those from outside: these have their place in any case.
    pub fn create(&mut self, info: &'static FamilyInfo) {
        let rows = &mut self.families[info.index];
        let alone: &[&[&str]] = if info.labels.is_empty() { &[&[]] } else { &[] };
        for labels in alone.iter().chain(info.always) {
            write_key(&mut self.scratch, info, labels, self.limits.label_value_bytes);
            if let Err(at) = rows.find(&self.scratch) {
                rows.insert(at, info, &self.scratch);
            }
        }
    }

    /// Counts one.
    pub fn inc<const N: usize>(&mut self, family: &Family<Counter, N>, labels: [&str; N]) {
        self.add(family, labels, 1);
    }

    /// Counts `n`.
    pub fn add<const N: usize>(&mut self, family: &Family<Counter, N>, labels: [&str; N], n: u64) {
        if let Some(Value::Counter(count)) = self.entry(family.info(), &labels) {
            *count = count.saturating_add(n);
        }
    }

    /// Sets a gauge.
    pub fn set<const N: usize>(&mut self, family: &Family<Gauge, N>, labels: [&str; N], to: f64) {
        if let Some(value) = self.entry(family.info(), &labels) {
            *value = Value::Gauge(to);
        }
    }

    /// Makes a gauge show the time since `since` (Unix seconds), unless it does so already.
    pub fn set_elapsed<const N: usize>(&mut self, family: &Family<Gauge, N>, labels: [&str; N], since: f64) {
        if let Some(value @ Value::Gauge(_)) = self.entry(family.info(), &labels) {
            *value = Value::Elapsed(since);
        }
    }

    /// Sets all series that a gauge has.
    pub fn set_all<const N: usize>(&mut self, family: &Family<Gauge, N>, to: f64) {
        for value in self.families[family.info().index].values() {
            *value = Value::Gauge(to);
        }
    }

    /// Adds an observation.
    pub fn observe<const N: usize>(&mut self, family: &Family<Histogram, N>, labels: [&str; N], value: f64) {
        let info = family.info();
        if let Some(Value::Histogram(buckets)) = self.entry(info, &labels) {
            let bucket = info.buckets.iter().position(|bound| value <= *bound).unwrap_or(info.buckets.len());
            buckets.counts[bucket] = buckets.counts[bucket].saturating_add(1);
            // One absurd value should not make an infinity of it for ever.
            buckets.sum = (buckets.sum + value).clamp(f64::MIN, f64::MAX);
        }
    }

    /// Takes a series away.
    pub fn remove<const N: usize>(&mut self, family: &Family<Gauge, N>, labels: [&str; N]) {
        let info = family.info();
        write_key(&mut self.scratch, info, &labels, self.limits.label_value_bytes);
        let rows = &mut self.families[info.index];
        if let Ok(at) = rows.find(&self.scratch) {
            rows.remove(at);
        }
    }

    /// Puts back a series that [`Series::key`] and [`Series::value`] were read from, `f` doing the latter.
    /// Limits do not apply: what had its place keeps it.
    pub fn restore(&mut self, info: &'static FamilyInfo, key: &str, f: impl FnOnce(&mut Value)) {
        let rows = &mut self.families[info.index];
        let at = rows.find(key).unwrap_or_else(|at| {
            rows.insert(at, info, key);
            at
        });
        f(rows.value(at));
    }

    fn entry(&mut self, info: &'static FamilyInfo, labels: &[&str]) -> Option<&mut Value> {
        let rows = &mut self.families[info.index];
        if labels.is_empty() && rows.len() == 1 {
            return Some(rows.value(0));
        }
        let limit = self.limits.label_value_bytes;
        let found = &mut self.found[place(info, labels)];
        if !rows.has(*found as usize, info, labels, limit) {
            write_key(&mut self.scratch, info, labels, limit);
            *found = match rows.find(&self.scratch) {
                Ok(at) => at,
                Err(_) if info.open && rows.len() >= self.limits.series_per_family => {
                    self.dropped.push(info);
                    return None;
                }
                Err(at) => {
                    rows.insert(at, info, &self.scratch);
                    at
                }
            } as u32;
        }
        Some(rows.value(*found as usize))
    }
}

/// Where in [`SampleSet::found`] a label set has its place, together with others.
fn place(info: &FamilyInfo, labels: &[&str]) -> usize {
    let mut hash = info.index as u64;
    let mut add = |word: u64| hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    for label in labels {
        let (words, rest) = label.as_bytes().as_chunks::<8>();
        words.iter().for_each(|word| add(u64::from_le_bytes(*word)));
        add(rest.iter().fold(label.len() as u64, |word, byte| word << 8 | u64::from(*byte)));
    }
    (hash >> 32) as usize % FOUND
}

/// Writes a label set as the text format has it, values cut to `limit` bytes and escaped.
fn write_key(key: &mut String, info: &FamilyInfo, labels: &[&str], limit: usize) {
    key.clear();
    for (name, value) in info.labels.iter().zip(labels) {
        if !key.is_empty() {
            key.push(',');
        }
        key.push_str(name);
        key.push_str("=\"");
        let value = &value[..value.floor_char_boundary(limit)];
        if value.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
            for c in value.chars() {
                match c {
                    '\\' => key.push_str("\\\\"),
                    '"' => key.push_str("\\\""),
                    '\n' => key.push_str("\\n"),
                    other => key.push(other),
                }
            }
        } else {
            key.push_str(value);
        }
        key.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{API_ERRORS, API_LATENCY, KILL_SWITCH_ACTIVE, MARKET_REGIME, ORDERS, POSITION, TRADING_SIGNALS};

    fn small() -> SampleSet {
        SampleSet::new(Limits { series_per_family: 2, label_value_bytes: 4 })
    }

    fn keys(set: &SampleSet, info: &FamilyInfo) -> Vec<String> {
        set.series(info).map(|series| series.key().to_owned()).collect()
    }

    #[test]
    fn series_are_sorted_by_their_label_set() {
        let mut set = SampleSet::new(Limits::default());
        for symbol in ["EURUSD", "AAPL", "MSFT", "AAPL"] {
            set.inc(&ORDERS, [symbol, "buy", "new"]);
        }
        let symbols = keys(&set, ORDERS.info());
        assert_eq!(symbols, ["AAPL", "EURUSD", "MSFT"].map(|s| format!("symbol=\"{s}\",side=\"buy\",status=\"new\"")));
        assert_eq!(set.series(ORDERS.info()).next().unwrap().value(), &Value::Counter(2));
    }

    #[test]
    fn a_label_set_over_the_limit_is_dropped_and_told() {
        let mut set = small();
        for regime in ["a", "b", "c", "a", "d"] {
            set.set(&MARKET_REGIME, [regime], 1.0);
        }
        assert_eq!(keys(&set, MARKET_REGIME.info()), ["regime=\"a\"", "regime=\"b\""]);
        let dropped = set.take_dropped();
        assert_eq!(dropped.iter().map(|info| info.name).collect::<Vec<_>>(), [MARKET_REGIME.info().name; 2]);
        assert!(!set.has_dropped());
    }

    #[test]
    fn label_values_are_cut_at_a_character_and_escaped() {
        let mut set = small();
        set.set(&POSITION, ["abéé"], 1.0);
        set.set(&POSITION, ["\"\\\n"], 1.0);
        assert_eq!(keys(&set, POSITION.info()), ["symbol=\"\\\"\\\\\\n\"", "symbol=\"abé\""]);
    }

    #[test]
    fn label_sets_are_told_apart_whatever_their_text() {
        let mut set = SampleSet::new(Limits { series_per_family: 10_000, ..Limits::default() });
        // More than there are places to remember, and texts that look like another's escapes and ends.
        let odd = ["", "\\", "\\\\", "\"", "\\\"", "\n", "\\n", "é", "a\",error_code=\"b", "b\",error_code="].map(str::to_owned);
        let values: Vec<_> = odd.into_iter().chain((0..40).map(|n| n.to_string())).collect();
        for _ in 0..3 {
            for endpoint in &values {
                for code in &values {
                    set.inc(&API_ERRORS, [endpoint, code]);
                }
            }
        }
        assert_eq!(set.series(API_ERRORS.info()).count(), values.len().pow(2));
        assert!(set.series(API_ERRORS.info()).all(|series| series.value() == &Value::Counter(3)));
    }

    #[test]
    fn series_are_what_they_were_when_others_come_and_go() {
        let mut set = SampleSet::new(Limits::default());
        for (symbol, usd) in [("C", 3.0), ("A", 9.0), ("B", 2.0)] {
            set.set(&POSITION, [symbol], usd);
        }
        set.remove(&POSITION, ["A"]);
        set.set(&POSITION, ["C"], 4.0);
        set.set(&POSITION, ["A"], 1.0);
        let shown = set.series(POSITION.info()).map(|series| (str::from_utf8(series.text()).unwrap(), series.value().clone()));
        let expected = [("A", 1.0), ("B", 2.0), ("C", 4.0)];
        let expected = expected.map(|(s, usd)| (format!("sentinel_position_usd{{symbol=\"{s}\"}} "), Value::Gauge(usd)));
        assert!(shown.eq(expected.iter().map(|(text, value)| (text.as_str(), value.clone()))));
    }

    #[test]
    fn a_lower_limit_cuts_what_was_there_longer() {
        let mut set = SampleSet::new(Limits::default());
        set.set(&POSITION, ["EURUSD"], 1.0);
        set.set_limits(Limits { label_value_bytes: 3, ..Limits::default() });
        set.set(&POSITION, ["EURUSD"], 2.0);
        assert_eq!(keys(&set, POSITION.info()), ["symbol=\"EUR\"", "symbol=\"EURUSD\""]);
    }

    #[test]
    fn a_histogram_keeps_the_text_of_all_its_lines() {
        let mut set = SampleSet::new(Limits::default());
        for seconds in [0.01, 0.011, 99.0] {
            set.observe(&API_LATENCY, ["hub"], seconds);
        }
        let series = set.series(API_LATENCY.info()).next().unwrap();
        assert_eq!(series.key(), "endpoint=\"hub\"");
        let text = str::from_utf8(series.text()).unwrap();
        let Value::Histogram(buckets) = series.value() else { panic!("a histogram") };
        assert_eq!(&*buckets.counts, [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
        let (first, one) = buckets.cumulated().next().unwrap();
        assert_eq!(&text[..first], "sentinel_api_latency_seconds_bucket{endpoint=\"hub\",le=\"0.01\"} ");
        assert_eq!(one, 1);
        assert!(text[..buckets.sum_end()].ends_with("_sum{endpoint=\"hub\"} "));
        assert!(text.ends_with("_count{endpoint=\"hub\"} "));
    }

    #[test]
    fn always_label_sets_are_there_before_a_sample() {
        let mut set = SampleSet::new(Limits::default());
        set.create(TRADING_SIGNALS.info());
        assert_eq!(keys(&set, TRADING_SIGNALS.info()), ["BUY", "HOLD", "SELL"].map(|a| format!("action=\"{a}\"")));
    }

    #[test]
    fn always_label_sets_have_their_place_whatever_the_limit() {
        let mut set = SampleSet::new(Limits { series_per_family: 2, ..Limits::default() });
        set.create(KILL_SWITCH_ACTIVE.info());
        for trigger in ["POSITION_LIMIT", "MANUAL", "unheard of"] {
            set.set(&KILL_SWITCH_ACTIVE, [trigger], 1.0);
        }
        let active = set.series(KILL_SWITCH_ACTIVE.info()).filter(|series| *series.value() == Value::Gauge(1.0));
        assert_eq!(active.map(|series| series.labels().concat()).collect::<Vec<_>>(), ["MANUAL", "POSITION_LIMIT"]);
        assert_eq!(set.take_dropped().len(), 1, "only what is from outside is dropped");
    }
}
