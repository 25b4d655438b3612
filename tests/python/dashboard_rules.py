"""The rules of Grafana's dashboard-linter, and those of this repository. Each is a function from a dashboard to complaints."""

import re
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERIES = re.compile(r"\b(?:(?:sentinel_|process_|scrape_|prometheus_|alertmanager_|slo:|job_instance)[\w:]*|up|ALERTS)\b(\{[^}]*\})?")
UNITS = {"short", "none", "s", "bytes", "percentunit", "currencyUSD", "opm", "cpm"}
# Kinds of panels that show numbers.
NUMBERS = {"stat", "table", "timeseries", "bargauge", "heatmap", "state-timeline"}
PALETTE = {"#009E73", "#E69F00", "#D55E00", "#0072B2", "#56B4E9", "#CC79A7", "#F0E442", "#808080", "transparent"}

# Where a series is not narrowed to the chosen job and instance, by the matcher that says so.
NOT_NARROWED = {
    'job=~".*"': "alerts and targets of all hosts, some of which are about Prometheus itself or have no job at all",
    'job="sentinel-metrics"': "of the scrape or the process, which all jobs have; the instance is narrowed",
    'job="sentinel-dingtalk"': "of the bridge, which is no exporter that can be chosen",
    'job="alertmanager"': "of Alertmanager, which is no exporter that can be chosen",
    'job="prometheus"': "of Prometheus, which is no exporter that can be chosen",
}
# Counters with labels that are not known before their first events. The catalogue calls them open, but for two.
OPEN = re.findall(r': (?:Counter|Histogram) "(\w+)" \[[^]]*; open\]', (ROOT / "src/catalogue.rs").read_text(encoding="utf-8"))
OPEN += ["sentinel_exporter_events_total", "alertmanager_notifications_total"]
# The form that counts such an event too, before the increase() that would miss it.
FIRST_EVENTS = re.compile(
    r"(?P<series>[\w:]+\{[^}]*\}) and count_over_time\((?P=series)\[(?P<window>[^\]]*)\]\)"
    r" < on \(job, instance\) group_left \(\) min by \(job, instance\) \(sum_over_time\(up\{[^}]*\}\[(?P=window)\]\)\)"
    r" or increase\((?P=series)\[(?P=window)\]\)"
)
# What it is not needed for.
NO_FIRST_EVENTS = {
    'action=~"BUY|SELL"': "they are there from the beginning, and counted by the alerts in the same way",
    'code="PGRST002"': "it is there from the beginning",
    "sentinel_api_latency_seconds_bucket": "the first call of an endpoint changes no share of those of 15 minutes",
}
# Where a counter is shown as it is.
RAW_COUNTERS = {
    "Repairs": "their number since counting began, which is what can be compared with the bot's own",
    "Repairs, counted and reported": "the same, beside what the bot reports since its own beginning",
}


