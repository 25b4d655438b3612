//! A metrics page, read as Prometheus reads it.

use std::collections::BTreeMap;

/// The samples of a page, by name and labels as they stand there, and the type of each family.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Page {
    pub(crate) samples: BTreeMap<String, f64>,
    pub(crate) types: BTreeMap<String, String>,
}

impl Page {
    /// Panics when a line is not of the format, or a sample or a type stands twice.
    pub(crate) fn parse(text: &str) -> Page {
        let mut page = Page::default();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert!(page.types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} has two types");
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("not a sample: {line:?}"));
                let value = value.parse().unwrap_or_else(|_| panic!("not a value: {line:?}"));
                assert!(page.samples.insert(series.to_owned(), value).is_none(), "{series} stands twice");
            }
        }
        page
    }

    /// The value of a series, as `name` or `name{label="value"}`.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        self.samples.get(series).copied()
    }

    /// The series of a family and their values, without the histogram's suffixes.
    pub(crate) fn family(&self, name: &str) -> Vec<(&str, f64)> {
        let of = |series: &str| series == name || series.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'));
        self.samples.iter().filter(|(series, _)| of(series)).map(|(series, value)| (series.as_str(), *value)).collect()
    }

    /// The samples that only rise as long as nothing is lost: counters, and the buckets and counts of histograms, but for what may
    /// start anew with the process.
    pub(crate) fn counters(&self) -> BTreeMap<String, f64> {
        let rises = |series: &str| {
            let name = series.split('{').next().unwrap_or(series);
            let of = |suffix| {
                name.strip_suffix(suffix).and_then(|family| self.types.get(family)).is_some_and(|kind| kind == "histogram")
            };
            let counter = self.types.get(name).is_some_and(|kind| kind == "counter");
            (counter || of("_bucket") || of("_count"))
                && !name.starts_with("process_")
                && name != "sentinel_exporter_snapshot_failures_total"
        };
        self.samples.iter().filter(|(series, _)| rises(series)).map(|(series, value)| (series.clone(), *value)).collect()
    }
}
