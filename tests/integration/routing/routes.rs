//! Each alert by its severity and team, and the receivers that amtool finds for it.

use serde_yaml::Value;

use super::{EVERYTHING, Folder, amtool, table};

fn receivers(folder: &Folder, labels: &[&str]) -> String {
    let config = format!("--config.file={}", folder.config().display());
    amtool(&[&["config", "routes", "test", &config], labels].concat()).trim().to_owned()
}

fn expect(folder: &Folder, alert: &str, severity: &str, team: &str, expected: &str) {
    let labels = [("alertname", alert), ("severity", severity), ("team", team)].map(|(name, value)| format!("{name}={value}"));
    let found = receivers(folder, &labels.each_ref().map(String::as_str));
    assert_eq!(found, expected, "{alert}, {severity}, of {team}");
}

#[test]
fn every_alert_goes_where_the_table_says() {
    let folder = Folder::new();
    folder.rendered(EVERYTHING);
    assert!(table().count() > 60);
    for [alert, severity, team, expected] in table() {
        expect(&folder, alert, severity, team, expected);
    }
}

#[test]
fn what_nobody_thought_of_goes_to_discord() {
    let folder = Folder::new();
    folder.rendered(EVERYTHING);
    for labels in [&["alertname=SentinelNew", "severity=page"][..], &["alertname=SentinelNew"], &["severity=none", "team=sre"]] {
        assert_eq!(receivers(&folder, labels), "discord", "{labels:?}");
    }
    // A team without a robot of its own.
    expect(&folder, "SentinelNew", "critical", "desk", "pagerduty,sms,email,discord");
    expect(&folder, "SentinelNew", "warning", "desk", "email,discord");
    expect(&folder, "SentinelSloBurn", "warning", "desk", "discord");
}

/// Each class of alerts, of a team with a robot and of one without, when not every receiver is configured.
#[test]
fn what_is_left_out_leaves_nobody_uninformed() {
    let robots = [("DINGTALK_TOKEN_FILE", "token"), ("DINGTALK_TEAMS", "risk")];
    let discord = [("DISCORD_WEBHOOK_URL", "https://discord.example/1/2")];
    let email = [("EMAIL_TO", "a@b.example"), ("SMTP_FROM", "c@d.example"), ("SMTP_SMARTHOST", "localhost:25")];
    // The settings; critical, warning, burn ticket and info for risk; and for sre.
    let cases = [
        (discord.to_vec(), ["discord"; 4], ["discord"; 4]),
        (robots.to_vec(), ["dingtalk-risk"; 4], ["dingtalk-risk"; 4]),
        (email.to_vec(), ["email"; 4], ["email"; 4]),
        (
            [&discord[..], &robots].concat(),
            ["discord,dingtalk-risk", "discord,dingtalk-risk", "dingtalk-risk", "discord"],
            ["discord"; 4],
        ),
        ([&email[..], &robots].concat(), ["email,dingtalk-risk", "email,dingtalk-risk", "dingtalk-risk", "email"], ["email"; 4]),
    ];
    for (settings, risk, sre) in cases {
        let folder = Folder::new();
        folder.rendered(&settings);
        for (team, expected) in [("risk", risk), ("sre", sre)] {
            expect(&folder, "SentinelA", "critical", team, expected[0]);
            expect(&folder, "SentinelA", "warning", team, expected[1]);
            expect(&folder, "SentinelSloBurn", "warning", team, expected[2]);
            expect(&folder, "SentinelA", "info", team, expected[3]);
        }
        // Nobody is to be woken by proof that all is well.
        expect(&folder, "SentinelWatchdog", "none", "sre", "heartbeat");
    }
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

#[test]
fn times_are_the_agreed_ones() {
    let config = Folder::new().rendered(EVERYTHING);
    let weekdays =
        |hours: &str, location: &str| format!("{{weekdays: ['monday:friday'], times: [{hours}], location: {location}}}");
    let expected = [
        ("market-hours", weekdays("{start_time: '09:30', end_time: '16:00'}", "America/New_York")),
        ("working-hours", weekdays("{start_time: '09:00', end_time: '18:00'}", "Asia/Singapore")),
        ("daytime", "{times: [{start_time: '08:00', end_time: '22:00'}], location: Asia/Singapore}".to_owned()),
    ];
    let expected = expected.map(|(name, times)| format!("{{name: {name}, time_intervals: [{times}]}}")).join(", ");
    assert_eq!(config["time_intervals"], yaml(&format!("[{expected}]")));

    let route = &config["route"];
    // One host's alerts never wait for another's.
    assert_eq!(route["group_by"], yaml("[alertname, instance]"));
    let times = |matchers: &str| {
        let routes = route["routes"].as_sequence().unwrap();
        let found =
            routes.iter().find(|route| route["matchers"] == yaml(matchers)).unwrap_or_else(|| panic!("no route {matchers}"));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        ["group_wait", "group_interval", "repeat_interval"].map(|key| text(&found[key]).or_else(|| text(&route[key])).unwrap())
    };
    assert_eq!(times("['alertname=\"SentinelWatchdog\"']"), ["0s", "1m", "30s"]);
    assert_eq!(times("['severity=\"critical\"']"), ["5s", "1m", "1h"]);
    assert_eq!(times("['severity=\"warning\"']"), ["30s", "5m", "4h"]);
    // They wait for what explains them.
    let explained = "['alertname=~\"SentinelTradingCyclesFailing|SentinelApiErrorsHigh\"', 'severity=\"warning\"']";
    assert_eq!(times(explained), ["6m", "5m", "4h"]);
    assert_eq!(times("['severity=\"info\"']"), ["30s", "5m", "12h"]);
}
