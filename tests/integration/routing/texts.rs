//! The texts of a message, as amtool renders them: ordinary, huge and hostile.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{ROOT, amtool};
use crate::support::tempdir::TempDir;

/// Everything that could end a text, or begin something else in it.
const HOSTILE: &str = "\"q\" 'a' \\ \\` `c` *b* **b** _i_ __u__ ~~s~~ ||p|| [x](http://evil.example) https://evil.example @everyone \
                       @here <@1> <@&2> <#3> <:e:4> <t:5>\r\n# h\n> q\n- l\u{2028}\u{202e}\u{0}\u{1F600}{{ .Labels }} %s";

fn alert(status: &str, description: &str, instance: &str) -> Value {
    json!({
        "status": status,
        "labels": {"alertname": "SentinelBatchesStuck", "instance": instance, "severity": "critical", "team": "data"},
        "annotations": {
            "summary": "Batches are stuck in the pipeline.",
            "description": description,
            "runbook_url": "https://docs.example/data.md#sentinelbatchesstuck",
            "dashboard_url": "https://grafana.example/d/sentinel-pipeline?var-instance=172.19.141.250:8000",
        },
        "startsAt": "2026-01-05T09:07:00+08:00",
    })
}

/// What Alertmanager makes of a group's alerts for a template.
fn data(alerts: &[Value]) -> Value {
    let common = |part: &str| -> Value {
        let pairs = alerts[0][part].as_object().unwrap().iter();
        pairs
            .filter(|(name, value)| alerts.iter().all(|alert| alert[part][name] == **value))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect()
    };
    let labels = &alerts[0]["labels"];
    json!({
        "receiver": "discord", "status": "firing", "alerts": alerts, "externalURL": "http://hub:9093",
        "groupLabels": {"alertname": labels["alertname"], "instance": labels["instance"]},
        "commonLabels": common("labels"), "commonAnnotations": common("annotations"),
    })
}

fn rendered(template: &str, alerts: &[Value]) -> String {
    let folder = TempDir::new("texts");
    fs::write(folder.join("data"), data(alerts).to_string()).unwrap();
    let glob = format!("--template.glob={}", Path::new(ROOT).join("prometheus/templates/*.tmpl").display());
    let text = format!("--template.text={{{{ template \"{template}\" . }}}}");
    let data = format!("--template.data={}", folder.join("data").display());
    amtool(&["template", "render", &glob, &text, &data])
}

fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

