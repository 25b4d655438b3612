"""What those who run the ingestion pipeline are told."""

from ..drill import drill

DATABASE = ("database",)
BURN = ["SentinelSloBurn"]


@drill("a batch stops on its way, 11 minutes ago", "SentinelBatchesStuck critical", words="status inserting", sinks=DATABASE, inhibited=["SentinelCheckFailing critical"], lasting=["SentinelCheckFailing critical"], ci=True)
def stuck_batches(host):
    host.batches(1, "inserting", age="11 minutes")
    yield
    host.sql("UPDATE intake.simplicity_batches SET status = 'completed', completed_at = now() WHERE status = 'inserting'")


# The figures of the newest hour follow all of its batches: what is wrong with some is mended by many that are well.


@drill("a third of the rows are invalid", "SentinelBatchErrorSpike warning", sinks=(), also=BURN)
def error_spike(host):
    host.batches(6, invalid=330)
    yield
    host.batches(30)


@drill("half of the batches fail", "SentinelBatchesFailing warning", sinks=())
def failed_batches(host):
    host.batches(3)
    host.batches(3, "failed")
    yield
    host.batches(30)


@drill("a file is sent again", "SentinelBatchDedupeHigh warning", sinks=())
def duplicates(host):
    host.batches(12, duplicate=700)
    yield
    host.batches(30)


@drill("no batch for 27 hours", "SentinelPipelineQuiet info", sinks=(), ci=True)
def quiet_pipeline(host):
    host.sql("UPDATE intake.simplicity_batches SET created_at = now() - interval '27 hours', completed_at = now() - interval '27 hours'")
    yield
    host.batches(1)


@drill(
    "an older exporter, without the durations of batches",
    "SentinelSloAbsent warning",
    team="data",
    words="batch-duration",
    sinks=(),
    older=True,
    seconds=150,
)
def older_exporter(host):
    host.older.without = "sentinel_ops_batch_duration_seconds"
    yield
    host.older.without = None


@drill("PostgREST answers 500", "SentinelPostgrestDown warning", sinks=(), also=BURN)
def postgrest_down(host):
    host.postgrest.state = "failing"
    yield
    host.postgrest.state = "ok"


@drill(
    "PostgREST's schema cache is stale, and a reload does not help",
    "SentinelSchemaCacheStale warning",
    "SentinelSchemaCacheStale critical",
    sinks=(),
    inhibited=["SentinelPostgrestDown warning", "SentinelSloBurn critical", "SentinelCheckFailing critical"],
    # Its objective has been missed all the same, and the exporter checks it too.
    lasting=["SentinelSloBurn critical", "SentinelCheckFailing critical"],
)
def stale_schema_cache(host):
    host.postgrest.state = "stale"
    yield
    host.postgrest.state = "ok"


@drill(
    "the database takes no connections: the schema cache is stale, and cannot be reloaded",
    "SentinelSchemaCacheReloadFailed critical",
    sinks=(),
    inhibited=["SentinelSchemaCacheStale critical", "SentinelSloBurn critical"],
    lasting=["SentinelSloBurn critical"],
    # The database, which nobody can look at: here the check of it comes before the alert about its collector.
    also=["SentinelCheckFailing"],
)
def database_closed(host):
    host.close_database()
    host.postgrest.state = "stale"
    yield
    host.postgrest.state = "ok"
    host.open_database()


@drill(
    "every batch takes 6 minutes",
    "SentinelSloBurn critical",
    team="data",
    words="batch-duration",
    sinks=(),
    seconds=120,
    until_resolved=180,
)
def batch_budget(host):
    host.batches(3)
    host.every(1, lambda: host.batches(3, parse_seconds=120, database_seconds=240))
    yield
    host.mend()
    host.batches(500)
