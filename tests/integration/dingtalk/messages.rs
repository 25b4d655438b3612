//! What people read: golden messages in both languages, from the notifications of Alertmanager's webhook.

use std::path::PathBuf;

use sentinel_exporter::config::{Overrides, load};
use sentinel_exporter::dingtalk::config::{Config, Robot};
use sentinel_exporter::dingtalk::message::compose;
use sentinel_exporter::dingtalk::payload::Notification;
use serde_json::{Value, json};

use super::{alert, notification, resolved};

const MAX_BYTES: usize = 20_000;

/// A robot with these keys besides name, webhook and keyword.
pub(super) fn robot(keys: &str) -> Robot {
    let text = format!("robots: [{{name: sre, webhooks: [{{url: 'http://127.0.0.1:1/'}}], keyword: Sentinel, {keys}}}]");
    let config =
        load::parse(&text, std::path::Path::new(""), &|_| None, |document| Config::decode(document, &Overrides::default()));
    config.unwrap().robots.remove(0)
}

/// The messages that tell of a notification.
pub(super) fn messages(robot: &Robot, notification: &Value) -> Vec<(Value, usize)> {
    let Notification { alerts, truncated, .. } = Notification::parse(notification.to_string().as_bytes()).unwrap();
    let mut alerts: Vec<_> = alerts.iter().collect();
    let mut messages = Vec::new();
    while !alerts.is_empty() {
        let message = compose(robot, &alerts, if messages.is_empty() { truncated } else { 0 }, false);
        messages.push((serde_json::from_slice(&message.body).unwrap(), message.body.len()));
        alerts.drain(..message.shown);
    }
    messages
}

fn full() -> Value {
    let mut alert = alert("SentinelDailyLoss", "critical");
    alert["labels"]["trigger"] = "DAILY_LOSS".into();
    alert["annotations"] = json!({
        "summary": "Loss.",
        "description": "inf:8000: the loss of the day is 180 USD; the limit is 200.",
        "value": "180",
        "runbook_url": "https://docs.example/risk.md#sentineldailyloss",
        "dashboard_url": "https://grafana.example/d/sentinel-risk",
    });
    alert
}

#[test]
fn the_golden_messages_are_what_people_read() {
    let mut text = String::new();
    let mut over = resolved("SentinelZmqSendFailing", "critical");
    over["annotations"]["runbook_url"] = "docs/runbooks/trading.md#sentinelzmqsendfailing".into();
    let mixed = [full(), alert("SentinelNoOrders", "warning"), over.clone()];
    let cases = [
        ("one that fires", notification("g", &[full()])),
        ("one that has ended", notification("g", &[over])),
        ("firing and ended", notification("g", &mixed)),
    ];
    let robots = [
        ("en", "time_zone: Asia/Singapore"),
        ("zh", "language: zh, time_zone: Asia/Shanghai"),
        ("en, with mentions", "at_mobiles: ['13800000000', '+65-81234567'], at_all: [critical]"),
        ("zh, with mentions", "language: zh, at_mobiles: ['13800000000'], at_all: [critical]"),
    ];
    for (name, keys) in robots {
        for (what, notification) in &cases {
            for (message, _) in messages(&robot(keys), notification) {
                text +=
                    &format!("=== {name}: {what}\n{}\n\n", serde_json::to_string_pretty(&message).unwrap().replace("\\n", "\n"));
            }
        }
    }
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/dingtalk.txt");
    if std::env::var_os("SENTINEL_BLESS").is_some() {
        std::fs::write(&golden, &text).unwrap();
    }
    let written = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(written == text, "tests/golden/dingtalk.txt is not what is sent now; scripts/bless makes it:\n{text}");
}

#[test]
fn a_card_is_for_one_alert_that_mentions_nobody() {
    let kind = |keys: &str, alerts: &[Value]| messages(&robot(keys), &notification("g", alerts))[0].0["msgtype"].clone();
    assert_eq!(kind("", &[full()]), "actionCard");
    assert_eq!(kind("at_all: [warning]", &[full()]), "actionCard");
    assert_eq!(kind("at_all: [critical]", &[full()]), "markdown");
    assert_eq!(kind("at_mobiles: ['13800000000']", &[full()]), "markdown");
    assert_eq!(kind("at_mobiles: ['13800000000'], at_all: [critical]", &[resolved("A", "critical")]), "actionCard");
    assert_eq!(kind("", &[full(), full()]), "markdown");
    // Nothing to press.
    let mut bare = json!({"status": "firing", "labels": {"severity": "critical"}});
    assert_eq!(kind("", &[bare.clone()]), "markdown");
    bare["annotations"] = json!({"runbook_url": "javascript:alert(1)"});
    assert_eq!(kind("", &[bare]), "markdown");
    let mut truncated = notification("g", &[full()]);
    truncated["truncatedAlerts"] = 7.into();
    let (message, _) = &messages(&robot(""), &truncated)[0];
    assert_eq!(message["msgtype"], "markdown");
    assert!(message["markdown"]["text"].as_str().unwrap().ends_with("and 7 more: see Alertmanager"), "{message}");
}

