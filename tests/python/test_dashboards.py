"""The dashboards: what they are made of, Grafana's rules for them, and that they, the alerts and the runbooks lead to each other."""

import copy
import importlib.machinery
import importlib.util
import json
import re
import sys
import unittest
from pathlib import Path

import dashboard_rules as rules

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True


def script(name):
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(ROOT / "scripts" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


build = script("build-dashboards").build
import limits  # noqa: E402, beside the definitions, where build-dashboards looks for it
sys.path.insert(0, str(ROOT / "grafana" / "preview"))
from charts import limit_lines  # noqa: E402

DASHBOARDS = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in (ROOT / "grafana/dashboards").glob("*.json")}

# Lines at numbers that are no alert's.
OTHER_LINES = {
    "Least budget left": "a budget that is spent is an objective that is missed",
    "Budget left": "a budget that is spent is an objective that is missed",
    "Budget left over time": "a budget that is spent is an objective that is missed",
    "Objectives missed": "one is one too many",
    "Objectives": "a budget that is spent is an objective that is missed; the burn rates are the alerts' and tested by themselves",
    "Age of the last success": "all of what the alert allows, which is another time for each collector",
    "Collectors failing": "one that fails is yellow before it is an alert",
    "Critical alerts": "one is one too many",
    "Warning alerts": "one is one too many",
}


def alerts_linked(panel):
    return [link["title"].removeprefix("Runbook: ") for link in panel["links"]]


def thresholds(panel):
    fields = panel["fieldConfig"]
    found = [fields["defaults"]["thresholds"]]
    found += [it["value"] for rule in fields["overrides"] for it in rule["properties"] if it["id"] == "thresholds"]
    return [step["value"] for threshold in found for step in threshold["steps"] if step["value"] is not None]


def compared(name):
    """All numbers that an alert compares with, as its rules have them, with those that stand for another."""
    numbers = set()
    for alert in limits.named(name):
        for product in re.findall(r"(?:[<>]=?|==) ([\d.]+(?: \* [\d.]+)*)", alert.expr):
            value = 1.0
            for factor in product.split(" * "):
                value *= float(factor)
            # "More than 0" is drawn just above it, "is 0" turns good at 1, and a drift counts either way.
            numbers |= {value, -value} | ({0.001, 1.0} if value == 0 else set())
    return numbers


class Files(unittest.TestCase):
    def test_they_are_what_their_definitions_and_the_rules_make(self):
        there = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "grafana/dashboards").iterdir()}
        self.assertEqual(build(), there, "run scripts/build-dashboards")

    def test_there_are_seven(self):
        self.assertEqual(len(DASHBOARDS), 7)
        for name, dashboard in DASHBOARDS.items():
            self.assertEqual(dashboard["uid"], name)

    def test_the_provisioned_data_source_is_the_one_that_is_chosen(self):
        provisioned = (ROOT / "grafana/provisioning/datasources/sentinel.yml").read_text(encoding="utf-8")
        for dashboard in DASHBOARDS.values():
            current = rules.variable(dashboard, "datasource")["current"]
            self.assertIn(f"name: {current['text']}\n", provisioned)
            self.assertIn(f"uid: {current['value']}\n", provisioned)


