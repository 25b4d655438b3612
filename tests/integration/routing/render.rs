//! scripts/render-alertmanager: what it takes, what it refuses, and that it tells no secret.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use serde_yaml::Value;

use super::{EVERYTHING, Folder, amtool, said};

const DISCORD: (&str, &str) = EVERYTHING[1];

/// The settings of one receiver each.
const RECEIVERS: [&[(&str, &str)]; 6] = [
    &[EVERYTHING[0]],
    &[EVERYTHING[1]],
    &[EVERYTHING[2], ("DINGTALK_TEAMS", "trading sre")],
    &[EVERYTHING[3]],
    &[EVERYTHING[4], EVERYTHING[5], EVERYTHING[6], ("SMTP_USERNAME", "desk"), ("SMTP_PASSWORD", "secret")],
    &[EVERYTHING[7], ("SMS_TOKEN", "secret")],
];

#[test]
fn every_combination_of_receivers_is_valid_or_refused() {
    let folder = Folder::new();
    let mut rendered = Vec::new();
    for number in 0..1_u32 << RECEIVERS.len() {
        let given = |index: usize| number >> index & 1 == 1;
        let settings: Vec<_> =
            (0..RECEIVERS.len()).filter(|index| given(*index)).flat_map(|index| RECEIVERS[index]).copied().collect();
        let path = folder.0.join(&format!("{number}.yml"));
        let output = folder.render_to(&path, &settings);
        // PagerDuty and text messages are for what is critical: alone they would leave the rest to nobody.
        let reaches_all = given(1) || given(2) || given(4);
        assert_eq!(output.status.success(), reaches_all, "{settings:?}\n{}", said(&output));
        if reaches_all {
            let text = fs::read_to_string(&path).unwrap();
            let config: Value = serde_yaml::from_str(&text).unwrap();
            let receivers: Vec<_> =
                config["receivers"].as_sequence().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
            for (index, name) in ["heartbeat", "discord", "dingtalk-sre", "pagerduty", "email", "sms"].into_iter().enumerate() {
                assert_eq!(receivers.contains(&name), index == 0 || given(index), "{settings:?}: {receivers:?}");
            }
            assert!(!receivers.contains(&"dingtalk-risk") && !text.contains("${") && !text.contains("# needs"), "{text}");
            assert_eq!(config["receivers"][0].get("webhook_configs").is_some(), given(0));
            rendered.push(path);
        } else {
            assert!(said(&output).contains("nobody would get all alerts: give DISCORD_WEBHOOK_URL"), "{}", said(&output));
            assert!(!path.exists());
        }
    }
    assert_eq!(rendered.len(), 56);
    let files: Vec<_> = rendered.iter().map(|path| path.to_str().unwrap()).collect();
    let told = amtool(&[&["check-config"], &files[..]].concat());
    assert_eq!(told.matches("Found:").count(), rendered.len(), "{told}");
    assert_eq!(told.matches(" - 1 templates").count(), rendered.len(), "the templates are found:\n{told}");
}

#[test]
fn any_secret_arrives_as_it_is() {
    let folder = Folder::new();
    for password in
        ["p\"a's", "#: {x} [y] & *z !", "back\\slash\\n", "  spaces  ", "密码", "${HOME} $1 # needs EMAIL_TO", "{{ .X }}", "- 1"]
    {
        let by_file = folder.0.join("password");
        fs::write(&by_file, format!("{password}\n")).unwrap();
        let email = [EVERYTHING[4], EVERYTHING[5], EVERYTHING[6], ("SMTP_USERNAME", password)];
        for secret in [("SMTP_PASSWORD", password), ("SMTP_PASSWORD_FILE", by_file.to_str().unwrap())] {
            let config = folder.rendered(&[&email[..], &[secret]].concat());
            let email = &config["receivers"][1]["email_configs"][0];
            assert_eq!((&email["auth_username"], &email["auth_password"]), (&password.into(), &password.into()));
            amtool(&["check-config", folder.config().to_str().unwrap()]);
        }
    }
}

