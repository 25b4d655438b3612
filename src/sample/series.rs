//! What a series begins with: its value, and the text of its lines up to the value.

use crate::family::{FamilyInfo, Kind};

/// The value of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A count.
    Counter(u64),
    /// A value.
    Gauge(f64),
    /// The time since this Unix time, in seconds: shown as it is when the page is rendered.
    Elapsed(f64),
    /// Buckets and sum.
    Histogram(Box<Buckets>),
}

/// The state of one histogram series.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    /// Observations of each bucket by itself (not cumulated), the last one +Inf.
    pub counts: Box<[u64]>,
    /// The sum of all observations.
    pub sum: f64,
    /// Where the text of each line ends: every bucket, sum, count.
    ends: Box<[u32]>,
}

impl Buckets {
    /// Pairs of where a line's beginning ends and its value: every bucket cumulated, and the count.
    /// The line before the last is the sum's, whose end is [`Self::sum_end`].
    pub fn cumulated(&self) -> impl Iterator<Item = (usize, u64)> {
        let mut total = 0;
        self.ends.iter().zip(&self.counts).map(move |(end, count)| {
            total += count;
            (*end as usize, total)
        })
    }

    /// Where the beginning of the sum's line ends; that of the count's line follows up to the end of the text.
    pub fn sum_end(&self) -> usize {
        self.ends[self.counts.len()] as usize
    }
}

/// Writes the text of a new series; returns where in it the key begins, and the value.
pub(super) fn born(info: &FamilyInfo, key: &str, text: &mut String) -> (usize, Value) {
    text.clear();
    if info.kind != Kind::Histogram {
        push_line(text, info.name, "", key, None);
        let start = if key.is_empty() { 0 } else { info.name.len() + 1 };
        return (start, if info.kind == Kind::Counter { Value::Counter(0) } else { Value::Gauge(0.0) });
    }
    let mut ends = Vec::with_capacity(info.buckets.len() + 3);
    for bound in info.buckets.iter().copied().chain([f64::INFINITY]) {
        push_line(text, info.name, "_bucket", key, Some(bound));
        ends.push(text.len() as u32);
    }
    for suffix in ["_sum", "_count"] {
        push_line(text, info.name, suffix, key, None);
        ends.push(text.len() as u32);
    }
    let counts = vec![0; info.buckets.len() + 1].into();
    let value = Value::Histogram(Box::new(Buckets { counts, sum: 0.0, ends: ends.into() }));
    (info.name.len() + "_bucket{".len(), value)
}

/// `le` as the Python client writes it: "0.5", "1.0", "+Inf".
fn push_line(text: &mut String, name: &str, suffix: &str, key: &str, le: Option<f64>) {
    text.push_str(name);
    text.push_str(suffix);
    let le = le.map(|bound| if bound.is_finite() { format!("le=\"{bound:?}\"") } else { "le=\"+Inf\"".to_owned() });
    if !key.is_empty() || le.is_some() {
        text.push('{');
        text.push_str(key);
        if let Some(le) = le {
            text.push_str(if key.is_empty() { "" } else { "," });
            text.push_str(&le);
        }
        text.push('}');
    }
    text.push(' ');
}
