"""Do batches get through, and what is in their way?"""

from layout import dashboard, row
from panels import CRITICAL, GREY, OK, PINK, SKY, WARNING, heatmap, lines, stat, states, table, timeline
from queries import counted_per_minute

STATUSES = {"completed": OK, "failed": CRITICAL, "in_progress": SKY}
OUTCOMES = {"inserted": OK, "skipped": SKY, "error": CRITICAL, "other": GREY}
UP = {0: ("Down", WARNING), 1: ("Up", OK)}
FAILED_SHARE = 'sum by (instance) (sentinel_ops_hour_batches{status="failed"}) / sum by (instance) (sentinel_ops_hour_batches)'

NOW = row(
    "Do batches get through?", 3,
    stat("Oldest unfinished batch", "Age of the oldest batch that has neither failed nor ended. Beyond ten minutes it is stuck.", 4,
         {"{{instance}}": 'max by (instance) (sentinel_ops_pipeline_oldest_age_seconds{status!="failed"})'}, "s",
         alert="SentinelBatchesStuck"),
    stat("Batches that failed", "Share of the newest hour's batches.", 4, {"{{instance}}": FAILED_SHARE}, "percentunit",
         alert="SentinelBatchesFailing"),
    stat("Invalid rows", "Share of the newest hour's rows. Below 5 % is normal.", 4,
         {"{{instance}}": "max by (instance) (sentinel_ops_hour_error_ratio)"}, "percentunit", alert="SentinelBatchErrorSpike"),
    stat("Duplicate rows", "Share of the newest hour's rows. 10 to 30 % is normal.", 4,
         {"{{instance}}": "max by (instance) (sentinel_ops_hour_dedupe_ratio)"}, "percentunit", alert="SentinelBatchDedupeHigh"),
    stat("Newest hour began", "How long ago the newest hour with a batch began. The hourly figures are as old as that.", 4,
         {"{{instance}}": "time() - max by (instance) (sentinel_ops_hour_start_timestamp_seconds)"}, "s", alert="SentinelPipelineQuiet"),
    stat("PostgREST", "Whether it answered the last probe as it should.", 4, {"{{instance}}": "min by (instance) (sentinel_postgrest_up)"},
         "none", mappings=states(UP), alerts=["SentinelPostgrestDown"]),
)

WAITING = row(
    "What waits", 10,
    lines("Batches by status", "Batches that are not completed. What failed stays for seven days.", 8,
          {"{{status}}": "sum by (status) (sentinel_ops_pipeline_batches)"}, stacked=True, colors={"failed": CRITICAL}, decimals=0),
    lines("Age of the oldest batch", "By status, of those that have not failed.", 8,
          {"{{status}}": 'max by (status) (sentinel_ops_pipeline_oldest_age_seconds{status!="failed"})'}, "s", alert="SentinelBatchesStuck"),
    table("Statuses", "What is in each status now.", 8,
          {"batches": "sum by (status) (sentinel_ops_pipeline_batches)",
           "oldest": "max by (status) (sentinel_ops_pipeline_oldest_age_seconds)",
           "newest": "time() - max by (status) (sentinel_ops_pipeline_newest_timestamp_seconds)"},
          {"status": ("Status", None), "Value #A": ("Batches", {"decimals": 0}), "Value #B": ("Oldest", {"unit": "s", "decimals": 0}),
           "Value #C": ("Newest came", {"unit": "s", "decimals": 0})}, sort="-Batches"),
)

