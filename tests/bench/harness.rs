//! How everything is measured: contenders take turns, so that what else the machine does falls on all of them, and a row of
//! the table holds medians with the least and the most of them.

use std::fmt::Write;
use std::time::Duration;

/// How long a run should take.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// Short, to see whether everything works: the figures are poor.
    pub(crate) quick: bool,
}

impl Effort {
    /// `full`, or `quick` in a quick run.
    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// Measurements of one thing, least first.
pub(crate) struct Measured(Vec<f64>);

impl Measured {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        assert!(!values.is_empty(), "nothing was measured");
        Self(values)
    }

    /// The value below which this share (0 to 1) of the values lies.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * share).round() as usize]
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// What is measured as the time for one `amount`, as a rate.
    pub(crate) fn rate(&self, amount: f64) -> Self {
        Self::of(self.0.iter().map(|seconds| amount / seconds))
    }

    fn show(&self, unit: Unit) -> String {
        let (scale, name) = unit.scale(self.median());
        let [least, median, most] = [self.0[0], self.median(), self.0[self.0.len() - 1]].map(|value| digits(value / scale));
        if self.0.len() == 1 { format!("{median} {name}") } else { format!("{median} {name} ({least} to {most})") }
    }
}

/// Every contender in turn, `rounds` times.
pub(crate) fn in_turn<const N: usize>(rounds: usize, contenders: [&mut dyn FnMut() -> f64; N]) -> [Measured; N] {
    let mut values = [const { Vec::new() }; N];
    let mut contenders = contenders;
    for _ in 0..rounds {
        for (contender, values) in contenders.iter_mut().zip(&mut values) {
            values.push(contender());
        }
    }
    values.map(Measured::of)
}

/// What a number means.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Unit {
    /// Less is better.
    Seconds,
    /// Less is better.
    Bytes,
    /// So many a second; more is better.
    Rate(&'static str),
    /// A plain number; less is better.
    Count(&'static str),
}

impl Unit {
    /// What a number of this size is written in: how much one is, and its name.
    fn scale(self, value: f64) -> (f64, String) {
        let (scale, name) = match self {
            Unit::Seconds if value < 1e-3 => (1e-6, "us"),
            Unit::Seconds if value < 1.0 => (1e-3, "ms"),
            Unit::Seconds => (1.0, "s"),
            Unit::Bytes => (1e6, "MB"),
            Unit::Rate(what) if value >= 1e6 => return (1e6, format!("M {what}/s")),
            Unit::Rate(what) if value >= 1e4 => return (1e3, format!("k {what}/s")),
            Unit::Rate(what) => return (1.0, format!("{what}/s")),
            Unit::Count(what) => (1.0, what),
        };
        (scale, name.to_owned())
    }

    fn show(self, value: f64) -> String {
        let (scale, name) = self.scale(value);
        format!("{} {name}", digits(value / scale))
    }
}

/// Three digits that matter.
fn digits(value: f64) -> String {
    match value.abs() {
        v if v == v.trunc() && v < 1e15 => format!("{value:.0}"),
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// What is asked of a row.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// At least so many times as good as the baseline.
    Times(f64),
    /// At most so many times the baseline.
    Within(f64),
    /// At most this, whatever the baseline.
    AtMost(f64),
    /// Only told.
    Told,
}

/// A line of the table.
pub(crate) struct Row([String; 7]);

impl Row {
    /// `what` was measured of the exporter, and of `against` if there is anything to hold it against.
    pub(crate) fn new(what: &str, unit: Unit, exporter: &Measured, against: Option<(&str, &Measured)>, goal: Goal) -> Self {
        let median = exporter.median();
        let baseline = against.map(|(_, measured)| measured.median());
        let times = baseline.map(|baseline| if matches!(unit, Unit::Rate(_)) { median / baseline } else { baseline / median });
        let (goal, met, ratio) = match goal {
            Goal::Times(least) => (format!(">= {least} times as good"), times.map(|times| times >= least), times),
            Goal::Within(most) => {
                (format!("<= {most} times it"), times.map(|times| 1.0 / times <= most), times.map(|times| 1.0 / times))
            }
            Goal::AtMost(most) => (format!("<= {}", unit.show(most)), Some(median <= most), times),
            Goal::Told => ("-".to_owned(), None, times),
        };
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        Self([
            what.to_owned(),
            exporter.show(unit),
            text(against.map(|(name, _)| name.to_owned())),
            text(against.map(|(_, measured)| measured.show(unit))),
            text(ratio.map(digits)),
            goal,
            text(met.map(|met| if met { "met" } else { "MISSED" }.to_owned())),
        ])
    }
}

/// All rows as a Markdown table whose columns line up.
pub(crate) fn table(rows: &[Row]) -> String {
    const HEAD: [&str; 7] =
        ["what", "exporter: median (least to most)", "against", "median (least to most)", "ratio", "goal", ""];
    let head = Row(HEAD.map(str::to_owned));
    let mut widths = [0; 7];
    for row in rows.iter().chain([&head]) {
        for (width, cell) in widths.iter_mut().zip(&row.0) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &Row| row.0.iter().zip(widths).fold("|".to_owned(), |line, (cell, width)| format!("{line} {cell:width$} |"));
    let mut table = format!("{}\n|", line(&head));
    for width in widths {
        // Writing to a string cannot fail.
        let _ = write!(table, "{}|", "-".repeat(width + 2));
    }
    for row in rows {
        let _ = write!(table, "\n{}", line(row));
    }
    table
}

/// How long `work` takes, in seconds.
pub(crate) fn seconds(work: impl FnOnce()) -> f64 {
    let begun = std::time::Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}

/// Waits until `condition` holds, looking often enough not to blur what is measured; panics after a minute.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came: {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}
