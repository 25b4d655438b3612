//! Messages on their way: the rendered configuration in a real Alertmanager, and what its receivers get. Times are divided by
//! 30, so that a minute is 2 seconds; addresses lead to a server of the test. Nothing else is changed.

use std::fs;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use serde_yaml::Value;

use super::{EVERYTHING, Folder};
use crate::support::alertmanager::Alertmanager;
use crate::support::webhooks::{Message, Webhooks};

pub(crate) const DISCORD: &str = "/api/webhooks/1/secret";
const MINUTE: Duration = Duration::from_secs(2);

struct Chain {
    webhooks: Webhooks,
    alertmanager: Alertmanager,
    _folder: Folder,
}

/// All but e-mail, with all time intervals as `open` says.
fn start(open: bool) -> Chain {
    let webhooks = Webhooks::start();
    let folder = configured(open, |path| webhooks.url(path));
    let alertmanager = Alertmanager::start(&folder.config());
    Chain { webhooks, alertmanager, _folder: folder }
}

/// A configuration whose receivers have these addresses.
pub(crate) fn configured(open: bool, url: impl Fn(&str) -> String) -> Folder {
    let folder = Folder::new();
    let [heartbeat, discord, sms] = ["/heartbeat", DISCORD, "/sms"].map(&url);
    let mut config = folder.rendered(&[
        ("HEARTBEAT_URL", &heartbeat),
        ("DISCORD_WEBHOOK_URL", &discord),
        ("SMS_URL", &sms),
        ("SMS_TOKEN", "token-of-the-gateway"),
        EVERYTHING[2],
        EVERYTHING[3],
    ]);
    hasten(&mut config["route"]);
    let hours = if open { "[{years: ['2000:2999']}]" } else { "[{years: ['2000']}]" };
    for interval in config["time_intervals"].as_sequence_mut().unwrap() {
        interval["time_intervals"] = serde_yaml::from_str(hours).unwrap();
    }
    for receiver in config["receivers"].as_sequence_mut().unwrap() {
        if let Some(pagerduty) = receiver.get_mut("pagerduty_configs") {
            pagerduty[0]["url"] = url("/pagerduty").into();
        }
    }
    let text = serde_yaml::to_string(&config).unwrap().replace("http://127.0.0.1:8060", &url(""));
    fs::write(folder.config(), text).unwrap();
    folder
}

/// Divides the times of a route and of those below it.
fn hasten(route: &mut Value) {
    for (key, value) in route.as_mapping_mut().unwrap() {
        if ["group_wait", "group_interval", "repeat_interval"].contains(&key.as_str().unwrap()) {
            let time = humantime::parse_duration(value.as_str().unwrap()).unwrap();
            *value = format!("{}ms", time.as_millis() / 30).into();
        }
        if key == "routes" {
            value.as_sequence_mut().unwrap().iter_mut().for_each(hasten);
        }
    }
}

/// One that begins now; a beginning that lies back would make Alertmanager tell of it without waiting for the rest of its group.
fn alert(name: &str, severity: &str, team: &str, number: usize) -> serde_json::Value {
    json!({
        "labels": {"alertname": name, "severity": severity, "team": team, "instance": "inf:8000", "number": number.to_string()},
        "annotations": {
            "summary": "Trading is \"halted\"\nby the kill switch.",
            "description": format!("inf: trigger no. {number}, @everyone. {}", "警".repeat(300)),
            "runbook_url": "https://docs.example/risk.md#x",
        },
    })
}

fn texts(message: &Message) -> (&str, &str) {
    let embed = &message.body["embeds"][0];
    (embed["title"].as_str().unwrap(), embed["description"].as_str().unwrap())
}

