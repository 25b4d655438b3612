//! A private Prometheus.

use std::{
    net::SocketAddr,
    path::Path,
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

pub(crate) struct Prometheus {
    // Fields are dropped in this order: it ends before its folder is removed.
    daemon: Daemon,
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl Prometheus {
    pub(crate) fn start(config: &Path) -> Prometheus {
        Prometheus::start_with(config, &[])
    }

    /// With more flags.
    pub(crate) fn start_with(config: &Path, flags: &[&str]) -> Prometheus {
        let folder = TempDir::new("prometheus");
        let command = |port| {
            let mut command = Command::new("prometheus");
            command.arg(format!("--config.file={}", config.display())).arg(format!("--web.listen-address={}", local(port)));
            command.arg(format!("--storage.tsdb.path={}", folder.join("data").display())).args(flags);
            command
        };
        let ready = |port| http::is_ready(local(port));
        let (daemon, port) = Daemon::start(&folder.join("log"), "TERM", free_port, command, ready);
        Prometheus { daemon, address: local(port), _folder: folder }
    }

    /// Has it read its configuration again, whether it takes it or not.
    pub(crate) fn reload(&self) {
        self.daemon.signal("HUP");
    }

    /// The answer of its API to a path.
    pub(crate) fn get(&self, path: &str) -> Value {
        http::request(self.address, "GET", path, "").json()
    }

    /// Waits until what is wrong with each target of a job is what is expected, empty for nothing; panics after half a minute.
    pub(crate) fn finds(&self, job: &str, expected: impl Fn(&str) -> bool) {
        let since = Instant::now();
        loop {
            let answer = self.get("/api/v1/targets?state=active");
            let targets = answer["data"]["activeTargets"].as_array().unwrap().iter();
            let targets: Vec<&Value> = targets.filter(|target| target["labels"]["job"] == job).collect();
            let found = |target: &&Value| target["health"] != "unknown" && expected(target["lastError"].as_str().unwrap());
            if !targets.is_empty() && targets.iter().all(found) {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "{job} is not as expected: {answer:#}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}
