"""Is all well, and is anybody being paged?"""

from layout import dashboard, row
from panels import CRITICAL, OK, WARNING, alert_list, bars, lines, stat, states, timeline
from queries import age, ratio
from risk import LOSS
from slo import BUDGET

STATES = {0: ("Well", OK), 1: ("Warning", WARNING), 2: ("Critical", CRITICAL)}
SYSTEMS = {
    "Trading": ("trading", "sentinel-trading", "the trading daemon"),
    "Risk": ("risk", "sentinel-risk", "what is at stake"),
    "Pipeline": ("data", "sentinel-pipeline", "the ingestion pipeline"),
    "Bot and exporter": ("sre", "sentinel-bot", "the bot, the exporter and what runs on HUB"),
}


# The Watchdog fires always: without it, no rule is evaluated, and that nothing fires says nothing.
EVALUATED = 'count(ALERTS{job=~".*", alertname="SentinelWatchdog", alertstate="firing"})'


def state(team):
    """0, or 1 or 2 while a warning or a critical alert fires; nothing at all while nothing is scraped, or no rule is evaluated."""
    return (
        f'max(2 * ALERTS{{job=~".*", alertstate="firing", severity="critical", team="{team}"}}'
        f' or ALERTS{{job=~".*", alertstate="firing", severity="warning", team="{team}"}}'
        f" or 0 * (count(sentinel_exporter_build_info) and {EVALUATED}))"
    )


def fire(severity):
    return f'count(ALERTS{{job=~".*", alertstate="firing", severity="{severity}"}}) or 0 * {EVALUATED}'


def to(uid, title):
    return {"targetBlank": False, "title": title, "url": f"/d/{uid}?${{__url_time_range}}&${{datasource:queryparam}}&${{instance:queryparam}}"}


def firing(severity, color):
    return stat(
        f"{severity.capitalize()} alerts", f"Alerts of severity {severity} that fire now, of all hosts.", 4,
        fire(severity), background=True, threshold_steps=[{"color": OK, "value": None}, {"color": color, "value": 1}], defaults={"decimals": 0},
    )


def number(title, description, queries, unit, uid, **more):
    return stat(title, description, 4, queries, unit, link=to(uid, "Open the dashboard"), **more)


PAGED = row(
    "Is anybody being paged?", 4,
    firing("critical", CRITICAL),
    firing("warning", WARNING),
    stat("Exporter", "Whether Prometheus could scrape it. While it is down, everything else is unknown.", 4,
         'min(up{job="sentinel-metrics", instance=~"$instance"})', "none", background=True,
         mappings=states({0: ("Down", CRITICAL), 1: ("Up", OK)}), alerts=["SentinelExporterDown"],
         link=to("sentinel-exporter", "Open the exporter's dashboard")),
    stat("Kill switch", "Whether the kill switch holds trading.", 4, "max(sentinel_kill_switch_active)", "none", background=True,
         mappings=states({0: ("Released", OK), 1: ("HELD", CRITICAL)}), alerts=["SentinelKillSwitchActive"],
         link=to("sentinel-risk", "Open the dashboard of the risk")),
    stat("Failed notifications", "Notifications of 15 minutes that Alertmanager could not deliver: somebody was not told.", 4,
         'sum(increase(job_instance_integration:alertmanager_notifications_failed_total:sum{job="alertmanager"}[15m]))',
         alert="SentinelNotificationsFailing",
         alerts=["SentinelDingTalkFailing", "SentinelRulesFailing", "SentinelHubDown", "SentinelWatchdog", "SentinelInhibitor"],
         defaults={"decimals": 0}),
    stat("Least budget left", "Of all objectives, the least that is left of a budget of 30 days.", 4,
         "min(slo:error_budget_remaining:ratio >= -Inf)", "percentunit", threshold_steps=BUDGET, defaults={"max": 1, "decimals": 0},
         link=to("sentinel-slo", "Open the objectives")),
)

SYSTEM_STATES = row(
    "The systems", 4,
    *(
        stat(name, f"The worst alert that fires about {about}. Grey while nothing is known.", 6, state(team), "none",
             background=True, mappings=states(STATES), link=to(uid, f"Open {name}"))
        for name, (team, uid, about) in SYSTEMS.items()
    ),
)

COURSE = row(
    "", 6,
    timeline("The systems over time", "The worst alert that fired about each. Grey, or a gap: nothing was known.", 24,
             {name: state(team) for name, (team, _, _) in SYSTEMS.items()}, STATES),
)

NUMBERS = row(
    "In numbers", 3,
    number("Last cycle", "Time since the last trading cycle ended. One a minute is normal while the market is open.",
           {"{{instance}}": age("sentinel_last_cycle_timestamp_unix")}, "s", "sentinel-trading", alert="SentinelTradingCyclesStalled"),
    number("Failed predictions", "Share of the last 10 minutes' predictions.",
           {"{{instance}}": ratio("sentinel_prediction_failures_total", "sentinel_prediction_requests_total", "10m")}, "percentunit",
           "sentinel-trading", alert="SentinelPredictionsFailing"),
    number("Loss of the day, of its limit", "0 while there is a profit. At 100 % trading is halted for the day.",
           {"{{instance}}": LOSS},
           "percentunit", "sentinel-risk", alert="SentinelDailyLoss", defaults={"decimals": 0}),
    number("Oldest unfinished batch", "Age of the oldest batch that has neither failed nor ended.",
           {"{{instance}}": 'max by (instance) (sentinel_ops_pipeline_oldest_age_seconds{status!="failed"})'}, "s", "sentinel-pipeline",
           alert="SentinelBatchesStuck"),
    number("Invalid rows", "Share of the newest hour's rows. Below 5 % is normal.",
           {"{{instance}}": "max by (instance) (sentinel_ops_hour_error_ratio)"}, "percentunit", "sentinel-pipeline",
           alert="SentinelBatchErrorSpike"),
    number("Mock signals passed", "Share that passes, as the bot reports it.",
           {"{{instance}}": "min by (instance) (sentinel_mock_signal_success_ratio)"}, "percentunit", "sentinel-bot",
           alert="SentinelMockSignalSuccessLow", defaults={"max": 1}),
)

DETAILS = row(
    "What fires, and what is left", 11,
    alert_list("Alerts", "What Prometheus has pending and firing, of all hosts, each with its runbook and its dashboard.", 10),
    lines("Alerts over time", "Alerts that fired, of all hosts, by severity. The Watchdog fires always and is left out.", 7,
          {severity: fire(severity) for severity in ("critical", "warning")},
          stacked=True, colors={"critical": CRITICAL, "warning": WARNING}, decimals=0),
    bars("Budget left", "What is left of each objective's budget of 30 days; below 0 it is missed.", 7,
         {"{{slo}}": "sort(min by (slo) (slo:error_budget_remaining:ratio))"}, "percentunit", high=1, decimals=0, threshold_steps=BUDGET,
         alerts=["SentinelSloBurn"]),
)

DASHBOARD = dashboard(
    "sentinel-overview", "Is all well, and is anybody being paged? The page to land on.",
    [PAGED, SYSTEM_STATES, COURSE, NUMBERS, DETAILS],
)
