"""A dashboard as one HTML page, on Grafana's grid of 24 columns."""

import html

from kinds import KINDS

CELL, LINE, GAP, HEAD = 56, 30, 8, 26
WIDTH = 24 * (CELL + GAP) + GAP
TOP = 44
STYLE = """
* { box-sizing: border-box } body { margin: 0; background: #111217; color: #ccccdc; font: 12px "DejaVu Sans", sans-serif }
.panel { position: absolute; background: #181b1f; border: 1px solid #25282d; overflow: hidden }
.panel h3 { font-size: 12px; font-weight: 600; margin: 0; padding: 5px 8px; height: 26px } .panel h3 em { color: #6e7681; font-style: normal }
.row { position: absolute; font-size: 14px; padding: 6px 8px } .missing { padding: 24px; text-align: center; color: #808080; font-size: 16px }
.tiles { display: flex; height: 100% } .stat { flex: 1; position: relative; display: flex; align-items: center; justify-content: center;
  font-size: 28px; font-weight: 600; height: 100%; text-align: center }
.stat small { display: block; font-size: 10px; font-weight: 400 }
.legend { font-size: 10px } .legend b { display: inline-block; width: 12px; height: 4px; margin-right: 5px; vertical-align: middle }
.above .legend { padding-left: 8px; white-space: nowrap; overflow: hidden } .above .legend span { margin-right: 12px }
.beside { display: flex } .beside table { flex: 1; height: fit-content } table { border-collapse: collapse }
.legend th, .legend td { text-align: right; padding: 1px 6px; white-space: nowrap } .legend td:first-child { text-align: left }
.rows { width: 100% } .rows th { text-align: left; color: #6e9fff; font-weight: 600 } .rows th, .rows td { padding: 0 8px; height: 36px; border-bottom: 1px solid #25282d }
.bars { width: 100%; font-size: 11px } .bars td { padding: 3px 8px; white-space: nowrap } .bar { width: 60% } .bar div { height: 14px } .bars td:last-child { text-align: right }
.alert { border-left: 4px solid; margin: 6px 8px; padding: 4px 8px; background: #22252b }
h1 { font-size: 16px; margin: 0; padding: 12px 10px; height: 44px } h1 small { color: #8e8e8e; font-weight: 400; margin-left: 12px }
"""


def place(panel):
    grid = panel["gridPos"]
    left, top = GAP + grid["x"] * (CELL + GAP), TOP + grid["y"] * (LINE + GAP)
    return left, top, grid["w"] * (CELL + GAP) - GAP, grid["h"] * (LINE + GAP) - GAP


def drawn(panel, prometheus):
    left, top, width, height = place(panel)
    style = f"left:{left}px;top:{top}px;width:{width}px;height:{height}px"
    if panel["type"] == "row":
        return f'<div class="row" style="{style}">⌄ {html.escape(panel["title"])}</div>'
    inside = KINDS[panel["type"]](panel, prometheus, width - 2, height - HEAD - 2)
    runbook = " <em>↗</em>" if panel["links"] else ""
    return (f'<div class="panel" style="{style}"><h3>{html.escape(panel["title"])}{runbook}</h3>'
            f'<div style="height:{height - HEAD - 2}px">{inside}</div></div>')


def page(dashboard, prometheus):
    """The page, its width and its height."""
    panels = "".join(drawn(panel, prometheus) for panel in dashboard["panels"])
    height = max(top + high for _, top, _, high in map(place, dashboard["panels"])) + GAP
    head = f'<h1>{html.escape(dashboard["title"])}<small>{html.escape(dashboard["description"])}</small></h1>'
    return f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style><body style="height:{height}px">{head}{panels}', WIDTH, height
