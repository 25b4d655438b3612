"""Judges what Prometheus, Alertmanager, Grafana and the bridge have answered to verify-hub.sh: a function a check, from the answers to a
status, what was found, and the next commands to type. It asks nobody anything itself."""

import argparse
import json
import re
import time
from datetime import datetime
from pathlib import Path

import verify_rules

ROOT = Path(__file__).resolve().parent.parent
JOB = "sentinel-metrics"
DAY = 86400
# The budgets of the objectives look 30 days back.
RETENTION = 31 * DAY
# One of each part: the daemon, risk, the exporter itself, and what is recorded of them.
METRICS = [
    "sentinel_trading_cycles_total",
    "sentinel_last_cycle_timestamp_unix",
    "sentinel_prediction_requests_total",
    "sentinel_trading_signals_total",
    "sentinel_order_latency_seconds_count",
    "sentinel_kill_switch_active",
    "sentinel_pnl_usd",
    "sentinel_exporter_last_event_timestamp_seconds",
    "job_instance:sentinel_orders_total:sum_new",
    "slo:objective:ratio",
]


class Unanswered(Exception):
    """There was no answer, and why."""


class Answers:
    """The files that verify-hub.sh has left: NAME holds an answer, NAME.why the reason why there is none."""

    def __init__(self, folder):
        self.folder = folder

    def json(self, name):
        try:
            return json.loads(self.text(name))
        except ValueError:
            raise Unanswered("the answer is no JSON") from None

    def text(self, name):
        try:
            return (self.folder / name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            why = self.folder / f"{name}.why"
            raise Unanswered(why.read_text(encoding="utf-8", errors="replace").strip() if why.exists() else "it was not asked") from None

    def of_prometheus(self, name):
        return self.json(name)["data"]


class Hub:
    """The answers, and what was asked for."""

    def __init__(self, asked):
        self.asked = asked
        self.answers = Answers(asked.answers)
        self.prometheus = f"http://{asked.hub}:{asked.prometheus_port}"
        self.alertmanager = f"http://{asked.hub}:{asked.alertmanager_port}"
        self.grafana = f"http://{asked.hub}:{asked.grafana_port}"

    def at(self, command):
        """A command as it has to be typed here to run on HUB."""
        quote = '"' if "'" in command else "'"
        return f"ssh {self.asked.hub} {quote}{command}{quote}" if self.asked.remote else command

    def config(self):
        return self.answers.of_prometheus("config")["yaml"]

    def targets(self, job):
        return [target for target in self.answers.of_prometheus("targets")["activeTargets"] if target["labels"]["job"] == job]

    def target(self):
        return next((target for target in self.targets(JOB) if target["labels"]["instance"] == self.asked.inf), None)

    def receivers(self):
        """The receivers with what each sends by, such as ["webhook"]."""
        text = self.answers.json("am_status")["config"]["original"]
        found, name, kind = {}, None, None
        for line in text.partition("\nreceivers:\n")[2].splitlines():
            if start := re.match(r"- name: (.+)", line):
                name = start[1].strip("'\"")
                found[name] = []
            elif start := re.match(r"  (\w+)_configs:", line):
                kind = start[1]
            elif line.startswith("  - "):
                found[name].append(kind)
            elif not line.startswith(" "):
                break
        return found


def several(things, most=4):
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return "; ".join(things[:most]) + more


def span(seconds):
    for unit, name in ((DAY, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{int(seconds / unit)} {name}"
    return f"{max(0, int(seconds))} s"


def moment(text):
    """Seconds since 1970 of a time such as 2026-01-05T14:30:00.123456789Z."""
    return datetime.fromisoformat(re.sub(r"(\.\d+)?Z$", "+00:00", text)).timestamp()


def ready(hub, server, unit):
    try:
        hub.answers.text(f"{server}_ready")
    except Unanswered as why:
        return "FAIL", f"{getattr(hub, server)} is not ready: {why}", hub.at(f"systemctl status {unit} --no-pager")
    return "ok", "it is ready"


def check_prometheus(hub):
    return ready(hub, "prometheus", "prometheus")


def check_alertmanager(hub):
    return ready(hub, "alertmanager", "prometheus-alertmanager")


def check_config(hub):
    if not hub.answers.of_prometheus("runtime")["reloadConfigSuccess"]:
        return "FAIL", "the last configuration was refused; the one before is in force", hub.at("promtool check config /etc/prometheus/prometheus.yml")
    return "ok", "the configuration in force is the last that was given"


def check_job(hub):
    if re.search(rf"^- job_name: {JOB}$", hub.config(), re.MULTILINE):
        return "ok", f"{JOB} is scraped"
    return "FAIL", f"no job {JOB} in the configuration", f"diff <({hub.at('cat /etc/prometheus/prometheus.yml')}) {ROOT}/prometheus/prometheus.yml"


def check_target(hub):
    if check_job(hub)[0] != "ok":
        return "skip", "see job"
    target = hub.target()
    if target is None:
        others = [target["labels"]["instance"] for target in hub.targets(JOB)]
        found = f"{hub.asked.inf} is no target of the job {JOB}; these are: {several(others) or 'none'}"
        return "FAIL", found, hub.at("grep -n targets /etc/prometheus/prometheus.yml /etc/prometheus/targets/*.yml")
    if target["health"] == "unknown":
        return "warn", f"{hub.asked.inf} was not scraped yet", "sleep 15; " + hub.asked.again
    if target["health"] != "up":
        return "FAIL", f"{hub.asked.inf} is down: {target['lastError']}", f"{ROOT}/scripts/verify-inf.sh {hub.asked.inf}"
    result = hub.answers.of_prometheus("since")["result"]
    if not result:
        return "ok", f"{hub.asked.inf} is up, since just now"
    since = float(result[0]["value"][1])
    if hub.asked.now - since > DAY - 60:
        return "ok", f"{hub.asked.inf} has been up for a day or more"
    begun = time.strftime("%F %T UTC", time.gmtime(since))
    return "ok", f"{hub.asked.inf} is up since {begun}, for {span(hub.asked.now - since)}"


def check_scrape(hub):
    target = hub.target()
    if target is None or target["health"] != "up":
        return "skip", "see target"
    took, limit = target["lastScrapeDuration"], verify_rules.seconds(target["scrapeTimeout"])
    found = f"a scrape took {took:.3f} s of {limit:g} s"
    if took > limit / 2:
        return "warn", found, f"curl -sS -o /dev/null -w '%{{time_total}} s, %{{size_download}} bytes\\n' {target['scrapeUrl']}"
    return "ok", found


def check_rules(hub):
    expected = verify_rules.read(hub.asked.rules)
    if not expected:
        return "FAIL", f"{hub.asked.rules} holds no rules to compare with", f"ls -l {hub.asked.rules}"
    found = verify_rules.differences(expected, hub.answers.of_prometheus("rules")["groups"])
    rules = [rule for group in expected.values() for rule in group["rules"]]
    if not found:
        alerts = sum("alert" in rule for rule in rules)
        return "ok", f"{len(rules)} rules, of them {alerts} alerts, are as in {hub.asked.rules}"
    to = f"{hub.asked.hub}:" if hub.asked.remote else ""
    copy = f"{'scp' if to else 'sudo cp -v'} {hub.asked.rules}/*.yml {to}/etc/prometheus/rules/"
    check = hub.at("promtool check config /etc/prometheus/prometheus.yml && sudo systemctl reload prometheus")
    return "FAIL", f"{len(found)} not as in {hub.asked.rules}: {several(found)}", f"{copy} && {check}"


def check_evaluation(hub):
    rules = [rule for group in hub.answers.of_prometheus("rules")["groups"] for rule in group["rules"]]
    broken = [f"{rule['name']}: {rule.get('lastError') or rule['health']}" for rule in rules if rule["health"] not in ("ok", "unknown")]
    if broken:
        return "FAIL", f"{len(broken)} of {len(rules)} rules fail: {several(broken, 2)}", hub.at("journalctl -u prometheus -n 100 --no-pager | grep -i rule")
    waiting = sum(rule["health"] == "unknown" for rule in rules)
    if waiting:
        return "warn", f"{waiting} of {len(rules)} rules were not evaluated yet", "sleep 60; " + hub.asked.again
    return "ok", f"all {len(rules)} rules are evaluated without an error"


def check_alertmanagers(hub):
    urls = [it["url"] for it in hub.answers.of_prometheus("alertmanagers")["activeAlertmanagers"]]
    if urls:
        return "ok", f"Prometheus tells {several([url.removesuffix('/api/v2/alerts') for url in urls])}"
    # Whenever it reads its configuration, it looks for them anew, for up to 5 s.
    if check_config(hub)[0] != "ok":
        return "skip", "see config"
    if hub.asked.now - moment(hub.answers.of_prometheus("runtime")["lastConfigTime"]) < 10:
        return "warn", "none is known yet: Prometheus has read its configuration just now", "sleep 10; " + hub.asked.again
    return "FAIL", "Prometheus knows no Alertmanager, so that no alert is told", hub.at("grep -n -A 6 ^alerting: /etc/prometheus/prometheus.yml")


def check_links(hub):
    labels = hub.config().partition("\n  external_labels:\n")[2]
    given = set()
    for line in labels.splitlines():
        if not line.startswith("    "):
            break
        given.add(line.split(":")[0].strip())
    look = hub.at("grep -n -A 4 external_labels: /etc/prometheus/prometheus.yml")
    if "grafana_url" not in given:
        return "FAIL", "external_labels lack grafana_url: messages have no link to a dashboard", look
    if "docs_url" not in given:
        return "warn", "external_labels lack docs_url: the link to a runbook is only its path in the source tree", look
    return "ok", "messages have links to dashboards and runbooks"


def check_retention(hub):
    kept = hub.answers.of_prometheus("runtime")["storageRetention"]
    times = [part for part in kept.split(" or ") if re.fullmatch(r"(\d+(ms|[smhdwy]))+", part)]
    change = hub.at("grep -n retention /etc/default/prometheus; systemctl cat prometheus | grep ExecStart")
    if times and verify_rules.seconds(times[0]) < RETENTION:
        return "FAIL", f"{kept}, but the budgets of 30 days need --storage.tsdb.retention.time=31d", change
    if len(times) < len(kept.split(" or ")):
        return "warn", f"{kept}: the size may end it before the 31 days that the budgets need", change
    return "ok", f"{kept}; the budgets need 31 days"


def check_metrics(hub):
    target = hub.target()
    if target is None or target["health"] != "up":
        return "skip", "see target"
    there = {series["metric"]["__name__"] for series in hub.answers.of_prometheus("names")["result"]}
    missing = [name for name in METRICS if name not in there]
    if missing:
        return "FAIL", f"no samples of {several(missing)} for {hub.asked.inf}", f"{ROOT}/scripts/verify-inf.sh {hub.asked.inf}"
    return "ok", f"{len(there)} names can be queried for {hub.asked.inf}"


def check_firing(hub):
    alerts = hub.answers.of_prometheus("alerts")["alerts"]
    firing = [alert for alert in alerts if alert["state"] == "firing" and alert["labels"]["alertname"] != "SentinelWatchdog"]
    words = []
    for alert in firing:
        labels = alert["labels"]
        lasts = span(hub.asked.now - moment(alert["activeAt"]))
        words.append(f"{labels['alertname']} ({labels.get('severity')}, {labels.get('instance', 'HUB')}, for {lasts})")
    if words:
        return "warn", f"{len(words)} now: {several(sorted(words))}", f"amtool --alertmanager.url={hub.alertmanager} alert query --inhibited"
    return "ok", "no alert fires now"


def check_receivers(hub):
    found = hub.receivers()
    missing = [name for name in hub.asked.receivers.split() if not found.get(name)]
    render = hub.at("sudo scripts/render-alertmanager --group prometheus /etc/prometheus/alertmanager.yml")
    if missing:
        why = f"not there, or without anybody to send to: {several(missing, 9)}; set what they need (scripts/render-alertmanager --help)"
        return "FAIL", why, f"cd {ROOT} && {render} && {hub.at('sudo systemctl reload prometheus-alertmanager')}"
    return "ok", f"there are {', '.join(sorted(found))}"


def check_cluster(hub):
    cluster = hub.answers.json("am_status")["cluster"]
    peers = len(cluster.get("peers", []))
    logs = hub.at("journalctl -u prometheus-alertmanager -n 100 --no-pager | grep cluster")
    if cluster["status"] == "settling":
        return "warn", f"it still looks for others ({peers} found), and sends nothing meanwhile", logs
    if max(1, peers) < hub.asked.peers:
        return "FAIL", f"{max(1, peers)} of {hub.asked.peers} Alertmanagers are there (status {cluster['status']})", logs
    return "ok", f"{max(1, peers)} of {hub.asked.peers} (status {cluster['status']})"


def check_watchdog(hub):
    alerts = hub.answers.json("am_watchdog")
    if not alerts:
        return "FAIL", "Alertmanager does not know the Watchdog, so that it gets no alerts of Prometheus", hub.at(
            "journalctl -u prometheus -n 200 --no-pager | grep -i -E 'notif|alertmanager'"
        )
    if all(alert["status"]["state"] == "suppressed" for alert in alerts):
        return "FAIL", "the Watchdog is silenced, and the dead man's switch will raise the alarm", f"amtool --alertmanager.url={hub.alertmanager} silence query"
    return "ok", f"the Watchdog has come, and goes to {several([it['name'] for it in alerts[0]['receivers']])}"


def check_bridge(hub):
    if not any(name.startswith("dingtalk-") for name in hub.receivers()):
        return "skip", "no receiver leads to DingTalk"
    logs = hub.at("systemctl status sentinel-dingtalk --no-pager; journalctl -u sentinel-dingtalk -n 50 --no-pager")
    try:
        targets = hub.targets("sentinel-dingtalk")
    except Unanswered:
        return "skip", "Prometheus does not tell whether it reaches the bridge"
    try:
        hub.answers.text("bridge")
    except Unanswered as why:
        # It may listen for HUB alone.
        if not (hub.asked.remote and any(target["health"] == "up" for target in targets)):
            return "FAIL", f"the bridge to DingTalk: {why}", logs
    if not targets:
        return "FAIL", "the bridge is not scraped: no job sentinel-dingtalk", f"grep -n -A 3 sentinel-dingtalk {ROOT}/prometheus/prometheus.yml"
    down = [target["lastError"] for target in targets if target["health"] != "up"]
    if down:
        return "FAIL", f"Prometheus does not reach the bridge: {several(down)}", logs
    return "ok", "the bridge to DingTalk is well, and scraped"


def check_grafana(hub):
    try:
        health = hub.answers.json("grafana")
    except Unanswered as why:
        return "FAIL", f"{hub.grafana} does not answer: {why}", hub.at("systemctl status grafana-server --no-pager")
    if health.get("database") != "ok":
        return "FAIL", f"its database: {health.get('database')}", hub.at("journalctl -u grafana-server -n 50 --no-pager")
    return "ok", f"version {health.get('version', 'unknown')} is well"


def dashboards():
    """Those that alerts lead to, and those of this repository."""
    linked = {uid for path in (ROOT / "rules").glob("*.yml") for uid in re.findall(r"/d/([\w-]+)", path.read_text(encoding="utf-8"))}
    shipped = {json.loads(path.read_text(encoding="utf-8")).get("uid") for path in (ROOT / "grafana/dashboards").glob("*.json")}
    return linked | shipped - {None}


def check_dashboards(hub):
    try:
        there = {found.get("uid") for found in hub.answers.json("search")}
    except Unanswered as why:
        if "401" in str(why) or "403" in str(why):
            return "skip", f"Grafana asks who we are ({why}): give --grafana-token-file"
        raise
    missing = sorted(dashboards() - there)
    if missing:
        logs = hub.at("ls -l /etc/grafana/provisioning/dashboards; journalctl -u grafana-server -n 200 --no-pager | grep -i provision")
        return "FAIL", f"not in Grafana: {several(missing, 9)}", logs
    return "ok", f"all {len(dashboards())} are there"


# What each server is asked. If the first check of it fails, the others make no sense.
CHECKS = {
    "prometheus": [
        check_prometheus,
        check_config,
        check_job,
        check_target,
        check_scrape,
        check_rules,
        check_evaluation,
        check_alertmanagers,
        check_links,
        check_retention,
        check_metrics,
        check_firing,
    ],
    "alertmanager": [check_alertmanager, check_receivers, check_cluster, check_watchdog, check_bridge],
    "grafana": [check_grafana, check_dashboards],
}


def judged(hub, check, server):
    try:
        return check(hub)
    except Unanswered as why:
        return "FAIL", f"{server} does not tell: {why}", f"curl -sS --max-time 5 {getattr(hub, server)}/"
    except verify_rules.Unreadable as why:
        return "FAIL", str(why), f"promtool check rules {hub.asked.rules}/*.yml"
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return "FAIL", f"{server} answers something else than expected ({type(error).__name__}: {error})", f"curl -sS --max-time 5 {getattr(hub, server)}/"


def print_page(hub):
    """How the test alert is and whom it is told to; then for each way to send, how many messages it has and for whom."""
    for alert in hub.answers.json("am_page"):
        told = [receiver["name"] for receiver in alert["receivers"]]
        print(alert["status"]["state"], ", ".join(told), sep="\t")
        ways = {}
        for name in told:
            for way in hub.receivers()[name]:
                ways.setdefault(way, []).append(name)
        for way, names in ways.items():
            print(way, len(names), ", ".join(names), sep="\t")


def print_checks(hub):
    for server, checks in CHECKS.items():
        well = True
        for check in checks:
            finding = judged(hub, check, server) if well else ("skip", f"see {server}")
            if check is checks[0]:
                well = finding[0] == "ok"
            fields = [finding[0], check.__name__.removeprefix("check_"), *finding[1:]]
            print(*(re.sub(r"[\x00-\x1f\x7f]", " ", field) for field in fields), sep="\t")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["checks", "page"])
    parser.add_argument("answers", type=Path, help="the folder of the answers")
    for name in ("hub", "inf", "rules", "receivers", "again"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("prometheus-port", "alertmanager-port", "grafana-port", "now", "peers"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--remote", action="store_true", help="HUB is another host than this")
    asked = parser.parse_args()
    {"checks": print_checks, "page": print_page}[asked.what](Hub(asked))


if __name__ == "__main__":
    main()
