//! Every alert has a test in which it fires and a moment at which it does not, and promtool looks at what was meant: it passes over
//! misspelled alerts, over rule files that match nothing, and runs groups in random order unless it is told one.

use std::collections::BTreeSet;

use super::assert_check;
use super::bundle::{Bundle, Case};

/// It fires always.
const NEVER_SILENT: &str = "SentinelWatchdog";

fn cases(bundle: &Bundle) -> impl Iterator<Item = &Case> {
    bundle.tests.values().flat_map(|file| &file.tests).flat_map(|test| &test.alert_rule_test)
}

fn tested(bundle: &Bundle) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, rule) in bundle.alerts() {
        let severity = rule.labels.get("severity");
        let fires = |case: &Case| case.exp_alerts.iter().any(|alert| alert.exp_labels.get("severity") == severity);
        if !cases(bundle).any(|case| case.alertname == name && fires(case)) {
            complaints.push(format!("{name} ({severity:?}) fires in no test"));
        }
        if name != NEVER_SILENT && !cases(bundle).any(|case| case.alertname == name && !fires(case)) {
            complaints.push(format!("{name} ({severity:?}) is silent in no test"));
        }
    }
    let names: BTreeSet<_> = bundle.alerts().map(|(name, _)| name).collect();
    let misspelled = cases(bundle).filter(|case| !names.contains(case.alertname.as_str()));
    complaints.extend(misspelled.map(|case| format!("{} is no alert", case.alertname)));
    complaints
}

fn loaded(bundle: &Bundle) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, test) in &bundle.tests {
        let mut groups = BTreeSet::new();
        for path in &test.rule_files {
            match path.strip_prefix("../../rules/").and_then(|file| bundle.rules.get(file)) {
                Some(file) => groups.extend(file.groups.iter().map(|group| group.name.as_str())),
                None => complaints.push(format!("{name} loads {path}, which is not there")),
            }
        }
        if test.group_eval_order.iter().map(String::as_str).collect::<BTreeSet<_>>() != groups {
            complaints.push(format!("{name} does not say in which order its groups run: {groups:?}"));
        }
    }
    complaints
}

#[test]
fn every_alert_fires_in_a_test_and_is_silent_in_one() {
    assert_check(
        tested,
        &[
            ("SentinelKillSwitchActive (Some(\"critical\")) fires in no test", &|bundle| {
                for case in cases_mut(bundle).filter(|case| case.alertname == "SentinelKillSwitchActive") {
                    case.exp_alerts.clear();
                }
            }),
            ("SentinelZmqSendFailing (Some(\"critical\")) is silent in no test", &|bundle| {
                for file in bundle.tests.values_mut() {
                    for test in &mut file.tests {
                        test.alert_rule_test
                            .retain(|case| case.alertname != "SentinelZmqSendFailing" || !case.exp_alerts.is_empty());
                    }
                }
            }),
            ("SentinelZmqSendsFailing is no alert", &|bundle| {
                cases_mut(bundle).next().unwrap().alertname = "SentinelZmqSendsFailing".to_owned();
            }),
        ],
    );
}

#[test]
fn every_rule_test_loads_rules_in_an_order() {
    let first = |bundle: &mut Bundle| bundle.tests.keys().next().unwrap().clone();
    assert_check(
        loaded,
        &[
            ("in which order", &|bundle| {
                let name = first(bundle);
                bundle.tests.get_mut(&name).unwrap().group_eval_order.clear();
            }),
            ("not there", &|bundle| {
                let name = first(bundle);
                bundle.tests.get_mut(&name).unwrap().rule_files.push("../../rules/alert-*.yml".to_owned());
            }),
        ],
    );
}

fn cases_mut(bundle: &mut Bundle) -> impl Iterator<Item = &mut Case> {
    bundle.tests.values_mut().flat_map(|file| &mut file.tests).flat_map(|test| &mut test.alert_rule_test)
}
