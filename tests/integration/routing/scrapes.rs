//! prometheus.yml: as it is, and with the settings that it offers switched on.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use sentinel_exporter::catalogue;
use sentinel_exporter::sample::Limits;
use serde_yaml::Value;

use super::{ROOT, said};
use crate::support::certs::Certs;
use crate::support::prometheus::Prometheus;
use crate::support::tempdir::TempDir;
use crate::web;

fn check(config: &Path) -> Output {
    let output = Command::new("promtool").args(["check", "config"]).arg(config).output();
    output.expect("promtool is not in PATH: install the package prometheus")
}

fn shipped() -> String {
    fs::read_to_string(Path::new(ROOT).join("prometheus/prometheus.yml")).unwrap()
}

/// The jobs by name.
fn job(config: &Value, name: &str) -> Value {
    let jobs = config["scrape_configs"].as_sequence().unwrap();
    jobs.iter().find(|job| job["job_name"] == name).unwrap_or_else(|| panic!("no job {name}")).clone()
}

#[test]
fn the_tree_works_as_it_is() {
    let output = check(&Path::new(ROOT).join("prometheus/prometheus.yml"));
    let said = said(&output);
    assert!(output.status.success() && !said.contains("WARNING"), "{said}");
    assert!(said.contains("prometheus/rules/slo.yml"), "the rules are found:\n{said}");
}

#[test]
fn every_part_of_the_chain_is_scraped() {
    let config: Value = serde_yaml::from_str(&shipped()).unwrap();
    let exporter = job(&config, "sentinel-metrics");
    let expected: Value =
        serde_yaml::from_str("[{targets: ['172.19.141.250:8000'], labels: {node: inf, region: singapore, component: trading}}]")
            .unwrap();
    assert_eq!(exporter["static_configs"], expected);
    assert_eq!((exporter["scrape_interval"].as_str(), exporter["scrape_timeout"].as_str()), (Some("15s"), Some("10s")));
    for (name, target) in
        [("alertmanager", "127.0.0.1:9093"), ("prometheus", "127.0.0.1:9090"), ("sentinel-dingtalk", "127.0.0.1:8060")]
    {
        assert_eq!(job(&config, name)["static_configs"][0]["targets"][0], target);
    }
}

#[test]
fn the_limits_are_above_what_an_exporter_can_show() {
    let config: Value = serde_yaml::from_str(&shipped()).unwrap();
    let (job, limits) = (job(&config, "sentinel-metrics"), Limits::default());
    let samples = catalogue::ALL.iter().map(|info| {
        let series = if info.open { limits.series_per_family } else { info.always.len().max(1) };
        // A histogram has its buckets, the last of all, the sum and the count.
        series * if info.buckets.is_empty() { 1 } else { info.buckets.len() + 3 }
    });
    // The process's own metrics, and those of sources and journals, are few.
    assert!(job["sample_limit"].as_u64().unwrap() as usize > samples.sum::<usize>() + 1000);
    assert!(job["label_value_length_limit"].as_u64().unwrap() as usize > limits.label_value_bytes);
    let labels = catalogue::ALL.iter().map(|info| info.labels.len()).max().unwrap();
    // The name, le, job, instance, and the three of the target.
    assert!(job["label_limit"].as_u64().unwrap() as usize >= labels + 7);
}

/// The settings that are commented out, switched on.
fn switched_on() -> String {
    let setting = |line: &str| line.trim_start().strip_prefix('#').is_some_and(|rest| rest.starts_with(|it: char| it != ' '));
    let on = |line: &str| if setting(line) { line.replacen('#', "", 1) } else { line.to_owned() };
    shipped().lines().map(on).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_commented_out_works_when_switched_on() {
    let (certs, folder) = (Certs::new(), TempDir::new("scrapes"));
    let exporter = web::start(&certs, &format!("{}{}{}", web::TLS, web::ASKING, web::USERS));
    let hub = certs.client("hub", "DNS:hub");
    for (path, from) in [("tls/ca.crt", &certs.ca), ("tls/hub.crt", &hub.cert), ("tls/hub.key", &hub.key)] {
        fs::create_dir_all(folder.join("tls")).unwrap();
        fs::copy(from, folder.join(path)).unwrap();
    }
    for (path, content) in [("targets/none.yml", "[]"), ("secrets/sentinel-password", web::PASSWORD)] {
        fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
        fs::write(folder.join(path), content).unwrap();
    }
    symlink(Path::new(ROOT).join("rules"), folder.join("rules")).unwrap();
    let file = folder.join("prometheus.yml");
    let check_and_scrape = |text: &str, expected: &str| {
        let text = text.replace("172.19.141.250:8000", &exporter.address.to_string());
        fs::write(&file, text.replace(": 15s", ": 1s").replace(": 10s", ": 1s")).unwrap();
        let output = check(&file);
        assert!(output.status.success() && !said(&output).contains("WARNING"), "{}", said(&output));
        Prometheus::start(&file)
            .finds("sentinel-metrics", |error| error == expected || (!expected.is_empty() && error.contains(expected)));
    };
    let text = switched_on();
    check_and_scrape(&text, "");
    // Each setting is needed, so each is at work.
    for (setting, expected) in [
        (", cert_file: tls/hub.crt, key_file: tls/hub.key", "certificate required"),
        ("ca_file: tls/ca.crt, ", "unknown authority"),
        ("basic_auth: {username: prometheus, password_file: secrets/sentinel-password}", "401 Unauthorized"),
        ("scheme: https", "400 Bad Request"),
    ] {
        check_and_scrape(&text.replace(setting, ""), expected);
    }
    let config: Value = serde_yaml::from_str(&text).unwrap();
    assert!(config["global"]["external_labels"]["docs_url"].is_string());
}

#[test]
fn the_example_of_another_host_is_a_target() {
    let shipped = fs::read_to_string(Path::new(ROOT).join("prometheus/targets/sentinel.yml")).unwrap();
    assert_eq!(serde_yaml::from_str::<Vec<Value>>(&shipped).unwrap().len(), 0);
    // As its comment says: the example's lines in place of the empty list.
    let example: String = shipped
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.starts_with(['-', ' ']))
        .map(|line| format!("{line}\n"))
        .collect();
    let targets: Vec<Value> = serde_yaml::from_str(&example).unwrap();
    assert_eq!((targets.len(), targets[0]["labels"]["node"].as_str()), (1, Some("inf-2")));
}
