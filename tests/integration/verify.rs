//! The scripts for people on the hosts, scripts/verify-inf.sh and verify-hub.sh: well where all is well, and for each fault that they
//! claim to see the one check that sees it, with what to type next. The faults are real ones; where such a one would take minutes, or
//! another program's bug, a stand-in answers what the real server has answered, with that one thing changed.

mod answers;
mod chain;
mod hub;
mod inf;
mod lists;
mod login;
mod page;
mod reach;
mod terminal;

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::tempdir::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// One line of a report, and the commands that follow it.
#[derive(Debug, Default)]
struct Check {
    status: String,
    text: String,
    next: Vec<String>,
}

/// What a script has printed.
#[derive(Debug)]
struct Report {
    code: i32,
    checks: BTreeMap<String, Check>,
    said: String,
}

/// A script with its arguments. Programs of the test stand before those of the host.
struct Script {
    command: Command,
    programs: TempDir,
}

impl Script {
    fn new(name: &str) -> Script {
        let programs = TempDir::new("programs");
        let mut command = Command::new(Path::new(ROOT).join("scripts").join(name));
        let path = format!("{}:{}", programs.path().display(), env::var("PATH").unwrap());
        command.current_dir(programs.path()).env("PATH", path);
        let script = Script { command, programs };
        script.program("systemctl", ACTIVE)
    }

    /// With one more argument.
    fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Script {
        self.command.arg(argument);
        self
    }

    /// With more arguments, which stand between spaces.
    fn args(mut self, arguments: &str) -> Script {
        self.command.args(arguments.split(' '));
        self
    }

    /// With a program of the test: the lines of a shell script.
    fn program(self, name: &str, lines: &str) -> Script {
        // Written by a process of its own: what this one has open for writing a fork of another test has open for a moment too, and
        // such a file is not run.
        let mut command = Command::new("sh");
        command.args(["-c", r#"printf '#!/bin/sh\n%s\n' "$1" >"$0" && chmod 755 "$0""#]).arg(self.programs.join(name)).arg(lines);
        assert!(command.status().unwrap().success(), "write {name}");
        self
    }

    /// With these programs of the host, and the test's, alone.
    fn with_programs(mut self, names: &[&str]) -> Script {
        for name in names {
            let found =
                env::split_paths(&env::var_os("PATH").unwrap()).map(|folder| folder.join(name)).find(|path| path.is_file());
            std::os::unix::fs::symlink(found.unwrap_or_else(|| panic!("no {name}")), self.programs.join(name)).unwrap();
        }
        self.command.env("PATH", self.programs.path());
        self
    }

    fn run(mut self) -> Report {
        let output = self.command.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        Report::parse(output.status.code().unwrap(), said)
    }
}

/// What systemd says of a service that runs.
const ACTIVE: &str = "cat <<'END'
LoadState=loaded
ActiveState=active
SubState=running
Result=success
NRestarts=0
ActiveEnterTimestamp=Sun 2026-01-04 09:00:00 UTC
ExecStart={ path=/usr/bin/sentinel-exporter ; argv[]=/usr/bin/sentinel-exporter --config.file=/etc/sentinel-exporter/inf.yml ; ignore_errors=no }
END";

impl Report {
    fn parse(code: i32, said: String) -> Report {
        let mut checks = BTreeMap::new();
        let mut last = String::new();
        for line in said.lines() {
            if let Some(command) = line.strip_prefix("      next: ") {
                let check: &mut Check = checks.get_mut(&last).expect("a check before its command");
                check.next.push(command.to_owned());
            } else if let Some((status, rest)) = line.split_at_checked(6).filter(|(status, _)| STATUSES.contains(&status.trim()))
            {
                let (name, text) = rest.split_once(' ').expect("a name and what was found");
                last = name.to_owned();
                let check = Check { status: status.trim().to_owned(), text: text.trim().to_owned(), next: Vec::new() };
                assert!(checks.insert(last.clone(), check).is_none(), "{name} stands twice:\n{said}");
            }
        }
        let report = Report { code, checks, said };
        if !report.checks.is_empty() {
            report.assert_sums();
        }
        report
    }

    /// Of lines of a status, a name, what was found and commands, with tabs between them.
    fn of_findings(lines: &str) -> Report {
        let mut report = Report { code: 0, checks: BTreeMap::new(), said: lines.to_owned() };
        for line in lines.lines() {
            let [status, name, text, next @ ..] = &line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            report.code |= i32::from(*status == "FAIL");
            let next = next.iter().map(|&it| it.to_owned()).collect();
            report.checks.insert((*name).to_owned(), Check { status: (*status).to_owned(), text: (*text).to_owned(), next });
        }
        report
    }

    /// The summary is last and true, the exit code says whether something failed, and what failed is followed by a command.
    fn assert_sums(&self) {
        let count = |status| self.checks.values().filter(|check| check.status == status).count();
        let [ok, failed, warnings, skipped] = STATUSES.map(count);
        let expected = format!(": {ok} ok, {failed} failed, {warnings} warnings, {skipped} skipped");
        assert!(self.said.lines().last().is_some_and(|line| line.ends_with(&expected)), "{}", self.said);
        assert_eq!(self.code, i32::from(failed > 0), "{}", self.said);
        for (name, check) in &self.checks {
            assert_eq!(
                check.status == "FAIL" || check.status == "warn",
                !check.next.is_empty() && check.status != "skip",
                "{name}: {check:?}"
            );
        }
    }

    /// Everything is ok, but for what is skipped for the reason that is given.
    fn assert_well(&self, skipped: &[(&str, &str)]) {
        for (name, check) in &self.checks {
            let expected = skipped.iter().find(|(skipped, _)| skipped == name);
            assert_eq!(check.status, if expected.is_some() { "skip" } else { "ok" }, "{name}\n{}", self.said);
            assert!(expected.is_none_or(|(_, reason)| check.text.contains(reason)), "{name}\n{}", self.said);
        }
        assert_eq!(self.code, 0, "{}", self.said);
    }

    /// One check alone is not well, in these words and with a command that has these; what depends on it is skipped.
    #[track_caller]
    fn assert_only(&self, name: &str, status: &str, words: &str, command: &str) {
        for (other, check) in self.checks.iter().filter(|(other, _)| *other != name) {
            assert!(["ok", "skip"].contains(&check.status.as_str()), "{other}: {check:?}\n{}", self.said);
        }
        self.assert_one(name, status, words, command);
    }

    #[track_caller]
    fn assert_one(&self, name: &str, status: &str, words: &str, command: &str) {
        let check = self.checks.get(name).unwrap_or_else(|| panic!("no check {name}\n{}", self.said));
        assert_eq!(check.status, status, "{name}\n{}", self.said);
        assert!(check.text.contains(words), "{words:?} is not in {:?}\n{}", check.text, self.said);
        assert!(check.next.iter().any(|next| next.contains(command)), "{command:?} is not in {:?}\n{}", check.next, self.said);
    }

    fn status(&self, name: &str) -> &str {
        &self.checks[name].status
    }
}

const STATUSES: [&str; 4] = ["ok", "FAIL", "warn", "skip"];

fn script(name: &str) -> PathBuf {
    Path::new(ROOT).join("scripts").join(name)
}
