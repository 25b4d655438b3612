//! What waits, what is merged, what is repeated, and what is not.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{alert, bridge, config, notification, post, resolved, send, waiting};
use crate::support::dingtalk::{DingTalk, Fault};
use crate::support::exporter::Setup;

#[test]
fn what_waits_is_one_message_with_the_critical_first() {
    let dingtalk = DingTalk::start();
    let bridge = bridge(&dingtalk, "");
    // While this one takes its time the others gather.
    let held = dingtalk.hold();
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(send(&bridge, alert("First", "info")).0, 200));
        dingtalk.wait(1);
        let others =
            [resolved("Over", "critical"), alert("Warns", "warning"), alert("Tells", "info"), alert("Burns", "critical")];
        for other in others {
            scope.spawn(|| assert_eq!(send(&bridge, other).0, 200));
        }
        waiting(&bridge, 5.0);
        drop(held);
    });
    let messages = dingtalk.messages();
    assert_eq!(messages.len(), 2);
    let text = messages[1].text();
    let at = |name: &str| text.find(name).unwrap_or_else(|| panic!("{name} is not in {text}"));
    assert!(at("Burns") < at("Warns") && at("Warns") < at("Tells") && at("Tells") < at("Over"), "{text}");
    assert_eq!(messages[1].title(), "Sentinel 🔴 3 firing, 1 resolved");
}

#[test]
fn what_was_delivered_in_part_is_not_repeated() {
    let dingtalk = DingTalk::start();
    let bridge = bridge(&dingtalk, "");
    let named = |number| alert(&format!("Alert{number:03}x{}", "y".repeat(60)), "warning");
    let alerts: Vec<Value> = (0..120).map(named).collect();
    let all = notification("group", &alerts);
    dingtalk.faults([Fault::Slow(Duration::ZERO), Fault::Code(-1, "系统繁忙")]);
    assert_eq!(post(&bridge, "sre", &all).status, 503);
    let first = dingtalk.messages();
    assert_eq!(first.len(), 1);
    assert_eq!(post(&bridge, "sre", &all).status, 200);
    let messages = dingtalk.messages();
    for number in 0..120 {
        let name = format!("Alert{number:03}x");
        let told = messages.iter().filter(|message| message.text().contains(&name)).count();
        assert_eq!(told, 1, "{name}");
    }
    // Alertmanager knows by now. If it sends them again, it is time for a repetition.
    let before = messages.len();
    assert_eq!(post(&bridge, "sre", &all).status, 200);
    let repeated = &dingtalk.messages()[before..];
    assert!(repeated[0].text().contains("Alert000x"));
}

#[test]
fn robots_of_a_group_take_turns_and_stand_in_for_one_another() {
    let dingtalk = DingTalk::start();
    dingtalk.robot("second", None, None);
    let config = config(&dingtalk, "").replace("webhooks: [", &format!("webhooks: [{{url: \"{}\"}}, ", dingtalk.url("second")));
    let bridge = Setup::of_subcommand("dingtalk", config).start();
    for _ in 0..4 {
        assert_eq!(send(&bridge, alert("A", "critical")).0, 200);
    }
    let by = |token: &str| dingtalk.messages().iter().filter(|message| message.token == token).count();
    assert_eq!((by("second"), by("t0ken")), (2, 2));

    dingtalk.faults([Fault::Code(400_102, "机器人已停用")]);
    assert_eq!(send(&bridge, alert("A", "critical")).0, 200, "the other one has it");
    assert_eq!(dingtalk.messages().len(), 5);
    dingtalk.faults([Fault::Code(400_102, "机器人已停用"), Fault::Code(400_102, "机器人已停用")]);
    assert_eq!(send(&bridge, alert("A", "critical")).0, 400, "none has it");
    // What may have been delivered by one is not sent by the other.
    dingtalk.faults([Fault::Cut]);
    assert_eq!(send(&bridge, alert("A", "critical")).0, 503);
    assert_eq!(dingtalk.messages().len(), 6);
}

#[test]
fn one_notification_that_is_refused_does_not_take_the_others_with_it() {
    let dingtalk = DingTalk::start();
    let bridge = bridge(&dingtalk, "");
    // The first gathers the others; their common message is refused, and then that of the first of them alone.
    let refused = Fault::Code(430_102, "内容不合规");
    let held = dingtalk.hold();
    dingtalk.faults([refused.clone(), refused]);
    let mut statuses = thread::scope(|scope| {
        let first = scope.spawn(|| send(&bridge, alert("First", "info")).0);
        dingtalk.wait(1);
        let others = ["B", "C", "D"].map(|name| scope.spawn(|| send(&bridge, alert(name, "warning")).0));
        waiting(&bridge, 4.0);
        drop(held);
        assert_eq!(first.join().unwrap(), 200);
        others.map(|other| other.join().unwrap())
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 400]);
    assert_eq!(dingtalk.messages().len(), 3);
}

#[test]
fn at_the_pace_that_dingtalk_allows_a_crowd_is_two_messages() {
    let dingtalk = DingTalk::start();
    let bridge = Setup::of_subcommand("dingtalk", config(&dingtalk, "").replace("messages_per_minute: 6000", "")).start();
    assert_eq!(send(&bridge, alert("First", "critical")).0, 200);
    thread::scope(|scope| {
        for number in 0..30 {
            let (bridge, name) = (&bridge, format!("Alert{number:02}x"));
            scope.spawn(move || assert_eq!(send(bridge, alert(&name, "warning")).0, 200));
        }
    });
    let messages = dingtalk.messages();
    assert_eq!(messages.len(), 2);
    assert!((0..30).all(|number| messages[1].text().contains(&format!("Alert{number:02}x"))), "{}", messages[1].text());
}

#[test]
fn three_hundred_alerts_are_three_messages_and_a_number() {
    let dingtalk = DingTalk::start();
    let bridge = bridge(&dingtalk, "");
    let alerts: Vec<Value> = (0..300).map(|number| alert(&format!("Alert{number:03}x{}", "y".repeat(40)), "warning")).collect();
    assert_eq!(post(&bridge, "sre", &notification("group", &alerts)).status, 200);
    let messages = dingtalk.messages();
    assert_eq!(messages.len(), 3);
    let told =
        (0..300).filter(|number| messages.iter().any(|message| message.text().contains(&format!("Alert{number:03}x")))).count();
    assert!(told > 150 && messages[2].text().ends_with(&format!("and {} more: see Alertmanager", 300 - told)), "{told}");
    assert_eq!(bridge.value("sentinel_dingtalk_alerts_omitted_total{robot=\"sre\"}"), Some((300 - told) as f64));
}
