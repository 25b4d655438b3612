//! Whoever is paged finds the page: each alert has a heading in the runbook of its team, and each heading an alert.

use std::collections::BTreeSet;

use super::assert_check;
use super::bundle::Bundle;

fn headed(bundle: &Bundle) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut headings: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (file, text) in &bundle.runbooks {
        for heading in text.lines().filter_map(|line| line.strip_prefix("## ")) {
            if !headings.insert((file, heading)) {
                complaints.push(format!("{file} has two headings {heading}"));
            }
        }
    }
    let mut used = BTreeSet::new();
    for (name, rule) in bundle.alerts() {
        let url = rule.annotations.get("runbook_url").map(String::as_str).unwrap_or_default();
        let page = url.strip_prefix("{{ $externalLabels.docs_url }}docs/runbooks/").and_then(|page| page.split_once('#'));
        match page {
            Some((file, anchor)) if anchor == name.to_lowercase() && headings.contains(&(file, name)) => {
                used.insert((file.to_owned(), name.to_owned()));
            }
            _ => complaints.push(format!("{name} has no page: {url}")),
        }
    }
    for (file, heading) in headings {
        if !used.contains(&(file.to_owned(), heading.to_owned())) {
            complaints.push(format!("{file} has a heading {heading}, which is no alert that points there"));
        }
    }
    complaints
}

#[test]
fn every_alert_has_a_heading_in_a_runbook_and_the_other_way_round() {
    assert_check(
        headed,
        &[
            ("SentinelNoOrders has no page", &|bundle| {
                let page = bundle.runbooks.get_mut("trading.md").unwrap();
                *page = page.replace("## SentinelNoOrders", "## SentinelNoOrder");
            }),
            ("which is no alert", &|bundle| bundle.runbooks.get_mut("risk.md").unwrap().push_str("\n## SentinelOther\n")),
            ("two headings", &|bundle| bundle.runbooks.get_mut("risk.md").unwrap().push_str("\n## SentinelDailyLoss\n")),
            ("SentinelDailyLoss has no page", &|bundle| {
                bundle
                    .alert("SentinelDailyLoss")
                    .annotations
                    .insert("runbook_url".to_owned(), "docs/runbooks/risk.md".to_owned());
            }),
        ],
    );
}
