//! The scripts name metrics; what they name is what there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sentinel_exporter::catalogue;
use sentinel_exporter::family::Group;

use super::{ROOT, script};

/// The words of a bash array.
fn array<'a>(text: &'a str, name: &str) -> BTreeSet<&'a str> {
    let (_, rest) = text.split_once(&format!("\n{name}=(\n")).expect("the array is there");
    rest.split_once("\n)").expect("its end").0.split_whitespace().collect()
}

#[test]
fn the_families_of_the_trading_part_are_those_of_the_catalogue() {
    let text = fs::read_to_string(script("verify/page.bash")).unwrap();
    let trading = || catalogue::ALL.iter().filter(|info| info.group == Group::Trading);
    let named = |born_later: bool| -> BTreeSet<&str> {
        trading().filter(|info| (!info.labels.is_empty() && info.always.is_empty()) == born_later).map(|info| info.name).collect()
    };
    assert_eq!(trading().count(), 37);
    assert_eq!(array(&text, "families"), named(false));
    assert_eq!(array(&text, "later"), named(true));
}

#[test]
fn every_metric_that_the_scripts_name_exists() {
    let rules: String =
        fs::read_dir(Path::new(ROOT).join("rules")).unwrap().map(|it| fs::read_to_string(it.unwrap().path()).unwrap()).collect();
    let mut count = 0;
    for name in ["verify/page.bash", "verify/prometheus.py"] {
        let text = fs::read_to_string(script(name)).unwrap();
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
        for word in words.filter(|word| word.contains("sentinel_") || word.starts_with("slo:")) {
            let family = ["_count", "_sum", "_bucket"].iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(word);
            let known = catalogue::ALL.iter().any(|info| info.name == family) || rules.contains(&format!("record: {word}\n"));
            assert!(known, "{name} names {word}");
            count += 1;
        }
    }
    assert!(count > 50, "they are found: {count}");
}
