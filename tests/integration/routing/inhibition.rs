//! One fault, one page: which alert silences which, in a private Alertmanager. Each case has a host of its own.

use std::fs;

use serde_json::{Value, json};

use super::{EVERYTHING, Folder, table};
use crate::support::alertmanager::Alertmanager;
use crate::support::webhooks::Webhooks;

/// The alert that explains, and the one that it explains: name, severity, and labels besides.
const INHIBITED: &[(&str, &str)] = &[
    ("SentinelPredictionsFailing critical", "SentinelTradingCyclesFailing warning"),
    ("SentinelPredictionsFailing critical", "SentinelApiErrorsHigh warning endpoint=hub"),
    ("SentinelPredictionsFailing critical", "SentinelSloBurn critical slo=trading-cycles"),
    ("SentinelPredictionsFailing critical", "SentinelSloBurn critical slo=predictions"),
    ("SentinelPredictionsFailing critical", "SentinelSloBurn warning slo=api-calls"),
    ("SentinelDataFetchFailing warning", "SentinelTradingCyclesFailing warning"),
    ("SentinelDataFetchFailing warning", "SentinelApiErrorsHigh warning endpoint=eodhd"),
    ("SentinelDataFetchFailing warning", "SentinelSloBurn warning slo=trading-cycles"),
    ("SentinelDataFetchFailing warning", "SentinelSloBurn critical slo=predictions"),
    ("SentinelDataFetchFailing warning", "SentinelSloBurn critical slo=api-calls"),
    ("SentinelZmqSendFailing critical", "SentinelSignalsNotExecuted warning"),
    ("SentinelSchemaCacheStale warning", "SentinelPostgrestDown warning"),
    ("SentinelSchemaCacheStale critical", "SentinelPostgrestDown warning"),
    ("SentinelSchemaCacheStale warning", "SentinelSloBurn critical slo=schema-cache"),
    ("SentinelSchemaCacheReloadFailed critical", "SentinelSchemaCacheStale warning"),
    ("SentinelSchemaCacheReloadFailed critical", "SentinelSchemaCacheStale critical"),
    ("SentinelOrderLatencyCritical critical", "SentinelOrderLatencyHigh warning"),
    ("SentinelMockSignalFailed warning", "SentinelMockSignalSuccessLow warning"),
    ("SentinelMockSignalFailed critical", "SentinelMockSignalSuccessLow critical"),
    ("SentinelMockSignalFailed warning", "SentinelRcaFailed warning trigger=mock_signal_failure"),
    ("SentinelMockSignalFailed warning", "SentinelParserHealthLow warning"),
    ("SentinelMockSignalFailed critical", "SentinelParserHealthLow critical"),
    ("SentinelKillSwitchActive critical trigger=MANUAL", "SentinelNoOrders warning"),
    ("SentinelKillSwitchActive critical trigger=MANUAL", "SentinelSignalsNotExecuted warning"),
    ("SentinelKillSwitchActive critical trigger=MANUAL", "SentinelTradingCyclesStalled critical"),
    ("SentinelKillSwitchActive critical trigger=DAILY_LOSS", "SentinelDailyLoss warning"),
    ("SentinelKillSwitchActive critical trigger=DAILY_LOSS", "SentinelDailyLoss critical"),
    ("SentinelSloBurn critical slo=predictions", "SentinelSloBurn warning slo=predictions"),
    ("SentinelCheckFailing critical check=disk source=rca", "SentinelCheckFailing warning check=disk source=rca"),
];

