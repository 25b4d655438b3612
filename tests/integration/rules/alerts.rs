//! Every alert against what others depend on: its severities and `for`s, its labels, and annotations that fit into a message.

use super::assert_check;
use super::bundle::{Bundle, Rule};

/// The longest value of a label that the exporter shows.
const LABEL_BYTES: usize = 128;
/// A number, a duration or a percentage in a message.
const VALUE_BYTES: usize = 24;
const DESCRIPTION_BYTES: usize = 300;
const DASHBOARDS: [&str; 7] = [
    "sentinel-overview",
    "sentinel-trading",
    "sentinel-risk",
    "sentinel-pipeline",
    "sentinel-bot",
    "sentinel-slo",
    "sentinel-exporter",
];

fn promised(bundle: &Bundle) -> Vec<String> {
    let line = |name: &str, severity: &str, team: &str, wait: &str| format!("{name} {severity} {team} for {wait}");
    let of = |labels: &Rule, key: &str| labels.labels.get(key).cloned().unwrap_or_default();
    let mut expected: Vec<_> =
        bundle.contract.alerts.iter().map(|alert| line(&alert.name, &alert.severity, &alert.team, &alert.wait)).collect();
    let mut complaints = Vec::new();
    for (name, rule) in bundle.alerts() {
        let team = of(rule, "team").replace("{{ $labels.team }}", "of the objective");
        let found = line(name, &of(rule, "severity"), &team, &rule.wait);
        match expected.iter().position(|line| *line == found) {
            Some(at) => drop(expected.swap_remove(at)),
            None => complaints.push(format!("nobody was promised: {found}")),
        }
    }
    complaints.extend(expected.into_iter().map(|line| format!("promised, but not there: {line}")));
    complaints
}

/// How long a description can become: each `{{ }}` at its longest.
fn longest(description: &str) -> usize {
    let mut length = description.len();
    for action in description.split("{{").skip(1) {
        let action = action.split("}}").next().unwrap_or_default();
        let cut = action.split("\"%.").nth(1).and_then(|rest| rest.split("s\"").next()?.parse::<usize>().ok());
        let value = if action.contains("$labels.") { LABEL_BYTES } else { VALUE_BYTES };
        length = length - action.len() - "{{}}".len() + cut.unwrap_or(value).min(value);
    }
    length
}

fn annotated(bundle: &Bundle) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, rule) in bundle.alerts() {
        let mut complain = |what: String| complaints.push(format!("{name}: {what}"));
        if !name.starts_with("Sentinel") || !rule.labels.keys().eq(["severity", "team"]) {
            complain(format!("its name or labels are not what routes expect: {:?}", rule.labels));
        }
        if !rule.annotations.keys().eq(["dashboard_url", "description", "runbook_url", "summary"]) {
            complain(format!("annotations are {:?}", rule.annotations.keys()));
            continue;
        }
        let [summary, description] = ["summary", "description"].map(|key| rule.annotations[key].as_str());
        let same =
            bundle.alerts().all(|(other, rule)| other != name || rule.annotations.get("summary").is_some_and(|it| it == summary));
        if !summary.ends_with('.') || summary.contains("{{") || !same {
            complain("its summary is not one sentence for all of the alert".to_owned());
        }
        if longest(description) > DESCRIPTION_BYTES {
            complain(format!("its description can have {} bytes", longest(description)));
        }
        let dashboard = rule.annotations["dashboard_url"].strip_prefix("{{ $externalLabels.grafana_url }}/d/");
        if !dashboard.is_some_and(|uid| DASHBOARDS.contains(&uid)) {
            complain(format!("there is no dashboard {}", rule.annotations["dashboard_url"]));
        }
    }
    complaints
}

#[test]
fn the_alerts_are_those_that_were_promised() {
    assert_check(
        promised,
        &[
            ("not there: SentinelZmqSendFailing critical", &|bundle| {
                bundle.alert("SentinelZmqSendFailing").labels.insert("severity".to_owned(), "warning".to_owned());
            }),
            ("nobody was promised: SentinelNoOrders warning trading for 5m", &|bundle| {
                bundle.alert("SentinelNoOrders").wait = "5m".to_owned();
            }),
            ("nobody was promised: SentinelNew", &|bundle| {
                bundle.alert("SentinelNoOrders").alert = Some("SentinelNew".to_owned())
            }),
        ],
    );
}

#[test]
fn every_alert_has_its_labels_and_annotations() {
    assert_check(
        annotated,
        &[
            ("routes expect", &|bundle| drop(bundle.alert("SentinelNoOrders").labels.remove("team"))),
            ("annotations are", &|bundle| drop(bundle.alert("SentinelNoOrders").annotations.remove("runbook_url"))),
            ("not one sentence for all", &|bundle| {
                bundle.alert("SentinelDailyLoss").annotations.insert("summary".to_owned(), "Another.".to_owned());
            }),
            ("can have", &|bundle| {
                let description = "{{ $labels.a }}{{ $labels.b }}".to_owned() + &"x".repeat(45);
                bundle.alert("SentinelNoOrders").annotations.insert("description".to_owned(), description);
            }),
            ("no dashboard", &|bundle| {
                bundle.alert("SentinelNoOrders").annotations.insert("dashboard_url".to_owned(), "/d/other".to_owned());
            }),
        ],
    );
}

#[test]
fn a_description_is_measured_at_its_longest() {
    assert_eq!(longest("of {{ $labels.endpoint | printf \"%.60s\" }}: {{ $value | humanizePercentage }}"), 3 + 60 + 2 + 24);
    assert_eq!(longest("{{ or $labels.instance \"Any host\" }}"), 128);
}