class Rules(unittest.TestCase):
    def test_no_rule_has_a_complaint(self):
        self.assertEqual(len(rules.LINTER), 17)
        for rule in rules.LINTER + rules.OWN:
            for name, dashboard in DASHBOARDS.items():
                with self.subTest(rule=rule.__name__, dashboard=name):
                    self.assertEqual(list(rule(dashboard)), [])

    def test_every_rule_has_a_complaint_about_what_breaks_it(self):
        def panel(dashboard):
            return rules.shown(dashboard)[0]

        def query(expr):
            return lambda it: panel(it)["targets"][0].update(expr=expr)

        chosen = 'job=~"$job", instance=~"$instance"'
        spoils = {
            rules.template_datasource: lambda it: rules.variable(it, "datasource").update(label="Source"),
            rules.template_job: lambda it: rules.variable(it, "job").update(allValue=".*"),
            rules.template_instance: lambda it: rules.variable(it, "instance").update(multi=False),
            rules.template_label_promql: lambda it: rules.variable(it, "job")["query"].update(query="label_names()"),
            rules.template_on_time_change_reload: lambda it: rules.variable(it, "job").update(refresh=1),
            rules.panel_datasource: lambda it: panel(it)["datasource"].update(uid="sentinel-prometheus"),
            rules.panel_title_description: lambda it: panel(it).update(description=""),
            rules.panel_units: lambda it: panel(it)["fieldConfig"]["defaults"].update(unit="seconds"),
            rules.panel_no_targets: lambda it: panel(it).update(targets=[]),
            rules.target_logql: lambda it: panel(it)["targets"][0]["datasource"].update(type="loki"),
            rules.target_logql_auto: query("rate({job=\"x\"}[$__auto])"),
            rules.target_promql: query("sum(("),
            rules.target_rate_interval: query(f"rate(sentinel_trading_cycles_total{{{chosen}}}[5m])"),
            rules.target_job: query('sentinel_pnl_usd{instance=~"$instance"}'),
            rules.target_instance: query('sum(rate(sentinel_pnl_usd{job=~"$job"}[1m]))'),
            rules.target_counter_agg: query(f"sum(sentinel_trading_cycles_total{{{chosen}}})"),
            rules.uneditable_dashboard: lambda it: it.update(editable=True),
            rules.importable: lambda it: it.update(__inputs=[]),
            rules.unique_names: lambda it: it["panels"].append(panel(it)),
            rules.full_grid: lambda it: panel(it)["gridPos"].update(w=5),
            rules.grey_without_data: lambda it: panel(it)["fieldConfig"]["defaults"].update(mappings=[]),
            rules.newest: lambda it: panel(it)["targets"][0].update(instant=False, range=True),
            rules.first_events: query(f"sum(increase(sentinel_api_errors_total{{{chosen}}}[5m]))"),
            rules.safe_colors: lambda it: panel(it)["fieldConfig"]["defaults"]["thresholds"]["steps"][0].update(color="red"),
        }
        self.assertEqual(set(spoils), set(rules.LINTER + rules.OWN))
        spoiled = copy.deepcopy(DASHBOARDS["sentinel-trading"])
        query("sum(up) or vector(0)")(spoiled)
        self.assertNotEqual(list(rules.grey_without_data(spoiled)), [])
        for rule, spoil in spoils.items():
            with self.subTest(rule=rule.__name__):
                spoiled = copy.deepcopy(DASHBOARDS["sentinel-trading"])
                spoil(spoiled)
                self.assertNotEqual(list(rule(spoiled)), [])

    def test_every_exception_is_needed(self):
        text = "".join(expr for dashboard in DASHBOARDS.values() for _, expr in rules.queries(dashboard))
        titles = {panel["title"] for dashboard in DASHBOARDS.values() for panel in rules.shown(dashboard)}
        self.assertEqual([matcher for matcher in [*rules.NOT_NARROWED, *rules.NO_FIRST_EVENTS] if matcher not in text], [])
        self.assertEqual([title for title in [*rules.RAW_COUNTERS, *OTHER_LINES] if title not in titles], [])