/// What is explained for an hour after its explanation has ended: `because` and `level` of SentinelInhibitor, with its collector.
const INHIBITED_AFTERWARDS: &[(&str, &str)] = &[
    ("SentinelExporterDown level=critical", "SentinelSloBurn critical slo=exporter"),
    ("SentinelExporterDown level=critical", "SentinelSloBurn warning slo=exporter"),
    ("SentinelTradingCyclesStalled level=critical", "SentinelSloBurn critical slo=trading-cycles"),
    ("SentinelKillSwitchActive level=critical", "SentinelSloBurn critical slo=trading-cycles"),
    ("SentinelPredictionsFailing level=critical", "SentinelTradingCyclesFailing warning"),
    ("SentinelPredictionsFailing level=critical", "SentinelApiErrorsHigh warning endpoint=hub"),
    ("SentinelPredictionsFailing level=critical", "SentinelSloBurn critical slo=trading-cycles"),
    ("SentinelPredictionsFailing level=critical", "SentinelSloBurn critical slo=predictions"),
    ("SentinelPredictionsFailing level=critical", "SentinelSloBurn warning slo=api-calls"),
    ("SentinelDataFetchFailing level=warning", "SentinelTradingCyclesFailing warning"),
    ("SentinelDataFetchFailing level=warning", "SentinelApiErrorsHigh warning endpoint=eodhd"),
    ("SentinelDataFetchFailing level=warning", "SentinelSloBurn critical slo=trading-cycles"),
    ("SentinelDataFetchFailing level=warning", "SentinelSloBurn critical slo=predictions"),
    ("SentinelDataFetchFailing level=warning", "SentinelSloBurn critical slo=api-calls"),
    ("SentinelOrderLatencyCritical level=critical", "SentinelSloBurn critical slo=order-latency-p95"),
    ("SentinelOrderLatencyCritical level=critical", "SentinelSloBurn critical slo=order-latency-p99"),
    ("SentinelTradingErrorsHigh level=critical", "SentinelSloBurn critical slo=order-errors"),
    ("SentinelSchemaCacheStale level=warning", "SentinelSloBurn critical slo=schema-cache"),
    ("SentinelMockSignalFailed level=critical", "SentinelSloBurn critical slo=mock-signals"),
    ("SentinelMockSignalFailed level=warning", "SentinelRcaFailed warning"),
    ("SentinelBatchesStuck level=critical", "SentinelCheckFailing critical source=exporter check=stuck_batches"),
    ("SentinelBatchErrorSpike level=warning", "SentinelCheckFailing warning source=exporter check=error_spike"),
    ("SentinelSchemaCacheStale level=warning", "SentinelCheckFailing critical source=exporter check=schema_cache"),
    ("SentinelSchemaCacheStale level=warning", "SentinelCheckFailing warning source=exporter check=postgrest"),
    ("SentinelPostgrestDown level=warning", "SentinelCheckFailing warning source=exporter check=schema_cache"),
    ("SentinelPostgrestDown level=warning", "SentinelCheckFailing warning source=exporter check=postgrest"),
    ("SentinelProbeFailing level=warning", "SentinelCheckFailing warning source=exporter check=probe"),
    ("SentinelCollectorFailing level=warning collector=postgres", "SentinelCheckFailing warning source=exporter check=postgres"),
    (
        "SentinelCollectorFailing level=warning collector=postgres",
        "SentinelCheckFailing warning source=exporter check=stuck_batches",
    ),
    (
        "SentinelCollectorFailing level=warning collector=postgres",
        "SentinelCheckFailing warning source=exporter check=error_spike",
    ),
    (
        "SentinelCollectorFailing level=warning collector=postgrest",
        "SentinelCheckFailing warning source=exporter check=postgrest",
    ),
    (
        "SentinelCollectorFailing level=warning collector=postgrest",
        "SentinelCheckFailing warning source=exporter check=schema_cache",
    ),
    ("SentinelCollectorFailing level=warning collector=probe", "SentinelCheckFailing warning source=exporter check=probe"),
    (
        "SentinelCollectorFailing level=warning collector=sre_state",
        "SentinelCheckFailing warning source=exporter check=sre_state",
    ),
    (
        "SentinelCollectorFailing level=warning collector=mock_signal",
        "SentinelCheckFailing warning source=exporter check=mock_signal",
    ),
];

