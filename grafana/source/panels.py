"""The kinds of panels, one helper each, and what all of them have in common: a description, units, thresholds from the rules, links to
the runbooks of the alerts, and grey where there is no data."""

import zlib

from limits import limits, named
from queries import DATASOURCE, targets

# Okabe and Ito's colours: told apart with any kind of colour blindness, and in print.
OK, WARNING, CRITICAL = "#009E73", "#E69F00", "#D55E00"
BLUE, SKY, PINK, YELLOW, GREY = "#0072B2", "#56B4E9", "#CC79A7", "#F0E442", "#808080"
SEVERITIES = {"info": SKY, "warning": WARNING, "critical": CRITICAL}

NO_DATA = "No data"
# Of what an instant query returns, which is one value a series.
NEWEST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
# Thresholds colour what reaches them; this makes "more than nothing" of a count.
MORE_THAN_NOTHING = 0.001


def states(named_states=None, missing=NO_DATA):
    """Texts and colours for values: {0: ("OK", OK)}. What is not there is grey, and says so."""
    mappings = []
    if named_states:
        options = {
            str(value): {"color": color, "index": index, "text": text}
            for index, (value, (text, color)) in enumerate(named_states.items())
        }
        mappings.append({"options": options, "type": "value"})
    return mappings + [{"options": {"match": "null+nan", "result": {"color": GREY, "text": missing}}, "type": "special"}]


def steps(alert):
    """Thresholds where the alert fires. Below the first one all is well, or above the last one if it fires on what is small."""
    found = limits(alert)
    operator = found[0].operator
    colors = {limit.value: SEVERITIES[limit.severity] for limit in found}
    if operator == "==" and set(colors) == {0}:
        return [{"color": colors[0], "value": None}, {"color": OK, "value": 1}]
    if operator == "<":
        values = sorted(colors)
        return [
            {"color": colors[value], "value": below} for below, value in zip([None] + values, values)
        ] + [{"color": OK, "value": values[-1]}]
    return [{"color": OK, "value": None}] + [
        {"color": color, "value": value or MORE_THAN_NOTHING} for value, color in sorted(colors.items())
    ]


def quiet(threshold_steps):
    """The same, where what is well needs no colour. Grafana draws a line in the colour of the step above it, but up to the first that is
    transparent in that of the step below it: so each line has its alert's colour, also where that fires on what is small."""
    return [step | {"color": "transparent"} if step["color"] == OK else step for step in threshold_steps]


def runbooks(alerts):
    """A link for each alert, once for all of its severities."""
    links = {alert.name: alert.runbook for reference in alerts for alert in named(reference)}
    return [
        {"targetBlank": True, "title": f"Runbook: {name}", "url": f"${{docs_url}}{page}"} for name, page in links.items()
    ]


def panel(kind, title, description, width, queries, unit, *, alert=None, alerts=(), threshold_steps=None, mappings=None,
          custom=None, defaults=None, overrides=(), options=None, shape="time_series", instant=False, interval=None,
          transformations=(), empty=NO_DATA):
    """What all kinds have in common. `alert` gives thresholds and a runbook, `alerts` runbooks alone; `empty` is said instead of
    "no data" where that is good news."""
    if threshold_steps is None:
        threshold_steps = steps(alert) if alert else [{"color": SKY, "value": None}]
    described = {
        "datasource": DATASOURCE,
        "description": description,
        "fieldConfig": {
            "defaults": {
                "color": {"mode": "thresholds"},
                "custom": custom or {},
                "mappings": states() if mappings is None else mappings,
                "noValue": empty,
                "thresholds": {"mode": "absolute", "steps": threshold_steps},
                "unit": unit,
            } | (defaults or {}),
            "overrides": list(overrides),
        },
        "gridPos": {"w": width},
        # By its title, so that a new panel renumbers no other.
        "id": zlib.crc32(title.encode()) % 1_000_000 + 1,
        "links": runbooks(([alert] if alert else []) + list(alerts)),
        "options": options or {},
        "targets": targets(queries, shape, instant),
        "title": title,
        "transformations": list(transformations),
        "type": kind,
    }
    if interval:
        described["interval"] = interval
    return described


def override(name, **properties):
    """For the field of that name; a name between slashes is a regular expression."""
    matcher = "byRegexp" if name.startswith("/") else "byName"
    return {
        "matcher": {"id": matcher, "options": name},
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
    }


def fixed(color):
    return {"fixedColor": color, "mode": "fixed"}


def stat(title, description, width, queries, unit="short", *, background=False, link=None, **more):
    """One number, as large as it can be, as it is now. It has no course behind it, because for that Grafana asks about a range, and
    then shows the last number that there was, long after its series has gone."""
    options = {
        "colorMode": "background" if background else "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": NEWEST,
        "showPercentChange": False,
        "textMode": "auto",
        "wideLayout": True,
    }
    defaults = more.pop("defaults", {}) | ({"links": [link]} if link else {})
    return panel("stat", title, description, width, queries, unit, options=options, defaults=defaults, instant=True, **more)