const LINKS: &str = "
[Runbook](https://docs.example/data.md#sentinelbatchesstuck)
[Dashboard](https://grafana.example/d/sentinel-pipeline?var-instance=172.19.141.250:8000)";

#[test]
fn an_ordinary_alert() {
    let alerts = [alert("firing", "inf: the oldest batch in processing is 12 min old (more than 10).", "inf:8000")];
    assert_eq!(rendered("sentinel.discord.title", &alerts), "CRITICAL: SentinelBatchesStuck on inf:8000");
    let line = "the oldest batch in processing is 12 min old (more than 10). (since 5 Jan 01:07 UTC)";
    let expected = format!("**Batches are stuck in the pipeline.**\n\n**Firing**\n• inf: {line}\n{LINKS}");
    assert_eq!(rendered("sentinel.discord.message", &alerts), expected);

    assert_eq!(rendered("sentinel.title", &alerts), "CRITICAL: SentinelBatchesStuck on inf:8000");
    assert_eq!(rendered("sentinel.firing", &alerts), format!("- inf: {line}\n"));
    assert_eq!(rendered("sentinel.resolved", &alerts), "");
    assert_eq!(rendered("sentinel.pagerduty.severity", &alerts), "critical");
    let expected = format!(
        "Batches are stuck in the pipeline.\n\nFiring:\n- inf: {line}\n\nRunbook: https://docs.example/data.md#sentinelbatchesstuck\n\
         Dashboard: https://grafana.example/d/sentinel-pipeline?var-instance=172.19.141.250:8000\nAlertmanager: http://hub:9093\n"
    );
    assert_eq!(rendered("sentinel.text", &alerts), expected);
}

#[test]
fn firing_and_resolved_stand_apart() {
    let alerts: Vec<_> =
        ["resolved", "firing", "firing"].iter().zip(1..).map(|(s, n)| alert(s, &format!("No. {n}"), "inf")).collect();
    assert_eq!(rendered("sentinel.discord.title", &alerts), "CRITICAL: SentinelBatchesStuck on inf (2)");
    let at = "(since 5 Jan 01:07 UTC)";
    let expected = format!("\n\n**Firing**\n• No. 2 {at}\n• No. 3 {at}\n\n**Resolved**\n• No. 1 {at}\n");
    let message = rendered("sentinel.discord.message", &alerts);
    assert!(message.contains(&expected), "{message}");
    assert_eq!(rendered("sentinel.resolved", &alerts), format!("- No. 1 {at}\n"));

    assert_eq!(rendered("sentinel.discord.title", &alerts[..1]), "RESOLVED: SentinelBatchesStuck on inf");
    assert_eq!(rendered("sentinel.title", &alerts[..1]), "RESOLVED: SentinelBatchesStuck on inf");
    assert!(!rendered("sentinel.discord.message", &alerts[..1]).contains("Firing"));
}

#[test]
fn ten_alerts_and_the_number_of_the_rest() {
    for (firing, resolved, shown, more) in [
        (10, 0, 10, &[][..]),
        (11, 0, 10, &["and 1 more"]),
        (7, 3, 10, &[]),
        (7, 9, 10, &["and 6 more"]),
        (0, 12, 10, &["and 2 more"]),
        (10, 1, 10, &["and 1 more"]),
        (100, 60, 10, &["and 90 more", "and 60 more"]),
    ] {
        let of = |status: &'static str, count: usize| (0..count).map(move |n| alert(status, &format!("No. {n}"), "inf"));
        let alerts: Vec<_> = of("firing", firing).chain(of("resolved", resolved)).collect();
        let message = rendered("sentinel.discord.message", &alerts);
        assert_eq!(message.lines().filter(|line| line.starts_with("• ")).count(), shown, "{message}");
        let said: Vec<_> = message.lines().filter(|line| line.starts_with("and ")).collect();
        assert_eq!(said, more, "{message}");
        let text = rendered("sentinel.firing", &alerts);
        assert_eq!(text.lines().filter(|line| line.starts_with("- ")).count(), firing.min(10), "{text}");
    }
}

#[test]
fn nothing_is_ever_longer_than_discord_takes() {
    // 300 characters and 128 bytes are what a description and a label can have; the others are what must not matter.
    for (description, label) in [
        ("警".repeat(300), "警".repeat(42)),
        ("_".repeat(9000), "*".repeat(9000)),
        ("\u{1F600}".repeat(9000), "\\".repeat(999)),
        ("<@".repeat(9000), "://".repeat(999)),
    ] {
        let mut alerts: Vec<_> =
            (0..100).map(|n| alert(if n % 2 == 0 { "firing" } else { "resolved" }, &description, &label)).collect();
        for alert in &mut alerts {
            let link = format!("https://{}", "x".repeat(200));
            alert["annotations"] =
                json!({"summary": description, "description": description, "runbook_url": link, "dashboard_url": link});
            alert["labels"]["severity"] = label.clone().into();
            alert["labels"]["alertname"] = label.clone().into();
        }
        let (title, message) = (rendered("sentinel.discord.title", &alerts), rendered("sentinel.discord.message", &alerts));
        assert!((1..=256).contains(&length(&title)), "{}: {title}", length(&title));
        assert!((3500..=4096).contains(&length(&message)), "{}: {message}", length(&message));
        assert!(length(&rendered("sentinel.title", &alerts)) <= 256);
    }
    // A link that is longer still is left out, for half of it leads nowhere.
    let mut long = alert("firing", "x", "inf");
    long["annotations"]["runbook_url"] = format!("https://{}", "x".repeat(201)).into();
    let message = rendered("sentinel.discord.message", &[long]);
    assert!(!message.contains("Runbook") && message.contains("[Dashboard]"), "{message}");
}

#[test]
fn what_a_label_says_stays_text() {
    let mut hostile = alert("firing", HOSTILE, HOSTILE);
    hostile["labels"]["alertname"] = HOSTILE.into();
    hostile["labels"]["severity"] = HOSTILE.into();
    hostile["annotations"]["summary"] = HOSTILE.into();
    for link in ["javascript:x", "https://x/) @everyone", "https://x/[y](z)", "https://x/\n# y", "@everyone", "https://x/`y`", ""]
    {
        hostile["annotations"]["runbook_url"] = link.into();
        hostile["annotations"]["dashboard_url"] = link.into();
        let (title, message) =
            (rendered("sentinel.discord.title", &[hostile.clone()]), rendered("sentinel.discord.message", &[hostile.clone()]));
        assert_eq!((title.lines().count(), message.lines().count()), (1, 4), "{title}\n{message}");
        assert!(message.contains("{{ .Labels }} %s"), "shown, not interpreted: {message}");
        // Without the two headings that are ours.
        let theirs = title + &message.replace("**Firing**", "").replacen("**", "", 2);
        assert!(!theirs.contains("**"), "{theirs}");
        for (index, sign) in theirs.match_indices(['*', '_', '~', '|', '`', '[', ']']) {
            let escapes = theirs[..index].chars().rev().take_while(|before| *before == '\\').count();
            assert_eq!(escapes % 2, 1, "a bare {sign} in {theirs}");
        }
        for sign in ["<@", "<#", "<:", "<t:", "@everyone", "@here", "://"] {
            assert!(!theirs.contains(sign), "{sign} in {theirs}");
        }
        let odd = theirs.chars().find(|it| it.is_control() && *it != '\n' || ['\u{2028}', '\u{202e}', '\u{1F600}'].contains(it));
        assert_eq!(odd, None, "{theirs:?}");
    }
    hostile["labels"]["instance"] = "inf\r\nBcc: x@evil.example".into();
    hostile["labels"]["severity"] = "page".into();
    let subject = rendered("sentinel.title", &[hostile.clone()]);
    assert!(
        subject.starts_with("PAGE: ") && subject.ends_with(" on inf Bcc: x@evil.example") && subject.lines().count() == 1,
        "{subject}"
    );
    assert_eq!(
        rendered("sentinel.pagerduty.severity", &[hostile.clone()]),
        "error",
        "PagerDuty knows no other words than its own"
    );
    assert_eq!(rendered("sentinel.runbook", &[hostile]), "");
}

#[test]
fn a_link_without_a_base_address_is_a_path() {
    let mut alert = alert("firing", "x", "inf");
    alert["annotations"]["runbook_url"] = "docs/runbooks/data.md#sentinelbatchesstuck".into();
    alert["annotations"]["dashboard_url"] = "/d/sentinel-pipeline".into();
    let message = rendered("sentinel.discord.message", &[alert.clone()]);
    assert!(
        message.ends_with("\nRunbook: `docs/runbooks/data.md#sentinelbatchesstuck`\nDashboard: `/d/sentinel-pipeline`"),
        "{message}"
    );
    assert_eq!(rendered("sentinel.runbook", &[alert]), "", "PagerDuty wants an address");
}
