//! scripts/verify/hub.py, which judges: the answers of a chain that is well, each of them spoiled in turn.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::chain::{Chain, RECEIVERS, dashboards, found, get};
use super::{Report, script};
use crate::support::tempdir::TempDir;

/// The folder that verify-hub.sh leaves for its judge.
pub(super) struct Answers {
    folder: TempDir,
    exporter: String,
}

impl Answers {
    pub(super) fn of(chain: &Chain) -> Answers {
        let (folder, exporter) = (TempDir::new("answers"), chain.exporter.address.to_string());
        let query = |expression: &str| format!("query?query={}", expression.replace(' ', "+").replace('"', "%22"));
        let (prometheus, alertmanager) = (chain.prometheus.address, chain.alertmanager.address);
        let keep = |name: &str, text: String| fs::write(folder.join(name), text).unwrap();
        let ask = |name: &str, address: SocketAddr, path: &str| keep(name, get(address, path).to_string());
        for (name, path) in [
            ("config", "status/config"),
            ("runtime", "status/runtimeinfo"),
            ("targets", "targets"),
            ("rules", "rules"),
            ("alertmanagers", "alertmanagers"),
            ("alerts", "alerts"),
            ("names", &query(&format!("count by (__name__) ({{instance=\"{exporter}\"}})"))),
            ("since", &query(&format!("min_over_time(timestamp(up{{instance=\"{exporter}\"}})[1d:1s])"))),
        ] {
            ask(name, prometheus, &format!("/api/v1/{path}"));
        }
        ask("am_status", alertmanager, "/api/v2/status");
        ask("am_watchdog", alertmanager, "/api/v2/alerts");
        for name in ["prometheus_ready", "alertmanager_ready", "bridge"] {
            keep(name, "OK\n".to_owned());
        }
        keep("grafana", json!({"database": "ok"}).to_string());
        keep("search", found(&dashboards()));
        fs::create_dir(folder.join("expected")).unwrap();
        for entry in fs::read_dir(chain.folder.join("expected")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.join("expected").join(path.file_name().unwrap())).unwrap();
        }
        Answers { folder, exporter }
    }

    /// What the judge says of them, as verify-hub.sh would show it.
    fn judged(&self, more: &[&str]) -> Report {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
        let mut command = Command::new("python3");
        command.arg("-B").arg(script("verify/hub.py")).arg("checks").arg(self.folder.path());
        command.args([
            "--hub",
            "127.0.0.1",
            "--inf",
            &self.exporter,
            "--receivers",
            RECEIVERS,
            "--peers",
            "1",
            "--again",
            "again",
        ]);
        command.args(["--prometheus-port", "9090", "--alertmanager-port", "9093", "--grafana-port", "3000", "--now", &now]);
        let output = command.arg("--rules").arg(self.folder.join("expected")).args(more).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Report::of_findings(str::from_utf8(&output.stdout).unwrap())
    }

    /// What is said when one answer is another text, or is not there and why; afterwards it is as before.
    fn with(&self, name: &str, answer: Result<&str, &str>, more: &[&str]) -> Report {
        let (path, why) = (self.folder.join(name), self.folder.join(&format!("{name}.why")));
        let before = fs::read(&path).unwrap();
        match answer {
            Ok(text) => fs::write(&path, text).unwrap(),
            Err(text) => {
                fs::remove_file(&path).unwrap();
                fs::write(&why, text).unwrap();
            }
        }
        let report = self.judged(more);
        fs::write(&path, before).unwrap();
        let _ = fs::remove_file(why);
        report
    }

    fn spoiled(&self, name: &str, spoil: impl Fn(&mut Value)) -> Report {
        let mut answer = serde_json::from_slice(&fs::read(self.folder.join(name)).unwrap()).unwrap();
        spoil(&mut answer);
        self.with(name, Ok(&answer.to_string()), &[])
    }

    pub(super) fn each_that_is_spoiled_is_seen(&self) {
        self.judged(&[]).assert_well(&[]);
        self.of_prometheus();
        self.of_targets();
        self.of_others();
        self.whatever_it_is();
    }

    fn of_prometheus(&self) {
        let yaml = |from: &str| {
            self.spoiled("config", |it| it["data"]["yaml"] = it["data"]["yaml"].as_str().unwrap().replace(from, "x").into())
        };
        let without = yaml("job_name: sentinel-metrics");
        without.assert_only("job", "FAIL", "no job sentinel-metrics", "diff <(cat /etc/prometheus/prometheus.yml)");
        assert_eq!(without.status("target"), "skip");
        yaml("docs_url").assert_only("links", "warn", "lack docs_url", "external_labels");
        yaml("grafana_url").assert_only("links", "FAIL", "lack grafana_url", "external_labels");

        let kept = |text: &str| self.spoiled("runtime", |it| it["data"]["storageRetention"] = text.into());
        kept("15d").assert_only("retention", "FAIL", "--storage.tsdb.retention.time=31d", "/etc/default/prometheus");
        kept("30d23h").assert_only("retention", "FAIL", "30d23h", "/etc/default/prometheus");
        kept("31d or 10GiB").assert_only("retention", "warn", "the size may end it", "/etc/default/prometheus");
        kept("1y").assert_well(&[]);

        let path = self.folder.join("alertmanagers");
        let before = fs::read(&path).unwrap();
        fs::write(&path, json!({"data": {"activeAlertmanagers": []}}).to_string()).unwrap();
        let read_before = |seconds: u64| {
            let read = (Timestamp::now() - Duration::from_secs(seconds)).to_string();
            self.spoiled("runtime", |it| it["data"]["lastConfigTime"] = read.clone().into())
        };
        read_before(20).assert_only("alertmanagers", "FAIL", "no alert is told", "^alerting:");
        read_before(2).assert_only("alertmanagers", "warn", "has read its configuration just now", "sleep 10; again");
        fs::write(&path, before).unwrap();

        let waiting = self.spoiled("rules", |it| it["data"]["groups"][0]["rules"][0]["health"] = "unknown".into());
        waiting.assert_only("evaluation", "warn", " rules were not evaluated yet", "sleep 60; again");
        let twice = self.spoiled("rules", |it| {
            let rules = it["data"]["groups"][0]["rules"].as_array_mut().unwrap();
            rules.push(rules[0].clone());
        });
        twice.assert_only("rules", "FAIL", " is there 2 times", "sudo cp -v ");
        let empty = TempDir::new("no-rules");
        let none = self.judged(&["--rules", empty.path().to_str().unwrap()]);
        none.assert_only("rules", "FAIL", "holds no rules to compare with", "ls -l /");
    }

    fn of_targets(&self) {
        let job = |job: &str, change: &dyn Fn(&mut Value)| {
            self.spoiled("targets", |it| {
                let targets = it["data"]["activeTargets"].as_array_mut().unwrap();
                targets.iter_mut().filter(|target| target["labels"]["job"] == job).for_each(change);
            })
        };
        let new = job("sentinel-metrics", &|target| target["health"] = "unknown".into());
        new.assert_only("target", "warn", "was not scraped yet", "sleep 15; again");
        let since = |seconds: u64| {
            let ago = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - seconds;
            self.spoiled("since", |it| it["data"]["result"] = json!([{"metric": {}, "value": [ago, ago.to_string()]}]))
        };
        assert!(since(3 * 3600 + 10).checks["target"].text.ends_with(" UTC, for 3 h"));
        let fresh = self.spoiled("since", |it| it["data"]["result"] = json!([]));
        assert!(fresh.checks["target"].text.ends_with("is up, since just now") && fresh.code == 0);
        assert!(since(86_390).checks["target"].text.ends_with("up for a day or more"));

        let down = job("sentinel-dingtalk", &|target| target["health"] = "down".into());
        down.assert_only("bridge", "FAIL", "Prometheus does not reach the bridge", "systemctl status sentinel-dingtalk");
        let unasked = job("sentinel-dingtalk", &|target| target["labels"]["job"] = "x".into());
        unasked.assert_only("bridge", "FAIL", "no job sentinel-dingtalk", "grep -n -A 3 sentinel-dingtalk /");
        // A bridge that listens for HUB alone is not asked from elsewhere.
        let away = self.with("bridge", Err("Connection refused"), &[]);
        away.assert_only("bridge", "FAIL", "Connection refused", "systemctl status sentinel-dingtalk");
        self.with("bridge", Err("Connection refused"), &["--remote"]).assert_well(&[]);
    }

    fn of_others(&self) {
        let settling = self.spoiled("am_status", |it| it["cluster"]["status"] = "settling".into());
        settling.assert_only("cluster", "warn", "still looks for others", "grep cluster");
        let failing = self.spoiled("grafana", |it| it["database"] = "failing".into());
        failing.assert_only("grafana", "FAIL", "its database: failing", "journalctl -u grafana-server");
        let gone = self.spoiled("am_watchdog", |it| *it = json!([]));
        gone.assert_only("watchdog", "FAIL", "does not know the Watchdog", "journalctl -u prometheus ");
        let alone = self.with("prometheus_ready", Err("the answer is 503"), &[]);
        alone.assert_only("prometheus", "FAIL", "is not ready: the answer is 503", "systemctl status prometheus");
    }

    /// Whatever answers there: it is told, and no check falls over it.
    fn whatever_it_is(&self) {
        let names = [
            "config",
            "runtime",
            "targets",
            "rules",
            "alertmanagers",
            "alerts",
            "names",
            "since",
            "am_status",
            "am_watchdog",
            "search",
        ];
        for (text, words) in [("<html>", "does not tell: the answer is no JSON"), ("[7]", "answers something else than expected")]
        {
            for name in names {
                fs::write(self.folder.join(name), text).unwrap();
            }
            let report = self.judged(&[]);
            for (name, check) in &report.checks {
                let asked = !["prometheus", "alertmanager", "grafana"].contains(&name.as_str());
                assert_eq!(asked, check.status == "FAIL" && check.text.contains(words), "{name}: {check:?}\n{}", report.said);
            }
        }
    }
}
