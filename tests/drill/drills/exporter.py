"""What is told about the exporter itself."""

import time

from ..drill import drill

JOURNAL = ("journal",)


@drill(
    "the exporter is killed",
    "SentinelExporterDown critical",
    sinks=JOURNAL,
    # When it is back, its objective has still been missed.
    inhibited=["SentinelSloBurn critical"],
    lasting=["SentinelSloBurn critical"],
    team=None,
    ci=True,
)
def exporter_down(host):
    host.kill_exporter()
    yield
    host.start_exporter()


@drill(
    "the database hangs",
    "SentinelCollectorFailing warning",
    words="collector postgres",
    sinks=JOURNAL,
    # The 5 minutes of a collector are not compressed, and the 10 of the checks that nobody can make are: here they come first.
    also=["SentinelCheckFailing"],
    seconds=400,
)
def database_hangs(host):
    host.hang_database()
    yield
    host.mend()


@drill("the gateway answers 503", "SentinelProbeFailing warning", words="gateway", sinks=())
def probe_fails(host):
    host.endpoint.well = False
    yield
    host.endpoint.well = True


@drill("both checkpoints are damaged when it starts", "SentinelCounterReset info", sinks=JOURNAL, ci=True)
def damaged_checkpoint(host):
    host.kill_exporter()
    good = {path: path.read_bytes() for path in (host.state / "checkpoint", host.state / "checkpoint.previous") if path.exists()}
    for path in good:
        path.write_bytes(b"damaged")
    host.start_exporter()
    yield
    # The good one is put back from a copy.
    host.kill_exporter()
    for path, content in good.items():
        path.write_bytes(content)
    host.start_exporter()


@drill("the writer's lines are no events", "SentinelEventsRejected warning", sinks=JOURNAL)
def bad_lines(host):
    host.line('{"ts": 1768137395, "event": "lunch", "seconds": 1800}')
    yield


def without_events(host):
    host.batches(3)
    host.bot_state(outcome_age=300)


@drill("a journal is configured, and nobody writes to it", "SentinelNoEvents warning", sinks=(), history=without_events, seconds=120)
def no_events(host):
    yield
    host.event({"event": "uptime", "seconds": 1})


@drill("the journal is rotated, and may not be read any more", "SentinelJournalLagging warning", sinks=JOURNAL)
def unreadable_journal(host):
    new = host.journal.with_suffix(".new")
    new.write_text('{"event": "uptime", "seconds": 1}\n' * 50_000, encoding="utf-8")
    new.chmod(0)
    host.journal.rename(host.journal.with_name(f"{host.journal.name}.1"))
    new.rename(host.journal)
    yield
    host.journal.chmod(0o644)


@drill("an order for each of 1,500 symbols", "SentinelSeriesDropped warning", words="sentinel_orders_total", sinks=())
def label_explosion(host):
    host.event(*[{"event": "order", "symbol": f"SYM{number:06}", "side": "buy", "status": "new"} for number in range(1500)])
    yield


@drill("the state folder can no longer be written to", "SentinelCheckpointStale warning", sinks=JOURNAL, seconds=400)
def checkpoint_stale(host):
    host.state.chmod(0o555)
    yield
    host.state.chmod(0o755)


@drill("the configuration is broken, and reloaded", "SentinelConfigReloadFailed warning", sinks=JOURNAL)
def broken_configuration(host):
    good = host.settings.read_text(encoding="utf-8")
    host.settings.write_text("journals: nonsense\n", encoding="utf-8")
    host.reload()
    yield
    host.settings.write_text(good, encoding="utf-8")
    host.reload()
    time.sleep(0.5)
