"""Charts over time as SVG: lines, bars, heat maps and states."""

import html
import math
import time

from values import PALETTE, formatted

AXIS, GRID, TEXT = 66, "#2c3235", "#9fa7b3"
VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"]


def svg(width, height, *parts):
    return f'<svg width="{width}" height="{height}" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'


def text(x, y, content, anchor="start", color=TEXT, size=10):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" font-size="{size}">{html.escape(content)}</text>'


def box(x, y, width, height, color, opacity=1.0):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{max(height, 0):.1f}" fill="{color}" fill-opacity="{opacity}"/>'


class Frame:
    """The room of a chart, and where times and values are in it."""

    def __init__(self, width, height, span, low=0.0, high=1.0, left=AXIS):
        self.left, self.right, self.top, self.bottom = left, width - 6, 6, height - 18
        self.span, self.low, self.high = span, low, high

    def x(self, moment):
        share = (moment - self.span.start) / (self.span.end - self.span.start)
        return self.left + min(max(share, 0), 1) * (self.right - self.left)

    def y(self, value):
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.bottom - share * (self.bottom - self.top)

    def times(self):
        """Ticks at round times."""
        length = self.span.end - self.span.start
        step = next((step for step in (300, 600, 900, 1800, 3600, 7200, 14400) if length / step <= (self.right - self.left) / 60), 21600)
        first = math.ceil(self.span.start / step) * step
        for moment in range(int(first), int(self.span.end), step):
            x = self.x(moment)
            yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{self.top}" y2="{self.bottom}" stroke="{GRID}"/>'
            yield text(min(x, self.right - 12), self.bottom + 13, time.strftime("%H:%M", time.gmtime(moment)), "middle")

    def values(self, unit, decimals):
        for value in ticks(self.low, self.high, unit):
            if decimals == 0 and value != round(value):
                continue
            y = self.y(value)
            yield f'<line x1="{self.left}" x2="{self.right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{GRID}"/>'
            yield text(self.left - 5, y + 3, formatted(value, unit, decimals if value != round(value) else None), "end")


def ticks(low, high, unit, count=4):
    """Round values of the unit."""
    rough = (high - low) / count
    size = 10 ** math.floor(math.log10(rough))
    steps = [size * factor for factor in (1, 2, 2.5, 5, 10)]
    if unit == "s" and rough > 10:
        steps = [20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400, 172800, *steps]
    if unit == "bytes" and rough > 100:
        steps = [1024 ** math.floor(math.log(rough, 1024)) * factor for factor in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1024)]
    step = next(step for step in steps if step >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round((first + index) * step, 10) for index in range(int((high - low) / step + 1e-9) + 1) if (first + index) * step <= high * 1.0001]


def colors(series, fields):
    free = iter(PALETTE * (len(series) // len(PALETTE) + 1))
    return [field.color or next(free) for field in fields]


def stacked(series):
    """Each series on top of those before it: for each a list of (time, from, to)."""
    heights, made = {}, []
    for one in series:
        parts = []
        for moment, value in one.points:
            base = heights.get(moment, 0.0)
            heights[moment] = base + (value or 0.0)
            parts.append((moment, base, heights[moment]))
        made.append(parts)
    return made, max(heights.values(), default=0.0)


def limit_lines(steps):
    """(value, colour) of each threshold's line, as Grafana draws it: in the colour of the step above it, but up to the first transparent
    step in that of the step below it."""
    transparent = next((index for index, step in enumerate(steps) if step["color"] == "transparent"), 0)
    return [(steps[index]["value"], steps[index - 1 if index <= transparent else index]["color"]) for index in range(1, len(steps))]


def over_time(panel, series, fields, span, width, height, marks=()):
    """Lines or bars, with the thresholds as dashed lines and the alerts that fired as upright ones."""
    custom = panel["fieldConfig"]["defaults"]["custom"]
    on_top = custom["stacking"]["mode"] == "normal"
    bases, top = stacked(series) if on_top else ([[(moment, None, value) for moment, value in one.points] for one in series], 0.0)
    values = [value for parts in bases for _, _, value in parts if value is not None]
    field = fields[0]
    low = min(values + [0 if field.low is None else field.low])
    high = max(values + [top, 0.0])
    high = max(high, field.high or 0)
    limits = limit_lines(field.thresholds) if custom["thresholdsStyle"]["mode"] == "dashed" else []
    low, high = min(low, custom.get("axisSoftMin", low)), max(high, custom.get("axisSoftMax", high))
    frame = Frame(width, height, span, low * 1.05 if low < 0 else low, high * 1.05 if high > low else low + 1)
    parts = [*frame.times(), *frame.values(field.unit, field.decimals)]
    for value, color in limits:
        if frame.low <= value <= frame.high:
            place = f'x1="{frame.left}" x2="{frame.right}" y1="{frame.y(value):.1f}" y2="{frame.y(value):.1f}"'
            parts.append(f'<line {place} stroke="{color}" stroke-dasharray="8 6" stroke-width="1.5"/>')
    moments = sorted({moment for points in bases for moment, _, _ in points})
    step = min((second - first for first, second in zip(moments, moments[1:])), default=60)
    for points, color, field in zip(bases, colors(series, fields), fields):
        parts.append(bar_marks(frame, points, step, color) if custom["drawStyle"] == "bars" else line_marks(frame, points, color, custom, field))
    for moment, color in marks:
        x = frame.x(moment)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top}" y2="{frame.bottom}" stroke="{color}" stroke-dasharray="3 3"/>')
    return svg(width, height, *parts)


def bar_marks(frame, points, step, color):
    wide = max((frame.right - frame.left) * step / (frame.span.end - frame.span.start) - 1, 1)
    shown = ((moment, base or 0.0, value) for moment, base, value in points if value is not None and value != (base or 0.0))
    return "".join(
        box(frame.x(moment) - wide / 2, frame.y(max(base, value)), wide, abs(frame.y(base) - frame.y(value)), color, 0.75)
        for moment, base, value in shown
    )


def line_marks(frame, points, color, custom, field):
    runs, run = [], []
    for moment, base, value in points + [(None, None, None)]:
        if value is None:
            runs, run = runs + ([run] if run else []), []
        else:
            run.append((frame.x(moment), frame.y(value), frame.y(base or max(frame.low, 0))))
    parts = []
    for run in runs:
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in run)
        if not field.dashed:
            area = line + " " + " ".join(f"{x:.1f},{base:.1f}" for x, _, base in reversed(run))
            parts.append(f'<polygon points="{area}" fill="{color}" fill-opacity="{custom["fillOpacity"] / 100}"/>')
        dash = ' stroke-dasharray="8 6"' if field.dashed else ""
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="1.4"{dash}/>')
    return "".join(parts)


