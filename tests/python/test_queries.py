"""What the dashboards' queries return, as Prometheus has it: promtool asks them of made-up series."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from dashboard_rules import filled, shown

ROOT = Path(__file__).resolve().parents[2]
HOST = 'job="sentinel-metrics", instance="host"'


def query(dashboard, title):
    """The first query of a panel."""
    panels = shown(json.loads((ROOT / f"grafana/dashboards/{dashboard}.json").read_text(encoding="utf-8")))
    return filled(next(panel for panel in panels if panel["title"] == title)["targets"][0]["expr"])


def promtool(series, expr, at, expected):
    """Complaints, if the query returns something else at that time. A value a minute; `_` is none."""
    samples = [{"exp_samples": [{"labels": labels, "value": value} for labels, value in expected.items()], "expr": expr, "eval_time": at}]
    series = [{"series": name, "values": values} for name, values in series.items()]
    tests = {"evaluation_interval": "1m", "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": samples}]}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tests.yml"
        # JSON is YAML.
        file.write_text(json.dumps(tests), encoding="utf-8")
        ran = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    return ran.stdout + ran.stderr if ran.returncode else ""


class FirstEvents(unittest.TestCase):
    UP = {f"up{{{HOST}}}": "1x60"}

    def counted(self, series, expected, up=UP, at="30m"):
        """Trading errors by type, which the table "Trading errors" should show."""
        named = {f'sentinel_trading_errors_total{{{HOST}, exported_component="c", error_type="{name}"}}': it for name, it in series.items()}
        labels = {f'{{exported_component="c", error_type="{name}", instance="host"}}': value for name, value in expected.items()}
        self.assertEqual(promtool(up | named, query("sentinel-trading", "Trading errors"), at, labels), "")

    def test_the_first_error_of_its_kind_is_counted(self):
        self.counted({"first": "_x19 1x40", "second": "_x19 1x5 2x40"}, {"first": 1, "second": 2})

    def test_what_was_there_before_the_first_scrape_is_old(self):
        self.counted({"old": "7x60"}, {})

    def test_what_was_counted_before_a_gap_is_not_counted_again(self):
        self.counted({"old": "7x9 _x5 7x40"}, {}, {f"up{{{HOST}}}": "1x9 0x5 1x40"})

    def test_what_was_counted_before_the_window_is_old(self):
        self.counted({"old": "_x5 1x200"}, {}, {f"up{{{HOST}}}": "1x200"}, "150m")

    def test_new_labels_of_the_host_are_no_news(self):
        labels = 'sentinel_trading_errors_total{%s, node="%s", exported_component="c", error_type="old"}'
        series = {labels % (HOST, "a"): "7x20 stale", labels % (HOST, "b"): "_x20 7x60"}
        series |= {f'up{{{HOST}, node="a"}}': "1x20 stale", f'up{{{HOST}, node="b"}}': "_x20 1x60"}
        for at in ("25m", "40m", "60m"):
            self.assertEqual(promtool(series, query("sentinel-trading", "Trading errors"), at, {}), "")


class Checks(unittest.TestCase):
    def test_what_a_log_said_long_ago_is_left_out(self):
        labels = f'{HOST}, check="cache_lock"'
        series = {
            f'sentinel_check_status{{{labels}, source="rca"}}': "2x200",
            f'sentinel_check_last_run_timestamp_seconds{{{labels}, source="rca"}}': "600x200",
            f'sentinel_check_status{{{labels}, source="exporter"}}': "1x200",
            f'sentinel_check_last_run_timestamp_seconds{{{labels}, source="exporter"}}': "600x200",
        }
        for at, worst in (("60m", 2), ("71m", 1)):
            self.assertEqual(promtool(series, query("sentinel-bot", "Worst check"), at, {'{instance="host"}': worst}), "")


class Overview(unittest.TestCase):
    WATCHDOG = 'ALERTS{alertname="SentinelWatchdog", alertstate="firing", severity="none", team="sre"}'
    STUCK = f'ALERTS{{{HOST}, alertname="SentinelBatchesStuck", alertstate="firing", severity="critical", team="data"}}'
    HERE = f"sentinel_exporter_build_info{{{HOST}}}"

    def test_nothing_is_said_while_no_rule_is_evaluated(self):
        for series, alerts, pipeline in (
            ((self.HERE,), {}, {}),
            ((self.WATCHDOG,), {"{}": 0}, {}),
            ((self.HERE, self.WATCHDOG), {"{}": 0}, {"{}": 0}),
            ((self.HERE, self.WATCHDOG, self.STUCK), {"{}": 1}, {"{}": 2}),
        ):
            there = {name: "1x10" for name in series}
            self.assertEqual(promtool(there, query("sentinel-overview", "Critical alerts"), "5m", alerts), "")
            self.assertEqual(promtool(there, query("sentinel-overview", "Pipeline"), "5m", pipeline), "")


class Loss(unittest.TestCase):
    def test_a_profit_is_no_loss(self):
        for pnl, share in ((22, 0), (-50, 0.25)):
            series = {f"sentinel_pnl_usd{{{HOST}}}": f"{pnl}x10", f"sentinel_daily_loss_limit_usd{{{HOST}}}": "200x10"}
            for dashboard in ("sentinel-risk", "sentinel-overview"):
                self.assertEqual(promtool(series, query(dashboard, "Loss of the day, of its limit"), "5m", {'{instance="host"}': share}), "")


if __name__ == "__main__":
    unittest.main()