HOUR = row(
    "The newest hour", 8,
    lines("Batches of the hour", "Batches of the newest hour so far, by what became of them.", 6,
          {"{{status}}": "sum by (status) (sentinel_ops_hour_batches)"}, stacked=True, colors=STATUSES, decimals=0),
    lines("Rows of the hour", "Rows of the newest hour's batches so far. Skipped ones are duplicates.", 6,
          {"{{outcome}}": "sum by (outcome) (sentinel_ops_hour_rows)"}, stacked=True, colors=OUTCOMES, decimals=0),
    lines("Invalid rows of the hour", "Share of rows that are invalid. An objective allows 5 % in a batch.", 6,
          {"{{instance}}": "max by (instance) (sentinel_ops_hour_error_ratio)"}, "percentunit", alert="SentinelBatchErrorSpike"),
    lines("Duplicate rows of the hour", "Share of rows that are duplicates. More than half is a file that was sent again.", 6,
          {"{{instance}}": "max by (instance) (sentinel_ops_hour_dedupe_ratio)"}, "percentunit", alert="SentinelBatchDedupeHigh"),
)

DURATIONS = row(
    "Completed batches", 8,
    heatmap("Batch duration", "Parsing and database together, each completed batch once. The target is five minutes.", 8,
            "sentinel_ops_batch_duration_seconds", interval="5m"),
    lines("Mean duration by stage", "Of the newest hour's completed batches.", 8,
          {"{{stage}}": "max by (stage) (sentinel_ops_hour_avg_duration_seconds)"}, "s",
          colors={"parse": SKY, "db": PINK, "total": GREY}),
    heatmap("Invalid rows by batch", "Share of invalid rows in each completed batch.", 8, "sentinel_ops_batch_error_ratio", "percentunit",
            interval="5m"),
)

ERRORS = row(
    "Row errors of seven days", 8,
    table("Error codes", "The 20 most frequent codes of seven days; the others are one.", 12,
          {"rows": "sum by (error_code) (sentinel_ops_error_occurrences)",
           "batches": "sum by (error_code) (sentinel_ops_error_affected_batches)",
           "seen": "time() - max by (error_code) (sentinel_ops_error_last_seen_timestamp_seconds)"},
          {"error_code": ("Code", None), "Value #A": ("Rows", {"decimals": 0}), "Value #B": ("Batches", {"decimals": 0}),
           "Value #C": ("Last seen", {"unit": "s", "decimals": 0})}, sort="-Rows"),
    lines("Row errors by code", "Errors of the last seven days, by code: a step up is a new spike.", 12,
          {"{{error_code}}": "sum by (error_code) (sentinel_ops_error_occurrences)"}, decimals=0, table=True),
)

POSTGREST = row(
    "PostgREST", 8,
    timeline("PostgREST over time", "Whether it answered each probe as it should.", 6,
             {"{{instance}}": "min by (instance) (sentinel_postgrest_up)"}, UP, alerts=["SentinelPostgrestDown"]),
    heatmap("Probe duration", "Duration of the probes, failed ones included.", 6, "sentinel_postgrest_probe_duration_seconds"),
    lines("Stale schema cache", "Probes of 5 minutes that were answered with PGRST002: everybody else gets the same answer.", 4,
          {"{{instance}}": 'sum by (instance) (increase(sentinel_postgrest_errors_total{code="PGRST002"}[5m]))'},
          alert="SentinelSchemaCacheStale/warning", decimals=0),
    lines("Errors of PostgREST", "Errors that probes were answered with, a minute, by code.", 4,
          {"{{code}}": counted_per_minute("sentinel_postgrest_errors_total", "code")}, "cpm", bars=True),
    lines("Reloads of the schema cache", "Reloads of 15 minutes that the exporter asked for, by result.", 4,
          {"{{result}}": "sum by (result) (increase(sentinel_schema_cache_reloads_total[15m]))"}, bars=True,
          colors={"success": OK, "failed": CRITICAL}, decimals=0, alerts=["SentinelSchemaCacheReloadFailed"]),
)

DASHBOARD = dashboard(
    "sentinel-pipeline", "Do batches get through, and what is in their way? The ingestion pipeline, and PostgREST before the database.",
    [NOW, WAITING, HOUR, DURATIONS, ERRORS, POSTGREST], teams="data",
)
