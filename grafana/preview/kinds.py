"""What is in a panel, as HTML, for each kind of panel."""

import html
import time

import charts
from values import Field, formatted


def missing(panel):
    return f'<div class="missing">{html.escape(panel["fieldConfig"]["defaults"]["noValue"])}</div>'


def fields_of(panel, series):
    return [Field(panel, one.name) for one in series]


def stat(panel, prometheus, width, height):
    series = prometheus.series(panel, width)
    if not series:
        label, color = Field(panel, "").shown(None)
        painted = f"background:{color};color:#fff" if panel["options"]["colorMode"] == "background" else f"color:{color}"
        return f'<div class="stat" style="{painted}">{label}</div>'
    tiles, wide = [], width // len(series)
    for one, field in zip(series, fields_of(panel, series)):
        label, color = field.shown(one.last())
        size = min(38, int(wide * 1.5 / max(len(label), 1)), int(height * 0.55))
        painted = f"background:{color};color:#fff" if panel["options"]["colorMode"] == "background" else f"color:{color}"
        name = f"<small>{html.escape(one.name)}</small>" if len(series) > 1 else ""
        tiles.append(f'<div class="stat" style="{painted};font-size:{size}px"><span>{html.escape(label)}{name}</span></div>')
    return f'<div class="tiles">{"".join(tiles)}</div>'


def legend(panel, series, fields):
    entries = []
    for one, color, field in zip(series, charts.colors(series, fields), fields):
        most = max((value for _, value in one.points if value is not None), default=None)
        columns = "".join(f"<td>{'No data' if value is None else formatted(value, field.unit, field.decimals)}</td>" for value in (one.last(), most))
        entries.append((f'<b style="background:{color}"></b>{html.escape(one.name)}', columns))
    if panel["options"]["legend"]["displayMode"] == "table":
        rows = "".join(f"<tr><td>{name}</td>{columns}</tr>" for name, columns in entries)
        return f'<table class="legend"><tr><th></th><th>Last</th><th>Max</th></tr>{rows}</table>'
    return '<div class="legend">' + "".join(f"<span>{name}</span>" for name, _ in entries) + "</div>"


def timeseries(panel, prometheus, width, height):
    series = prometheus.series(panel, width)
    if not any(value is not None for one in series for _, value in one.points):
        return missing(panel)
    fields = fields_of(panel, series)
    right = panel["options"]["legend"]["placement"] == "right"
    room = min(330, width // 2) if right else 0
    chart = charts.over_time(panel, series, fields, prometheus.span, width - room, height - (0 if right else 18), prometheus.marks)
    return f'<div class="{"beside" if right else "above"}">{chart}{legend(panel, series, fields)}</div>'


def heatmap(panel, prometheus, width, height):
    series = prometheus.series(panel, width)
    return charts.heat(panel, series, prometheus.span, width, height) if series else missing(panel)


def state_timeline(panel, prometheus, width, height):
    series = prometheus.series(panel, width)
    return charts.state_rows(series, fields_of(panel, series), prometheus.span, width, height) if series else missing(panel)


def bargauge(panel, prometheus, width, height):
    series = [one for one in prometheus.series(panel, width) if one.last() is not None]
    if not series:
        return missing(panel)
    fields = fields_of(panel, series)
    values = [one.last() for one in series]
    low = min([*values, 0]) if fields[0].low is None else fields[0].low
    high = max([*values, fields[0].high or 0, low + 1e-9])
    rows = []
    for value, one, field in zip(values, series, fields):
        label, color = field.shown(value)
        color = field.color or color
        share = max(value - low, 0) / (high - low) * 100
        rows.append(f'<tr><td>{html.escape(one.name)}</td><td class="bar"><div style="width:{share:.1f}%;background:{color}"></div></td>'
                    f'<td style="color:{color}">{label}</td></tr>')
    return f'<table class="bars">{"".join(rows)}</table>'


def merged(panel, prometheus):
    """Rows of a table: values of all queries, joined by their labels."""
    rows, single = {}, len(panel["targets"]) == 1
    for one in prometheus.series(panel, 100):
        labels = {name: value for name, value in one.labels.items() if name != "__name__"}
        column = "Value" if single else f"Value #{one.query}"
        shared = [row for row in rows.values() if all(row.get(name) == value for name, value in labels.items())]
        for row in shared or [rows.setdefault(tuple(sorted(labels.items())), dict(labels))]:
            row[column] = one.last()
    return list(rows.values())


def table(panel, prometheus, width, height):
    rows = merged(panel, prometheus)
    if not rows:
        return missing(panel)
    options = {it["id"]: it["options"] for it in panel["transformations"]}
    organized = options["organize"]
    columns = sorted(organized["indexByName"], key=organized["indexByName"].get)
    if "sortBy" in options:
        sort = options["sortBy"]["sort"][0]
        key = next(name for name, label in organized["renameByName"].items() if label == sort["field"])
        rows.sort(key=lambda row: row.get(key) or 0 if key.startswith("Value") else row.get(key, ""),
                  reverse=sort["desc"])
    body = []
    for row in rows:
        cells = []
        for name in columns:
            field, value = Field(panel, organized["renameByName"][name]), row.get(name)
            if not name.startswith("Value"):
                cells.append(f"<td>{html.escape(value or '')}</td>")
                continue
            label, color = field.shown(value)
            painted = f' style="background:{color};color:#fff"' if field.painted else ""
            cells.append(f'<td class="number"{painted}>{label}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    heads = "".join(f"<th>{organized['renameByName'][name]}</th>" for name in columns)
    return f'<table class="rows"><tr>{heads}</tr>{"".join(body)}</table>'


def alertlist(panel, prometheus, width, height):
    def identity(labels):
        return frozenset((name, value) for name, value in labels.items() if name not in ("__name__", "alertstate"))

    # The list of Prometheus is of now, and has the texts; the series are those of the moment that the other panels show.
    texts = {identity(it["labels"]): it["annotations"].get("description", "") for it in prometheus.call("alerts")["alerts"]}
    since = {identity(one.labels): one.last() for one in prometheus.now("ALERTS_FOR_STATE")}
    alerts = [one.labels for one in prometheus.now('ALERTS{alertname!="SentinelWatchdog"}')]
    if not alerts:
        return '<div class="missing">No alerts matching filters</div>'
    colors = {"critical": "#D55E00", "warning": "#E69F00"}
    rows = []
    for labels in sorted(alerts, key=lambda it: list(colors).index(it["severity"]) if it["severity"] in colors else len(colors)):
        begun = time.strftime("%H:%M", time.gmtime(since.get(identity(labels))))
        rows.append(f'<div class="alert" style="border-color:{colors.get(labels["severity"], "#56B4E9")}"><b>{labels["alertname"]}</b>'
                    f' {labels["alertstate"]} since {begun}<br>{html.escape(texts.get(identity(labels), ""))}</div>')
    return "".join(rows)


KINDS = {
    "alertlist": alertlist, "bargauge": bargauge, "heatmap": heatmap, "stat": stat, "state-timeline": state_timeline, "table": table,
    "timeseries": timeseries,
}
