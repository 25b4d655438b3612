//! One truth: whatever names a metric names one of the catalogue, with labels that it has; and every metric of the catalogue is used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sentinel_exporter::catalogue;
use sentinel_exporter::family::{FamilyInfo, Kind};

use super::bundle::{Bundle, ROOT};
use super::promql::{lists, selectors};

/// The labels of the scrape target. A label of the exporter with such a name arrives as `exported_...`.
const TARGET: [&str; 5] = ["job", "instance", "node", "region", "component"];
/// Labels of Prometheus, Alertmanager, the objectives and SentinelInhibitor.
const OTHERS: [&str; 9] = ["le", "slo", "team", "integration", "rule_group", "alertname", "severity", "because", "level"];
/// The daemon's client is a Python module, and the exporter a crate.
const NO_METRICS: [&str; 2] = ["sentinel_events", "sentinel_exporter"];
/// Where a histogram is named by its series; prose may name the whole of it.
const QUERIES: [&str; 3] = ["rules/", "tests/rules/", "grafana/dashboards/"];

/// The family of a series, which is the name without a histogram's suffix.
fn family(series: &str) -> Option<(&'static FamilyInfo, &str)> {
    let find = |name: &str| catalogue::ALL.iter().copied().find(|info| info.name == name);
    let whole = find(series).map(|info| (info, ""));
    let part = |suffix| {
        series.strip_suffix(suffix).and_then(find).filter(|info| info.kind == Kind::Histogram).map(|info| (info, suffix))
    };
    whole.or_else(|| ["_bucket", "_sum", "_count"].into_iter().find_map(part))
}

fn has_label(info: &FamilyInfo, suffix: &str, label: &str) -> bool {
    let own = label.strip_prefix("exported_").filter(|label| TARGET.contains(label)).unwrap_or(label);
    TARGET.contains(&label) || info.labels.contains(&own) || (suffix == "_bucket" && label == "le")
}

/// What is wrong with the names in a file.
fn misnamed(path: &str, text: &str, records: &BTreeSet<&str>) -> Vec<String> {
    // Dashboards are JSON, where the quotes of an expression are escaped.
    let text = text.replace("\\\"", "\"");
    let query = QUERIES.iter().any(|folder| path.starts_with(folder));
    let mut complaints = Vec::new();
    for selector in selectors(&text).into_iter().filter(|selector| !NO_METRICS.contains(&selector.name)) {
        if selector.name.contains(':') {
            if !records.contains(selector.name) {
                complaints.push(format!("{path}: no rule records {}", selector.name));
            }
            continue;
        }
        let Some((info, suffix)) = family(selector.name) else {
            complaints.push(format!("{path}: there is no metric {}", selector.name));
            continue;
        };
        if query && info.kind == Kind::Histogram && suffix.is_empty() {
            complaints.push(format!("{path}: {} is a histogram, which has no series of that name", selector.name));
        }
        let unknown = selector.labels.iter().filter(|label| !has_label(info, suffix, label));
        complaints.extend(unknown.map(|label| format!("{path}: {} has no label {label}", selector.name)));
    }
    let known: BTreeSet<_> = catalogue::ALL.iter().flat_map(|info| info.labels).chain(&TARGET).chain(&OTHERS).copied().collect();
    if query {
        let used = ["by", "without", "on", "ignoring"].into_iter().flat_map(|word| lists(&text, word));
        let unknown = used.filter(|label| !known.contains(label.strip_prefix("exported_").unwrap_or(label)));
        complaints.extend(unknown.map(|label| format!("{path}: no series has a label {label}")));
    }
    complaints
}

/// Every text below a path that can name a metric: (path in the repository, text).
fn texts(path: &Path, into: &mut Vec<(String, String)>) {
    if let Ok(entries) = std::fs::read_dir(path) {
        let mut entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        entries.iter().for_each(|entry| texts(entry, into));
    } else if let Ok(text) = std::fs::read_to_string(path) {
        into.push((path.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned(), text));
    }
}

fn all_texts(names: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    names.iter().for_each(|name| texts(&Path::new(ROOT).join(name), &mut found));
    found
}

#[test]
fn every_name_of_a_metric_is_in_the_catalogue() {
    let bundle = Bundle::load();
    let records: BTreeSet<_> = bundle.all_rules().filter_map(|rule| rule.record.as_deref()).collect();
    let texts =
        all_texts(&["rules", "tests/rules", "prometheus", "grafana/dashboards", "docs", "scripts", "README.md", "sentinel.yml"]);
    assert!(texts.len() > 50);
    let complaints: Vec<_> = texts.iter().flat_map(|(path, text)| misnamed(path, text, &records)).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn a_name_that_is_wrong_is_refused() {
    let records = BTreeSet::from(["slo:events:rate5m"]);
    for (text, expected) in [
        ("sentinel_order_total", "no metric sentinel_order_total"),
        ("sentinel_orders_total{simbol=\\\"X\\\"}", "sentinel_orders_total has no label simbol"),
        ("sentinel_orders_total_count", "no metric"),
        ("sentinel_order_latency_seconds", "has no series of that name"),
        ("sentinel_order_latency_seconds_count{le=\"0.1\"}", "has no label le"),
        ("slo:events:rate10m", "no rule records"),
        ("sum by (symbol, sied) (sentinel_orders_total)", "has a label sied"),
    ] {
        let complaints = misnamed("grafana/dashboards/a.json", text, &records);
        assert!(complaints.len() == 1 && complaints[0].contains(expected), "{text}: {complaints:?}");
    }
    for right in [
        "sentinel_trading_errors_total{exported_component=\"x\", node=\"inf\"}",
        "slo:events:rate5m",
        "sentinel_*",
        "sentinel_events",
    ] {
        assert_eq!(misnamed("rules/a.yml", right, &records), [""; 0]);
    }
}

#[test]
fn every_metric_is_used_or_listed_with_its_reason() {
    let listed: BTreeMap<String, String> = serde_yaml::from_str(include_str!("../../fixtures/informational.yml")).unwrap();
    let texts = all_texts(&["rules", "grafana/dashboards"]);
    let named = texts.iter().flat_map(|(_, text)| selectors(text)).map(|selector| selector.name);
    // A record is named after its metric, between colons.
    let used: BTreeSet<_> = named.flat_map(|name| name.split(':')).filter_map(|name| Some(family(name)?.0.name)).collect();
    for info in catalogue::ALL {
        let reason = listed.get(info.name);
        assert!(used.contains(info.name) || reason.is_some(), "nothing uses {}", info.name);
        assert!(!(used.contains(info.name) && reason.is_some()), "{} is used, and need not be listed", info.name);
        assert!(reason.is_none_or(|reason| reason.len() > 20), "{}: why is it there?", info.name);
    }
    assert!(listed.keys().all(|name| family(name).is_some()), "{listed:?}");
}
