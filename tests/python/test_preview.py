"""The previews of the dashboards, drawn from made-up numbers: what is there is shown, and what is missing says so."""

import json
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "grafana" / "preview"))

from data import Prometheus, Span, filled_gaps  # noqa: E402
from page import page  # noqa: E402
from values import Field, formatted  # noqa: E402

DASHBOARDS = [json.loads(file.read_text(encoding="utf-8")) for file in sorted((ROOT / "grafana/dashboards").glob("*.json"))]


class Invented(Prometheus):
    """Answers every query with the same series."""

    marks = [(300, "#D55E00")]

    def __init__(self, values):
        super().__init__("nowhere", Span(0, 600))
        self.values = values

    def call(self, path, **parameters):
        labels = {"instance": "host", "le": "0.5", "slo": "predictions", "alertname": "SentinelTest", "alertstate": "firing",
                  "severity": "critical"}
        if path == "alerts":
            return {"alerts": [{"labels": labels, "state": "firing", "activeAt": "2026-01-05T10:00:00Z", "annotations": {}}]}
        if not self.values:
            return {"result": []}
        points = [(600 - 60 * index, value) for index, value in enumerate(reversed(self.values))][::-1]
        return {"result": [{"metric": labels, **({"value": points[-1]} if path == "query" else {"values": points})}]}


class Pages(unittest.TestCase):
    def test_every_panel_is_drawn(self):
        for values in (["1", "2", "0.5"], ["NaN", "NaN"], ["0", "-3", "NaN", "1e6"], []):
            for dashboard in DASHBOARDS:
                text, _, _ = page(dashboard, Invented(values))
                for panel in dashboard["panels"]:
                    self.assertIn(panel["title"].replace("&", "&amp;"), text)

    def test_what_is_missing_says_so(self):
        for dashboard in DASHBOARDS:
            drawn = page(dashboard, Invented([]))[0]
            self.assertGreaterEqual(drawn.count("No data"), 5)
            self.assertNotIn("No data", page(dashboard, Invented(["1", "1"]))[0])


class Values(unittest.TestCase):
    def test_they_are_written_as_grafana_does(self):
        for value, unit, expected in [
            (0.0512, "percentunit", "5.1%"), (1.0, "percentunit", "100%"), (90, "s", "1.5 mins"), (0.25, "s", "250 ms"), (7200, "s", "2.0 hours"),
            (-2350, "currencyUSD", "-$2.35K"), (2048, "bytes", "2.0 KiB"), (12345, "short", "12.35 K"), (1.5, "opm", "1.5 ops/m"),
        ]:
            self.assertEqual(formatted(value, unit), expected)

    def test_a_gap_is_no_number(self):
        self.assertEqual(filled_gaps([(0, "1"), (15, "NaN"), (60, "2")], 15, 70), [(0, 1.0), (15, None), (30, None), (60, 2.0)])
        self.assertEqual(filled_gaps([(0, "1"), (15, "2")], 15, 30), [(0, 1.0), (15, 2.0), (30, None)])

    def test_a_colour_is_that_of_the_highest_threshold_reached(self):
        panel = next(panel for panel in DASHBOARDS[-1]["panels"] if panel["title"] == "Websocket down")
        field = Field(panel, "host")
        self.assertEqual([field.shown(value)[1] for value in (9.9, 10, 30, None)], ["#009E73", "#E69F00", "#D55E00", "#808080"])


if __name__ == "__main__":
    unittest.main()
