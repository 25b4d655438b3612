//! The command line of the bridge: the example, the check, and the test of a robot.

use std::process::{Command, Output};

use serde_json::Value;

use super::config;
use crate::support::dingtalk::{DingTalk, Fault};
use crate::support::tempdir::TempDir;

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentinel-exporter"));
    command
        .arg("dingtalk")
        .args(arguments)
        .env("SENTINEL_DINGTALK_URL", "https://oapi.dingtalk.com/robot/send?access_token=t0ken");
    command.output().unwrap()
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

const EXAMPLE: &str = concat!("--config.file=", env!("CARGO_MANIFEST_DIR"), "/dingtalk.yml");

#[test]
fn the_example_is_valid_and_shows_every_key() {
    assert_eq!(told(&run(&[EXAMPLE, "--config.check"])), (Some(0), "The configuration is valid.\n".to_owned(), String::new()));
    // Asking for a key that nobody knows tells the known ones, in every section.
    let example = std::fs::read_to_string(&EXAMPLE["--config.file=".len()..]).unwrap();
    let mut asked: serde_yaml::Value = serde_yaml::from_str(&example).unwrap();
    for place in [&["web"][..], &["robots", "0"], &["robots", "0", "webhooks", "0"], &[]] {
        let mut section = &mut asked;
        for key in place {
            section = match key.parse::<usize>() {
                Ok(at) => &mut section[at],
                Err(_) => &mut section[*key],
            };
        }
        section["unheard_of"] = "".into();
    }
    let folder = TempDir::new("example");
    std::fs::write(folder.join("dingtalk.yml"), serde_yaml::to_string(&asked).unwrap()).unwrap();
    let (_, _, errors) = told(&run(&[&format!("--config.file={}", folder.join("dingtalk.yml").display()), "--config.check"]));
    let known: Vec<_> = errors.lines().filter_map(|line| line.split_once("expected one of ")).map(|(_, keys)| keys).collect();
    assert_eq!(known.len(), 4, "{errors}");
    for key in known.into_iter().flat_map(|keys| keys.split(", ")) {
        let shown = example.lines().any(|line| line.trim_start_matches([' ', '#', '-']).starts_with(&format!("{key}:")));
        assert!(shown, "dingtalk.yml does not show {key}");
    }
}

#[test]
fn a_dry_run_shows_the_message_and_sends_nothing() {
    let (code, message, errors) = told(&run(&["test", "trading", "--dry-run", EXAMPLE]));
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let message: Value = serde_json::from_str(&message).unwrap();
    assert_eq!(message["actionCard"]["title"], "🔴 CRITICAL: SentinelTest on test");
    let (code, _, errors) = told(&run(&["test", "nobody", "--dry-run", EXAMPLE]));
    assert_eq!((code, errors.as_str()), (Some(1), "No robot is called nobody; there are trading.\n"));
}

#[test]
fn a_test_sends_by_every_webhook_and_tells_how_that_went() {
    let dingtalk = DingTalk::start();
    dingtalk.robot("second", None, None);
    let folder = TempDir::new("test");
    let text = config(&dingtalk, "").replace("webhooks: [", &format!("webhooks: [{{url: \"{}\"}}, ", dingtalk.url("second")));
    std::fs::write(folder.join("dingtalk.yml"), text).unwrap();
    let file = format!("--config.file={}", folder.join("dingtalk.yml").display());
    let sent = "webhooks[0]: delivered (errcode 0: ok)\nwebhooks[1]: delivered (errcode 0: ok)\n";
    assert_eq!(told(&run(&["test", "sre", &file])), (Some(0), sent.to_owned(), String::new()));
    assert_eq!(dingtalk.messages().len(), 2);

    dingtalk.faults([Fault::Code(310_000, "sign not match, more: [x]")]);
    let (code, _, errors) = told(&run(&["test", "sre", &file]));
    assert_eq!(code, Some(1));
    assert!(
        errors.starts_with("webhooks[0]: rejected (errcode 310000: sign not match, more: ［x］)\n  the signature is wrong"),
        "{errors}"
    );
    assert!(errors.ends_with("webhooks[1]: delivered (errcode 0: ok)\n"), "{errors}");
}