#[test]
fn a_page_arrives_everywhere_and_ends() {
    let chain = start(true);
    let webhooks = &chain.webhooks;
    let mut alert = alert("SentinelKillSwitchActive", "critical", "risk", 1);
    let begun = Instant::now();
    chain.alertmanager.post(&[alert.clone()]);
    let [discord, bridge, pagerduty, sms] =
        [DISCORD, "/dingtalk/risk/send", "/pagerduty", "/sms"].map(|path| webhooks.wait(path, 1).remove(0));
    assert!(begun.elapsed() < MINUTE, "at once: {:?}", begun.elapsed());
    assert_eq!((discord.status, texts(&discord).0), (204, "CRITICAL: SentinelKillSwitchActive on inf:8000"));
    assert!(
        texts(&discord)
            .1
            .starts_with("**Trading is \"halted\" by the kill switch.**\n\n**Firing**\n• inf: trigger no. 1, @\u{200b}everyone.")
    );
    assert_eq!(bridge.authorization.as_deref(), Some("Bearer the-token-of-the-bridge"));
    assert_eq!((&bridge.body["version"], &bridge.body["status"]), (&json!("4"), &json!("firing")));
    assert_eq!(sms.authorization.as_deref(), Some("Bearer token-of-the-gateway"));
    let payload = &pagerduty.body["payload"];
    assert_eq!((&pagerduty.body["routing_key"], &pagerduty.body["event_action"]), (&json!(EVERYTHING[3].1), &json!("trigger")));
    assert_eq!(
        (&payload["summary"], &payload["severity"]),
        (&json!("CRITICAL: SentinelKillSwitchActive on inf:8000"), &json!("critical"))
    );
    assert_eq!(pagerduty.body["links"], json!([{"href": "https://docs.example/risk.md#x", "text": "Runbook"}]));

    alert["endsAt"] = Timestamp::now().to_string().into();
    chain.alertmanager.post(&[alert]);
    for path in ["/dingtalk/risk/send", "/pagerduty", DISCORD] {
        webhooks.wait(path, 2);
    }
    assert_eq!(texts(&webhooks.at(DISCORD)[1]).0, "RESOLVED: SentinelKillSwitchActive on inf:8000");
    assert_eq!(webhooks.at("/pagerduty")[1].body["event_action"], "resolve");
    assert_eq!((webhooks.at("/sms").len(), webhooks.all().len()), (1, 7), "{:#?}", webhooks.all());
}

#[test]
fn a_hundred_alerts_are_one_message_that_discord_takes() {
    let chain = start(true);
    let alerts: Vec<_> = (0..100).map(|n| alert("SentinelCheckFailing", "warning", "sre", n)).collect();
    chain.alertmanager.post(&alerts);
    let messages = chain.webhooks.wait(DISCORD, 1);
    let (title, text) = texts(&messages[0]);
    assert_eq!((messages[0].status, title), (204, "WARNING: SentinelCheckFailing on inf:8000 (100)"));
    assert!(text.contains("\nand 90 more\n") && text.chars().count() > 3000, "{text}");
    assert_eq!(chain.webhooks.wait("/dingtalk/sre/send", 1)[0].body["alerts"].as_array().unwrap().len(), 100);
}

/// Of every class of alerts one, for a team each.
fn of_every_class() -> Vec<serde_json::Value> {
    let tickets = ["trading", "risk", "data", "sre", "nobody"].map(|team| alert("SentinelSloBurn", "warning", team, 1));
    let others = [
        alert("SentinelPipelineQuiet", "info", "data", 1),
        alert("SentinelDailyLoss", "warning", "risk", 1),
        alert("SentinelKillSwitchSlow", "critical", "risk", 1),
        json!({"labels": {"alertname": "SentinelWatchdog", "severity": "none", "team": "sre"}}),
    ];
    tickets.into_iter().chain(others).collect()
}

fn told(messages: &[Message]) -> Vec<&str> {
    let mut names: Vec<_> = messages.iter().map(|message| texts(message).0.split(' ').nth(1).unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn out_of_hours_only_what_cannot_wait_is_told() {
    let chain = start(false);
    chain.alertmanager.post(&of_every_class());
    chain.webhooks.wait("/dingtalk/risk/send", 2);
    chain.webhooks.wait(DISCORD, 2);
    // The heart goes on beating once a minute, to nobody else. What waits as long as the warning would have come meanwhile.
    let beats = chain.webhooks.wait("/heartbeat", 4);
    for pair in beats.windows(2) {
        let pause = pair[1].came - pair[0].came;
        assert!(pause > MINUTE / 2 && pause < MINUTE * 3 / 2, "{pause:?} between two beats");
    }
    assert_eq!(told(&chain.webhooks.at(DISCORD)), ["SentinelDailyLoss", "SentinelKillSwitchSlow"]);
    assert_eq!(chain.webhooks.at("/dingtalk/risk/send").len(), 2);
    for path in ["trading", "data", "sre"] {
        assert!(chain.webhooks.at(&format!("/dingtalk/{path}/send")).is_empty());
    }
}

#[test]
fn in_working_hours_everybody_is_told() {
    let chain = start(true);
    chain.alertmanager.post(&of_every_class());
    for (team, count) in [("trading", 1), ("risk", 3), ("data", 1), ("sre", 1)] {
        chain.webhooks.wait(&format!("/dingtalk/{team}/send"), count);
    }
    // A ticket of a team without a robot is on Discord; the others are not.
    let expected = ["SentinelDailyLoss", "SentinelKillSwitchSlow", "SentinelPipelineQuiet", "SentinelSloBurn"];
    assert_eq!(told(&chain.webhooks.wait(DISCORD, 4)), expected);
    for path in ["/sms", "/pagerduty"] {
        chain.webhooks.wait(path, 1);
    }
    assert_eq!((chain.webhooks.at("/sms").len(), chain.webhooks.at("/pagerduty").len()), (1, 1));
}
