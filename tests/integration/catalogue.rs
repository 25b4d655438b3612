//! The catalogue against what other systems depend on, and against the document made from it.

use std::collections::{BTreeMap, BTreeSet};

use sentinel_exporter::catalogue;
use sentinel_exporter::document;
use sentinel_exporter::family::{FamilyInfo, Feed, Group, Kind, Store};
use serde::Deserialize;

use crate::support::exporter::{Exporter, Setup};
use crate::support::stand_in::{Answer, StandIn};

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
    // The bridge is a process of its own, and its families stand beside the contract.
    let besides: Vec<_> = catalogue::ALL.iter().filter(|info| info.name.starts_with("sentinel_dingtalk_")).collect();
    assert_eq!(catalogue::ALL.len(), 37 + 12 + 20 + 15 + besides.len());
    assert!(
        besides.iter().all(|info| info.group == Group::Dingtalk && info.feed == Feed::Bridge && info.store == Store::Registry)
    );
}

#[test]
fn the_bridge_and_the_exporter_show_nothing_of_each_other() {
    let names = |is_bridge: bool| {
        let families = catalogue::ALL.iter().filter(move |info| (info.group == Group::Dingtalk) == is_bridge);
        families.map(|info| info.name.to_owned()).collect::<BTreeSet<_>>()
    };
    let shown = |exporter: &Exporter| {
        let names = exporter.scrape().types.into_keys().filter(|name| name.starts_with("sentinel_"));
        names.collect::<BTreeSet<_>>()
    };
    let bridge = Setup::of_subcommand("dingtalk", "robots: [{name: sre, webhooks: [{url: 'http://127.0.0.1:1/'}]}]").start();
    assert_eq!(shown(&bridge), names(true));
    assert!(bridge.value("process_start_time_seconds").is_some());
    assert!(shown(&Exporter::start("")).is_subset(&names(false)));
}

#[test]
fn what_is_counted_is_there_from_the_first_scrape() {
    // No source has ever answered; PostgREST hangs, so that its first probe is not over either.
    let hangs = StandIn::start(Answer::Nothing).url("");
    let config = format!(
        "sre: {{root: nowhere}}\npostgres: {{url: 'postgresql://nobody:secret@127.0.0.1:1/none'}}\npostgrest: {{url: '{hangs}', timeout: 1m}}"
    );
    let page = Exporter::start(config).scrape();
    for info in catalogue::ALL.iter().filter(|info| info.store == Store::Ledger) {
        let suffix = if info.kind == Kind::Histogram { "_count" } else { "" };
        let value = if info.name == "sentinel_daily_loss_limit_usd" { 200.0 } else { 0.0 };
        if info.labels.is_empty() {
            assert_eq!(page.value(&format!("{}{suffix}", info.name)), Some(value), "{}", info.name);
        }
        for values in info.always {
            let labels: Vec<_> = info.labels.iter().zip(*values).map(|(label, value)| format!("{label}=\"{value}\"")).collect();
            let series = format!("{}{suffix}{{{}}}", info.name, labels.join(","));
            assert_eq!(page.value(&series), Some(0.0), "{series}");
        }
        if info.open {
            let dropped = format!("sentinel_exporter_series_dropped_total{{metric=\"{}\"}}", info.name);
            assert_eq!(page.value(&dropped), Some(0.0), "{dropped}");
        }
    }
    for collector in ["postgres", "postgrest", "sre_state"] {
        let never = format!("sentinel_exporter_collector_last_success_timestamp_seconds{{collector=\"{collector}\"}}");
        assert_eq!(page.value(&never), Some(0.0), "{never}");
    }
    let observed = catalogue::ALL.iter().filter(|info| info.store == Store::SampleSet);
    for info in observed {
        assert_eq!(page.family(info.name), [], "{}", info.name);
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
