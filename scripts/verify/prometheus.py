"""The checks of what Prometheus answers: from the answers to a status, what was found, and the next commands to type."""

import re
import time

import rules
from answers import DAY, JOB, ROOT, moment, ready, several, span

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


def check_prometheus(hub):
    return ready(hub, "prometheus", "prometheus")


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
    took, limit = target["lastScrapeDuration"], rules.seconds(target["scrapeTimeout"])
    found = f"a scrape took {took:.3f} s of {limit:g} s"
    if took > limit / 2:
        return "warn", found, f"curl -sS -o /dev/null -w '%{{time_total}} s, %{{size_download}} bytes\\n' {target['scrapeUrl']}"
    return "ok", found


def check_rules(hub):
    expected = rules.read(hub.asked.rules)
    if not expected:
        return "FAIL", f"{hub.asked.rules} holds no rules to compare with", f"ls -l {hub.asked.rules}"
    found = rules.differences(expected, hub.answers.of_prometheus("rules")["groups"])
    ours = [rule for group in expected.values() for rule in group["rules"]]
    if not found:
        alerts = sum("alert" in rule for rule in ours)
        return "ok", f"{len(ours)} rules, of them {alerts} alerts, are as in {hub.asked.rules}"
    to = f"{hub.asked.hub}:" if hub.asked.remote else ""
    copy = f"{'scp' if to else 'sudo cp -v'} {hub.asked.rules}/*.yml {to}/etc/prometheus/rules/"
    check = hub.at("promtool check config /etc/prometheus/prometheus.yml && sudo systemctl reload prometheus")
    return "FAIL", f"{len(found)} not as in {hub.asked.rules}: {several(found)}", f"{copy} && {check}"


def check_evaluation(hub):
    loaded = [rule for group in hub.answers.of_prometheus("rules")["groups"] for rule in group["rules"]]
    broken = [f"{rule['name']}: {rule.get('lastError') or rule['health']}" for rule in loaded if rule["health"] not in ("ok", "unknown")]
    if broken:
        return "FAIL", f"{len(broken)} of {len(loaded)} rules fail: {several(broken, 2)}", hub.at("journalctl -u prometheus -n 100 --no-pager | grep -i rule")
    waiting = sum(rule["health"] == "unknown" for rule in loaded)
    if waiting:
        return "warn", f"{waiting} of {len(loaded)} rules were not evaluated yet", "sleep 60; " + hub.asked.again
    return "ok", f"all {len(loaded)} rules are evaluated without an error"


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
    if times and rules.seconds(times[0]) < RETENTION:
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
    firing = [alert for alert in alerts if alert["state"] == "firing" and alert["labels"].get("severity") != "none"]
    words = []
    for alert in firing:
        labels = alert["labels"]
        lasts = span(hub.asked.now - moment(alert["activeAt"]))
        words.append(f"{labels['alertname']} ({labels.get('severity')}, {labels.get('instance', 'HUB')}, for {lasts})")
    if words:
        return "warn", f"{len(words)} now: {several(sorted(words))}", f"amtool --alertmanager.url={hub.alertmanager} alert query --inhibited"
    return "ok", "no alert fires now"


CHECKS = [
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
]
