//! `verify-hub.sh --page`: a test alert through the rendered routes of a private Alertmanager, whose waiting times are divided by 30, to
//! receivers of the test.

use std::fs;
use std::time::Duration;

use super::chain::{ask, bridge};
use super::hub::silence;
use super::{Report, Script};
use crate::routing::delivery::{self, DISCORD};
use crate::support::alertmanager::Alertmanager;
use crate::support::daemon::free_port;
use crate::support::dingtalk::DingTalk;
use crate::support::site::{Answer, Site};
use crate::support::webhooks::Webhooks;

/// The script; Prometheus and Grafana are not there, which is other checks' business.
fn script(alertmanager: &Alertmanager, arguments: &str) -> Script {
    let nobody = ([127, 0, 0, 1], free_port()).into();
    ask([nobody, alertmanager.address, nobody, nobody]).args(arguments).arg("127.0.0.1")
}

fn assert_arrived(report: &Report, receivers: &[(&str, &str)]) {
    let pages = report.checks.iter().filter(|(name, _)| name.starts_with("page-"));
    let arrived: Vec<_> = pages.map(|(name, check)| (name.as_str(), check.status.as_str(), check.text.as_str())).collect();
    let texts: Vec<_> = receivers.iter().map(|(name, whom)| (*name, format!("arrived at {whom}"))).collect();
    let expected: Vec<_> = texts.iter().map(|(name, text)| (*name, "ok", text.as_str())).collect();
    assert_eq!(arrived, expected, "{}", report.said);
}

#[test]
fn a_page_arrives_where_its_team_is_told() {
    let (webhooks, dingtalk) = (Webhooks::start(), DingTalk::start());
    let bridge = bridge(&dingtalk);
    let routes = delivery::configured(true, |path| match path {
        "" => format!("http://{}", bridge.address),
        _ => webhooks.url(path),
    });
    let alertmanager = Alertmanager::start(&routes.config());
    let report = script(&alertmanager, "--page critical --team risk").run();
    let words =
        "SentinelTestPage (critical, risk) is on its way to pagerduty, sms, discord, dingtalk-risk, and ends by itself at 2";
    assert!(report.checks["page"].text.starts_with(words) && report.status("page") == "ok", "{}", report.said);
    assert_arrived(
        &report,
        &[("page-discord", "discord"), ("page-pagerduty", "pagerduty"), ("page-webhook", "sms, dingtalk-risk")],
    );
    assert!(!report.said.contains("/api/webhooks") && !report.said.contains("token-of"), "{}", report.said);
    let discord = &webhooks.at(DISCORD)[0].body["embeds"][0];
    assert!(discord["title"].as_str().unwrap().starts_with("CRITICAL: SentinelTestPage on test-"), "{discord}");
    assert!(discord["description"].as_str().unwrap().starts_with("**This is a test. Nothing is wrong.**"), "{discord}");
    let robot = &dingtalk.wait(1)[0].body;
    assert!(robot.to_string().contains("> This is a test, and nothing is wrong: sent by verify-hub.sh on "), "{robot}");
    assert_eq!((webhooks.all().len(), dingtalk.messages().len()), (3, 1), "{:#?}", webhooks.all());

    // A second one is not taken for a repetition of the first. Without more words it is critical, and the team is sre.
    let report = script(&alertmanager, "--page").run();
    assert_arrived(
        &report,
        &[("page-discord", "discord"), ("page-pagerduty", "pagerduty"), ("page-webhook", "sms, dingtalk-sre")],
    );
    let report = script(&alertmanager, "--page warning --team data").run();
    assert_arrived(&report, &[("page-discord", "discord"), ("page-webhook", "dingtalk-data")]);
    assert_eq!(dingtalk.messages().len(), 3);

    silence(&alertmanager);
    let report = script(&alertmanager, "--page").run();
    report.assert_one("page", "FAIL", "is silenced", "silence query");
    let gone = script(&alertmanager, "--page").args("--alertmanager-port").arg(free_port().to_string()).run();
    assert_eq!((gone.status("page"), gone.checks["page"].text.as_str()), ("skip", "see alertmanager"));
}

#[test]
fn a_receiver_that_refuses_is_named() {
    let (webhooks, refusing) = (Webhooks::start(), Site::start());
    refusing.set(DISCORD, Answer::new(401, "{\"message\": \"Invalid Webhook Token\"}"));
    let closed = format!("http://127.0.0.1:{}", free_port());
    let routes = delivery::configured(true, |path| match path {
        DISCORD => format!("http://{}{path}", refusing.address),
        // The bridge.
        "" => closed.clone(),
        _ => webhooks.url(path),
    });
    // The script looks before what was refused is tried again.
    let text = fs::read_to_string(routes.config()).unwrap();
    assert!(text.contains("group_interval: 2000ms"), "{text}");
    fs::write(routes.config(), text.replace("group_interval: 2000ms", "group_interval: 1h")).unwrap();
    let alertmanager = Alertmanager::start(&routes.config());
    let report = script(&alertmanager, "--page").run();
    let logs = "journalctl -u prometheus-alertmanager";
    report.assert_one("page-discord", "FAIL", "refused or not reached (1 tries failed, 0 arrived): discord", logs);
    report.assert_one("page-webhook", "FAIL", " tries failed, 1 arrived): sms, dingtalk-sre", logs);
    assert_eq!((report.code, report.status("page"), report.status("page-pagerduty")), (1, "ok", "ok"), "{}", report.said);
}

#[test]
fn a_receiver_that_does_not_answer_is_named() {
    let (webhooks, slow) = (Webhooks::start(), Site::start());
    slow.set("/dingtalk/sre/send", Answer::new(200, "{}").after(Duration::from_secs(60)));
    let routes =
        delivery::configured(true, |path| if path.is_empty() { format!("http://{}", slow.address) } else { webhooks.url(path) });
    let alertmanager = Alertmanager::start(&routes.config());
    let report = script(&alertmanager, "--page --wait 5").run();
    report.assert_one("page-webhook", "FAIL", "1 of 2 arrived within 5 s: sms, dingtalk-sre", "journalctl");
    assert_eq!((report.status("page-discord"), report.status("page-pagerduty")), ("ok", "ok"), "{}", report.said);
}
