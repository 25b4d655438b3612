//! A sample message, to try a robot with: shown, or sent.

use jiff::{Timestamp, ToSpan};
use serde_json::json;

use super::config::Robot;
use super::message::{Message, compose};
use super::payload::Notification;
use super::post::Courier;
use super::verdict::Delivery;
use crate::client::Client;

/// The message that a robot would send about a critical alert that began a minute ago.
pub fn sample(robot: &Robot, now: Timestamp) -> Result<Message, String> {
    let starts = now.checked_sub(1.minute()).unwrap_or(now);
    let notification = json!({
        "version": "4",
        "groupKey": "sample",
        "externalURL": "http://127.0.0.1:9093",
        "alerts": [{
            "status": "firing",
            "labels": {"alertname": "SentinelTest", "severity": "critical", "instance": "test"},
            "annotations": {
                "description": "This is a test of the way to this group. Nothing has happened.",
                "runbook_url": "https://example.com/runbooks/test",
                "dashboard_url": "https://example.com/dashboards/test",
            },
            "startsAt": starts.to_string(),
        }],
    });
    let notification = Notification::parse(notification.to_string().as_bytes())?;
    let alerts: Vec<_> = notification.alerts.iter().collect();
    Ok(compose(robot, &alerts, 0, true))
}

/// Sends the sample by every webhook of the robot; a line about each. The error is the same of those that failed too.
pub async fn send(robot: &Robot) -> Result<String, String> {
    let message = sample(robot, Timestamp::now())?;
    let client = Client::new().map_err(|error| error.to_string())?;
    let (mut told, mut failed) = (String::new(), false);
    for (at, webhook) in robot.webhooks.iter().enumerate() {
        let verdict = client.post(webhook, message.body.clone()).await;
        told += &format!("webhooks[{at}]: {} ({})\n", verdict.delivery.as_str(), verdict.said);
        if let Some(reason) = verdict.delivery.reason() {
            told += &format!("  {}.\n", reason.advice());
        }
        failed |= verdict.delivery != Delivery::Sent;
    }
    if failed { Err(told) } else { Ok(told) }
}