/// What looks alike, and has to be told although the other has fired within the hour.
const FREE_AFTERWARDS: &[(&str, &str)] = &[
    ("SentinelExporterDown level=critical", "SentinelSloBurn critical slo=predictions"),
    ("SentinelExporterDown level=critical", "SentinelTradingCyclesStalled critical"),
    ("SentinelKillSwitchActive level=critical", "SentinelTradingCyclesStalled critical"),
    ("SentinelKillSwitchActive level=critical", "SentinelDailyLoss critical"),
    ("SentinelTradingCyclesStalled level=critical", "SentinelTradingCyclesFailing warning"),
    ("SentinelPredictionsFailing level=critical", "SentinelSloBurn critical slo=order-errors"),
    ("SentinelTradingErrorsHigh level=warning", "SentinelSloBurn critical slo=order-errors"),
    ("SentinelMockSignalFailed level=warning", "SentinelSloBurn critical slo=mock-signals"),
    ("SentinelSchemaCacheStale level=critical", "SentinelPostgrestDown warning"),
    ("SentinelPostgrestDown level=warning", "SentinelSloBurn critical slo=schema-cache"),
    // What was looked at, and is critical, is more than what nobody could look at.
    ("SentinelPostgrestDown level=warning", "SentinelCheckFailing critical source=exporter check=schema_cache"),
    (
        "SentinelCollectorFailing level=warning collector=postgres",
        "SentinelCheckFailing critical source=exporter check=stuck_batches",
    ),
    // Another check, and one that somebody else ran.
    ("SentinelBatchesStuck level=critical", "SentinelCheckFailing warning source=exporter check=error_spike"),
    ("SentinelBatchesStuck level=critical", "SentinelCheckFailing critical source=critical check=stuck_batches"),
    ("SentinelCollectorFailing level=warning collector=probe", "SentinelCheckFailing warning source=exporter check=postgres"),
    ("SentinelExporterDown level=critical", "SentinelWatchdog none"),
];

/// The alert that remembers one, from its name and the labels that are kept.
fn remembered(text: &str) -> String {
    format!("SentinelInhibitor none because={text}")
}

/// What looks alike, and has to be told.
const FREE: &[(&str, &str)] = &[
    // The same alert, of another subject.
    ("SentinelSloBurn critical slo=predictions", "SentinelSloBurn warning slo=order-errors"),
    ("SentinelCheckFailing critical check=disk source=rca", "SentinelCheckFailing warning check=memory source=rca"),
    ("SentinelCheckFailing critical check=disk source=rca", "SentinelCheckFailing warning check=disk source=critical"),
    ("SentinelNew critical endpoint=hub", "SentinelNew warning endpoint=eodhd"),
    ("SentinelNew critical status=pending", "SentinelNew warning status=processing"),
    ("SentinelNew critical trigger=manual", "SentinelNew warning trigger=mock_signal_failure"),
    ("SentinelNew critical", "SentinelNew warning trigger=manual"),
    // Another alert, or the same of the same severity.
    ("SentinelDailyLoss critical", "SentinelReconciliationDrift warning"),
    ("SentinelKillSwitchActive critical trigger=MANUAL", "SentinelKillSwitchActive critical trigger=DAILY_LOSS"),
    ("SentinelPredictionsFailing critical", "SentinelSloBurn critical slo=order-errors"),
    ("SentinelPredictionsFailing critical", "SentinelDataFetchFailing warning"),
    ("SentinelPredictionsFailing critical", "SentinelNoOrders warning"),
    ("SentinelZmqSendFailing critical", "SentinelNoOrders warning"),
    ("SentinelSchemaCacheStale critical", "SentinelSloBurn critical slo=predictions"),
    ("SentinelMockSignalFailed warning", "SentinelMockSignalSuccessLow critical"),
    ("SentinelMockSignalFailed warning", "SentinelParserHealthLow critical"),
    ("SentinelMockSignalFailed critical", "SentinelMockSignalStale critical"),
    ("SentinelKillSwitchActive critical trigger=MANUAL", "SentinelTradingCyclesFailing warning"),
    ("SentinelKillSwitchActive critical trigger=MANUAL", "SentinelDailyLoss critical"),
    ("SentinelExporterDown critical", "SentinelWatchdog none"),
];

fn alert(text: &str, instance: Option<&str>) -> Value {
    let mut words = text.split(' ');
    let mut labels = json!({"alertname": words.next(), "severity": words.next(), "job": "sentinel-metrics"});
    for (name, value) in words.filter_map(|word| word.split_once('=')) {
        labels[name] = value.into();
    }
    if let Some(instance) = instance {
        labels["instance"] = instance.into();
    }
    json!({"labels": labels})
}