def heat(panel, series, span, width, height):
    """Cells between the bounds of a histogram; what Prometheus counts is cumulative."""
    rows = sorted(((float(one.labels["le"]), dict(one.points)) for one in series), key=lambda row: row[0])
    unit = panel["options"]["yAxis"]["unit"]
    frame = Frame(width, height, span, 0, max(len(rows), 1))
    moments = sorted({moment for _, points in rows for moment in points})
    step = min((second - first for first, second in zip(moments, moments[1:])), default=60)
    wide = (frame.right - frame.left) * step / (span.end - span.start)
    cells = []
    for index, (_, points) in enumerate(rows):
        below = rows[index - 1][1] if index else {}
        cells += [(moment, index, (value or 0) - (below.get(moment) or 0)) for moment, value in points.items()]
    most = max((count for *_, count in cells), default=0)
    parts = [*frame.times()]
    for moment, index, count in cells:
        if count > 1e-9:
            color = VIRIDIS[min(int(math.sqrt(count / most) * len(VIRIDIS)), len(VIRIDIS) - 1)]
            left, right = max(frame.x(moment) - wide, frame.left), frame.x(moment)
            parts.append(box(left, frame.y(index + 1) + 0.5, right - left - 1, frame.y(index) - frame.y(index + 1) - 1, color))
    for index, (bound, _) in enumerate(rows):
        label = "+Inf" if math.isinf(bound) else formatted(bound, unit)
        parts.append(text(frame.left - 5, frame.y(index + 0.5) + 3, label, "end"))
    return svg(width, height, *parts)


def state_rows(series, fields, span, width, height):
    """A row for each series, in which equal states that follow each other are one."""
    longest = max((len(one.name) for one in series), default=0)
    frame = Frame(width, height, span, left=min(10 + 6 * longest, width // 2))
    room = (frame.bottom - frame.top) / max(len(series), 1)
    parts = [*frame.times()]
    for index, (one, field) in enumerate(zip(series, fields)):
        y = frame.top + index * room + room * 0.08
        parts.append(text(frame.left - 6, y + room * 0.42 + 3, one.name, "end"))
        merged = []
        for moment, value in one.points:
            if merged and merged[-1][2] == value:
                merged[-1][1] = moment
            else:
                if merged:
                    merged[-1][1] = moment
                merged.append([moment, moment, value])
        for start, end, value in merged:
            if value is None:
                continue
            label, color = field.shown(value)
            left, right = frame.x(start), max(frame.x(end), frame.x(start) + 2)
            parts.append(box(left, y, right - left, room * 0.84, color, 0.85))
            if right - left > 7 * len(label):
                parts.append(text(left + 5, y + room * 0.42 + 3, label, color="#ffffff"))
    return svg(width, height, *parts)
