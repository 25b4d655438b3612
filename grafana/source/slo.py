"""Is what was promised kept?"""

from layout import dashboard, row
from limits import burn_rates
from panels import CRITICAL, OK, SEVERITIES, bars, lines, painted, stat, table

RATES = burn_rates()
# An objective is missed when its budget is spent.
BUDGET = [{"color": CRITICAL, "value": None}, {"color": OK, "value": 0}]
PAIRS = [("1h", "5m"), ("6h", "30m"), ("1d", "2h"), ("3d", "6h")]
LABELS = "instance, slo, team"


def burn(window, by=LABELS):
    return f"max by ({by}) (slo:sli_error:ratio_rate{window} / slo:error_budget:ratio)"


def burn_steps(window):
    limit = RATES[window]
    return [{"color": OK, "value": None}, {"color": SEVERITIES[limit.severity], "value": limit.value}]


def burn_column(window):
    return f"Burn {window}", painted(burn_steps(window)) | {"decimals": 1}


def burn_lines(long, short):
    return lines(
        f"Burn rate over {long}",
        f"How many times as fast as allowed each budget burns, on the worst host. Beyond the line, and over {short} too, somebody is told.", 12,
        {"{{slo}}": burn(long, "slo")}, "none", threshold_steps=burn_steps(long), alerts=["SentinelSloBurn"], table=True,
    )


NOW = row(
    "Is what was promised kept?", 3,
    stat("Objectives missed", "Objectives whose budget of 30 days is spent.", 6,
         "count(slo:error_budget_remaining:ratio < 0) or 0 * count(slo:objective:ratio)",
         threshold_steps=[{"color": OK, "value": None}, {"color": CRITICAL, "value": 1}]),
    stat("Least budget left", "Of all objectives, the least that is left of a budget of 30 days.", 6,
         "min(slo:error_budget_remaining:ratio >= -Inf)", "percentunit", threshold_steps=BUDGET, defaults={"max": 1, "decimals": 0}),
    stat("Fastest burn over 1h", "The budget that burns fastest, over the last hour.", 6, "max(" + burn("1h") + " >= 0)", "none",
         threshold_steps=burn_steps("1h"), alerts=["SentinelSloBurn"], defaults={"decimals": 1}),
    stat("Objectives without events", "Objectives of which there is nothing to judge: no event in 30 minutes.", 6,
         "count(slo:objective:ratio) - count(sum_over_time(slo:events:rate5m[30m]) >= 0)", alerts=["SentinelSloAbsent"]),
)

ALL = row(
    "All objectives", 13,
    table("Objectives", "Good events of 30 days, what is left of the budget, and how fast it burns: 1 is as fast as it may.", 24,
          {"objective": f"max by ({LABELS}) (slo:objective:ratio)",
           "good": f"1 - max by ({LABELS}) (sum_over_time(slo:events_bad:rate5m[30d]) / sum_over_time(slo:events:rate5m[30d]))",
           "budget": f"min by ({LABELS}) (slo:error_budget_remaining:ratio)",
           **{window: burn(window) for window, _ in PAIRS}},
          {"slo": ("Objective of", None), "team": ("Team", None),
           "Value #A": ("Objective", {"unit": "percentunit", "decimals": 1}),
           "Value #B": ("Good in 30 d", {"unit": "percentunit", "decimals": 3}),
           "Value #C": ("Budget left", painted(BUDGET) | {"unit": "percentunit", "decimals": 1}),
           "Value #D": burn_column("1h"), "Value #E": burn_column("6h"), "Value #F": burn_column("1d"), "Value #G": burn_column("3d"),
           "instance": ("Host", None)},
          sort="Budget left", alerts=["SentinelSloBurn", "SentinelSloAbsent"]),
)

BUDGETS = row(
    "Budgets of 30 days", 10,
    bars("Budget left", "What is left of each budget on the worst host: 100 % is all of it, below 0 the objective is missed.", 10,
         {"{{slo}}": "sort(min by (slo) (slo:error_budget_remaining:ratio))"}, "percentunit", high=1, decimals=0,
         threshold_steps=BUDGET),
    lines("Budget left over time", "A fall is a bad time; what is older than 30 days is forgiven.", 14,
          {"{{slo}}": "min by (slo) (slo:error_budget_remaining:ratio)"}, "percentunit", threshold_steps=BUDGET, low=None,
          high=1, table=True),
)

FAST = row("Pages: what burns now", 9, *(burn_lines(*pair) for pair in PAIRS[:2]))
SLOW = row("Tickets: what would not last for 30 days", 9, *(burn_lines(*pair) for pair in PAIRS[2:]))

EVENTS = row(
    "What is judged", 9,
    lines("Events", "Events a minute that count for each objective.", 12,
          {"{{slo}}": "60 * sum by (slo) (slo:events:rate5m)"}, "cpm", table=True),
    lines("Bad events", "Events a minute that burn the budget of each objective.", 12,
          {"{{slo}}": "60 * sum by (slo) (slo:events_bad:rate5m)"}, "cpm", table=True),
)

DASHBOARD = dashboard(
    "sentinel-slo", "Is what was promised kept? Objectives, what is left of their budgets, and how fast these burn.",
    [NOW, ALL, BUDGETS, FAST, SLOW, EVENTS], teams="", period="now-24h",
)
