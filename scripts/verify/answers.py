"""The answers that verify-hub.sh has fetched, what was asked for, and how a check says what it found."""

import json
import re
from datetime import datetime
from pathlib import Path

import rules

ROOT = Path(__file__).resolve().parent.parent.parent
JOB = "sentinel-metrics"
DAY = 86400


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


def judged(hub, check, server):
    try:
        return check(hub)
    except Unanswered as why:
        return "FAIL", f"{server} does not tell: {why}", f"curl -sS --max-time 5 {getattr(hub, server)}/"
    except rules.Unreadable as why:
        return "FAIL", str(why), f"promtool check rules {hub.asked.rules}/*.yml"
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return "FAIL", f"{server} answers something else than expected ({type(error).__name__}: {error})", f"curl -sS --max-time 5 {getattr(hub, server)}/"
