//! A real Alertmanager with the shipped routes, the real bridge, and DingTalk's stand-in.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::json;

use crate::support::alertmanager::Alertmanager;
use crate::support::dingtalk::{DingTalk, Fault};
use crate::support::exporter::Setup;
use crate::support::tempdir::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn an_alert_reaches_its_teams_group_once_and_so_does_its_end() {
    let dingtalk = DingTalk::start();
    let folder = TempDir::new("chain");
    fs::write(folder.join("token"), "b3arer").unwrap();
    symlink(format!("{ROOT}/prometheus/templates"), folder.join("templates")).unwrap();
    let config =
        format!("token_file: {}\n{}", folder.join("token").display(), super::config(&dingtalk, "at_mobiles: ['13800000000']"));
    let bridge = Setup::of_subcommand("dingtalk", config).start();

    let rendered = folder.join("alertmanager.yml");
    let mut render = Command::new(format!("{ROOT}/scripts/render-alertmanager"));
    render.arg(&rendered).env("DINGTALK_TOKEN_FILE", folder.join("token")).env("DINGTALK_TEAMS", "sre");
    assert!(render.output().unwrap().status.success());
    let text = fs::read_to_string(&rendered).unwrap();
    // As shipped, but for the bridge's address and how long a group waits.
    let address = bridge.address.to_string();
    let replaced = [
        ("127.0.0.1:8060", address.as_str()),
        ("group_wait: 5s", "group_wait: 0s"),
        ("group_interval: 1m", "group_interval: 1s"),
    ];
    let text = replaced.into_iter().fold(text, |text, (from, to)| text.replace(from, to));
    fs::write(&rendered, text).unwrap();
    let alertmanager = Alertmanager::start(&rendered);

    // DingTalk is busy twice; Alertmanager comes again until it is not.
    dingtalk.faults([Fault::Code(-1, "系统繁忙"), Fault::Http(502, "")]);
    let mut alert = json!({
        "labels": {"alertname": "SentinelChecksStopped", "severity": "critical", "team": "sre", "instance": "inf:8000"},
        "annotations": {"description": "The checks have stopped.", "runbook_url": "https://docs.example/sre.md#x"},
        "startsAt": "2026-01-05T06:00:00Z",
        "generatorURL": "http://hub:9090/graph?g0.expr=up",
    });
    alertmanager.post(&[alert.clone()]);
    let messages = dingtalk.wait(1);
    assert_eq!(messages[0].title(), "Sentinel 🔴 CRITICAL: SentinelChecksStopped on inf:8000");
    assert!(messages[0].text().contains("@13800000000") && messages[0].text().contains("The checks have stopped."));

    alert["endsAt"] = "2026-01-05T07:00:00Z".into();
    alertmanager.post(&[alert]);
    let messages = dingtalk.wait(2);
    assert_eq!(messages[1].title(), "Sentinel ✅ Resolved: SentinelChecksStopped on inf:8000");
    assert!(!messages[1].text().contains('@'), "{}", messages[1].text());
    assert_eq!(dingtalk.requests(), 4);
    // It is counted once Alertmanager has its answer.
    let name = |outcome: &str| format!("sentinel_dingtalk_notifications_total{{outcome=\"{outcome}\",robot=\"sre\"}}");
    let page = bridge.eventually("both are counted", |page| page.value(&name("delivered")) == Some(2.0));
    assert_eq!((page.value(&name("later")), page.value(&name("rejected"))), (Some(2.0), Some(0.0)));
}