def shown(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(dashboard):
    """(panel, query) of all panels, without what the linter leaves alone."""
    return [(panel, target["expr"]) for panel in shown(dashboard) for target in panel.get("targets", [])]


def variable(dashboard, name):
    return next((it for it in dashboard["templating"]["list"] if it["name"] == name), {})


def template_datasource(dashboard):
    found = [it for it in dashboard["templating"]["list"] if it["type"] == "datasource"]
    if [(it["name"], it["label"], it["query"]) for it in found] != [("datasource", "Data source", "prometheus")]:
        yield "no variable 'datasource' for Prometheus, labelled 'Data source'"


def template(dashboard, name):
    expected = {"type": "query", "multi": True, "allValue": ".+", "label": name.capitalize()}
    found = variable(dashboard, name)
    for key, value in expected.items():
        if found.get(key) != value:
            yield f"variable {name}: {key} is {found.get(key)!r}, not {value!r}"
    if found.get("datasource", {}).get("uid") != "${datasource}":
        yield f"variable {name} does not use the chosen data source"


def template_job(dashboard):
    yield from template(dashboard, "job")


def template_instance(dashboard):
    yield from template(dashboard, "instance")


def template_label_promql(dashboard):
    for it in dashboard["templating"]["list"]:
        if it["type"] == "query" and not re.fullmatch(r'label_values\([\w:]+(\{\w+=~"\$\w+"\})?, \w+\)', it["query"]["query"]):
            yield f"variable {it['name']} asks for no values of a label: {it['query']['query']}"


def template_on_time_change_reload(dashboard):
    for it in dashboard["templating"]["list"]:
        if it["type"] == "query" and it["refresh"] != 2:
            yield f"variable {it['name']} is not read anew when the time changes"


def panel_datasource(dashboard):
    for panel in shown(dashboard):
        if panel["type"] in NUMBERS and panel.get("datasource", {}).get("uid") != "${datasource}":
            yield f"{panel['title']} does not use the chosen data source"


def panel_title_description(dashboard):
    for panel in shown(dashboard):
        if len(panel.get("title", "")) < 2 or not panel.get("description", "").endswith("."):
            yield f"panel {panel.get('title')!r} has no title, or no description"


def panel_units(dashboard):
    for panel in shown(dashboard):
        fields = panel["fieldConfig"]
        units = [it["value"] for rule in fields["overrides"] for it in rule["properties"] if it["id"] == "unit"]
        for unit in units + [fields["defaults"].get("unit")]:
            if unit not in UNITS:
                yield f"{panel['title']} has the unit {unit!r}"


def panel_no_targets(dashboard):
    for panel in shown(dashboard):
        if panel["type"] in NUMBERS and not panel.get("targets"):
            yield f"{panel['title']} asks for nothing"


def target_logql(dashboard):
    for panel in shown(dashboard):
        for target in panel.get("targets", []):
            if target.get("datasource", {}).get("type") != "prometheus":
                yield f"{panel['title']} asks something else than Prometheus, for which there is no rule here"


def target_logql_auto(dashboard):
    for panel, expr in queries(dashboard):
        if "$__auto" in expr:
            yield f"{panel['title']} uses Loki's $__auto"


def filled(expr):
    """A query with numbers and names for what Grafana fills in."""
    values = {"${__rate_interval_ms}": "300000", "$__rate_interval": "5m", "$__range": "1h", "$job": ".+", "$instance": ".+"}
    for name, value in values.items():
        expr = expr.replace(name, value)
    return expr


def target_promql(dashboard):
    """As promtool sees them: each expression as a rule of its own."""
    rules = []
    for _, expr in queries(dashboard):
        plain = filled(expr)
        quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
        rules.append(f'  - {{record: "query:{len(rules)}", expr: "{quoted}"}}\n')
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "queries.yml"
        file.write_text("groups:\n- name: queries\n  rules:\n" + "".join(rules), encoding="utf-8")
        checked = subprocess.run(["promtool", "check", "rules", "--lint=none", file], capture_output=True, text=True, check=False)
    if checked.returncode:
        yield f"promtool: {checked.stdout}{checked.stderr}"


def target_rate_interval(dashboard):
    for panel, expr in queries(dashboard):
        if any(window != "$__rate_interval" for window in re.findall(r"\bi?rate\([^\[\]]*\[([^\]]*)\]", expr)):
            yield f"{panel['title']} takes a rate over something else than $__rate_interval: {expr}"


def narrowed(dashboard, label):
    for panel, expr in queries(dashboard):
        for found in SERIES.finditer(expr):
            matchers = found[1] or ""
            if f'{label}=~"${label}"' not in matchers and not any(matcher in matchers for matcher in NOT_NARROWED):
                yield f"{panel['title']}: {found[0]} is not narrowed to the chosen {label}"


def target_job(dashboard):
    yield from narrowed(dashboard, "job")


def target_instance(dashboard):
    yield from narrowed(dashboard, "instance")


def target_counter_agg(dashboard):
    for panel, expr in queries(dashboard):
        expr = FIRST_EVENTS.sub("", expr)
        for found in re.finditer(r"(\w+\()?\b[\w:]+_total\b(?!:)(?:\{[^}]*\})?(\[)?", expr):
            if (found[1] not in ("rate(", "irate(", "increase(") or not found[2]) and panel["title"] not in RAW_COUNTERS:
                yield f"{panel['title']}: {found[0]} is a counter, and no rate or increase is taken of it"


def uneditable_dashboard(dashboard):
    if dashboard["editable"] is not False:
        yield "it can be edited, and what is edited is lost with the next deployment"


LINTER = [
    template_datasource, template_job, template_instance, template_label_promql, template_on_time_change_reload, panel_datasource,
    panel_title_description, panel_units, panel_no_targets, target_logql, target_logql_auto, target_promql, target_rate_interval,
    target_job, target_instance, target_counter_agg, uneditable_dashboard,
]


def importable(dashboard):
    if dashboard["schemaVersion"] != 39 or "__inputs" in dashboard or dashboard["id"] is not None:
        yield "it cannot be provisioned as it is"


def unique_names(dashboard):
    for what in ("id", "title"):
        values = [panel[what] for panel in (dashboard["panels"] if what == "id" else shown(dashboard))]
        for value in sorted(set(values)):
            if values.count(value) > 1:
                yield f"two panels have the {what} {value}"


def full_grid(dashboard):
    """Every cell of the grid belongs to one panel, and no line has a gap."""
    cells = [
        (x, y)
        for panel in dashboard["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    bottom = max(y for _, y in cells) + 1
    if sorted(cells) != sorted((x, y) for x in range(24) for y in range(bottom)):
        yield "panels overlap, leave a gap, or stand out of the 24 columns"


def grey_without_data(dashboard):
    expected = {"options": {"match": "null+nan", "result": {"color": "#808080", "text": "No data"}}, "type": "special"}
    for panel in shown(dashboard):
        defaults = panel["fieldConfig"]["defaults"]
        if expected not in defaults["mappings"] or not defaults.get("noValue"):
            yield f"{panel['title']} does not turn grey without data"
    for panel, expr in queries(dashboard):
        if re.search(r"\bor vector\(", expr):
            yield f"{panel['title']} makes a number of no data: {expr}"


def safe_colors(dashboard):
    for panel in shown(dashboard):
        for color in re.findall(r"'color': '([^']*)'|'fixedColor': '([^']*)'", str(panel["fieldConfig"])):
            if "".join(color) not in PALETTE:
                yield f"{panel['title']} has the colour {''.join(color)}"


def newest(dashboard):
    """A query about a range gives the last value that there was, long after its series has gone: green from five hours ago."""
    for panel in shown(dashboard):
        for target in panel.get("targets", []):
            if panel["type"] in ("stat", "bargauge", "table") and (target["instant"], target["range"]) != (True, False):
                yield f"{panel['title']} shows one value, and asks about a range"
        if "lastNotNull" in panel["options"].get("legend", {}).get("calcs", []):
            yield f"{panel['title']} has the last value that there was in its legend"


def first_events(dashboard):
    for panel, expr in queries(dashboard):
        for found in re.finditer(rf"\b(?:increase|rate)\((?:{'|'.join(OPEN)})(?:_bucket|_count|_sum)?\b.*?\]", FIRST_EVENTS.sub("", expr)):
            if not any(reason in found[0] for reason in NO_FIRST_EVENTS):
                yield f"{panel['title']}: {found[0]}) does not see the event that a series begins with"


OWN = [importable, unique_names, full_grid, grey_without_data, safe_colors, newest, first_events]
