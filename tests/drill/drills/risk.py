"""What those who answer for the risk are told."""

import time

from ..agreed import Agreed
from ..drill import drill
from ..processes import until
from .trading import JOURNAL, simulated

simulated("a reconciliation finds a drift of 150 USD", "drift", "SentinelReconciliationDrift warning", words=r"150\.00 USD")
simulated(
    "a reconciliation fails", "reconciliation_failures", "SentinelReconciliationFailed critical", until_resolved=180
)


@drill(
    "the kill switch trips, and trading stands still",
    "SentinelKillSwitchActive critical",
    words="LATENCY",
    sinks=JOURNAL,
    inhibited=["SentinelTradingCyclesStalled critical", "SentinelSloBurn critical"],
    lasting=["SentinelSloBurn critical"],
    ci=True,
)
def kill_switch(host):
    host.pause()
    host.event({"event": "kill_switch", "active": True, "trigger": "LATENCY", "seconds": 0.4})
    time.sleep(1)
    host.event({"event": "cycle", "seconds": 1.2, "ts": time.time() - 200})
    yield
    # Trading runs before it is said to be released, so that nobody is told of a standstill that is over.
    host.simulate()
    stalled = Agreed().alert("SentinelTradingCyclesStalled critical")
    until(lambda: not host.chain.inhibited(stalled, host.instance), 30, "trading runs")
    host.event({"event": "kill_switch", "active": False})


@drill("a kill switch drill takes 2.8 s", "SentinelKillSwitchSlow critical", sinks=JOURNAL)
def slow_kill_switch(host):
    host.event({"event": "kill_switch", "active": True, "seconds": 2.8}, {"event": "kill_switch", "active": False})
    yield


@drill("cancelling all orders takes 2.6 s", "SentinelCancelAllSlow critical", sinks=JOURNAL)
def slow_cancel_all(host):
    host.event({"event": "cancel_all", "seconds": 2.6})
    yield


@drill("the day's loss reaches 60 %, then 85 % of its limit", "SentinelDailyLoss warning", "SentinelDailyLoss critical", sinks=())
def daily_loss(host):
    host.event({"event": "pnl", "usd": -120.0, "daily_loss_limit_usd": 200})
    yield "SentinelDailyLoss warning"
    host.event({"event": "pnl", "usd": -170.0})
    yield "SentinelDailyLoss critical"
    host.event({"event": "pnl", "usd": 0.0})


@drill("the last reconciliation was 80 h ago", "SentinelReconciliationMissing warning", sinks=())
def no_reconciliation(host):
    host.event({"event": "reconciliation", "drift_usd": 1.5, "ts": time.time() - 80 * 3600})
    yield
    host.event({"event": "reconciliation", "drift_usd": 1.5})
