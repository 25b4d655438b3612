"""What people were promised: the receivers of each alert (tests/fixtures/routes.txt), and the words of its message, which are
those of its rule in rules/. Both are read from there, not from what runs, so that a route or a rule that is missing is missed."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Alert:
    name: str
    severity: str
    summary: str
    description: str

    def __str__(self):
        return f"{self.name} {self.severity}"

    def pattern(self, instance):
        """What its description looks like for this host, with any value. A receiver may show the beginning of a long one."""
        parts = re.split(r"\{\{(.*?)\}\}", self.description)
        words = []
        for index, part in enumerate(parts):
            if index % 2 == 0:
                words.append(re.escape(part))
            elif "$labels.instance" in part:
                words.append(re.escape(instance))
            elif "$value" in part:
                words.append(r"(?!NaN|\+Inf|-Inf)[^\n]*?\d[^\n]*?")
            else:
                words.append(r"[^\n]+?")
        return re.compile("".join(words))


def rules(folder=ROOT / "rules"):
    """All alerts of the rules, by name and severity."""
    found = {}
    for path in sorted(folder.glob("*.yml")):
        for text in re.split(r"^      - (?=alert:|record:)", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            name = re.match(r"alert: (\w+)", text)
            if not name:
                continue
            severity = re.search(r"severity: (\w+)", text)[1]
            summary = re.search(r"summary: (.+)", text)[1]
            description = re.search(r"description: (.+)", text)[1]
            if description.startswith('"'):
                description = description[1:-1].replace('\\"', '"')
            found[name[1], severity] = Alert(name[1], severity, summary, description)
    return found


def routes(path=ROOT / "tests/fixtures/routes.txt"):
    """The receivers by name, severity and team; of what nobody is told, none."""
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {tuple(line[:3]): set(line[3].split(",")) - {"nobody"} for line in lines if line and not line[0].startswith("#")}


class Agreed:
    def __init__(self):
        self.alerts, self.routes = rules(), routes()

    def alert(self, text):
        """"SentinelDailyLoss critical" → the alert"""
        name, severity = text.split()
        return self.alerts[name, severity]

    def receivers(self, alert, team=None):
        found = [
            names
            for (name, severity, of), names in self.routes.items()
            if (name, severity) == (alert.name, alert.severity) and team in (None, of)
        ]
        if len(found) != 1:
            raise KeyError(f"{alert}: {len(found)} routes; name its team")
        return found[0]
