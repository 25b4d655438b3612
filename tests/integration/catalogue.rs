//! The catalogue against what other systems depend on, and against the document made from it.

use std::collections::BTreeMap;

use sentinel_exporter::catalogue;
use sentinel_exporter::document;
use sentinel_exporter::family::{FamilyInfo, Group};
use serde::Deserialize;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Family {
    name: String,
    r#type: String,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    buckets: Vec<f64>,
    #[serde(default)]
    always: Vec<String>,
}

impl Family {
    fn of(info: &FamilyInfo) -> Self {
        Family {
            name: info.name.to_owned(),
            r#type: info.kind.as_str().to_owned(),
            labels: info.labels.iter().map(|label| (*label).to_owned()).collect(),
            buckets: info.buckets.to_vec(),
            always: info.always.iter().map(|values| values.join(" ")).collect(),
        }
    }
}

#[test]
fn the_catalogue_is_the_contract() {
    let contract: BTreeMap<String, Vec<Family>> = serde_yaml::from_str(include_str!("../fixtures/contract.yml")).unwrap();
    let groups =
        [("trading", Group::Trading, 37), ("sre", Group::Sre, 12), ("ops", Group::Ops, 20), ("exporter", Group::Exporter, 15)];
    assert_eq!(contract.len(), groups.len());
    for (name, group, count) in groups {
        let families = catalogue::ALL.iter().filter(|info| info.group == group).map(|info| Family::of(info));
        let mut actual: BTreeMap<_, _> = families.map(|family| (family.name.clone(), family)).collect();
        assert_eq!(actual.len(), count, "{name}");
        for expected in &contract[name] {
            assert_eq!(actual.remove(&expected.name).as_ref(), Some(expected));
        }
        assert!(actual.is_empty(), "not in the contract: {actual:?}");
    }
}

#[test]
fn every_family_has_a_help_text_of_a_sentence() {
    for info in catalogue::ALL {
        let help = info.help();
        assert!(help.len() > 20 && help.ends_with('.') && !help.contains('\n'), "{}: {help:?}", info.name);
    }
}

#[test]
fn the_document_is_up_to_date() {
    let written = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap_or_default();
    assert!(
        written == document::metrics_page(),
        "docs/metrics.md is not what `sentinel-exporter catalogue` prints; scripts/bless makes it"
    );
}
