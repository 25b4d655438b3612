//! Whatever somebody writes into a label or an annotation, a message mentions nobody else, links to nothing else, and is one that
//! DingTalk takes.

use proptest::prelude::*;
use sentinel_exporter::dingtalk::config::Robot;
use serde_json::{Value, json};

use super::messages::{messages, robot};
use super::notification;

/// What means something to DingTalk's clients, or to a parser on the way.
const HOSTILE: [&str; 24] = [
    "@all",
    "@所有人",
    "@13800000000",
    "@13911112222",
    "[x](http://evil.example)",
    "](http://evil.example)",
    "![i](http://evil.example/i)",
    "http://evil.example/",
    "dingtalk://dingtalkclient/page/link?url=x",
    "www.evil.example",
    "<font color=red>",
    "<at id=all>",
    "**",
    "\n\n# ",
    "\r\n> ",
    "`",
    "\\",
    "\u{202e}",
    "\u{200b}",
    "\u{0}",
    "&#64;all",
    "|",
    "\"",
    "亏损🔴",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned),
        2 => any::<String>(),
        1 => "[a-z]{0,9}",
        1 => (prop::sample::select(HOSTILE.to_vec()), 1..300_usize).prop_map(|(text, times)| text.repeat(times)),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn url() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just("https://ours.example/a?b=c#d".to_owned()),
        1 => text().prop_map(|text| format!("https://ours.example/{text}")),
        1 => text(),
    ]
}

prop_compose! {
    fn alert()(
        firing in any::<bool>(), severity in prop_oneof![Just("critical".to_owned()), text()], texts in prop::collection::vec(text(), 7),
        urls in prop::collection::vec(url(), 3), labels in prop::collection::btree_map(text(), text(), 0..12),
        starts in prop_oneof![Just("2026-11-22T06:00:00Z".to_owned()), text()],
    ) -> Value {
        let mut all: serde_json::Map<_, _> = labels.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
        all.extend([("alertname", &texts[0]), ("instance", &texts[1]), ("severity", &severity)].map(|(name, value)| (name.to_owned(), value.as_str().into())));
        json!({
            "status": if firing { "firing" } else { "resolved" },
            "labels": all,
            "annotations": {"description": texts[2], "summary": texts[3], "value": texts[4], "runbook_url": urls[0], "dashboard_url": urls[1]},
            "generatorURL": urls[2], "startsAt": starts, "endsAt": texts[5], "fingerprint": texts[6],
        })
    }
}

/// The links in a text: what stands in `](...)`.
fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap_or(rest)).collect()
}

/// The links that a notification may have: whole addresses where the rules put them, and the silences of its Alertmanager.
fn allowed(notification: &Value) -> impl Fn(&str) -> bool {
    let alerts = notification["alerts"].as_array().unwrap().clone();
    move |link| {
        let given = alerts.iter().flat_map(|alert| {
            let annotations = &alert["annotations"];
            [&annotations["runbook_url"], &annotations["dashboard_url"], &alert["generatorURL"]]
        });
        let ours = given.into_iter().any(|url| url == link) || link.starts_with("http://am.example/#/silences/new?filter=");
        let web = link.starts_with("https://") || link.starts_with("http://");
        ours && web && link.bytes().all(|byte| byte.is_ascii_graphic() && !b"()[]<>@\\\"`".contains(&byte))
    }
}

fn check(robot: &Robot, is_ours: impl Fn(&str) -> bool, message: &Value, bytes: usize) {
    assert!(bytes <= 20_000, "{bytes} bytes");
    let kind = message["msgtype"].as_str().unwrap();
    let content = &message[kind];
    let (title, text) = (content["title"].as_str().unwrap(), content["text"].as_str().unwrap());
    assert!(title.contains("Sentinel") && text.contains("Sentinel"), "{title}\n{text}");
    assert!(title.len() < 1500 && !title.contains(['@', '\n']), "{title}");

    // Who is mentioned is who is configured, in the one line that is for it.
    let numbers: Vec<_> =
        message["at"]["atMobiles"].as_array().into_iter().flatten().map(|number| number.as_str().unwrap()).collect();
    assert!(numbers.is_empty() || numbers == robot.at_mobiles, "{numbers:?}");
    let everybody = message["at"]["isAtAll"] == true;
    let calls = usize::from(everybody) + numbers.len();
    assert_eq!(text.matches('@').count(), calls, "{text}");
    assert_eq!(text.contains("@all"), everybody);

    for button in content["btns"].as_array().into_iter().flatten() {
        assert!(is_ours(button["actionURL"].as_str().unwrap()), "{button}");
    }
    let found = links(text);
    assert!(found.iter().all(|link| is_ours(link)), "{found:?}");
    // An address outside of a link would become one.
    assert_eq!(text.matches("://").count(), found.iter().map(|link| link.matches("://").count()).sum::<usize>(), "{text}");
    assert_eq!(text.matches('[').count(), found.len());
    assert!(!text.to_lowercase().contains("www.") || found.iter().any(|link| link.to_lowercase().contains("www.")), "{text}");
    // No tag but our own.
    let rest = text.replace("</font>", "");
    let tags: Vec<_> = rest.split('<').skip(1).map(|tag| tag.split('>').next().unwrap()).collect();
    assert!(tags.iter().all(|tag| tag.starts_with("font color=#") && tag.len() == 18), "{tags:?}");
    assert!(
        !text.contains(['`', '\\', '\u{202e}', '\u{200b}', '\u{0}']) && !text.chars().any(|c| c.is_control() && c != '\n'),
        "{text:?}"
    );
    // Every line is one of ours: nothing from outside begins one.
    for line in text.lines().filter(|line| !line.is_empty()) {
        let ours = ["### ", "#### ", "> ", "- ", "**", "@", "and "];
        assert!(ours.iter().any(|start| line.starts_with(start)), "{line:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_from_outside_acts(alerts in prop::collection::vec(alert(), 1..14), mentions in any::<bool>()) {
        let robot = robot(if mentions { "at_mobiles: ['13800000000'], at_all: [critical]" } else { "" });
        let mut notification = notification("g", &alerts);
        notification["externalURL"] = "http://am.example".into();
        for (message, bytes) in messages(&robot, &notification) {
            check(&robot, allowed(&notification), &message, bytes);
        }
    }
}

#[test]
fn a_label_of_a_megabyte_is_cut() {
    let robot = robot("at_mobiles: ['13800000000'], at_all: [critical]");
    for text in
        ["x".repeat(1 << 20), "@all ".repeat(200_000), "亏".repeat(350_000), "\u{202e}".repeat(300_000), "\"".repeat(1 << 20)]
    {
        let texts = json!({"description": text, "summary": text, "value": text, "runbook_url": text, "dashboard_url": text});
        let labels = json!({"alertname": text, "instance": text, "severity": "critical", "a": text, "b": text});
        let alert = json!({"status": "firing", "labels": labels, "annotations": texts, "generatorURL": text});
        let notification = notification("g", &[alert]);
        for (message, bytes) in messages(&robot, &notification) {
            check(&robot, allowed(&notification), &message, bytes);
        }
    }
}
