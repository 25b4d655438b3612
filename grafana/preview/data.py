"""What Prometheus answers to a panel's queries, as Grafana would ask them."""

import json
import math
import re
import urllib.parse
import urllib.request
from typing import NamedTuple

SCRAPE = 15


class Series(NamedTuple):
    name: str
    labels: dict
    # (time, value or None for "no data")
    points: list
    query: str

    def last(self):
        """The value at the end, None if the series ended before."""
        return self.points[-1][1]


class Span(NamedTuple):
    start: float
    end: float


class Prometheus:
    def __init__(self, url, span):
        self.url, self.span = url, span

    def call(self, path, **parameters):
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=60) as answer:
            return json.load(answer)["data"]

    def step(self, panel, pixels):
        """The time between two points: no more points than pixels, and no less than the panel wants."""
        least = {"m": 60, "s": 1}[panel["interval"][-1]] * int(panel["interval"][:-1]) if "interval" in panel else SCRAPE
        wanted = max(least, (self.span.end - self.span.start) / max(pixels, 1))
        return SCRAPE * math.ceil(wanted / SCRAPE)

    def filled(self, expr, step):
        rate_interval = max(step + SCRAPE, 4 * SCRAPE)
        for name, value in {
            "${__rate_interval_ms}": f"{1000 * rate_interval}",
            "$__rate_interval": f"{rate_interval}s",
            "$__range": f"{round(self.span.end - self.span.start)}s",
            "$job": ".+",
            "$instance": ".+",
        }.items():
            expr = expr.replace(name, value)
        return expr

    def ask(self, target, step):
        """The series of one query."""
        expr = self.filled(target["expr"], step)
        if target["instant"]:
            result = self.call("query", query=expr, time=self.span.end)["result"]
        else:
            start = self.span.start // step * step
            result = self.call("query_range", query=expr, start=start, end=self.span.end, step=step)["result"]
        return [
            Series(named(target["legendFormat"], found["metric"]), found["metric"],
                   filled_gaps(found.get("values") or [found["value"]], step, self.span.end), target["refId"])
            for found in result
        ]

    def now(self, expr):
        """The series of a query of the preview's own, as they are at the end."""
        return self.ask({"expr": expr, "instant": True, "legendFormat": "__auto", "refId": "A"}, SCRAPE)

    def series(self, panel, pixels):
        step = self.step(panel, pixels)
        return [series for target in panel["targets"] for series in self.ask(target, step)]


def named(legend, labels):
    if legend == "__auto":
        return ", ".join(f"{name}={value}" for name, value in labels.items()) or "Value"
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend).strip()


def filled_gaps(values, step, end):
    """Numbers for texts, and None where a point is missing or is no number, or where the series ended before the end."""
    points = []
    for time, text in values:
        if points and time - points[-1][0] > 1.5 * step:
            points.append((points[-1][0] + step, None))
        value = float(text)
        points.append((time, value if math.isfinite(value) else None))
    if len(points) > 1 and points[-1][0] + step <= end:
        points.append((points[-1][0] + step, None))
    return points