def lines(title, description, width, queries, unit="short", *, bars=False, stacked=False, colors=None, dashed=(), low=0, high=None,
          decimals=None, table=False, threshold_steps=None, **more):
    """Series over time. `colors` fixes those of some names, `dashed` draws them as limits."""
    if threshold_steps is None and "alert" in more:
        threshold_steps = steps(more["alert"])
    if threshold_steps:
        threshold_steps = quiet(threshold_steps)
    limits = [step["value"] for step in threshold_steps or [] if step["value"] is not None]
    # Events come about once a minute: a window as short as Grafana's least would see none in one moment and two in the next.
    if "__rate_interval" in str(queries):
        more.setdefault("interval", "5m")
    custom = {
        "axisPlacement": "auto",
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 60 if bars or stacked else 0 if table else 8,
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
        "thresholdsStyle": {"mode": "dashed" if limits else "off"},
    }
    if limits:
        # The lines are in sight, so that the way that is left to them can be seen.
        custom["axisSoftMax"] = 1 if max(limits) == MORE_THAN_NOTHING else round(1.25 * max(limits), 3)
        custom["axisSoftMin"] = round(1.25 * min(*limits, 0), 3)
    overrides = [override(name, color=fixed(color)) for name, color in (colors or {}).items()]
    dash = {"dash": [10, 10], "fill": "dash"}
    overrides += [override(name, custom__lineStyle=dash, custom__fillOpacity=0) for name in dashed]
    defaults = {"color": {"mode": "palette-classic"}}
    defaults |= {key: value for key, value in {"min": low, "max": high, "decimals": decimals}.items() if value is not None}
    options = {
        "legend": {
            "calcs": ["last", "max"] if table else [],
            "displayMode": "table" if table else "list",
            "placement": "right" if table else "bottom",
            "showLegend": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, description, width, queries, unit, custom=custom, defaults=defaults, overrides=overrides,
                 options=options, threshold_steps=threshold_steps, **more)


def heatmap(title, description, width, histogram, unit="s", *, interval="1m", **more):
    """How many observations fell between the bounds of a histogram, over time."""
    nowhere = {"legend": False, "tooltip": False, "viz": False}
    custom = {"hideFrom": nowhere, "scaleDistribution": {"type": "linear"}}
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"exponent": 0.5, "fill": BLUE, "mode": "scheme", "reverse": False, "scale": "exponential", "scheme": "Viridis",
                  "steps": 64},
        "exemplars": {"color": PINK},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    query = {"{{le}}": f"sum by (le) (increase({histogram}_bucket[$__rate_interval]))"}
    return panel("heatmap", title, description, width, query, "short", custom=custom, options=options, shape="heatmap",
                 interval=interval, **more)


def timeline(title, description, width, queries, named_states, **more):
    """States over time, a row for each series."""
    options = {
        "alignValue": "left",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "rowHeight": 0.85,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return panel("state-timeline", title, description, width, queries, "none", custom={"fillOpacity": 80, "lineWidth": 0},
                 mappings=states(named_states), options=options, **more)


def bars(title, description, width, queries, unit="short", *, low=0, high=None, decimals=None, **more):
    """A bar for each series, as it is now."""
    options = {
        "displayMode": "basic",
        "maxVizHeight": 24,
        "minVizHeight": 16,
        "minVizWidth": 8,
        "namePlacement": "left",
        "orientation": "horizontal",
        "reduceOptions": NEWEST,
        "showUnfilled": True,
        "sizing": "auto",
        "valueMode": "text",
    }
    defaults = {key: value for key, value in {"min": low, "max": high, "decimals": decimals}.items() if value is not None}
    return panel("bargauge", title, description, width, queries, unit, defaults=defaults, options=options, instant=True, **more)


def table(title, description, width, queries, columns, *, sort=None, hidden=(), **more):
    """Queries joined by their labels into a row each. `columns` names and dresses the fields: {"Value #A": ("Budget", {...})}."""
    hide = {name: True for name in ["Time", "job", *hidden]}
    order = {name: index for index, name in enumerate(columns)}
    names = {name: label for name, (label, _) in columns.items()}
    transformations = [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": hide, "indexByName": order, "renameByName": names}},
    ]
    if sort:
        transformations.append({"id": "sortBy", "options": {"sort": [{"desc": sort.startswith("-"), "field": sort.lstrip("-")}]}})
    overrides = [override(label, **dress) for label, dress in columns.values() if dress]
    return panel("table", title, description, width, queries, "short", shape="table", instant=True,
                 custom={"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False, "inspect": False},
                 options={"cellHeight": "sm", "footer": {"countRows": False, "reducer": ["sum"], "show": False},
                          "showHeader": True},
                 overrides=overrides, transformations=transformations, **more)


def painted(threshold_steps=None, mappings=None):
    """A table's column whose cells take the colours of states, or of thresholds: there what is well is left as it is, so that the
    rest stands out."""
    dress = {"custom__cellOptions": {"mode": "basic", "type": "color-background"}}
    if mappings:
        return dress | {"mappings": mappings}
    return dress | {"thresholds": {"mode": "absolute", "steps": quiet(threshold_steps)}}


def alert_list(title, description, width):
    """What Prometheus has pending and firing, with links to runbooks; what nobody is told, such as the Watchdog, is no news."""
    options = {
        "alertInstanceLabelFilter": '{severity!="none"}',
        "alertName": "",
        "dashboardAlerts": False,
        "datasource": "HUB Prometheus",
        "groupBy": [],
        "groupMode": "default",
        "maxItems": 30,
        "sortOrder": 3,
        "stateFilter": {"error": True, "firing": True, "noData": True, "normal": False, "pending": True},
        "viewMode": "list",
    }
    made = panel("alertlist", title, description, width, {}, "none", options=options)
    return {key: value for key, value in made.items() if key not in ("targets", "datasource", "transformations")}