/// What is refused with a message, and that no value of a setting is in it.
#[test]
fn mistakes_are_named_and_secrets_are_not() {
    let folder = Folder::new();
    let file = |name: &str, content: &[u8]| -> String {
        let path: PathBuf = folder.0.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (empty, lines, blob) = (file("empty", b"\n"), file("lines", b"s3cret-1\ns3cret-2\n"), file("blob", b"s3cret\xff\xfe"));
    let email = |address: &'static str| vec![("EMAIL_TO", address), EVERYTHING[5], EVERYTHING[6]];
    let cases: Vec<(Vec<(&str, &str)>, &str)> = vec![
        (vec![("DISCORD_WEBHOOK_URL", "discord.example/s3cret")], "DISCORD_WEBHOOK_URL is not a URL"),
        (vec![("DISCORD_WEBHOOK_URL", "https://discord.example/s3cret with spaces")], "DISCORD_WEBHOOK_URL is not a URL"),
        (vec![("DISCORD_WEBHOOK_URL", "https://discord.example:s3cret/")], "DISCORD_WEBHOOK_URL is not a URL"),
        (vec![("DISCORD_WEBHOOK_URL", "https://discord.example/%s3cret")], "DISCORD_WEBHOOK_URL is not a URL"),
        (vec![("DISCORD_WEBHOOK_URL", "https://[s3cret/")], "DISCORD_WEBHOOK_URL is not a URL"),
        (
            vec![DISCORD, ("DISCORD_WEBHOOK_URL_FILE", "s3cret")],
            "both DISCORD_WEBHOOK_URL and DISCORD_WEBHOOK_URL_FILE are given",
        ),
        (vec![("DISCORD_WEBHOOK_URL_FILE", "missing")], "DISCORD_WEBHOOK_URL_FILE: No such file or directory: missing"),
        (vec![("DISCORD_WEBHOOK_URL_FILE", &empty)], "DISCORD_WEBHOOK_URL_FILE: the file is empty"),
        (vec![DISCORD, ("SMS_URL", "https://a.example"), ("SMS_TOKEN_FILE", &lines)], "SMS_TOKEN holds a line break"),
        (vec![DISCORD, ("SMS_URL", "https://a.example"), ("SMS_TOKEN", "s3\u{7}cret")], "SMS_TOKEN holds a line break"),
        (vec![DISCORD, ("SMS_URL", "https://a.example"), ("SMS_TOKEN_FILE", &blob)], "SMS_TOKEN_FILE: not a text file"),
        (vec![DISCORD, ("SMS_TOKEN", "s3cret")], "SMS_TOKEN is given without SMS_URL"),
        (vec![DISCORD, ("PAGERDUTY_ROUTING_KEY", "{{ s3cret }}")], "PAGERDUTY_ROUTING_KEY is not a routing key"),
        (vec![("EMAIL_TO", "a@b.example")], "and not given: SMTP_FROM, SMTP_SMARTHOST"),
        (email("s3cret"), "EMAIL_TO is not an e-mail address"),
        (email("{{s3cret}}@b.example"), "EMAIL_TO is not an e-mail address"),
        ([email("a@b.example"), vec![("SMTP_USERNAME", "s3cret")]].concat(), "and not given: SMTP_PASSWORD"),
        ([email("a@b.example"), vec![("SMTP_WITHOUT_TLS", "s3cret")]].concat(), "SMTP_WITHOUT_TLS is neither 'yes' nor empty"),
        (vec![EVERYTHING[4], EVERYTHING[5], ("SMTP_SMARTHOST", "s3cret")], "SMTP_SMARTHOST is not a host and a port"),
        (vec![DISCORD, ("DINGTALK_TOKEN", "s3cret")], "DINGTALK_TOKEN is taken as a file only"),
        (vec![("DINGTALK_TOKEN_FILE", "missing")], "DINGTALK_TOKEN_FILE: No such file or directory: missing"),
        (vec![EVERYTHING[2], ("DINGTALK_TEAMS", "risk s3cret")], "DINGTALK_TEAMS names no team, or an unknown one"),
        (vec![DISCORD, ("DINGTALK_TEAMS", "risk")], "DINGTALK_TEAMS is given without DINGTALK_TOKEN_FILE"),
    ];
    for (settings, expected) in cases {
        let output = folder.render(&settings);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{settings:?}\n{said}");
        assert!(said.starts_with("render-alertmanager: ") && said.contains(expected), "expected: {expected}\n{said}");
        assert!(said.lines().count() == 1 && !said.contains("s3cret") && !folder.config().exists(), "{said}");
    }
}

#[test]
fn a_secret_is_in_the_file_alone() {
    let folder = Folder::new();
    let mut settings = EVERYTHING.to_vec();
    settings.extend([("SMTP_USERNAME", "desk"), ("SMTP_PASSWORD", "secret-of-smtp"), ("SMS_TOKEN", "secret-of-sms")]);
    let output = folder.render(&settings);
    let (said, text) = (said(&output), fs::read_to_string(folder.config()).unwrap());
    assert!(output.status.success() && !said.contains("secret-of") && !said.contains(EVERYTHING[3].1), "{said}");
    assert_eq!(text.matches("secret-of").count(), 3, "{text}");
    assert!(!text.contains("the-token-of-the-bridge") && text.contains(folder.0.join("token").to_str().unwrap()), "{text}");
    let expected = "heartbeat, discord, pagerduty, email, sms, dingtalk-trading, dingtalk-risk, dingtalk-data, dingtalk-sre";
    assert!(said.contains(&format!("with the receivers {expected}. What no route takes goes to discord.\n")), "{said}");

    let output = folder.render(&[DISCORD]);
    let left_out = "left out: heartbeat, pagerduty, email, sms, dingtalk-trading, dingtalk-risk, dingtalk-data, dingtalk-sre.\n";
    assert!(self::said(&output).contains(left_out), "{}", self::said(&output));
}

#[test]
fn the_file_is_for_its_group_alone_and_replaced_at_once() {
    let folder = Folder::new();
    folder.rendered(&[DISCORD]);
    let mode = || fs::metadata(folder.config()).unwrap().mode() & 0o7777;
    assert_eq!(mode(), 0o640);
    // Whatever it was before: the new one is not readable for more.
    fs::set_permissions(folder.config(), Permissions::from_mode(0o666)).unwrap();
    let before = fs::metadata(folder.config()).unwrap();
    folder.rendered(&[DISCORD, EVERYTHING[3]]);
    assert_eq!((mode(), fs::metadata(folder.config()).unwrap().gid()), (0o640, before.gid()));
    assert_ne!(fs::metadata(folder.config()).unwrap().ino(), before.ino(), "not written in place");

    // A refusal leaves what was there, and nothing beside it.
    let text = fs::read_to_string(folder.config()).unwrap();
    assert!(!folder.render(&[]).status.success());
    assert_eq!(fs::read_to_string(folder.config()).unwrap(), text);
    // So does a result that amtool refuses; it is kept aside, as private, to find out why.
    fs::write(folder.0.join("templates/broken.tmpl"), "{{ end }}").unwrap();
    let output = folder.render(&[DISCORD]);
    assert!(said(&output).contains("amtool refuses the result") && !said(&output).contains("secret-of"), "{}", said(&output));
    assert_eq!(fs::read_to_string(folder.config()).unwrap(), text);
    assert_eq!(fs::metadata(folder.0.join("alertmanager.yml.rejected")).unwrap().mode() & 0o7777, 0o640);
    let mut names: Vec<_> = fs::read_dir(folder.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["alertmanager.yml", "alertmanager.yml.rejected", "templates", "token"]);
}

#[test]
fn without_the_texts_nothing_is_written() {
    let folder = Folder::new();
    fs::remove_dir_all(folder.0.join("templates")).unwrap();
    let output = folder.render(&[DISCORD]);
    assert!(said(&output).contains("holds no *.tmpl: copy prometheus/templates there first"), "{}", said(&output));
    assert!(!output.status.success() && !folder.config().exists());
}
