//! One series: its text ready up to the value, and the value.

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

/// One label set of a family with its value.
#[derive(Clone, Debug)]
pub struct Series {
    /// What stands before the value; for a histogram all of its lines' beginnings, one after another.
    text: Box<str>,
    key: (u16, u32),
    /// True when nothing in the key is escaped.
    plain: bool,
    pub(super) value: Value,
}

impl Series {
    pub(super) fn new(info: &FamilyInfo, key: &str) -> Self {
        let mut text = String::with_capacity(info.name.len() + key.len() + 3);
        if info.kind != Kind::Histogram {
            push_line(&mut text, info.name, "", key, None);
            let start = if key.is_empty() { 0 } else { info.name.len() + 1 };
            let value = if info.kind == Kind::Counter { Value::Counter(0) } else { Value::Gauge(0.0) };
            return Self { text: text.into(), key: span(start, key.len()), plain: !key.contains('\\'), value };
        }
        let mut ends = Vec::with_capacity(info.buckets.len() + 3);
        for bound in info.buckets.iter().copied().chain([f64::INFINITY]) {
            push_line(&mut text, info.name, "_bucket", key, Some(bound));
            ends.push(text.len() as u32);
        }
        for suffix in ["_sum", "_count"] {
            push_line(&mut text, info.name, suffix, key, None);
            ends.push(text.len() as u32);
        }
        let counts = vec![0; info.buckets.len() + 1].into();
        let start = info.name.len() + "_bucket{".len();
        let value = Value::Histogram(Box::new(Buckets { counts, sum: 0.0, ends: ends.into() }));
        Self { text: text.into(), key: span(start, key.len()), plain: !key.contains('\\'), value }
    }

    /// The label set as the text format writes it, without braces: `side="buy",symbol="EURUSD"`; empty without labels.
    pub fn key(&self) -> &str {
        &self.text[self.key.0 as usize..self.key.1 as usize]
    }

    /// True when its label set is `labels`. Values that had to be escaped, or would be cut to `limit` bytes, are not compared.
    pub(super) fn has(&self, info: &FamilyInfo, labels: &[&str], limit: usize) -> bool {
        let mut rest = self.key();
        for (name, value) in info.labels.iter().zip(labels) {
            let after = rest.strip_prefix(*name).and_then(|rest| rest.strip_prefix("=\""));
            let Some(after) = after.and_then(|rest| rest.strip_prefix(*value)).and_then(|rest| rest.strip_prefix('"')) else {
                return false;
            };
            if value.len() > limit {
                return false;
            }
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        self.plain && rest.is_empty()
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The beginnings of the series' lines, one for a counter or gauge.
    pub fn text(&self) -> &str {
        &self.text
    }
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

fn span(start: usize, len: usize) -> (u16, u32) {
    (start as u16, (start + len) as u32)
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
