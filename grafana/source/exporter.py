"""Can the other dashboards be believed?"""

from layout import dashboard, row
from limits import right_side
from panels import CRITICAL, OK, PINK, SKY, WARNING, heatmap, lines, painted, stat, states, table, timeline
from queries import age, counted_per_minute, per_minute

UP = {0: ("Down", CRITICAL), 1: ("Up", OK)}
SUCCESS = {0: ("Failed", WARNING), 1: ("OK", OK)}
FAILED = 'increase(job_instance_integration:alertmanager_notifications_failed_total:sum{job="alertmanager"}[15m])'
LAST_SUCCESS = "sentinel_exporter_collector_last_success_timestamp_seconds"
SCRAPED = 'up{job="sentinel-metrics", instance=~"$instance"}'

NOW = row(
    "Can the other dashboards be believed?", 3,
    stat("Exporter", "Whether Prometheus could scrape it the last time.", 4, {"{{instance}}": f"min by (instance) ({SCRAPED})"}, "none",
         background=True, mappings=states(UP), alerts=["SentinelExporterDown"]),
    stat("Collectors failing", "Collectors whose last run did not succeed.", 4,
         {"{{instance}}": "sum by (instance) (1 - sentinel_exporter_collector_success)"}, alerts=["SentinelCollectorFailing"],
         threshold_steps=[{"color": OK, "value": None}, {"color": WARNING, "value": 1}]),
    stat("Unread", "Bytes of journals that the last scrape had to leave, or that cannot be read.", 4,
         {"{{instance}}": "max by (instance) (sentinel_exporter_journal_lag_bytes)"}, "bytes", alert="SentinelJournalLagging"),
    stat("Rejected events", "Lines of 15 minutes that were not counted. The log says what was expected.", 4,
         {"{{instance}}": "sum by (instance) (increase(sentinel_exporter_events_rejected_total[15m]))"}, alert="SentinelEventsRejected",
         defaults={"decimals": 0}),
    stat("Last checkpoint", "Time since the checkpoint was saved, or needed no saving; every 5 s is normal.", 4,
         {"{{instance}}": age("sentinel_exporter_snapshot_last_success_timestamp_seconds")}, "s", alert="SentinelCheckpointStale"),
    stat("Configuration", "Whether the last reload was taken. If not, the configuration before it is in force.", 4,
         {"{{instance}}": "min by (instance) (sentinel_exporter_config_last_reload_successful)"}, "none",
         mappings=states({0: ("Refused", WARNING), 1: ("In force", OK)}), alerts=["SentinelConfigReloadFailed"]),
)

EVENTS = row(
    "Events and journals", 8,
    lines("Events", "Events that were counted, a minute, by kind.", 9,
          {"{{event}}": counted_per_minute("sentinel_exporter_events_total", "event")}, "opm", stacked=True, table=True, alerts=["SentinelNoEvents"]),
    lines("Age of the last event", "While the market is open one comes every few seconds.", 5,
          {"{{instance}}": age("sentinel_exporter_last_event_timestamp_seconds")}, "s"),
    lines("Rejected by reason", "Lines that were not counted, in 15 minutes.", 5,
          {"{{reason}}": "sum by (reason) (increase(sentinel_exporter_events_rejected_total[15m]))"}, alert="SentinelEventsRejected",
          decimals=0),
    lines("Unread bytes", "By journal. A scrape reads what there is; what remains, it had no time for, or no right to.", 5,
          {"{{file}}": 'label_replace(max by (journal) (sentinel_exporter_journal_lag_bytes), "file", "$1", "journal", ".*/(.*)")'}, "bytes", alert="SentinelJournalLagging"),
)

COLLECTORS = row(
    "Collectors", 7,
    timeline("Collectors over time", "Whether each collector's last run succeeded. The status page of the exporter says why not.", 8,
             {"{{collector}} {{instance}}": "min by (collector, instance) (sentinel_exporter_collector_success)"}, SUCCESS),
    lines("Age of the last success", "By collector, as a share of what is allowed: five minutes, and three of its intervals.", 8,
          {"{{collector}} {{instance}}": f"(time() - min by (collector, instance) ({LAST_SUCCESS} > 0))"
           f" / min by (collector, instance) ({right_side('SentinelCollectorFailing')})"}, "percentunit",
          threshold_steps=[{"color": OK, "value": None}, {"color": WARNING, "value": 1}], alerts=["SentinelCollectorFailing"]),
    lines("Duration of a run", "By collector, beside the time between its runs.", 8,
          {"{{collector}}": "max by (collector) (sentinel_exporter_collector_duration_seconds)"}, "s"),
)

