//! The bridge to DingTalk: what is posted to it as Alertmanager posts it, against a server that judges as DingTalk does.

mod access;
mod alertmanager;
mod answers;
mod command;
mod delivery;
mod lifecycle;
mod messages;
mod secrets;
mod untrusted;

use std::fmt::Write;

use serde_json::{Value, json};

use crate::support::dingtalk::DingTalk;
use crate::support::exporter::{Exporter, Setup};
use crate::support::http::{self, Response};

/// The bridge with one robot, `sre`, which is that of `t0ken`; `keys` are more of its keys, each on a line of its own.
fn bridge(dingtalk: &DingTalk, keys: &str) -> Exporter {
    setup(dingtalk, keys).start()
}

fn setup(dingtalk: &DingTalk, keys: &str) -> Setup {
    Setup::of_subcommand("dingtalk", config(dingtalk, keys))
}

fn config(dingtalk: &DingTalk, keys: &str) -> String {
    let url = dingtalk.url("t0ken");
    let mut config = format!(
        "robots:\n  - name: sre\n    webhooks: [{{url: \"{url}\", secret: SEC5ecret}}]\n    keyword: Sentinel\n    messages_per_minute: 6000\n"
    );
    for line in keys.lines() {
        let _ = writeln!(config, "    {}", line.trim());
    }
    config
}

/// Waits until so many notifications wait for their outcome.
fn waiting(bridge: &Exporter, count: f64) {
    let series = "sentinel_dingtalk_queue_notifications{robot=\"sre\"}";
    bridge.eventually("they wait", |page| page.value(series) == Some(count));
}

/// A notification of these alerts, as Alertmanager 0.25 writes it.
fn notification(group: &str, alerts: &[Value]) -> Value {
    json!({
        "receiver": "dingtalk-sre",
        "status": "firing",
        "alerts": alerts,
        "groupLabels": {"alertname": "x"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://hub:9093",
        "version": "4",
        "groupKey": group,
        "truncatedAlerts": 0,
    })
}

fn alert(name: &str, severity: &str) -> Value {
    json!({
        "status": "firing",
        "labels": {"alertname": name, "severity": severity, "instance": "inf:8000", "team": "sre", "job": "sentinel-metrics"},
        "annotations": {"description": format!("{name} fires."), "runbook_url": "https://docs.example/sre.md#x"},
        "startsAt": "2026-11-22T06:00:00.5Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://hub:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
        "fingerprint": "0011223344556677",
    })
}

fn resolved(name: &str, severity: &str) -> Value {
    let mut alert = alert(name, severity);
    alert["status"] = "resolved".into();
    alert["endsAt"] = "2026-11-22T07:10:00Z".into();
    alert
}

fn post(bridge: &Exporter, robot: &str, notification: &Value) -> Response {
    http::post(bridge.address, &format!("/dingtalk/{robot}/send"), &notification.to_string())
}

/// Posts one alert, and gives the status of the answer and its text.
fn send(bridge: &Exporter, alert: Value) -> (u16, String) {
    let name = alert["labels"]["alertname"].to_string();
    let answer = post(bridge, "sre", &notification(&name, &[alert]));
    (answer.status, answer.text().to_owned())
}
