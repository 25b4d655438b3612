"""A dashboard around its panels: rows on the grid of 24 columns, variables, annotations and links."""

from queries import DATASOURCE, chosen
from panels import CRITICAL, WARNING

COLUMNS = 24
TITLES = {
    "sentinel-overview": "Sentinel 1: Overview",
    "sentinel-trading": "Sentinel 2: Trading",
    "sentinel-risk": "Sentinel 3: Risk",
    "sentinel-pipeline": "Sentinel 4: Pipeline",
    "sentinel-bot": "Sentinel 5: Bot",
    "sentinel-slo": "Sentinel 6: Objectives",
    "sentinel-exporter": "Sentinel 7: Exporter",
}
# The links of the runbooks begin with it; docs/dashboards.md says how to set it.
DOCS_URL = "https://git.example.com/sentinel-exporter/blob/main/"


def row(title, height, *panels):
    """A heading, and panels below it from left to right."""
    return title, height, panels


def place(rows):
    """All panels, each with its place on the grid. A full line ends at the last column."""
    placed, y = [], 0
    # Panels are numbered by their titles, headings from where that ends.
    for number, (title, height, panels) in enumerate(rows, start=2_000_000):
        if title:
            grid = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
            placed.append({"collapsed": False, "gridPos": grid, "id": number, "panels": [], "title": title, "type": "row"})
            y += 1
        x = 0
        for panel in panels:
            width = panel["gridPos"]["w"]
            if x + width > COLUMNS:
                x, y = 0, y + height
            placed.append(panel | {"gridPos": {"h": height, "w": width, "x": x, "y": y}})
            x += width
        y += height
    return placed


def variables():
    def query(name, label, definition):
        return {
            "allValue": ".+",
            "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
            "datasource": DATASOURCE,
            "definition": definition,
            "hide": 0,
            "includeAll": True,
            "label": label,
            "multi": True,
            "name": name,
            "options": [],
            "query": {"qryType": 1, "query": definition, "refId": f"variable-{name}"},
            "refresh": 2,
            "regex": "",
            "skipUrlSync": False,
            "sort": 1,
            "type": "query",
        }

    datasource = {
        "current": {"selected": True, "text": "HUB Prometheus", "value": "sentinel-prometheus"},
        "hide": 0,
        "includeAll": False,
        "label": "Data source",
        "multi": False,
        "name": "datasource",
        "options": [],
        "query": "prometheus",
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
        "type": "datasource",
    }
    docs = {
        "current": {"selected": False, "text": DOCS_URL, "value": DOCS_URL},
        "hide": 2,
        "label": "Documents",
        "name": "docs_url",
        "query": DOCS_URL,
        "skipUrlSync": True,
        "type": "constant",
    }
    return [
        datasource,
        query("job", "Job", "label_values(sentinel_exporter_build_info, job)"),
        query("instance", "Instance", 'label_values(sentinel_exporter_build_info{job=~"$job"}, instance)'),
        docs,
    ]


def annotations(teams):
    """When alerts of these teams fired; of all alerts without any."""
    builtin = {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }

    def firing(severity, color):
        matchers = [] if teams else ['job=~".*"']
        matchers += ['alertstate="firing"', f'severity="{severity}"'] + ([f'team=~"{teams}"'] if teams else [])
        return {
            "datasource": DATASOURCE,
            "enable": True,
            "expr": chosen(f"ALERTS{{{', '.join(matchers)}}}"),
            "hide": False,
            "iconColor": color,
            "name": f"{severity.capitalize()} alerts",
            "step": "60s",
            "tagKeys": "instance,team",
            "textFormat": "{{instance}} {{check}}{{endpoint}}{{slo}}{{status}}{{trigger}}",
            "titleFormat": "{{alertname}}",
            "useValueForTime": False,
        }

    return {"list": [builtin, firing("critical", CRITICAL), firing("warning", WARNING)]}


def dashboard(uid, description, rows, *, teams="", period="now-6h"):
    return {
        "annotations": annotations(teams),
        "description": description,
        "editable": False,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": None,
        "links": [
            {
                "asDropdown": False,
                "icon": "dashboard",
                "includeVars": True,
                "keepTime": True,
                "tags": ["sentinel"],
                "targetBlank": False,
                "title": "Sentinel",
                "tooltip": "The other dashboards, for the same hosts and times",
                "type": "dashboards",
                "url": "",
            }
        ],
        "liveNow": False,
        "panels": place(rows),
        "refresh": "30s",
        "schemaVersion": 39,
        "tags": ["sentinel"],
        "templating": {"list": variables()},
        "time": {"from": period, "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": TITLES[uid],
        "uid": uid,
        "version": 1,
        "weekStart": "monday",
    }
