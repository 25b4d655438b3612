//! The objectives: three records each, a bound of the histogram exactly where good ends, and burn rates that an error ratio can reach.

use sentinel_exporter::catalogue;

use super::assert_check;
use super::bundle::{Bundle, Rule};

const RECORDS: [&str; 3] = ["slo:events:rate5m", "slo:events_bad:rate5m", "slo:objective:ratio"];

/// The records of one objective, by their `slo` label.
fn records<'a>(bundle: &'a Bundle, slo: &str) -> Vec<(&'a str, &'a Rule)> {
    let of = |rule: &'a Rule| rule.record.as_deref().map(|record| (record, rule));
    bundle.all_rules().filter(|rule| rule.labels.get("slo").is_some_and(|it| it == slo)).filter_map(of).collect()
}

/// The number that an expression begins with.
fn leading(expr: &str) -> Option<f64> {
    expr.split(' ').next()?.parse().ok()
}

fn recorded(bundle: &Bundle) -> Vec<String> {
    let mut complaints = Vec::new();
    for objective in &bundle.contract.objectives {
        let slo = &objective.slo;
        let mut complain = |what: &str| complaints.push(format!("{slo} {what}"));
        let [(events, total), (bad, worse), (ratio, rule)] = records(bundle, slo)[..] else {
            complain("is not three records");
            continue;
        };
        if [events, bad, ratio] != RECORDS {
            complain("does not record its events, its bad events and its objective, in that order");
        }
        let labels = |rule: &Rule| rule.labels.len() == 2 && rule.labels.get("team") == Some(&objective.team);
        if ![total, worse, rule].into_iter().all(labels) {
            complain("has other labels than slo and its team");
        }
        if leading(&rule.expr) != Some(objective.objective) {
            complain("records another objective");
        }
        let Some((histogram, within)) = objective.histogram.as_ref().zip(objective.within) else { continue };
        let family = catalogue::ALL.iter().find(|info| info.name == histogram);
        // As the exporter writes it: always with a point.
        if !worse.expr.contains(&format!("{histogram}_bucket{{le=\"{within:?}\"}}")) {
            complain("draws the line elsewhere");
        }
        if !family.is_some_and(|info| info.buckets.contains(&within)) {
            complain("draws the line where the histogram has no bound");
        }
    }
    let named =
        |rule: &Rule| rule.labels.get("slo").is_some_and(|slo| bundle.contract.objectives.iter().all(|it| it.slo != *slo));
    complaints.extend(bundle.all_rules().filter(|rule| named(rule)).map(|rule| format!("nobody was promised {:?}", rule.labels)));
    complaints
}

/// A burn rate of 14.4 with a budget of 7 % asks for more errors than there are events.
fn reachable(bundle: &Bundle) -> Vec<String> {
    let burns = bundle.alerts().filter(|(name, _)| *name == "SentinelSloBurn").map(|(_, rule)| rule.expr.as_str());
    let factors = burns.flat_map(|expr| {
        let before = expr.split(" * slo:error_budget:ratio").map(|part| part.rsplit(' ').next().unwrap_or_default());
        before.filter_map(|factor| factor.parse::<f64>().ok()).collect::<Vec<_>>()
    });
    let highest = factors.fold(0.0, f64::max);
    let objectives = bundle.all_rules().filter(|rule| rule.record.as_deref() == Some("slo:objective:ratio"));
    let mut complaints: Vec<_> = objectives
        .filter(|rule| leading(&rule.expr).is_none_or(|objective| highest * (1.0 - objective) >= 1.0))
        .map(|rule| format!("{:?} cannot burn {highest} times as fast as it may", rule.labels.get("slo")))
        .collect();
    if highest == 0.0 {
        complaints.push("there are no burn rates".to_owned());
    }
    complaints
}

fn record<'a>(bundle: &'a mut Bundle, slo: &str, record: &str) -> &'a mut Rule {
    let rules = bundle.rules.values_mut().flat_map(|file| &mut file.groups).flat_map(|group| &mut group.rules);
    let mut found =
        rules.filter(|rule| rule.record.as_deref() == Some(record) && rule.labels.get("slo").is_some_and(|it| it == slo));
    found.next().unwrap()
}

#[test]
fn every_objective_is_three_records() {
    assert_check(
        recorded,
        &[
            ("predictions is not three records", &|bundle| record(bundle, "predictions", RECORDS[0]).record = None),
            ("in that order", &|bundle| record(bundle, "predictions", RECORDS[0]).record = Some(RECORDS[1].to_owned())),
            ("other labels", &|bundle| {
                record(bundle, "predictions", RECORDS[1]).labels.insert("team".to_owned(), "data".to_owned());
            }),
            ("another objective", &|bundle| record(bundle, "predictions", RECORDS[2]).expr = "0.9 + 0 * up".to_owned()),
            ("order-latency-p95 draws the line elsewhere", &|bundle| {
                let rule = record(bundle, "order-latency-p95", RECORDS[1]);
                rule.expr = rule.expr.replace("0.1", "0.25");
            }),
            ("has no bound", &|bundle| {
                for objective in &mut bundle.contract.objectives {
                    objective.within = objective.within.map(|within| within * 1.5);
                }
            }),
            ("nobody was promised", &|bundle| {
                record(bundle, "exporter", RECORDS[0]).labels.insert("slo".to_owned(), "other".to_owned());
            }),
        ],
    );
}

#[test]
fn every_objective_can_be_missed_as_fast_as_the_burn_rates_say() {
    assert_check(
        reachable,
        &[
            ("\"predictions\") cannot burn 14.4 times", &|bundle| {
                record(bundle, "predictions", RECORDS[2]).expr = "0.93 + 0 * max by (job, instance) (up)".to_owned();
            }),
            ("no burn rates", &|bundle| {
                bundle.alert("SentinelSloBurn").expr.clear();
                bundle.alert("SentinelSloBurn").alert = None;
                bundle.alert("SentinelSloBurn").alert = None;
            }),
        ],
    );
}
