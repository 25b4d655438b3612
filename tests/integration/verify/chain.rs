//! A private chain: the exporter, Prometheus with the shipped configuration and rules, Alertmanager with a rendered one, the bridge to
//! DingTalk, and a stand-in for Grafana, which answers what the script asks of it and nothing else. Only addresses and intervals are
//! other than shipped, and docs_url is given.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ROOT, Report, Script};
use crate::routing::{Folder, delivery};
use crate::support::alertmanager::Alertmanager;
use crate::support::daemon::{free_port, local};
use crate::support::dingtalk::DingTalk;
use crate::support::exporter::{Exporter, Setup};
use crate::support::http;
use crate::support::prometheus::Prometheus;
use crate::support::site::Site;
use crate::support::tempdir::TempDir;
use crate::support::webhooks::Webhooks;

const PATIENCE: Duration = Duration::from_secs(30);
/// Every receiver but e-mail.
pub(super) const RECEIVERS: &str = "heartbeat discord pagerduty sms dingtalk-trading dingtalk-risk dingtalk-data dingtalk-sre";

pub(super) struct Chain {
    pub(super) prometheus: Prometheus,
    pub(super) alertmanager: Alertmanager,
    pub(super) grafana: Site,
    pub(super) bridge: Exporter,
    pub(super) exporter: Exporter,
    /// A second target of the job, that shows what a test wants.
    pub(super) other: Site,
    /// The files of Prometheus, and in `expected` the rules to compare with.
    pub(super) folder: TempDir,
    _routes: Folder,
}

impl Chain {
    pub(super) fn start() -> Chain {
        let exporter = Exporter::start("journals: [{path: events.jsonl}]");
        // While the market is closed nobody misses another cycle, however long a test takes.
        exporter.append("events.jsonl", "{\"event\":\"cycle\",\"seconds\":1}\n{\"event\":\"regime\",\"regime\":\"closed\"}\n");
        exporter.ready();
        let ([grafana, other], bridge, folder) =
            ([(); 2].map(|()| Site::start()), bridge(&DingTalk::start()), TempDir::new("hub"));
        other.page("/metrics", exporter.get("/metrics").text());
        grafana.page("/api/health", json!({"commit": "0", "database": "ok", "version": "10.4.2"}).to_string());
        grafana.page("/api/search", found(&dashboards()));
        let webhooks = Webhooks::start();
        let routes = delivery::configured(true, |path| webhooks.url(path));
        let alertmanager = Alertmanager::start(&routes.config());

        copy(&Path::new(ROOT).join("rules"), &folder.join("rules"), |text| text.replace("interval: 60s", "interval: 1s"));
        copy(&folder.join("rules"), &folder.join("expected"), |text| text);
        fs::create_dir(folder.join("targets")).unwrap();
        fs::write(folder.join("targets/more.yml"), format!("- targets: ['{}']\n", other.address)).unwrap();
        let text = fs::read_to_string(Path::new(ROOT).join("prometheus/prometheus.yml")).unwrap();
        let text = text
            .replace("172.19.141.250:8000", &exporter.address.to_string())
            .replace("127.0.0.1:9093", &alertmanager.address.to_string())
            .replace("127.0.0.1:9090", &bridge.address.to_string())
            .replace("127.0.0.1:8060", &bridge.address.to_string())
            .replace(": 15s", ": 1s")
            .replace(": 10s", ": 1s")
            .replace("#docs_url", "docs_url");
        fs::write(folder.join("prometheus.yml"), text).unwrap();
        // An alert is valid for four of these, and has to outlive the search for Alertmanagers after a reload.
        let flags = ["--storage.tsdb.retention.time=31d", "--rules.alert.resend-delay=4s"];
        let prometheus = Prometheus::start_with(&folder.join("prometheus.yml"), &flags);
        let chain = Chain { prometheus, alertmanager, grafana, bridge, exporter, other, folder, _routes: routes };
        chain.settled();
        chain
    }

    /// Waits until every target was scraped, and soon, every rule evaluated, and Alertmanager has heard of it.
    pub(super) fn settled(&self) {
        let well = |target: &Value| target["health"] == "up" && target["lastScrapeDuration"].as_f64() < Some(0.25);
        wait("all targets are up", || self.targets().len() >= 5 && self.targets().iter().all(well));
        wait("the rules are evaluated", || self.rules().iter().all(|rule| rule["health"] == "ok"));
        for record in ["slo:objective:ratio%7Bslo=%22exporter%22%7D", "job_instance:sentinel_orders_total:sum_new"] {
            let query = format!("/api/v1/query?query={record}");
            let both = || self.prometheus.get(&query)["data"]["result"].as_array().unwrap().len() == 2;
            wait("it is recorded of both targets", both);
        }
        self.alertmanager.eventually("the Watchdog", |alerts| !alerts.is_empty());
        wait("an Alertmanager is known", || {
            self.prometheus.get("/api/v1/alertmanagers")["data"]["activeAlertmanagers"][0].is_object()
        });
    }

