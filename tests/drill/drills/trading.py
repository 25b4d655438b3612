"""What the trading desk is told."""

import time

from ..drill import drill

JOURNAL = ("journal",)
BURN = ["SentinelSloBurn"]
# A cycle in which something else fails has failed too, and its budget burns on.
CYCLES = {
    "inhibited": ["SentinelApiErrorsHigh warning", "SentinelTradingCyclesFailing warning"],
    "lasting": ["SentinelTradingCyclesFailing warning", "SentinelApiErrorsHigh warning", "SentinelSloBurn critical"],
}


def simulated(cause, fault, *alerts, **more):
    """A drill whose condition is a fault of the simulated day."""

    def run(host):
        host.simulate(fault)
        yield
        host.simulate()

    run.__name__ = fault
    drill(cause, *alerts, **({"sinks": JOURNAL} | more))(run)


simulated("a third of the cycles fail", "failed_cycles", "SentinelTradingCyclesFailing warning", also=BURN)
simulated(
    "four of five data fetches time out",
    "data_fetch_failures",
    "SentinelDataFetchFailing warning",
    **CYCLES,
)
simulated(
    "nine of ten predictions fail",
    "prediction_failures",
    "SentinelPredictionsFailing critical",
    **CYCLES,
)
simulated("half of the predictions take 0.6 to 0.95 s", "slow_predictions", "SentinelPredictionLatencyHigh warning")
simulated("every ZMQ send takes 0.6 to 0.9 s", "slow_zmq", "SentinelZmqLatencyHigh warning")
simulated("half of the broker's calls end in errors", "api_errors", "SentinelApiErrorsHigh warning", words="alpaca", also=BURN)
simulated("no BUY or SELL signal is executed", "signals_not_executed", "SentinelSignalsNotExecuted warning", seconds=90)
simulated("orders are acknowledged after 120 to 400 ms", "slow_orders", "SentinelOrderLatencyHigh warning", also=BURN)
simulated(
    "orders are acknowledged after 600 to 950 ms",
    "very_slow_orders",
    "SentinelOrderLatencyCritical critical",
    inhibited=["SentinelOrderLatencyHigh warning", "SentinelSloBurn critical"],
    lasting=["SentinelSloBurn critical"],
)
simulated("six of ten orders are rejected", "rejected_orders", "SentinelOrdersRejected critical", ci=True)
simulated("signals are executed, but no order is placed", "no_orders", "SentinelNoOrders warning", seconds=120)
simulated("fills slip by 150 bps", "slippage", "SentinelSlippageHigh warning")
simulated("a reconnect every 15 s", "reconnect_storm", "SentinelWebsocketReconnectStorm critical")


@drill("one fill slips by 600 bps", "SentinelSlippageHigh critical", sinks=JOURNAL)
def slippage_spike(host):
    host.event({"event": "order", "symbol": "EURUSD", "side": "buy", "status": "filled", "slippage_bps": 600})
    yield


@drill("the last cycle ended 200 s ago", "SentinelTradingCyclesStalled critical", sinks=JOURNAL, inhibited=["SentinelSloBurn critical"], lasting=["SentinelSloBurn critical"], ci=True)
def stalled_cycles(host):
    host.pause()
    host.event({"event": "cycle", "seconds": 1.2, "ts": time.time() - 200})
    yield
    host.simulate()


@drill(
    "ZMQ sends fail, so that no signal is executed",
    "SentinelZmqSendFailing critical",
    sinks=JOURNAL,
    inhibited=["SentinelSignalsNotExecuted warning"],
    seconds=90,
)
def zmq_failures(host):
    host.every(1, lambda: host.event({"event": "zmq_send", "seconds": 1.0, "ok": False}))
    host.simulate("signals_not_executed")
    yield
    host.simulate()
    host.mend()


@drill("an error every 20 s, more than one of ten orders", "SentinelTradingErrorsHigh critical", sinks=JOURNAL, inhibited=["SentinelSloBurn critical"], lasting=["SentinelSloBurn critical"])
def trading_errors(host):
    error = {"event": "error", "component": "order_router", "error_type": "timeout"}
    host.every(20 / 60, lambda: host.event(error))
    yield
    host.mend()


@drill("an error every 4 min, more than one of a hundred orders", "SentinelTradingErrorsHigh warning", sinks=JOURNAL, also=BURN)
def few_trading_errors(host):
    error = {"event": "error", "component": "order_router", "error_type": "timeout"}
    host.every(4, lambda: host.event(error))
    yield
    host.mend()


@drill("the websocket is lost", "SentinelWebsocketDown warning", "SentinelWebsocketDown critical", sinks=JOURNAL)
def websocket_down(host):
    host.simulate("websocket_down")
    yield "SentinelWebsocketDown warning"
    yield "SentinelWebsocketDown critical"
    host.simulate()


@drill(
    "4 % of the predictions fail, hour after hour",
    "SentinelSloBurn warning",
    team="trading",
    words="predictions",
    sinks=JOURNAL,
    seconds=120,
    ci=True,
)
def prediction_budget(host):
    answered = {"event": "prediction", "seconds": 0.2, "confidence": 0.7}
    failed = {"event": "prediction", "seconds": 1.0, "ok": False}
    host.every(1, lambda: host.event(*[answered] * 96, *[failed] * 4))
    yield
    host.mend()
    # So much traffic without a failure that the budget of three days is no longer overspent.
    host.event(*[answered] * 40000)


@drill(
    "every third call of an API ends in an error",
    "SentinelSloBurn critical",
    team="trading",
    words="api-calls",
    sinks=JOURNAL,
    seconds=120,
    until_resolved=180,
    also=["SentinelApiErrorsHigh"],
)
def api_budget(host):
    call, error = {"event": "api_call", "endpoint": "quotes"}, {"event": "api_error", "endpoint": "quotes", "error_code": "503"}
    host.every(1, lambda: host.event(*[call] * 30, *[error] * 10))
    yield
    host.mend()
