"""What the alerts say: the one place from which dashboards take their thresholds and their links to runbooks.

The rules are read with regular expressions, because Python has no YAML of its own; they keep to the form that is expected here, and
whatever does not is refused."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

BLOCK = re.compile(
    r"- alert: (?P<alert>\w+)\n"
    r"(?: +#.*\n)*"
    r" +expr: (?:\|\n(?P<lines>(?: {10,}.*\n)+)|(?P<line>.*)\n)"
    r"(?: +(?:for|keep_firing_for): .*\n)*"
    r" +labels: \{severity: (?P<severity>\w+), team: .*\}\n"
    r"(?:.*\n)*?"
    r' +runbook_url: ".*?(?P<runbook>docs/.*)"\n'
)
# A comparison with a number, or with a product that begins with one or more.
COMPARISON = re.compile(r"(?P<operator>>=|<=|==|>|<) (?P<number>\d+(?:\.\d+)?(?: \* \d+(?:\.\d+)?)*)")


class Alert(NamedTuple):
    name: str
    severity: str
    expr: str
    runbook: str


class Limit(NamedTuple):
    severity: str
    operator: str
    value: float


def parse(text):
    """The alerts of a rule file, in its order."""
    alerts = []
    for found in BLOCK.finditer(text):
        expr = " ".join((found["lines"] or found["line"]).split())
        alerts.append(Alert(found["alert"], found["severity"], expr, found["runbook"]))
    expected = text.count("- alert: ")
    if len(alerts) != expected:
        raise ValueError(f"only {len(alerts)} of {expected} alerts could be read")
    return alerts


ALERTS = [alert for file in sorted(ROOT.glob("rules/*.yml")) for alert in parse(file.read_text(encoding="utf-8"))]


def named(reference):
    """The alerts that are called so; "Name/severity" means that one alone."""
    name, _, severity = reference.partition("/")
    found = [alert for alert in ALERTS if alert.name == name and severity in ("", alert.severity)]
    if not found:
        raise ValueError(f"no rule has the alert {reference}")
    return found


def limit(alert):
    """The first comparison of an alert that is none with 0, which guards against what is not known; else the first."""
    comparisons = [(found["operator"], found["number"]) for found in COMPARISON.finditer(alert.expr)]
    if not comparisons:
        raise ValueError(f"{alert.name} compares nothing with a number")
    operator, number = next(((operator, number) for operator, number in comparisons if float(number.split()[0])), comparisons[0])
    value = 1.0
    for factor in number.split(" * "):
        value *= float(factor)
    return Limit(alert.severity, operator, value)


def limits(reference):
    return [limit(alert) for alert in named(reference)]


def right_side(reference):
    """What an alert compares with, where that is an expression and not a number: all after its last " > "."""
    (alert,) = named(reference)
    return alert.expr.rsplit(" > ", 1)[1].split(" unless ")[0]


def exception(reference):
    """When an alert does not fire: what is after its last " unless ", of what there is now."""
    (alert,) = named(reference)
    return re.sub(r"last_over_time\(([^()]*)\[5m\]\)", r"\1", alert.expr.rsplit(" unless ", 1)[1])


def burn_rates():
    """How many times as fast as allowed a budget may burn over each window, before somebody is told, and how."""
    pattern = re.compile(r"slo:sli_error:ratio_rate(\w+) > ([\d.]+) \* slo:error_budget:ratio")
    rates = {}
    for alert in named("SentinelSloBurn"):
        for window, factor in pattern.findall(alert.expr):
            # A window that is the short one of a slower burn is the long one of a faster burn.
            if float(factor) > rates.get(window, Limit("", ">", 0)).value:
                rates[window] = Limit(alert.severity, ">", float(factor))
    return rates
