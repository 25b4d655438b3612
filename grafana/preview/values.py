"""How a field shows its values: units, texts and colours."""

import math
import re

PALETTE = ["#73BF69", "#F2CC0C", "#8AB8FF", "#FF780A", "#F2495C", "#5794F2", "#B877D9", "#705DA0", "#37872D", "#FADE2A"]
TIMES = [(31_536_000, "years"), (604_800, "weeks"), (86_400, "days"), (3_600, "hours"), (60, "mins")]
SUFFIXES = {"opm": " ops/m", "cpm": " c/m"}


def plain(value, decimals):
    if decimals is None:
        # Three digits, as Grafana has it.
        decimals = 0 if value == round(value) else max(2 - math.floor(math.log10(abs(value))), 0)
        text = f"{value:.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = f"{value:.{decimals}f}"
    return re.sub(r"^-(0(?:\.0*)?)$", r"\1", text)


def formatted(value, unit, decimals=None):
    """A value as Grafana writes it in that unit."""
    if unit == "percentunit":
        return plain(value * 100, 1 if decimals is None and value * 1000 % 10 else decimals) + "%"
    if unit == "currencyUSD":
        return ("-$" if value < 0 else "$") + (f"{abs(value) / 1000:.2f}K" if abs(value) >= 1000 else plain(abs(value), decimals))
    if unit == "bytes":
        for factor, name in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]:
            if abs(value) >= factor:
                return f"{plain(value / factor, 1)} {name}"
        return f"{plain(value, 0)} B"
    if unit == "s":
        for factor, name in TIMES:
            if abs(value) >= factor:
                return f"{plain(value / factor, 1 if decimals is None else decimals)} {name}"
        return f"{plain(value * 1000, 0)} ms" if 0 < abs(value) < 1 else f"{plain(value, decimals)} s"
    if unit == "short" and abs(value) >= 1000:
        return f"{plain(value / 1000, 2)} K"
    return plain(value, decimals) + SUFFIXES.get(unit, "")


class Field:
    """The configuration of one field: the panel's defaults, and the overrides that match its name."""

    def __init__(self, panel, name):
        defaults = panel["fieldConfig"]["defaults"]
        self.unit, self.decimals = defaults["unit"], defaults.get("decimals")
        self.mappings, self.thresholds = defaults["mappings"], defaults["thresholds"]["steps"]
        self.low, self.high = defaults.get("min"), defaults.get("max")
        self.color = self.dashed = self.painted = None
        for rule in panel["fieldConfig"]["overrides"]:
            matcher = rule["matcher"]
            hit = re.search(matcher["options"].strip("/"), name) if matcher["id"] == "byRegexp" else matcher["options"] == name
            for it in rule["properties"] if hit else []:
                self.override(it["id"], it["value"])

    def override(self, key, value):
        if key == "color":
            self.color = value["fixedColor"]
        elif key == "custom.lineStyle":
            self.dashed = True
        elif key == "custom.cellOptions":
            self.painted = True
        elif key == "thresholds":
            self.thresholds = value["steps"]
        elif key in ("unit", "decimals", "mappings"):
            setattr(self, key, value)

    def mapped(self, value):
        """(text, colour) of a mapping that the value has, if any."""
        for mapping in self.mappings:
            if mapping["type"] == "special" and value is None:
                return mapping["options"]["result"]["text"], mapping["options"]["result"]["color"]
            if mapping["type"] == "value" and value is not None and f"{value:g}" in mapping["options"]:
                result = mapping["options"][f"{value:g}"]
                return result["text"], result["color"]
        return None

    def shown(self, value):
        """The text and the colour of a value."""
        mapped = self.mapped(value)
        if mapped or value is None:
            return mapped or ("No data", "#808080")
        color = next(step["color"] for step in reversed(self.thresholds) if step["value"] is None or value >= step["value"])
        return formatted(value, self.unit, self.decimals), color
