//! What people see: help, mistakes in arguments, colours on a terminal alone, and nothing that moves its cursor.

use std::process::Command;

use super::{Script, script};
use crate::support::exporter::Exporter;
use crate::support::site::Site;

#[test]
fn the_help_is_whole() {
    for (name, options) in [
        (
            "verify-inf.sh",
            &["--https", "--ca", "--cert", "--key", "--user", "--password-file", "--hub", "--unit", "--timeout"][..],
        ),
        (
            "verify-hub.sh",
            &[
                "--page",
                "--wait",
                "--team",
                "--receivers",
                "--peers",
                "--rules",
                "--grafana-token-file",
                "--prometheus-port",
                "--alertmanager-port",
                "--grafana-port",
                "--bridge-port",
                "--timeout",
            ],
        ),
    ] {
        let report = Script::new(name).args("--help").run();
        assert_eq!(report.code, 0);
        assert!(
            report.said.starts_with("Asks whether ") && report.said.ends_with("or a command is missing.\n"),
            "{}",
            report.said
        );
        for option in options {
            assert!(report.said.contains(option), "{option} is not in\n{}", report.said);
        }
        let text = std::fs::read_to_string(script(name)).unwrap();
        let taken = text.lines().filter_map(|line| line.trim_start().strip_prefix("--")?.split_once(')'));
        let taken: Vec<_> = taken.filter(|(option, _)| !option.contains(' ')).map(|(option, _)| format!("--{option}")).collect();
        assert_eq!(taken.len(), options.len(), "the help has all that is taken: {taken:?}");
    }
}

#[test]
fn mistakes_in_arguments_are_named() {
    for (name, arguments, told) in [
        ("verify-inf.sh", "--color", "unknown option '--color'"),
        ("verify-inf.sh", "a b", "one address is enough"),
        ("verify-inf.sh", "a/b", "'a/b' is no ADDRESS[:PORT]"),
        ("verify-inf.sh", "--unit", "--unit needs a value"),
        ("verify-inf.sh", "--timeout 0", "--timeout needs a number of seconds"),
        ("verify-inf.sh", "--cert /etc/hostname", "--cert and --key belong together"),
        ("verify-inf.sh", "--user me", "--user and --password-file belong together"),
        ("verify-inf.sh", "--ca /nowhere", "--ca: /nowhere is no file that can be read here"),
        ("verify-inf.sh", "no.such.host.invalid", "no host 'no.such.host.invalid' is known here"),
        ("verify-hub.sh", "--page all.invalid", "no host 'all.invalid' is known here"),
        ("verify-hub.sh", "a b c", "two addresses are enough"),
        ("verify-hub.sh", "hub:9090", "HUB is an address without a port"),
        ("verify-hub.sh", "hub in/f", "'in/f' is no address"),
        ("verify-hub.sh", "--team desk", "'desk' is no team; expected trading, risk, data or sre"),
        ("verify-hub.sh", "--peers none", "'none' is no number"),
        ("verify-hub.sh", "--rules /nowhere", "--rules: /nowhere is no folder"),
        ("verify-hub.sh", "--grafana-token-file /dev/null", "--grafana-token-file: /dev/null is no file"),
    ] {
        let report = Script::new(name).args(arguments).run();
        let expected = format!("{name}: {told}");
        assert!(report.said.starts_with(&expected) && report.said.lines().count() == 1, "{arguments}: {}", report.said);
        assert_eq!(report.code, 2, "{arguments}");
    }
}

/// What a terminal gets.
fn on_a_terminal(address: &str, environment: &[(&str, &str)]) -> String {
    let command = format!("{} {address}", script("verify-inf.sh").display());
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &command, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
    String::from_utf8(terminal.envs(environment.iter().copied()).output().unwrap().stdout).unwrap()
}

#[test]
fn colours_are_for_a_terminal() {
    let exporter = Exporter::start("");
    exporter.ready();
    let address = exporter.address.to_string();
    let shown = on_a_terminal(&address, &[]);
    assert!(shown.contains("\u{1b}[32mok  \u{1b}[0m  health ") && shown.contains("\u{1b}[33mwarn\u{1b}[0m  journal "), "{shown}");
    assert!(!on_a_terminal(&address, &[("NO_COLOR", "1")]).contains('\u{1b}'));
    assert!(!on_a_terminal(&address, &[("TERM", "dumb")]).contains('\u{1b}'));
    assert!(!Script::new("verify-inf.sh").arg(address).run().said.contains('\u{1b}'));
}

#[test]
fn what_comes_from_outside_stays_on_its_line() {
    let (exporter, site) = (Exporter::start(""), Site::start());
    for path in ["/health", "/-/ready", "/metrics"] {
        exporter.ready();
        site.page(path, exporter.get(path).text());
    }
    let page = site.at("/metrics");
    site.set("/metrics", page.replace("/journal/events.jsonl\"} 0\n", "/\u{1b}[2J\rok    lag\"} 2000000\n"));
    let report = Script::new("verify-inf.sh").arg(site.address.to_string()).run();
    report.assert_one("lag", "FAIL", "/ [2J ok    lag are not read", "journalctl");
    assert!(!report.said.contains(['\u{1b}', '\r']), "{}", report.said);
}