class Thresholds(unittest.TestCase):
    def test_every_line_stands_where_an_alert_of_its_panel_fires(self):
        checked = 0
        for dashboard in DASHBOARDS.values():
            for panel in rules.shown(dashboard):
                if panel["title"] in OTHER_LINES:
                    continue
                allowed = set().union(*(compared(name) for name in alerts_linked(panel)))
                for value in thresholds(panel):
                    self.assertIn(value, allowed, f"{dashboard['uid']}: {panel['title']}")
                    checked += 1
        self.assertGreater(checked, 60)

    def test_every_line_has_the_colour_of_its_alert(self):
        colors = {"info": "#56B4E9", "warning": "#E69F00", "critical": "#D55E00"}
        small = 0
        for dashboard in DASHBOARDS.values():
            for panel in rules.shown(dashboard):
                fields = panel["fieldConfig"]["defaults"]
                if panel["type"] != "timeseries" or fields["custom"]["thresholdsStyle"]["mode"] == "off" or panel["title"] in OTHER_LINES:
                    continue
                # A drift counts either way; more than nothing is drawn just above it, and what is 0 turns good at 1.
                alert = alerts_linked(panel)[0]
                found = list(limits.burn_rates().values()) if alert == "SentinelSloBurn" else limits.limits(alert)
                expected = {
                    (value, colors[limit.severity])
                    for limit in found
                    for value in ({0.001, 1} if limit.value == 0 else {limit.value, -limit.value})
                }
                for line in limit_lines(fields["thresholds"]["steps"]):
                    self.assertIn(line, expected, f"{dashboard['uid']}: {panel['title']}")
                    small += found[0].operator == "<" or line[0] < 0
        self.assertGreater(small, 5)

    def test_every_panel_shows_what_its_alert_is_about(self):
        def series(expr):
            # A record is named after its metric, between colons.
            return set(re.findall(r"(?:sentinel|alertmanager|prometheus|slo)[\w]*(?::[\w]+:ratio)?|\bup\b", expr))

        for dashboard in DASHBOARDS.values():
            for panel in rules.shown(dashboard):
                shown = series(" ".join(target["expr"] for target in panel.get("targets", [])))
                # The first is the one whose thresholds it has.
                for name in alerts_linked(panel)[:1] if thresholds(panel) and panel["title"] not in OTHER_LINES else []:
                    about = set().union(*(series(alert.expr) for alert in limits.named(name)))
                    self.assertTrue(shown & about, f"{dashboard['uid']}: {panel['title']} shows nothing of {name}")

    def test_the_lines_of_burn_rates_are_those_of_the_alerts(self):
        self.assertEqual({window: rate.value for window, rate in limits.burn_rates().items()},
                         {"1h": 14.4, "5m": 14.4, "6h": 6, "30m": 6, "1d": 3, "2h": 3, "3d": 1})
        columns = next(panel for panel in rules.shown(DASHBOARDS["sentinel-slo"]) if panel["title"] == "Objectives")
        self.assertEqual(thresholds(columns), [0, 14.4, 6, 3, 1])

    def test_a_limit_is_read_from_the_rules(self):
        rule = """
      - alert: SentinelSlow
        # Why.
        expr: |
          time() - (last_over_time(x[5m]) > 0) > 35 * 60
          unless y == 1
        for: 1m
        labels: {severity: critical, team: sre}
        annotations:
          summary: It is slow.
          runbook_url: "{{ $externalLabels.docs_url }}docs/runbooks/sre.md#sentinelslow"
"""
        (alert,) = limits.parse(rule)
        self.assertEqual(limits.limit(alert), ("critical", ">", 2100))
        self.assertEqual(alert.runbook, "docs/runbooks/sre.md#sentinelslow")
        with self.assertRaises(ValueError):
            limits.parse(rule.replace("labels: {severity: critical, team: sre}", "labels:"))


class Links(unittest.TestCase):
    def test_every_alert_leads_to_a_dashboard_with_a_panel_about_it(self):
        text = "".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "rules").glob("*.yml")))
        links = re.findall(r"- alert: (\w+)\n(?:.*\n)*? +dashboard_url: \"\{\{ \$externalLabels.grafana_url \}\}/d/([\w-]+)\"", text)
        self.assertEqual(len(links), len(limits.ALERTS))
        for alert, uid in links:
            with self.subTest(alert=alert):
                self.assertIn(alert, {name for panel in rules.shown(DASHBOARDS[uid]) for name in alerts_linked(panel)})

    def test_every_runbook_is_there(self):
        for dashboard in DASHBOARDS.values():
            for panel in rules.shown(dashboard):
                for link in panel["links"]:
                    page, anchor = link["url"].removeprefix("${docs_url}").split("#")
                    headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
                    self.assertIn(anchor, [heading.lower() for heading in headings], panel["title"])

    def test_dashboards_lead_to_each_other(self):
        for dashboard in DASHBOARDS.values():
            self.assertEqual([(link["type"], link["tags"]) for link in dashboard["links"]], [("dashboards", ["sentinel"])])
            self.assertEqual(dashboard["tags"], ["sentinel"])
            for uid in re.findall(r'"url": "/d/([\w-]+)', json.dumps(dashboard)):
                self.assertIn(uid, DASHBOARDS)

    def test_alerts_that_fired_are_marked(self):
        for dashboard in DASHBOARDS.values():
            marked = [it["expr"] for it in dashboard["annotations"]["list"] if it["enable"] and "expr" in it]
            self.assertEqual(len(marked), 2)
            self.assertTrue(all('alertstate="firing"' in expr for expr in marked))


if __name__ == "__main__":
    unittest.main()
