"""Judges what Prometheus, Alertmanager, Grafana and the bridge have answered to verify-hub.sh: a function a check, from the answers to a
status, what was found, and the next commands to type. It asks nobody anything itself."""

import argparse
import json
import re
from pathlib import Path

import prometheus
from answers import ROOT, Hub, Unanswered, judged, ready, several


def check_alertmanager(hub):
    return ready(hub, "alertmanager", "prometheus-alertmanager")


def check_receivers(hub):
    found = hub.receivers()
    missing = [name for name in hub.asked.receivers.split() if not found.get(name)]
    render = hub.at("sudo scripts/render-alertmanager --group prometheus /etc/prometheus/alertmanager.yml")
    if missing:
        why = f"not there, or without anybody to send to: {several(missing, 9)}; set what they need (scripts/render-alertmanager --help)"
        return "FAIL", why, f"cd {ROOT} && {render} && {hub.at('sudo systemctl reload prometheus-alertmanager')}"
    return "ok", f"there are {', '.join(sorted(name for name, ways in found.items() if ways))}"


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
    "prometheus": prometheus.CHECKS,
    "alertmanager": [check_alertmanager, check_receivers, check_cluster, check_watchdog, check_bridge],
    "grafana": [check_grafana, check_dashboards],
}


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