    pub(super) fn targets(&self) -> Vec<Value> {
        self.prometheus.get("/api/v1/targets?state=active")["data"]["activeTargets"].as_array().unwrap().clone()
    }

    pub(super) fn rules(&self) -> Vec<Value> {
        let answer = self.prometheus.get("/api/v1/rules");
        answer["data"]["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    }

    /// The script, with this exporter and the addresses of the chain.
    pub(super) fn script(&self, exporter: &str) -> Script {
        self.script_for("127.0.0.1", exporter)
    }

    /// The same, with HUB at another address of this host.
    pub(super) fn script_for(&self, hub: &str, exporter: &str) -> Script {
        let servers = [self.prometheus.address, self.alertmanager.address, self.grafana.address, self.bridge.address];
        let script = ask(servers).arg("--rules").arg(self.folder.join("expected"));
        script.arg("--receivers").arg(RECEIVERS).arg(hub).arg(exporter)
    }

    pub(super) fn verify(&self) -> Report {
        self.verified(&[])
    }

    /// With one more option.
    pub(super) fn verify_with(&self, option: &str, value: &str) -> Report {
        self.verified(&[option, value])
    }

    fn verified(&self, options: &[&str]) -> Report {
        let exporter = self.exporter.address.to_string();
        unhurried(|| options.iter().fold(self.script(&exporter), Script::arg).run())
    }
}

/// Runs the script, and once more when a scrape took its time, as on a machine that stood still for a moment.
pub(super) fn unhurried(run: impl Fn() -> Report) -> Report {
    let slow = |report: &Report| report.checks.get("scrape").is_some_and(|check| check.status == "warn");
    let report = run();
    if slow(&report) { run() } else { report }
}

/// The bridge, with a robot for each team.
pub(super) fn bridge(dingtalk: &DingTalk) -> Exporter {
    let url = dingtalk.url("t0ken");
    let robot = |name| format!("  - {{name: {name}, webhooks: [{{url: \"{url}\", secret: SEC5ecret}}], keyword: Sentinel}}\n");
    Setup::of_subcommand("dingtalk", "robots:\n".to_owned() + &["trading", "risk", "data", "sre"].map(robot).concat())
        // Nobody else gets the port once it is stopped.
        .argument(&format!("--web.listen-address={}", local(free_port())))
        .start()
}

/// Waits until it holds; panics after half a minute.
pub(super) fn wait(what: &str, condition: impl Fn() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < PATIENCE, "it never came: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The script with the ports of Prometheus, Alertmanager, Grafana and the bridge.
pub(super) fn ask(servers: [SocketAddr; 4]) -> Script {
    let options = ["--prometheus-port", "--alertmanager-port", "--grafana-port", "--bridge-port"];
    let pairs = options.into_iter().zip(servers);
    pairs.fold(Script::new("verify-hub.sh"), |script, (option, address)| script.arg(option).arg(address.port().to_string()))
}

/// What an Alertmanager answers to a path.
pub(super) fn get(address: SocketAddr, path: &str) -> Value {
    http::request(address, "GET", path, "").json()
}

/// The dashboards that the alerts of this repository lead to, and those that it has.
pub(super) fn dashboards() -> BTreeSet<String> {
    let rules = texts("rules", "yml").concat();
    let links = rules.split("/d/").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned);
    let shipped = texts("grafana/dashboards", "json").into_iter().map(|text| {
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        dashboard["uid"].as_str().unwrap().to_owned()
    });
    links.chain(shipped).collect()
}

fn texts(folder: &str, extension: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(Path::new(ROOT).join(folder)) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|it| it == extension))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

/// How many rules this repository has, and how many of them are alerts.
pub(super) fn counts() -> (usize, usize) {
    let rules = texts("rules", "yml").concat();
    let begin = |word: &str| rules.matches(&format!("- {word}: ")).count() + rules.matches(&format!("- {{{word}: ")).count();
    (begin("alert") + begin("record"), begin("alert"))
}

/// What Grafana answers to a search.
pub(super) fn found(uids: &BTreeSet<String>) -> String {
    Value::from_iter(uids.iter().map(|uid| json!({"uid": uid, "type": "dash-db"}))).to_string()
}

fn copy(from: &Path, to: &Path, change: impl Fn(String) -> String) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::write(to.join(path.file_name().unwrap()), change(fs::read_to_string(&path).unwrap())).unwrap();
    }
}
