//! scripts/verify-hub.sh and a private chain, which is at fault in one way after the other.

use std::fs;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;

use super::answers::Answers;
use super::chain::{Chain, ask, counts, dashboards, found, unhurried, wait};
use crate::routing::{EVERYTHING, Folder};
use crate::support::alertmanager::Alertmanager;
use crate::support::daemon::free_port;
use crate::support::http;
use crate::support::site::{Answer, Site};

/// All on one chain, since a new one takes its time until every rule was evaluated.
#[test]
fn each_fault_is_seen_by_its_check() {
    let chain = Chain::start();
    well(&chain);
    bridge_on_the_loopback(&chain);
    chain.settled();
    let answers = Answers::of(&chain);
    targets(&chain);
    rules(&chain);
    alertmanager(&chain);
    grafana(&chain);
    refused(&chain);
    taken(&chain);
    // Nothing of it was left behind.
    chain.verify().assert_well(&[]);
    without_bridge(chain);
    answers.each_that_is_spoiled_is_seen();
}

fn well(chain: &Chain) {
    let report = chain.verify();
    report.assert_well(&[]);
    assert_eq!(report.checks.len(), 19, "{}", report.said);
    assert!(report.checks["target"].text.contains("is up"), "{}", report.said);
    let (rules, alerts) = counts();
    let loaded = format!("{rules} rules, of them {alerts} alerts, are as in ");
    assert!(rules > 100 && report.checks["rules"].text.starts_with(&loaded), "{loaded}\n{}", report.said);
    assert!(report.checks["retention"].text.starts_with("31d"), "{}", report.said);
    assert_eq!(report.checks["cluster"].text, "1 of 1 (status disabled)");
    assert_eq!(report.checks["watchdog"].text, "the Watchdog has come, and goes to heartbeat");
    // The addresses of receivers hold secrets.
    assert!(!report.said.contains("/api/webhooks") && !report.said.contains("secret"), "{}", report.said);
}