#[test]
fn mentions_stand_in_the_text_too() {
    let robot = robot("at_mobiles: ['13800000000', '13900000000'], at_all: [critical]");
    let said = |alerts: &[Value]| {
        let (message, _) = messages(&robot, &notification("g", alerts)).remove(0);
        let text = message["markdown"]["text"].as_str().unwrap_or_default();
        (message["at"].clone(), text.contains("@13800000000 @13900000000"), text.contains("@all"))
    };
    let numbers = json!(["13800000000", "13900000000"]);
    assert_eq!(said(&[full()]), (json!({"atMobiles": numbers, "isAtAll": true}), true, true));
    assert_eq!(said(&[alert("A", "warning")]), (json!({"atMobiles": numbers, "isAtAll": false}), true, false));
    // Nobody is called because something has ended.
    let ended = [resolved("A", "critical"), resolved("B", "critical")];
    assert_eq!(said(&ended), (json!({"atMobiles": [], "isAtAll": false}), false, false));
}

#[test]
fn three_hundred_alerts_are_split_between_alerts() {
    for keys in ["", "language: zh"] {
        let robot = robot(keys);
        let named = |number| alert(&format!("Alert{number:03}x亏损"), if number % 3 == 0 { "critical" } else { "warning" });
        let mut alerts: Vec<_> = (0..200).map(named).collect();
        alerts.extend((200..300).map(|number| resolved(&format!("Alert{number:03}x亏损"), "critical")));
        let messages = messages(&robot, &notification("g", &alerts));
        assert!((3..6).contains(&messages.len()), "{}", messages.len());
        let texts: Vec<_> = messages.iter().map(|(message, _)| message["markdown"]["text"].as_str().unwrap()).collect();
        for number in 0..300 {
            let name = format!("</font> Alert{number:03}x亏损");
            assert_eq!(texts.iter().filter(|text| text.contains(&name)).count(), 1, "{name}");
        }
        let more = if keys.is_empty() { "in the next message" } else { "见下一条消息" };
        let (last, others) = messages.split_last().unwrap();
        assert!(!texts.last().unwrap().contains(more) && last.1 <= MAX_BYTES);
        for ((_, bytes), text) in others.iter().zip(&texts) {
            assert!(text.contains(more) && (19_000..=MAX_BYTES).contains(bytes), "{bytes} bytes: {text}");
        }
        // The critical ones before the warnings, and those before what has ended.
        let all = texts.concat();
        let position = |number| all.find(&format!("Alert{number:03}x")).unwrap();
        assert!(position(198) < position(1) && position(199) < position(200));
    }
}

#[test]
fn times_are_those_of_the_robots_zone() {
    for (zone, expected) in [
        ("UTC", "2026-11-22 06:00:00 +00:00"),
        ("Asia/Singapore", "2026-11-22 14:00:00 +08:00"),
        ("America/New_York", "2026-11-22 01:00:00 -05:00"),
    ] {
        let (message, _) = messages(&robot(&format!("time_zone: {zone}")), &notification("g", &[full()])).remove(0);
        let text = message["actionCard"]["text"].as_str().unwrap();
        assert!(text.contains(&format!("since {expected}")), "{text}");
    }
    let (message, _) = messages(&robot(""), &notification("g", &[resolved("A", "warning")])).remove(0);
    let text = message["actionCard"]["text"].as_str().unwrap();
    assert!(text.contains("2026-11-22 06:00:00 +00:00 – 2026-11-22 07:10:00 +00:00"), "{text}");
}

#[test]
fn the_silence_is_for_this_alert_of_this_host() {
    let (message, _) = messages(&robot(""), &notification("g", &[full()])).remove(0);
    let buttons = message["actionCard"]["btns"].as_array().unwrap();
    let url = |title: &str| buttons.iter().find(|button| button["title"] == title).map(|button| button["actionURL"].clone());
    let filter = "%7Balertname%3D%22SentinelDailyLoss%22%2C%20instance%3D%22inf%3A8000%22%7D";
    assert_eq!(url("Silence"), Some(format!("http://hub:9093/#/silences/new?filter={filter}").into()));
    assert_eq!(url("Query"), Some("http://hub:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1".into()));
    assert_eq!(buttons.len(), 4);
}