KEPT = row(
    "What is kept", 7,
    lines("Age of the checkpoint", "It is saved every 5 s. A crash would read the journals again from there.", 6,
          {"{{instance}}": age("sentinel_exporter_snapshot_last_success_timestamp_seconds")}, "s", alert="SentinelCheckpointStale"),
    lines("Checkpoints that failed", "Attempts of 15 minutes that failed.", 6,
          {"{{instance}}": "sum by (instance) (increase(sentinel_exporter_snapshot_failures_total[15m]))"}, decimals=0,
          alerts=["SentinelCheckpointStale"]),
    lines("Dropped samples", "Samples of an hour that were dropped, because their family had reached its limit of label sets.", 6,
          {"all": "sum(increase(sentinel_exporter_series_dropped_total[1h]))",
           "{{metric}}": "sum by (metric) (increase(sentinel_exporter_series_dropped_total[1h])) > 0"}, alert="SentinelSeriesDropped",
          decimals=0),
    table("Versions", "What runs where, since when its configuration is in force, and when it last began to count anew.", 6,
          {"version": "max by (instance, version, revision) (sentinel_exporter_build_info)",
           "configured": "time() - max by (instance) (sentinel_exporter_config_last_reload_success_timestamp_seconds)",
           "reset": "time() - max by (instance) (sentinel_exporter_counter_reset_timestamp_seconds > 0)"},
          {"instance": ("Host", None), "version": ("Version", None), "revision": ("Revision", None),
           "Value #B": ("Configured", {"unit": "s", "decimals": 0}), "Value #C": ("Counted anew", {"unit": "s", "decimals": 0})},
          hidden=["Value #A"], alerts=["SentinelCounterReset"]),
)

PROBES = row(
    "Probes", 6,
    timeline("Probes over time", "Whether the last probe of each endpoint succeeded.", 12,
             {"{{probe}}": "min by (probe) (sentinel_probe_success)"}, SUCCESS, alerts=["SentinelProbeFailing"]),
    lines("Duration of probes", "Of the last probe of each endpoint.", 12,
          {"{{probe}}": "max by (probe) (sentinel_probe_duration_seconds)"}, "s"),
)

PROCESS = row(
    "The process", 7,
    lines("CPU", "Cores in use.", 6, {"{{instance}}": "sum by (instance) (rate(process_cpu_seconds_total[$__rate_interval]))"}, "percentunit"),
    lines("Memory", "Resident memory.", 6, {"{{instance}}": "sum by (instance) (process_resident_memory_bytes)"}, "bytes"),
    lines("Open files", "Open file descriptors, and how many there may be.", 6,
          {"open {{instance}}": "sum by (instance) (process_open_fds)",
           "limit": "min(process_max_fds)"}, dashed=["limit"], colors={"limit": CRITICAL}, decimals=0),
    lines("Running for", "A fall is a restart.", 6, {"{{instance}}": "time() - max by (instance) (process_start_time_seconds)"}, "s"),
)

HUB = row(
    "Seen from HUB", 7,
    timeline("Scrapes", "Whether Prometheus could scrape what it should.", 8,
             {"{{job}} {{instance}}": 'min by (job, instance) (up{job=~".*"})'}, UP, alerts=["SentinelExporterDown"]),
    lines("Scrape duration", "A scrape first reads the journals to their end.", 5,
          {"{{instance}}": 'max by (instance) (scrape_duration_seconds)'}, "s"),
    lines("Samples", "Samples of a scrape. Beyond 50,000 Prometheus refuses it.", 5,
          {"{{instance}}": 'max by (instance) (scrape_samples_scraped)'}, decimals=0),
    lines("Evaluation of rules", "Duration of the last evaluation, by group.", 6,
          {"{{rule_group}}": 'max by (rule_group) (label_replace(prometheus_rule_group_last_duration_seconds{job="prometheus"},'
           ' "rule_group", "$1", "rule_group", ".*;(.*)"))'}, "s"),
)

