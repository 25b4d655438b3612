//! What the bundle's files say, as far as the checks need it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

pub(super) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[derive(Clone, Debug)]
pub(crate) struct Bundle {
    /// By file name.
    pub(super) rules: BTreeMap<String, RuleFile>,
    /// By file name.
    pub(super) tests: BTreeMap<String, TestFile>,
    /// Texts by file name.
    pub(super) runbooks: BTreeMap<String, String>,
    pub(super) contract: Contract,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    pub(super) groups: Vec<Group>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    pub(super) name: String,
    #[serde(rename = "interval")]
    _interval: Option<String>,
    pub(super) rules: Vec<Rule>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) alert: Option<String>,
    pub(super) record: Option<String>,
    pub(super) expr: String,
    #[serde(rename = "for", default = "immediately")]
    pub(super) wait: String,
    #[serde(rename = "keep_firing_for")]
    _keep_firing_for: Option<String>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

fn immediately() -> String {
    "0s".to_owned()
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestFile {
    pub(super) rule_files: Vec<String>,
    #[serde(rename = "evaluation_interval")]
    _evaluation_interval: String,
    #[serde(default)]
    pub(super) group_eval_order: Vec<String>,
    pub(super) tests: Vec<Test>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Test {
    #[serde(default)]
    pub(super) alert_rule_test: Vec<Case>,
}

/// What fires at one moment of a test.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    #[serde(rename = "eval_time")]
    _eval_time: String,
    pub(super) alertname: String,
    #[serde(default)]
    pub(super) exp_alerts: Vec<Expected>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Expected {
    pub(super) exp_labels: BTreeMap<String, String>,
}

/// tests/fixtures/alerts.yml.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contract {
    pub(super) alerts: Vec<Promised>,
    pub(super) objectives: Vec<Objective>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Promised {
    pub(super) name: String,
    pub(super) severity: String,
    pub(super) team: String,
    #[serde(rename = "for")]
    pub(super) wait: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Objective {
    pub(super) slo: String,
    pub(super) team: String,
    pub(super) objective: f64,
    pub(super) histogram: Option<String>,
    pub(super) within: Option<f64>,
}

impl Bundle {
    pub(super) fn load() -> Bundle {
        Bundle {
            rules: parsed(&files("rules", "yml")),
            tests: parsed(&files("tests/rules", "yml")),
            runbooks: texts(&files("docs/runbooks", "md")),
            contract: serde_yaml::from_str(include_str!("../../fixtures/alerts.yml")).unwrap(),
        }
    }

    pub(super) fn all_rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values().flat_map(|file| &file.groups).flat_map(|group| &group.rules)
    }

    /// Every alert with its name.
    pub(super) fn alerts(&self) -> impl Iterator<Item = (&str, &Rule)> {
        self.all_rules().filter_map(|rule| Some((rule.alert.as_deref()?, rule)))
    }

    /// The first alert of that name, to spoil it.
    pub(super) fn alert(&mut self, name: &str) -> &mut Rule {
        let rules = self.rules.values_mut().flat_map(|file| &mut file.groups).flat_map(|group| &mut group.rules);
        rules.into_iter().find(|rule| rule.alert.as_deref() == Some(name)).unwrap()
    }
}

/// The files of a folder with an extension, in order.
pub(super) fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(Path::new(ROOT).join(folder)) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|it| it == extension)).collect();
    paths.sort();
    paths
}

fn texts(paths: &[PathBuf]) -> BTreeMap<String, String> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

fn parsed<T: DeserializeOwned>(paths: &[PathBuf]) -> BTreeMap<String, T> {
    let parse = |(name, text): (String, String)| {
        let value = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, value)
    };
    texts(paths).into_iter().map(parse).collect()
}
