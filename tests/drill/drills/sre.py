"""What those who keep the bot running are told."""

import json

from ..drill import KEPT_BACK, drill
from ..processes import Failed, until

BOT = ()


@drill(
    "two mock signals fail, and what they bring with them",
    "SentinelMockSignalFailed warning",
    "SentinelMockSignalFailed critical",
    sinks=BOT,
    inhibited=["SentinelMockSignalSuccessLow critical", "SentinelRcaFailed warning", "SentinelParserHealthLow critical"],
    # Analyses are remembered for half an hour, also when the next mock signal has passed.
    lasting=["SentinelRcaFailed warning", "SentinelSloBurn critical"],
)
def failed_mock_signals(host):
    host.bot_state(score=2.4)
    yield "SentinelMockSignalFailed warning"
    host.bot_state(score=2.2)
    yield "SentinelMockSignalFailed critical"
    # It goes on failing every 15 minutes, and now all else fails too.
    host.every(15, lambda: host.bot_state(score=2.2, success=70.0, parser=70.0))
    host.every(15, lambda: host.analysis("FAIL", fix="clear_cache_lock"))
    yield KEPT_BACK
    host.mend()
    host.bot_state()


@drill("the last heartbeat was 36 minutes ago", "SentinelMockSignalStale critical", sinks=BOT)
def stale_mock_signal(host):
    host.bot_state(age=36 * 60, outcome_age=36 * 60)
    yield
    host.bot_state()


@drill(
    "90 %, then 70 % of the mock signals pass", "SentinelMockSignalSuccessLow warning", "SentinelMockSignalSuccessLow critical", sinks=BOT
)
def mock_signals_pass_seldom(host):
    host.bot_state(success=90.0)
    yield "SentinelMockSignalSuccessLow warning"
    host.bot_state(success=70.0)
    yield "SentinelMockSignalSuccessLow critical"
    host.bot_state()


@drill("the parser's health is 90, then 70", "SentinelParserHealthLow warning", "SentinelParserHealthLow critical", sinks=BOT)
def parser_health(host):
    host.bot_state(parser=90.0)
    yield "SentinelParserHealthLow warning"
    host.bot_state(parser=70.0)
    yield "SentinelParserHealthLow critical"
    host.bot_state()


@drill("an analysis ends in FAIL, and its fix fails", "SentinelRcaFailed warning", "SentinelAutoFixFailed critical", sinks=BOT)
def failed_fix(host):
    host.analysis("FAIL", fix="clear_cache_lock", worked=False)
    yield
    host.analysis("OK")


@drill("a critical check says WARNING", "SentinelCheckFailing warning", words="weights_file", sinks=BOT, ci=True)
def warning_check(host):
    host.check("weights_file", "WARNING")
    yield
    host.check("weights_file", "OK")


@drill("a critical check says CRITICAL", "SentinelCheckFailing critical", words="zero_trades_scores", sinks=BOT)
def critical_check(host):
    host.check("zero_trades_scores", "CRITICAL")
    yield
    host.check("zero_trades_scores", "OK")


@drill("the bot's weights are no JSON", "SentinelCheckFailing critical", words="weights_file", sinks=BOT)
def damaged_weights(host):
    (host.bot / "data/uw_weights.json").write_text("{", encoding="utf-8")
    yield
    host.bot_files()


FIXED = 'sentinel_auto_fixes_total{fix="clear_cache_lock",result="success"}'


@drill("a lock was left behind 10 minutes ago; then its repair is switched on", "SentinelCheckFailing critical", words="cache_lock", sinks=BOT)
def stale_lock(host):
    lock = host.leave_lock(age=600)
    yield
    before = host.value(FIXED)
    host.repair("clear_cache_lock")
    # The end of the alert is what the second look says; the count and the session are what is kept of it.
    until(lambda: not lock.exists(), 20, "the lock is removed")
    until(lambda: host.value(FIXED) == before + 1, 20, "the repair is counted")
    session = json.loads((host.bot / "state/sre_rca_fixes.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    if session["fixes_applied"] != ["clear_cache_lock (success)"]:
        raise Failed(f"the session tells of {session['fixes_applied']}")


@drill("the critical checks last ran 61 minutes ago", "SentinelChecksStopped warning", sinks=BOT)
def checks_stopped(host):
    host.check("entry_thresholds", "OK", age=61 * 60)
    yield
    host.check("entry_thresholds", "OK")