/// The pairs above, and those that the table of alerts makes: a dead exporter with each of the others, and the two
/// severities of one alert.
fn pairs() -> Vec<(String, String)> {
    let mut pairs: Vec<_> = INHIBITED.iter().map(|(source, target)| ((*source).to_owned(), (*target).to_owned())).collect();
    pairs.extend(INHIBITED_AFTERWARDS.iter().map(|(source, target)| (remembered(source), (*target).to_owned())));
    for [name, severity, ..] in table().filter(|[name, ..]| !["SentinelExporterDown", "SentinelWatchdog"].contains(name)) {
        pairs.push(("SentinelExporterDown critical".to_owned(), format!("{name} {severity}")));
        if severity == "warning" && table().any(|[other, severity, ..]| other == name && severity == "critical") {
            pairs.push((format!("{name} critical"), format!("{name} warning")));
        }
    }
    pairs
}

#[test]
fn no_rule_takes_two_alerts_without_a_host_for_one_hosts() {
    let config = Folder::new().rendered(EVERYTHING);
    for rule in config["inhibit_rules"].as_sequence().unwrap() {
        let has = |list: &str, text: &str| rule[list].as_sequence().unwrap().iter().any(|item| item == text);
        assert!(
            has("source_matchers", "instance!=\"\"") && has("target_matchers", "instance!=\"\"") && has("equal", "instance"),
            "{rule:?}"
        );
    }
}

#[test]
fn what_another_alert_explains_is_not_told() {
    let webhooks = Webhooks::start();
    let folder = Folder::new();
    folder.rendered(&[("DISCORD_WEBHOOK_URL", &webhooks.url("/api/webhooks/1/token"))]);
    // Nothing is to be sent here.
    let config = fs::read_to_string(folder.config()).unwrap();
    let config =
        ["0s", "5s", "30s"].iter().fold(config, |config, wait| config.replace(&format!("group_wait: {wait}"), "group_wait: 1h"));
    fs::write(folder.config(), config).unwrap();
    let alertmanager = Alertmanager::start(&folder.config());

    let pairs = pairs();
    assert!(pairs.len() > 100);
    let mut alerts = Vec::new();
    let free = FREE.iter().map(|(source, target)| ((*source).to_owned(), *target));
    let free_afterwards = FREE_AFTERWARDS.iter().map(|(source, target)| (remembered(source), *target));
    for (number, (source, target)) in free.chain(free_afterwards).enumerate() {
        let host = format!("free-{number}");
        alerts.extend([&*source, target].map(|text| alert(text, Some(&host))));
        // Two that lack the label are not of one host for that.
        alerts.extend([&*source, target].map(|text| alert(text, None)));
    }
    for (number, (source, target)) in pairs.iter().enumerate() {
        alerts.push(alert(source, None));
        alerts.push(alert(target, None));
        alerts.push(alert(target, Some(&format!("elsewhere-{number}"))));
        alerts.push(alert(source, Some(&format!("inhibited-{number}"))));
        alerts.push(alert(target, Some(&format!("inhibited-{number}"))));
    }
    alertmanager.post(&alerts);

    let inhibited = |alert: &Value| alert["status"]["inhibitedBy"].as_array().is_some_and(|by| !by.is_empty());
    let of = |text: &str, host: String| alert(text, Some(&host))["labels"].clone();
    let expected: Vec<_> = pairs.iter().enumerate().map(|(n, (_, target))| of(target, format!("inhibited-{n}"))).collect();
    let count = |alerts: &[Value]| alerts.iter().filter(|alert| inhibited(alert) && expected.contains(&alert["labels"])).count();
    // The posted alerts are taken in their order: when the last one counts, all of them do.
    let known = alertmanager.eventually("all that is explained is inhibited", |alerts| count(alerts) == expected.len());
    for alert in known {
        let should = expected.contains(&alert["labels"]);
        assert_eq!(inhibited(&alert), should, "{:#}", alert);
        assert_eq!(alert["status"]["state"], if should { "suppressed" } else { "active" }, "{alert:#}");
    }
    assert!(webhooks.all().is_empty());
}
