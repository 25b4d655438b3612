"""Does the bot see what it should?"""

from layout import dashboard, row
from limits import exception
from panels import CRITICAL, GREY, OK, SKY, WARNING, heatmap, lines, painted, stat, states, steps, table, timeline
from queries import age, counted

CHECK = {0: ("OK", OK), 1: ("Warning", WARNING), 2: ("Critical", CRITICAL)}
RESULTS = {"pass": OK, "fail": CRITICAL}
SESSIONS = {"/ok$/": OK, "/warning$/": WARNING, "/fail$/": CRITICAL}

# What an old line of a log says is no news; the alert leaves it out as well.
STATUS = f"(sentinel_check_status unless {exception('SentinelCheckFailing/critical')})"

NOW = row(
    "Does the bot see what it should?", 3,
    stat("Last heartbeat", "The bot's heart beats every 15 minutes.", 4,
         {"{{instance}}": age("sentinel_logic_heartbeat_timestamp_seconds")}, "s", alert="SentinelMockSignalStale"),
    stat("Last score", "Score of the last mock signal, from 0 to 5. A pass is 4 or more.", 4,
         {"{{instance}}": "min by (instance) (sentinel_mock_signal_last_score)"}, "none", alert="SentinelMockSignalFailed/critical",
         defaults={"min": 0, "max": 5, "decimals": 2}),
    stat("Mock signals passed", "Share that passes, as the bot reports it.", 4,
         {"{{instance}}": "min by (instance) (sentinel_mock_signal_success_ratio)"}, "percentunit", alert="SentinelMockSignalSuccessLow",
         defaults={"min": 0, "max": 1}),
    stat("Parser health", "Health of the signal parser, as the bot reports it.", 4,
         {"{{instance}}": "min by (instance) (sentinel_parser_health_ratio)"}, "percentunit", alert="SentinelParserHealthLow",
         defaults={"min": 0, "max": 1}),
    stat("Worst check", "The worst status of all checks, without what a log said more than an hour ago.", 4,
         {"{{instance}}": f"max by (instance) {STATUS}"}, "none",
         mappings=states(CHECK), alerts=["SentinelCheckFailing"]),
    stat("Last analysis", "Time since the last root-cause analysis. One runs when a mock signal failed, or when somebody asks for it.", 4,
         {"{{instance}}": age("sentinel_rca_last_session_timestamp_seconds")}, "s", alerts=["SentinelRcaFailed"]),
)

CHECKS = row(
    "Health checks", 18,
    timeline("Checks over time", "Each check with who ran it: a root-cause analysis (rca), the bot's own (critical) or the exporter.", 14,
             {"{{check}} ({{source}})": f"max by (check, source) {STATUS}"}, CHECK, alerts=["SentinelCheckFailing"]),
    table("Checks now", "What a log said more than an hour ago says nothing any more.", 10,
          {"status": f"max by (instance, check, source) {STATUS}",
           "age": "time() - max by (instance, check, source) (sentinel_check_last_run_timestamp_seconds)"},
          {"check": ("Check", None), "source": ("Source", None), "Value #A": ("Status", painted(mappings=states(CHECK, "Too old"))),
           "Value #B": ("Last run", {"unit": "s", "decimals": 0}), "instance": ("Host", None)}, sort="-Status",
          alerts=["SentinelCheckFailing", "SentinelChecksStopped"]),
)

SIGNALS = row(
    "Mock signals", 8,
    lines("Last mock signal", "Score of the last mock signal over time. A pass is 4 or more.", 8,
          {"{{instance}}": "min by (instance) (sentinel_mock_signal_last_score)"}, "none", alert="SentinelMockSignalFailed/critical", high=5),
    lines("Mock signals by result", "Passed and failed in an hour; four are normal.", 8,
          {"{{result}}": "sum by (result) (increase(sentinel_mock_signals_total[1h]))"}, stacked=True, colors=RESULTS, decimals=0),
    heatmap("Scores", "How the scores were spread.", 8, "sentinel_mock_signal_score", "none", interval="15m"),
)

REPORTS = row(
    "As the bot reports", 8,
    lines("Mock signals that pass", "Share, as the bot reports it. Its own colours: green from 95 %, yellow from 80 %, red below.", 8,
          {"{{instance}}": "min by (instance) (sentinel_mock_signal_success_ratio)"}, "percentunit", alert="SentinelMockSignalSuccessLow",
          high=1),
    lines("Parser health over time", "As the bot reports it. Its own colours: green from 95 %, yellow from 80 %, red below.", 8,
          {"{{instance}}": "min by (instance) (sentinel_parser_health_ratio)"}, "percentunit", alert="SentinelParserHealthLow", high=1),
    lines("Age of the heartbeat", "A saw's teeth of 15 minutes are normal.", 8,
          {"{{instance}}": age("sentinel_logic_heartbeat_timestamp_seconds")}, "s", alert="SentinelMockSignalStale"),
)

ANALYSES = row(
    "Root-cause analyses and repairs", 8,
    lines("Analyses", "Root-cause analyses in an hour, by what triggered them and how they ended.", 8,
          {"{{trigger}} {{status}}": counted("sentinel_rca_sessions_total", "trigger, status", "1h") + " > 0"}, stacked=True,
          colors=SESSIONS, decimals=0, alerts=["SentinelRcaFailed"], empty="No analyses in this time"),
    table("Repairs", "Repairs that were tried, by fix and result, since counting began.", 8,
          {"success": 'sum by (instance, fix) (sentinel_auto_fixes_total{result="success"})',
           "failed": 'sum by (instance, fix) (sentinel_auto_fixes_total{result="failed"})'},
          {"fix": ("Fix", None), "Value #A": ("Succeeded", {"decimals": 0}),
           "Value #B": ("Failed", painted(steps("SentinelAutoFixFailed")) | {"decimals": 0}), "instance": ("Host", None)}, sort="Fix", alerts=["SentinelAutoFixFailed"]),
    lines("Repairs, counted and reported", "Repairs that succeeded as the exporter counted them, and as the bot reports them.", 8,
          {"counted": 'sum(sentinel_auto_fixes_total{result="success"})', "reported by the bot": "sum(sentinel_auto_fixes_reported)"},
          colors={"counted": SKY, "reported by the bot": GREY}, decimals=0),
)

DASHBOARD = dashboard(
    "sentinel-bot", "Does the bot see what it should? Its mock signals, its parser, its health checks and its repairs.",
    [NOW, CHECKS, SIGNALS, REPORTS, ANALYSES], teams="sre", period="now-12h",
)
