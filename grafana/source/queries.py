"""Queries: plain PromQL becomes what a panel asks. Every series is narrowed to the hosts that were chosen, so that definitions need
not say so each time."""

import re

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# A series of the exporter, of a rule or of what runs on HUB, with its matchers.
SERIES = re.compile(
    r"\b(?P<name>(?:sentinel_|process_|scrape_|prometheus_|alertmanager_|slo:|job_instance)[\w:]*|up|ALERTS)\b(?P<matchers>\{[^}]*\})?"
)


def host(name):
    """The matchers of a series that choose where it is from."""
    if name.startswith("sentinel_dingtalk_"):
        return 'job="sentinel-dingtalk"'
    # These are there for whatever is scraped, Prometheus itself included.
    if name.startswith(("process_", "scrape_")):
        return 'job="sentinel-metrics", instance=~"$instance"'
    return 'job=~"$job", instance=~"$instance"'


def chosen(expr):
    """Adds the chosen jobs and instances to every series that names no job itself."""

    def narrow(found):
        matchers = (found["matchers"] or "{}")[1:-1]
        if not re.search(r"\bjob=", matchers):
            matchers = ", ".join(filter(None, [host(found["name"]), matchers]))
        return f"{found['name']}{{{matchers}}}"

    return SERIES.sub(narrow, " ".join(expr.split()))


def targets(queries, shape="time_series", instant=False):
    """Queries by legend, or one without; the first is A, the second B."""
    if isinstance(queries, str):
        queries = {"": queries}
    return [
        {
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": chosen(expr),
            "format": shape,
            "instant": instant,
            "legendFormat": legend or "__auto",
            "range": not instant,
            "refId": chr(ord("A") + index),
        }
        for index, (legend, expr) in enumerate(queries.items())
    ]


def slow_share(histogram, bound, window):
    """The share of observations above a bound of the histogram, as the alerts take it."""
    fast = f'sum by (instance) (increase({histogram}_bucket{{le="{bound}"}}[{window}]))'
    return f"1 - {fast} / sum by (instance) (increase({histogram}_count[{window}]))"


def ratio(part, whole, window):
    return f"sum by (instance) (increase({part}[{window}])) / sum by (instance) (increase({whole}[{window}]))"


def summed(by):
    return f"sum by ({by})" if by else "sum"


def per_minute(counter, by=""):
    return f"60 * {summed(by)} (rate({counter}[$__rate_interval]))"


def counted(counter, by, window="$__range", scrapes="up"):
    """What a counter, whose labels are not known before its first events, counted in a window. A series that such an event gives birth to
    begins with its count, and increase() does not see that: where it is younger than the scrapes of the window, all of its count is new."""
    scraped = f"min by (job, instance) (sum_over_time({scrapes}[{window}]))"
    born = f"{counter} and count_over_time({counter}[{window}]) < on (job, instance) group_left () {scraped}"
    return f"{summed(by)} ({born} or increase({counter}[{window}]))"


def counted_per_minute(counter, by, scrapes="up"):
    return f"60000 / ${{__rate_interval_ms}} * {counted(counter, by, '$__rate_interval', scrapes)}"


def mean(histogram):
    return f"sum(rate({histogram}_sum[$__rate_interval])) / sum(rate({histogram}_count[$__rate_interval]))"


def age(timestamp, by="instance"):
    """Seconds since a timestamp, of which 0 means never."""
    return f"time() - max by ({by}) ({timestamp} > 0)"
