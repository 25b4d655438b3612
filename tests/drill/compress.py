"""Time compression: the shipped settings of HUB with their durations divided by a factor, their time intervals opened, and their
addresses replaced. Nothing else changes: the texts are edited where a duration stands, and not written anew.

With 60 a minute is a second. What an expression compares with ("> 300", in seconds) stays as it is."""

import argparse
import re
import shutil
from pathlib import Path

UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
DURATION = r"(?:\d+(?:ms|[smhdwy]))+"

# The objectives count by second what comes by interval: these numbers of rules/slo.yml are durations, in seconds.
SECONDS = r"\bsum_over_time\(slo:events_bad:rate5m\[\w+\]\) \* (\d+)|:stalled / (\d+)|\) / (300)$"

RULE_KEYS = ("for", "keep_firing_for", "interval")
PROMETHEUS_KEYS = ("scrape_interval", "scrape_timeout", "evaluation_interval")
ALERTMANAGER_KEYS = ("group_wait", "group_interval", "repeat_interval")

# What HUB's programs take when nothing else is said, as far as it matters to an alert.
PROMETHEUS_FLAGS = {
    "query.lookback-delta": "5m",
    "rules.alert.resend-delay": "1m",
    "rules.alert.for-grace-period": "10m",
    "rules.alert.for-outage-tolerance": "1h",
}
ALERTMANAGER_FLAGS = {"cluster.peer-timeout": "15s"}


def milliseconds(duration):
    """5m → 300000"""
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", duration))


def divide(duration, factor):
    """5m by 60 → 5s, and 300 → 5. A duration is never less than a millisecond, and 0 stays 0."""
    whole = milliseconds(duration)
    if duration.isdigit():
        return f"{int(duration) / factor:g}"
    if factor == 1 or whole == 0:
        return duration
    short = max(1, int(whole / factor))
    return f"{short // 1000}s" if short % 1000 == 0 else f"{short}ms"


def edit(text, pattern, factor):
    """Divides what the pattern's groups match, in all lines that are no comment."""

    def replace(match):
        whole, begin = match[0], match.start()
        for index in range(match.re.groups, 0, -1):
            if match[index]:
                start, end = match.start(index) - begin, match.end(index) - begin
                whole = whole[:start] + divide(match[index], factor) + whole[end:]
        return whole

    lines = text.split("\n")
    return "\n".join(line if line.lstrip().startswith("#") else re.sub(pattern, replace, line) for line in lines)


def keys(text, names, factor):
    return edit(text, rf"\b(?:{'|'.join(names)}): \"?({DURATION})\b", factor)


def rules(text, factor):
    """Of a file of rules: how long an alert waits and stays, how often a group is evaluated, and the windows and offsets."""
    text = edit(keys(text, RULE_KEYS, factor), SECONDS, factor)
    return edit(text, rf"\[({DURATION})(?::({DURATION}))?\]|\boffset ({DURATION})\b", factor)


def addresses(text, replaced):
    """Each address, if it stands alone, becomes one or several others: in quotes a list of them, elsewhere the first."""
    for old, new in replaced.items():
        quoted = ", ".join(f'"{address}"' for address in new)
        text = text.replace(f'"{old}"', quoted)
        text = re.sub(rf"(?<=//){re.escape(old)}(?=/)", new[0], text)
    return text


def prometheus(text, factor, replaced):
    return addresses(keys(text, PROMETHEUS_KEYS, factor), replaced)


def alertmanager(text, factor, replaced, pagerduty=None):
    """PagerDuty's address is Alertmanager's own unless the file says otherwise."""
    text = addresses(keys(open_intervals(text), ALERTMANAGER_KEYS, factor), replaced)
    if pagerduty:
        text = text.replace("\ntemplates:", f'\nglobal: {{pagerduty_url: "{pagerduty}"}}\n\ntemplates:', 1)
    return text


def open_intervals(text):
    """Every time interval is always: a drill is held at any hour."""
    head, begin, rest = text.partition("\ntime_intervals:\n")
    if not begin:
        return text
    block, end, tail = re.match(r"((?:(?:[ #].*)?\n)*)(\S?)(.*)", rest, re.DOTALL).groups()
    lines = []
    for line in block.split("\n"):
        if re.match(r" +-? ?(weekdays|location|days_of_month|months|years|times):", line):
            if line.lstrip().startswith("- "):
                lines.append(re.match(" +", line)[0] + '- times: [{start_time: "00:00", end_time: "24:00"}]')
        else:
            lines.append(line)
    return head + begin + "\n".join(lines) + end + tail


def flags(defaults, factor):
    return [f"--{name}={divide(duration, factor)}" for name, duration in defaults.items()]


def folder(source, rendered, target, factor, replaced, pagerduty=None):
    """Copies prometheus/ with its rules and templates to the target, and with it the rendered alertmanager.yml, all compressed."""
    shutil.copytree(source, target, symlinks=False)
    (target / "alertmanager.yml.tmpl").unlink()
    for path in sorted((target / "rules").glob("*.yml")):
        path.write_text(rules(path.read_text(encoding="utf-8"), factor), encoding="utf-8")
    path = target / "prometheus.yml"
    path.write_text(prometheus(path.read_text(encoding="utf-8"), factor, replaced), encoding="utf-8")
    text = alertmanager(rendered.read_text(encoding="utf-8"), factor, replaced, pagerduty)
    (target / "alertmanager.yml").write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factor", type=float, default=60, help="what durations are divided by (default: 60)")
    parser.add_argument("--address", action="append", default=[], metavar="OLD=NEW[,NEW]", help="replace this address; may be repeated")
    parser.add_argument("--pagerduty", metavar="URL", help="where PagerDuty's events go")
    parser.add_argument("source", type=Path, help="the folder prometheus/")
    parser.add_argument("alertmanager", type=Path, help="alertmanager.yml as scripts/render-alertmanager made it")
    parser.add_argument("target", type=Path, help="the folder to make")
    given = parser.parse_args()
    replaced = dict((old, new.split(",")) for old, _, new in (pair.partition("=") for pair in given.address))
    folder(given.source, given.alertmanager, given.target, given.factor, replaced, given.pagerduty)


if __name__ == "__main__":
    main()
