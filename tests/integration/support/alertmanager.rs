//! A private Alertmanager that knows no other.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    daemon::{Daemon, free_port, local},
    http,
    tempdir::TempDir,
};

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Alertmanager {
    // Fields are dropped in this order: it ends before its folder is removed.
    _daemon: Daemon,
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl Alertmanager {
    /// With this configuration; what it names by a relative path is in the folder of the file.
    pub(crate) fn start(config: &Path) -> Alertmanager {
        let folder = TempDir::new("alertmanager");
        let command = |port| {
            let mut command = Command::new(program());
            command.arg(format!("--config.file={}", config.display()));
            command.arg(format!("--storage.path={}", folder.join("data").display()));
            command.arg(format!("--web.listen-address={}", local(port))).arg("--cluster.listen-address=");
            command
        };
        let ready = |port| http::is_ready(local(port));
        let (daemon, port) = Daemon::start(&folder.join("log"), "TERM", free_port, command, ready);
        Alertmanager { _daemon: daemon, address: local(port), _folder: folder }
    }

    /// Tells it of alerts, as Prometheus does.
    pub(crate) fn post(&self, alerts: &[Value]) {
        let answer = http::post(self.address, "/api/v2/alerts", &Value::from(alerts).to_string());
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// The alerts that it knows, once `condition` holds for them; panics after half a minute.
    pub(crate) fn eventually(&self, what: &str, condition: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let since = Instant::now();
        loop {
            let Value::Array(alerts) = http::request(self.address, "GET", "/api/v2/alerts", "").json() else { panic!("a list") };
            if condition(&alerts) {
                return alerts;
            }
            assert!(since.elapsed() < PATIENCE, "it never came: {what}\n{alerts:#?}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Debian gives the program a longer name than its makers do.
fn program() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let names = ["prometheus-alertmanager", "alertmanager"];
    env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|program| program.is_file())
        .expect("alertmanager is not in PATH: install the package prometheus-alertmanager")
}
