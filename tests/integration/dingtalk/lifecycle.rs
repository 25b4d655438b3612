//! Reloads, stops and kills: what Alertmanager has been told was delivered is, and the rest it still has.

use std::thread;

use super::{alert, bridge, config, notification, post, send, waiting};
use crate::support::dingtalk::DingTalk;
use crate::support::exporter::Setup;
use crate::support::http;

#[test]
fn a_reload_takes_the_configuration_whole_or_not_at_all() {
    let dingtalk = DingTalk::start();
    dingtalk.robot("second", None, Some("Sentinel"));
    let lifecycle = |config: String| format!("web: {{enable_lifecycle: true}}\n{config}");
    let bridge = Setup::of_subcommand("dingtalk", lifecycle(config(&dingtalk, ""))).start();
    let reload = || http::request(bridge.address, "POST", "/-/reload", "");
    let write = |text: String| std::fs::write(bridge.path("sentinel.yml"), text).unwrap();

    let two = format!(
        "{}  - {{name: data, webhooks: [{{url: \"{}\"}}], keyword: Sentinel}}\n",
        config(&dingtalk, ""),
        dingtalk.url("second")
    );
    write(lifecycle(two.clone()));
    assert_eq!(reload().status, 200);
    assert_eq!(post(&bridge, "data", &notification("g", &[alert("A", "critical")])).status, 200);
    assert_eq!(dingtalk.messages()[0].token, "second");
    let queued = "sentinel_dingtalk_queue_notifications{robot=\"data\"}";
    bridge.eventually("its outcome is known", |page| page.value(queued) == Some(0.0));

    write(lifecycle(two.replace("name: data", "nome: data")));
    let refused = reload();
    assert!(refused.status == 500 && refused.text().contains("robots[1].nome: unknown key"), "{}", refused.text());
    assert_eq!(bridge.value("sentinel_dingtalk_config_last_reload_successful"), Some(0.0));
    assert_eq!(post(&bridge, "data", &notification("h", &[alert("A", "critical")])).status, 200, "the old one is in force");
    write(lifecycle(format!("{two}web: {{}}")));
    assert_eq!(reload().status, 500);

    write(config(&dingtalk, ""));
    bridge.signal("HUP");
    let page =
        bridge.eventually("it was taken", |page| page.value("sentinel_dingtalk_config_last_reload_successful") == Some(1.0));
    assert_eq!(page.value(queued), None);
    assert_eq!(post(&bridge, "data", &notification("g", &[alert("A", "critical")])).status, 404);
    assert_eq!(reload().status, 403, "it was not allowed any more");
    assert_eq!(send(&bridge, alert("A", "critical")).0, 200);
}

#[test]
fn a_stop_finishes_what_is_on_its_way_and_leaves_the_rest_to_alertmanager() {
    let dingtalk = DingTalk::start();
    let bridge = bridge(&dingtalk, "");
    let held = dingtalk.hold();
    thread::scope(|scope| {
        let on_its_way = scope.spawn(|| send(&bridge, alert("A", "critical")));
        dingtalk.wait(1);
        let waits = scope.spawn(|| send(&bridge, alert("B", "critical")));
        waiting(&bridge, 2.0);
        bridge.signal("TERM");
        let (status, told) = waits.join().unwrap();
        assert!(status == 503 && told.contains("(stopping)"), "{status} {told}");
        drop(held);
        assert_eq!(on_its_way.join().unwrap().0, 200);
    });
    assert!(bridge.ended().success());
    assert_eq!(dingtalk.messages().len(), 1);
}

#[test]
fn what_a_kill_interrupts_has_no_answer_and_comes_again() {
    let dingtalk = DingTalk::start();
    let mut bridge = bridge(&dingtalk, "");
    let held = dingtalk.hold();
    let address = bridge.address;
    let post = |address, name| {
        let body = notification(name, &[alert(name, "critical")]).to_string();
        http::try_post(address, "/dingtalk/sre/send", "", &body).map(|answer| answer.status)
    };
    thread::scope(|scope| {
        let delivered = scope.spawn(|| post(address, "Delivered"));
        dingtalk.wait(1);
        let waits = scope.spawn(|| post(address, "Waits"));
        waiting(&bridge, 2.0);
        bridge.kill();
        drop(held);
        assert_eq!((delivered.join().unwrap(), waits.join().unwrap()), (None, None));
    });
    let bridge = bridge.again();
    assert_eq!([post(bridge.address, "Delivered"), post(bridge.address, "Waits")], [Some(200); 2]);
    // What was delivered in the moment of the kill comes twice: nobody can know. What waited comes once.
    let told = |name: &str| dingtalk.messages().iter().filter(|message| message.text().contains(name)).count();
    assert_eq!((told("Delivered"), told("Waits")), (2, 1));
}

#[test]
fn mistakes_in_the_configuration_are_told_all_at_once() {
    let bad = "
        web: {telemetry_path: /dingtalk/x/send}
        token: two words
        robots:
          - {name: a b, webhooks: [{url: 'http://10.0.0.1/'}, {url: 'https://a/', secret: ''}]}
          - {name: c, webhooks: []}
          - {name: d, webhooks: [{url: 'https://a/x'}, {url: 'https://a/x'}], language: fr, time_zone: Mars/Phobos}
          - {name: d, webhooks: [{url: 'https://hunter2/'}], at_mobiles: [x], at_all: [all], messages_per_minute: 1, keyword: ''}
          - {webhooks: [{secret: hunter2}]}
    ";
    let output = Setup::of_subcommand("dingtalk", bad).argument("--config.check").output();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    for expected in [
        "web.telemetry_path: expected a path outside /dingtalk/",
        "token: expected one line of letters",
        "robots[0].name: expected letters, digits, - and _",
        "robots[0].webhooks[0].url: expected the URL that DingTalk shows",
        "robots[0].webhooks[1].secret: expected the secret",
        "robots[1].webhooks: expected the URL of at least one robot",
        "robots[2].webhooks: expected each URL once",
        "robots[2].language: expected en or zh, found \"fr\"",
        "robots[2].time_zone: expected a time zone that this system knows (package tzdata)",
        "robots[3].name: expected a name that no other robot has",
        "robots[3].at_mobiles[0]: expected a mobile number",
        "robots[3].at_all[0]: expected critical, warning or info",
        "robots[3].messages_per_minute: expected a whole number of at least 2",
        "robots[3].keyword: expected 1 to 64 bytes",
        "robots[4].name: expected a name",
        "robots[4].webhooks[0].url: expected the URL that DingTalk shows for the robot, here or in url_file",
    ] {
        assert!(told.contains(expected), "{expected} is not in:\n{told}");
    }
    assert_eq!(told.lines().count(), 1 + 16, "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    let empty = Setup::of_subcommand("dingtalk", "").argument("--config.check").output();
    assert!(String::from_utf8(empty.stderr).unwrap().contains("robots: expected at least one robot"));
}