/// HUB is reached by its address here, and its bridge only from HUB itself.
fn bridge_on_the_loopback(chain: &Chain) {
    let curl = format!(
        r#"for it do
  shift
  case $it in
    *:{}/*) ;;
    http://127.0.0.2:*) it=http://127.0.0.1:${{it#http://127.0.0.2:}} ;;
  esac
  set -- "$@" "$it"
done
PATH=${{PATH#*:}} exec curl "$@""#,
        chain.bridge.address.port()
    );
    chain.script_for("127.0.0.2", &chain.exporter.address.to_string()).program("curl", &curl).run().assert_well(&[]);
}

fn targets(chain: &Chain) {
    let other = chain.other.address.to_string();
    let scraped = |answer: Answer, seen: &dyn Fn(&serde_json::Value) -> bool| {
        chain.other.with("/metrics", answer, || {
            wait("it is scraped", || chain.targets().iter().any(|it| it["labels"]["instance"] == other.as_str() && seen(it)));
            chain.script(&other).run()
        })
    };
    let verify_inf = format!("scripts/verify-inf.sh {other}");
    let slow = chain.other.at("/metrics").after(Duration::from_millis(510));
    let slow = scraped(slow, &|it| it["health"] == "up" && it["lastScrapeDuration"].as_f64() > Some(0.5));
    slow.assert_only("scrape", "warn", "s of 1 s", &format!("http://{other}/metrics"));
    let down = scraped(Answer::new(500, ""), &|it| it["health"] == "down");
    down.assert_only("target", "FAIL", "is down: server returned HTTP status 500", &verify_inf);
    assert_eq!((down.status("scrape"), down.status("metrics")), ("skip", "skip"));
    let poor = chain.other.with("/metrics", Answer::new(200, "sentinel_pnl_usd 1\n"), || {
        let there = |name: &str| {
            let path = format!("/api/v1/query?query={name}%7Binstance=%22{other}%22%7D");
            chain.prometheus.get(&path)["data"]["result"] != json!([])
        };
        wait("it is scraped", || there("sentinel_pnl_usd") && !there("sentinel_trading_cycles_total"));
        unhurried(|| chain.script(&other).run())
    });
    let words = "no samples of sentinel_trading_cycles_total; sentinel_last_cycle_timestamp_unix; ";
    poor.assert_only("metrics", "FAIL", words, &verify_inf);
    chain.script("192.0.2.1").run().assert_only("target", "FAIL", "192.0.2.1:8000 is no target of the job", "targets/*.yml");
}

const RELOAD: &str =
    "/etc/prometheus/rules/ && promtool check config /etc/prometheus/prometheus.yml && sudo systemctl reload prometheus";

/// Prometheus has loaded the rules as they are in one folder, and is compared with another, in which something is changed.
fn rules(chain: &Chain) {
    let path = chain.folder.join("expected/alerts-risk.yml");
    let text = fs::read_to_string(&path).unwrap();
    let compared = |changes: &[(&str, &str)]| {
        let change = |text: String, (from, to): &(&str, &str)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        };
        fs::write(&path, changes.iter().fold(text.clone(), change)).unwrap();
        let report = chain.verify();
        fs::write(&path, &text).unwrap();
        report
    };
    let command = format!("sudo cp -v {}/*.yml {RELOAD}", chain.folder.join("expected").display());
    let missing = compared(&[("name: sentinel-risk", "name: sentinel-risks")]);
    missing.assert_only("rules", "FAIL", "1 not as in /", &command);
    missing.assert_only("rules", "FAIL", ": the group sentinel-risks is missing", &command);
    let changed = compared(&[
        ("name: sentinel-risk", "name: sentinel-risk\n    interval: 7s"),
        ("SentinelDailyLoss", "SentinelLoss"),
        ("> 100", "> 101"),
    ]);
    for words in [
        "4 not as in /",
        "the group sentinel-risk has another interval",
        "SentinelLoss (warning, risk) is missing",
        "SentinelDailyLoss (warning, risk) is there, and not in the files",
        "SentinelReconciliationDrift (warning, risk) has another expression",
    ] {
        changed.assert_only("rules", "FAIL", words, &command);
    }
    let changed = compared(&[("for: 30s", "for: 31s"), ("summary: The kill", "summary: A kill")]);
    changed.assert_only("rules", "FAIL", "SentinelDailyLoss (critical, risk) has another for", &command);
    changed.assert_only("rules", "FAIL", "SentinelKillSwitchActive (critical, risk) has another annotations", &command);
    let other = compared(&[("      - alert", "      : alert")]);
    other.assert_only("rules", "FAIL", "alerts-risk.yml:5: not in the form of the rules here", "promtool check rules /");
}

fn alertmanager(chain: &Chain) {
    let receivers = chain.verify_with("--receivers", "discord email pagerduty");
    receivers.assert_only("receivers", "FAIL", "to send to: email;", "sudo scripts/render-alertmanager");
    chain.verify_with("--peers", "2").assert_only(
        "cluster",
        "FAIL",
        "1 of 2 Alertmanagers",
        "journalctl -u prometheus-alertmanager",
    );
    let gone = chain.verify_with("--alertmanager-port", &free_port().to_string());
    gone.assert_only("alertmanager", "FAIL", "is not ready: Failed to connect", "systemctl status prometheus-alertmanager");
    assert_eq!(["receivers", "cluster", "watchdog", "bridge"].map(|name| gone.status(name)), ["skip"; 4]);

    // Without a dead man's switch, the receiver is there and sends to nobody; without DingTalk no bridge is needed.
    let folder = Folder::new();
    folder.rendered(&[EVERYTHING[1]]);
    let other = Alertmanager::start(&folder.config());
    let other = chain.verify_with("--alertmanager-port", &other.address.port().to_string());
    other.assert_one("receivers", "FAIL", "heartbeat; pagerduty; sms; dingtalk-trading", "sudo scripts/render-alertmanager");
    other.assert_one("watchdog", "FAIL", "does not know the Watchdog", "journalctl -u prometheus ");
    assert_eq!(other.checks["bridge"].text, "no receiver leads to DingTalk");

    let silence = silence(&chain.alertmanager);
    chain.alertmanager.eventually("the silence", |alerts| alerts[0]["status"]["state"] == "suppressed");
    let command = format!(":{} silence query", chain.alertmanager.address.port());
    chain.verify().assert_only("watchdog", "FAIL", "the Watchdog is silenced", &command);
    http::request(chain.alertmanager.address, "DELETE", &format!("/api/v2/silence/{silence}"), "");
}

/// Silences everything; the silence's name.
pub(super) fn silence(alertmanager: &Alertmanager) -> String {
    let now = Timestamp::now();
    let [begin, end] = [now, now + Duration::from_secs(60)].map(|time| time.to_string());
    let matchers = json!([{"name": "severity", "value": ".+", "isRegex": true, "isEqual": true}]);
    let silence = json!({"matchers": matchers, "startsAt": begin, "endsAt": end, "createdBy": "test", "comment": "test"});
    let answer = http::post(alertmanager.address, "/api/v2/silences", &silence.to_string()).json();
    answer["silenceID"].as_str().unwrap().to_owned()
}

fn grafana(chain: &Chain) {
    let with = |path: &str, answer| chain.grafana.with(path, answer, || chain.verify());
    let mut uids = dashboards();
    assert!(uids.remove("sentinel-slo"), "{uids:?}");
    let command = "journalctl -u grafana-server -n 200 --no-pager | grep -i provision";
    with("/api/search", Answer::new(200, found(&uids))).assert_only(
        "dashboards",
        "FAIL",
        "not in Grafana: sentinel-slo",
        command,
    );
    with("/api/health", Answer::new(503, "")).assert_only(
        "grafana",
        "FAIL",
        "the answer is 503",
        "systemctl status grafana-server",
    );

    let file = chain.folder.join("token");
    fs::write(&file, "glsa_the-token\n").unwrap();
    let asks = chain.grafana.at("/api/search").only_for("Bearer glsa_the-token");
    chain.grafana.with("/api/search", asks, || {
        chain.verify().assert_well(&[("dashboards", "give --grafana-token-file")]);
        let report = chain.verify_with("--grafana-token-file", file.to_str().unwrap());
        report.assert_well(&[]);
        assert!(!report.said.contains("glsa_"), "{}", report.said);
    });
}

fn without_bridge(mut chain: Chain) {
    chain.bridge.kill();
    let report = chain.verify();
    report.assert_only("bridge", "FAIL", "the bridge to DingTalk: Failed to connect", "journalctl -u sentinel-dingtalk");
}

/// A file that holds no rules is refused, with all that is there.
fn refused(chain: &Chain) {
    let path = chain.folder.join("rules/alerts-risk.yml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("expr: ", "expr: ((", 1)).unwrap();
    chain.prometheus.reload();
    wait("it is refused", || chain.prometheus.get("/api/v1/status/runtimeinfo")["data"]["reloadConfigSuccess"] == false);
    let report = chain.verify();
    report.assert_only("config", "FAIL", "was refused", "promtool check config /etc/prometheus/prometheus.yml");
    fs::write(&path, text).unwrap();
}

/// Several faults at once, since after a change that is taken Prometheus looks for its Alertmanagers and targets for some seconds.
fn taken(chain: &Chain) {
    let [config, risk] = ["prometheus.yml", "rules/alerts-risk.yml"].map(|name| chain.folder.join(name));
    let (config_text, risk_text) = (fs::read_to_string(&config).unwrap(), fs::read_to_string(&risk).unwrap());
    // What others have there is not compared, but has to work.
    let group = "groups:\n  - name: of-others\n    rules:\n      - {record: x, expr: up * on (nothing) up}\n      \
                 - {alert: Memory, expr: vector(1), labels: {severity: none}}\n      \
                 - {alert: Other, expr: vector(1), labels: {severity: info}}\n";
    fs::write(&risk, group).unwrap();
    fs::write(&config, config_text.replace("docs_url: ", "documents: ")).unwrap();
    chain.prometheus.reload();
    wait("the new rules fail", || chain.rules().iter().any(|rule| rule["health"] == "err"));
    wait("the new alert fires", || chain.rules().iter().any(|rule| rule["name"] == "Other" && rule["state"] == "firing"));
    let report = chain.verify();
    report.assert_one("firing", "warn", "1 now: Other (info, HUB, for ", "alert query --inhibited");
    report.assert_one("evaluation", "FAIL", " rules fail: x: found duplicate series", "journalctl -u prometheus");
    report.assert_one("rules", "FAIL", "the group sentinel-risk is missing", RELOAD);
    report.assert_one("links", "warn", "lack docs_url", "external_labels");
    let others = report.checks.iter().filter(|(_, check)| check.status != "ok").map(|(name, _)| name.as_str());
    let expected = ["alertmanagers", "evaluation", "firing", "links", "rules"];
    assert!(others.clone().all(|name| expected.contains(&name)), "{}", report.said);
    fs::write(&config, config_text).unwrap();
    fs::write(&risk, risk_text).unwrap();
    chain.prometheus.reload();
    wait("the old rules are back", || chain.rules().len() == counts().0);
    chain.settled();
}

#[test]
fn servers_that_are_not_there_are_named() {
    let [silent, other] = [Site::start(), Site::start()];
    silent.set("/-/ready", Answer::new(200, "").after(Duration::from_secs(60)));
    let script = || ask([silent.address, other.address, other.address, other.address]).args("--timeout 1 127.0.0.1");
    let begun = Instant::now();
    let report = script().run();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    report.assert_one("prometheus", "FAIL", "timed out", "systemctl status prometheus --no-pager");
    report.assert_one("alertmanager", "FAIL", "the answer is 404", "systemctl status prometheus-alertmanager --no-pager");
    report.assert_one("grafana", "FAIL", "the answer is 404", "systemctl status grafana-server --no-pager");
    assert_eq!(report.checks.values().filter(|check| check.status == "skip").count(), 16, "{}", report.said);
    // From another host it is for ssh.
    let report = script().program("getent", "echo 192.0.2.1 STREAM elsewhere").run();
    report.assert_one("prometheus", "FAIL", "timed out", "ssh 127.0.0.1 'systemctl status prometheus --no-pager'");
}
