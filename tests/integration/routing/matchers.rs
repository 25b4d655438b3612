//! Whatever a route or an inhibition asks for exists: a matcher with a name that no alert has would never match, and nobody would see it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_yaml::Value;

use super::{EVERYTHING, Folder, ROOT, table};

/// The values that a label of an alert can have: labels that a rule gives, alerts' names, and of the exporter's those that are asked for.
fn known() -> (BTreeSet<[String; 3]>, BTreeMap<String, BTreeSet<String>>) {
    let (mut alerts, mut values) = (BTreeSet::new(), BTreeMap::<_, BTreeSet<_>>::new());
    for entry in fs::read_dir(Path::new(ROOT).join("rules")).unwrap() {
        let file: Value = serde_yaml::from_str(&fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        let rules = file["groups"].as_sequence().unwrap().iter().flat_map(|group| group["rules"].as_sequence().unwrap());
        for rule in rules {
            let label = |name: &str| rule["labels"][name].as_str().unwrap_or_default().to_owned();
            let alert = rule["alert"].as_str().unwrap_or_default().to_owned();
            for (name, value) in
                [("alertname", alert.clone()), ("severity", label("severity")), ("team", label("team")), ("slo", label("slo"))]
            {
                values.entry(name.to_owned()).or_default().insert(value);
            }
            if !alert.is_empty() {
                alerts.insert([alert, label("severity"), label("team")]);
            }
        }
    }
    // Of SentinelInhibitor: an alert's name and severity.
    values.insert("because".to_owned(), values["alertname"].clone());
    values.insert("level".to_owned(), values["severity"].clone());
    for (name, known) in [
        ("trigger", &["DAILY_LOSS"][..]),
        ("source", &["exporter"]),
        ("collector", &["postgres", "postgrest", "probe", "sre_state", "mock_signal"]),
        (
            "check",
            &["postgres", "postgrest", "probe", "sre_state", "mock_signal", "stuck_batches", "error_spike", "schema_cache"],
        ),
    ] {
        values.insert(name.to_owned(), known.iter().map(|value| (*value).to_owned()).collect());
    }
    (alerts, values)
}

/// All matchers of the tree, with the label and the alternatives that each names.
fn matchers(part: &Value, found: &mut Vec<(String, Vec<String>)>) {
    match part {
        Value::Mapping(mapping) => {
            for (key, value) in mapping {
                if key.as_str().is_some_and(|key| key.ends_with("matchers")) {
                    for matcher in value.as_sequence().unwrap() {
                        let (label, value) = matcher.as_str().unwrap().split_once(['=', '!']).unwrap();
                        let alternatives = value.trim_matches(['=', '~', '"']).split('|').map(str::to_owned).collect();
                        found.push((label.to_owned(), alternatives));
                    }
                }
                matchers(value, found);
            }
        }
        Value::Sequence(sequence) => sequence.iter().for_each(|value| matchers(value, found)),
        _ => {}
    }
}

#[test]
fn every_matcher_can_match_an_alert() {
    let config = Folder::new().rendered(EVERYTHING);
    let (_, known) = known();
    let mut found = Vec::new();
    matchers(&config, &mut found);
    assert!(found.len() > 40, "{found:?}");
    for (label, alternatives) in found.iter().filter(|(label, _)| label != "instance") {
        for value in alternatives {
            assert!(known[label].contains(value), "no alert has {label}={value:?}");
        }
    }
}

#[test]
fn the_table_has_the_alerts_of_the_rules() {
    let (alerts, _) = known();
    // The objectives' own alerts take their team from the objective.
    let with_team = |[alert, severity, team]: &[String; 3]| {
        let team = if team.contains("$labels.team") { "any" } else { team };
        format!("{alert} {severity} {team}")
    };
    let of_rules: BTreeSet<_> = alerts.iter().map(with_team).collect();
    let of_objective = |alert: &str| ["SentinelSloBurn", "SentinelSloAbsent"].contains(&alert);
    let of_table: BTreeSet<_> = table()
        .map(|[alert, severity, team, _]| format!("{alert} {severity} {}", if of_objective(alert) { "any" } else { team }))
        .collect();
    assert_eq!(of_table, of_rules);
}

#[test]
fn what_is_remembered_is_what_an_inhibition_asks_for() {
    let mut found = Vec::new();
    matchers(&Folder::new().rendered(EVERYTHING), &mut found);
    let asked: BTreeSet<_> = found.into_iter().filter(|(label, _)| label == "because").flat_map(|(_, names)| names).collect();
    let rules = fs::read_to_string(Path::new(ROOT).join("rules/inhibitor.yml")).unwrap();
    let remembered = rules.split_once("alertname=~\"").unwrap().1.split_once('"').unwrap().0;
    assert_eq!(asked, remembered.split('|').map(str::to_owned).collect());
}
