//! Each alert by its severity and team, and the receivers that amtool finds for it.

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
