//! Who is told of what: the configurations of Prometheus and Alertmanager in the programs' own tools, and in a private Alertmanager.

pub(crate) mod delivery;
mod inhibition;
mod matchers;
mod render;
mod routes;
mod scrapes;
mod texts;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_yaml::Value;

use crate::support::tempdir::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Who is told of each alert: its name, severity, team and the receivers, as they stand in the table.
fn table() -> impl Iterator<Item = [&'static str; 4]> {
    let lines = include_str!("../fixtures/routes.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().try_into().expect("four words a line"))
}

/// A folder as Alertmanager's is: the templates, and the configuration that is rendered into it.
pub(crate) struct Folder(pub(crate) TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        let folder = TempDir::new("routing");
        fs::create_dir(folder.join("templates")).unwrap();
        for entry in fs::read_dir(Path::new(ROOT).join("prometheus/templates")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.join("templates").join(path.file_name().unwrap())).unwrap();
        }
        fs::write(folder.join("token"), "the-token-of-the-bridge\n").unwrap();
        Folder(folder)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("alertmanager.yml")
    }

    /// Runs the script with these settings and no others.
    fn render(&self, settings: &[(&str, &str)]) -> Output {
        self.render_to(&self.config(), settings)
    }

    fn render_to(&self, output: &Path, settings: &[(&str, &str)]) -> Output {
        let mut command = Command::new(Path::new(ROOT).join("scripts/render-alertmanager"));
        command.arg(output).current_dir(self.0.path()).env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        command.envs(settings.iter().copied()).output().expect("python3 runs the script")
    }

    /// The rendered configuration.
    pub(crate) fn rendered(&self, settings: &[(&str, &str)]) -> Value {
        let output = self.render(settings);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_yaml::from_str(&fs::read_to_string(self.config()).unwrap()).unwrap()
    }
}

/// Settings for every receiver there is.
pub(crate) const EVERYTHING: &[(&str, &str)] = &[
    ("HEARTBEAT_URL", "https://heartbeat.example/beat"),
    ("DISCORD_WEBHOOK_URL", "https://discord.example/api/webhooks/1/secret-of-discord"),
    ("DINGTALK_TOKEN_FILE", "token"),
    ("PAGERDUTY_ROUTING_KEY", "0123456789abcdef0123456789abcdef"),
    ("EMAIL_TO", "desk@example.com"),
    ("SMTP_FROM", "alertmanager@example.com"),
    ("SMTP_SMARTHOST", "smtp.example.com:587"),
    ("SMS_URL", "https://sms.example/send"),
];

/// Runs amtool and gives what it prints.
fn amtool(arguments: &[&str]) -> String {
    let output = Command::new("amtool").args(arguments).output();
    let output = output.expect("amtool is not in PATH: install the package prometheus-alertmanager");
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "amtool {arguments:?}\n{told}{errors}");
    told.into_owned()
}

/// Both from standard output and standard error.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
