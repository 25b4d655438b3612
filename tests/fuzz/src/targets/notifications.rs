//! What Alertmanager sends to the bridge: refused in few words, or told in messages that DingTalk takes, each alert in one of them.

use std::path::Path;
use std::sync::LazyLock;

use allocation_counter::measure;
use sentinel_exporter::config::{Overrides, load};
use sentinel_exporter::dingtalk::config::{Config, Robot};
use sentinel_exporter::dingtalk::message::{MAX_BYTES, compose};
use sentinel_exporter::dingtalk::payload::Notification;
use serde_json::Value;

const ROBOTS: &str = "
    robots:
    - {name: plain, webhooks: [{url: 'https://127.0.0.1/'}]}
    - {name: loud, webhooks: [{url: 'https://127.0.0.1/'}], language: zh, keyword: 告警, at_all: [critical]}
    - {name: called, webhooks: [{url: 'https://127.0.0.1/'}], at_mobiles: ['+86-13800000000']}";

static ROBOT: LazyLock<Vec<Robot>> = LazyLock::new(|| {
    load::parse(ROBOTS, Path::new(""), &|_| None, |document| Config::decode(document, &Overrides::default()))
        .expect("robots")
        .robots
});

pub(super) fn check(body: &[u8]) {
    // A text is there as it came and as it is kept, and a link to a silence has every byte of it as three.
    let allocated = measure(|| drop(Notification::parse(body))).bytes_max;
    assert!(allocated <= 64 * body.len() as u64 + 16 * 1024, "{allocated} bytes for a body of {}", body.len());

    let notification = match Notification::parse(body) {
        Ok(notification) => notification,
        Err(expected) => {
            assert!(expected.len() < 1000 && !expected.contains(char::is_control), "{expected:?}");
            return;
        }
    };
    for robot in &*ROBOT {
        let alerts: Vec<_> = notification.alerts.iter().collect();
        let (mut rest, mut beyond) = (&alerts[..], notification.truncated);
        while !rest.is_empty() {
            let message = compose(robot, rest, beyond, false);
            assert!(message.body.len() <= MAX_BYTES, "{} bytes", message.body.len());
            assert!((1..=rest.len()).contains(&message.shown), "{} of {}", message.shown, rest.len());
            let body: Value = serde_json::from_slice(&message.body).expect("JSON");
            let part = if body["msgtype"] == "actionCard" { &body["actionCard"] } else { &body["markdown"] };
            for text in ["title", "text"].map(|name| part[name].as_str().expect("a text")) {
                assert!(robot.keyword.as_ref().is_none_or(|keyword| text.contains(keyword.as_str())), "no keyword: {text:?}");
            }
            let loud = body["at"]["isAtAll"] == true;
            assert!(!loud || !robot.at_all.is_empty(), "everybody is called, and nobody asked for it");
            (rest, beyond) = (&rest[message.shown..], 0);
        }
    }
}