PATHS = row(
    "The way to people", 7,
    lines("Notifications", "Sent by Alertmanager, a minute, by integration.", 8,
          {"{{integration}}": counted_per_minute('alertmanager_notifications_total{job="alertmanager"}', "integration", 'up{job="alertmanager"}')
           + " > 0"},
          "opm", bars=True, stacked=True),
    lines("Failed notifications", "In 15 minutes, by integration. Somebody was not told.", 8,
          {"all": f"sum({FAILED})", "{{integration}}": f"sum by (integration) ({FAILED}) > 0"},
          alert="SentinelNotificationsFailing", decimals=0),
    lines("Failures of Prometheus", "Evaluations that failed, and notifications that were dropped, in 15 minutes.", 8,
          {"evaluations": 'sum(increase(prometheus_rule_evaluation_failures_total{job="prometheus"}[15m]))',
           "dropped": 'sum(increase(prometheus_notifications_dropped_total{job="prometheus"}[15m]))'}, alert="SentinelRulesFailing",
          colors={"evaluations": PINK, "dropped": SKY}, decimals=0),
)

BRIDGE = row(
    "The bridge to DingTalk", 7,
    lines("Notifications by robot", "Notifications of Alertmanager, a minute: delivered, later (it comes again) or rejected.", 8,
          {"{{robot}} {{outcome}}": per_minute("sentinel_dingtalk_notifications_total", "robot, outcome") + " > 0"}, "opm", bars=True,
          stacked=True, empty="No notifications in this time"),
    lines("Messages that failed", "Messages of 15 minutes that DingTalk did not take, by robot and why.", 8,
          {"all": 'sum(increase(sentinel_dingtalk_messages_total{outcome!="delivered"}[15m]))',
           "{{robot}} {{outcome}} {{reason}}": "sum by (robot, outcome, reason)"
           ' (increase(sentinel_dingtalk_messages_total{outcome!="delivered"}[15m])) > 0'}, decimals=0,
          alerts=["SentinelDingTalkFailing"]),
    lines("Waiting for a robot", "Notifications that wait for their robot's turn: DingTalk takes 20 messages a minute.", 8,
          {"{{robot}}": "max by (robot) (sentinel_dingtalk_queue_notifications)"}, decimals=0),
)

ROBOTS = row(
    "", 7,
    heatmap("Time to DingTalk", "Time until DingTalk answered a message. After 5 s the bridge gives up.", 8,
            "sentinel_dingtalk_message_duration_seconds"),
    table("Robots", "When DingTalk last took a message of each robot, and alerts that messages only counted.", 9,
          {"success": "time() - max by (robot) (sentinel_dingtalk_last_success_timestamp_seconds > 0)",
           "omitted": "sum by (robot) (increase(sentinel_dingtalk_alerts_omitted_total[$__range]))"},
          {"robot": ("Robot", None), "Value #A": ("Last message", {"unit": "s", "decimals": 0}),
           "Value #B": ("Alerts only counted", {"decimals": 0})}, sort="Robot"),
    table("Versions of the bridge", "What runs where, and since when its configuration is in force.", 7,
          {"version": "max by (instance, version, revision) (sentinel_dingtalk_build_info)",
           "reload": "min by (instance) (sentinel_dingtalk_config_last_reload_successful)",
           "configured": "time() - max by (instance) (sentinel_dingtalk_config_last_reload_success_timestamp_seconds)"},
          {"instance": ("Host", None), "version": ("Version", None), "revision": ("Revision", None),
           "Value #B": ("Last reload", painted(mappings=states({0: ("Refused", WARNING), 1: ("Taken", OK)}))),
           "Value #C": ("Configured", {"unit": "s", "decimals": 0})}, hidden=["Value #A"]),
)

DASHBOARD = dashboard(
    "sentinel-exporter", "Can the other dashboards be believed? The exporter, what it reads, and the way to people.",
    [NOW, EVENTS, COLLECTORS, KEPT, PROBES, PROCESS, HUB, PATHS, BRIDGE, ROBOTS], teams="sre",
)
