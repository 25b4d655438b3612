"""Does the daemon trade, and how quickly?"""

import orders
from layout import dashboard, row
from panels import CRITICAL, GREY, OK, SKY, WARNING, heatmap, lines, stat, states, table, timeline
from queries import age, counted, counted_per_minute, per_minute, ratio, slow_share

ACTIONS = {"BUY": OK, "SELL": WARNING, "HOLD": GREY}
REGIME = 'sum by (instance) (sentinel_market_regime{regime="closed"}) or max by (instance) (0 * sentinel_market_regime)'

NOW = row(
    "Does it trade now?", 3,
    stat("Last cycle", "Time since the last trading cycle ended. One a minute is normal while the market is open.", 4,
         {"{{instance}}": age("sentinel_last_cycle_timestamp_unix")}, "s", alert="SentinelTradingCyclesStalled"),
    stat("Market", "Closed means that the market is closed, or that the daemon is stopped on purpose: then nothing is expected of it.", 4,
         {"{{instance}}": REGIME}, "none", mappings=states({0: ("Open", OK), 1: ("Closed", GREY)})),
    stat("Websocket down", "Time since the websocket to the exchange was lost; 0 while it is connected. After 30 s trading is halted.", 4,
         {"{{instance}}": "max by (instance) (sentinel_websocket_downtime_seconds)"}, "s", alert="SentinelWebsocketDown"),
    stat("Slow orders", "Share of the last 15 minutes' orders that took longer than 100 ms.", 4,
         {"{{instance}}": slow_share("sentinel_order_latency_seconds", "0.1", "15m")}, "percentunit", alert="SentinelOrderLatencyHigh"),
    stat("Confidence", "Confidence of the last prediction that stated one.", 4,
         {"{{instance}}": "max by (instance) (sentinel_last_prediction_confidence)"}, "percentunit", defaults={"min": 0, "max": 1}),
    stat("Daemon running for", "As the daemon last reported. A fall is a restart.", 4,
         {"{{instance}}": "max by (instance) (sentinel_daemon_uptime_seconds)"}, "s"),
)

CYCLES = row(
    "Cycles: one a minute", 8,
    lines("Cycles", "Trading cycles a minute, and those that failed.", 8,
          {"cycles": per_minute("sentinel_trading_cycles_total"), "failed": per_minute("sentinel_trading_cycles_failed_total")}, "opm",
          colors={"failed": CRITICAL}),
    lines("Failed cycles in an hour", "Five of the 60 cycles of an hour are bad luck.", 8,
          {"{{instance}}": "sum by (instance) (increase(sentinel_trading_cycles_failed_total[1h]))"}, alert="SentinelTradingCyclesFailing",
          decimals=0),
    heatmap("Cycle duration", "Duration of whole cycles, failed ones included.", 8, "sentinel_trading_cycle_duration_seconds"),
)

DATA = row(
    "Market data and features", 8,
    lines("Data fetches", "Fetches of market data a minute, and those that failed.", 6,
          {"fetches": per_minute("sentinel_data_fetch_duration_seconds_count"), "failed": per_minute("sentinel_data_fetch_failed_total")},
          "opm", colors={"failed": CRITICAL}),
    lines("Failed data fetches", "Share of the last 15 minutes' fetches. The alert needs five failures.", 6,
          {"{{instance}}": ratio("sentinel_data_fetch_failed_total", "sentinel_data_fetch_duration_seconds_count", "15m")}, "percentunit",
          alert="SentinelDataFetchFailing"),
    heatmap("Fetch duration", "Duration of fetching market data, failed fetches included.", 6, "sentinel_data_fetch_duration_seconds"),
    heatmap("Feature build duration", "Duration of building the model's features.", 6, "sentinel_feature_build_duration_seconds"),
)

PREDICTIONS = row(
    "Predictions", 8,
    lines("Prediction requests", "Predictions asked of the model hub a minute, and those that failed.", 6,
          {"requests": per_minute("sentinel_prediction_requests_total"), "failed": per_minute("sentinel_prediction_failures_total")}, "opm",
          colors={"failed": CRITICAL}),
    lines("Failed predictions", "Share of the last 10 minutes' predictions. The alert needs five failures.", 6,
          {"{{instance}}": ratio("sentinel_prediction_failures_total", "sentinel_prediction_requests_total", "10m")}, "percentunit",
          alert="SentinelPredictionsFailing"),
    lines("Slow predictions", "Share of the last 15 minutes' predictions that took longer than 0.5 s. The daemon gives up at 1 s.", 6,
          {"{{instance}}": slow_share("sentinel_prediction_latency_seconds", "0.5", "15m")}, "percentunit",
          alert="SentinelPredictionLatencyHigh"),
    heatmap("Prediction latency", "Time until the model hub answered; successful predictions only.", 6,
            "sentinel_prediction_latency_seconds"),
)

SIGNALS = row(
    "Signals, and their way to the gateway", 8,
    lines("Signals", "Trading signals a minute, by action.", 6,
          {"{{action}}": counted_per_minute("sentinel_trading_signals_total", "action")}, "opm", bars=True, stacked=True, colors=ACTIONS),
    lines("Executed of BUY and SELL", "BUY and SELL signals of 30 minutes, and those that were acted on. None of several is an alert.", 6,
          {"signals": 'sum(increase(sentinel_trading_signals_total{action=~"BUY|SELL"}[30m]))',
           "executed": 'sum(increase(sentinel_trading_signals_executed_total{action=~"BUY|SELL"}[30m]))'}, colors={"signals": SKY, "executed": OK},
          decimals=0, alerts=["SentinelSignalsNotExecuted", "SentinelNoOrders"]),
    lines("Slow ZMQ sends", "Share of the last 30 minutes' sends to the gateway that took longer than 0.5 s.", 4,
          {"{{instance}}": slow_share("sentinel_zmq_send_latency_seconds", "0.5", "30m")}, "percentunit", alert="SentinelZmqLatencyHigh"),
    lines("Failed ZMQ sends", "Sends that failed in 15 minutes. Each is an order that did not reach the gateway.", 4,
          {"{{instance}}": "sum by (instance) (increase(sentinel_zmq_send_failures_total[15m]))"}, alert="SentinelZmqSendFailing", decimals=0),
    heatmap("ZMQ send latency", "Time to hand an order to the gateway; successful sends only.", 4, "sentinel_zmq_send_latency_seconds"),
)

ORDERS = row("Orders", 8, orders.by_status(8), orders.latency(8), orders.rejected(8))
ORDER_SHARES = row("", 7, orders.slow(6), orders.very_slow(6), orders.errors(6), orders.mean_slippage(6))

ERRORS = row(
    "Errors in trading", 7,
    table("Trading errors", "Errors in the chosen time, by component and type.", 12,
          counted("sentinel_trading_errors_total", "instance, exported_component, error_type") + " > 0",
          {"instance": ("Host", None), "exported_component": ("Component", None), "error_type": ("Error", None),
           "Value": ("Errors", {"decimals": 0})}, sort="-Errors", empty="No errors in this time"),
    table("API errors", "Errors of external APIs in the chosen time, by endpoint and code.", 12,
          counted("sentinel_api_errors_total", "instance, endpoint, error_code") + " > 0",
          {"instance": ("Host", None), "endpoint": ("Endpoint", None), "error_code": ("Code", None), "Value": ("Errors", {"decimals": 0})},
          sort="-Errors", empty="No errors in this time"),
)

APIS = row(
    "External APIs and the websocket", 8,
    lines("API calls", "Calls a minute, by endpoint, failed ones included.", 6,
          {"{{endpoint}}": counted_per_minute("sentinel_api_calls_total", "endpoint")}, "opm"),
    lines("Failed API calls", "Share of the last 15 minutes' calls of an endpoint. The alert needs five errors.", 6,
          {"{{endpoint}} {{instance}}": "sum by (instance, endpoint) (increase(job_instance_endpoint:sentinel_api_errors_total:sum[15m]))"
           " / sum by (instance, endpoint) (increase(job_instance_endpoint:sentinel_api_calls_total:sum[15m]))"}, "percentunit",
          alert="SentinelApiErrorsHigh"),
    lines("API latency", "95 % of the timed calls of 15 minutes were at least as quick, by endpoint.", 6,
          {"{{endpoint}}": "histogram_quantile(0.95, sum by (le, endpoint) (increase(sentinel_api_latency_seconds_bucket[15m])))"}, "s"),
    lines("Websocket reconnects", "Reconnects to the exchange in 5 minutes. Too many of them get the client banned.", 6,
          {"{{instance}}": "sum by (instance) (increase(sentinel_websocket_reconnects_total[5m]))"}, alert="SentinelWebsocketReconnectStorm",
          decimals=0),
)

STATES = row(
    "", 5,
    timeline("Market regime", "What the daemon says of the market.", 12,
             {"{{regime}}": "max by (regime) (sentinel_market_regime)"}, {0: ("no", GREY), 1: ("yes", OK)}),
    lines("Websocket downtime", "How long the websocket to the exchange had been lost. After 30 s the loss of heartbeats halts trading.", 12,
          {"{{instance}}": "max by (instance) (sentinel_websocket_downtime_seconds)"}, "s", alert="SentinelWebsocketDown"),
)

DASHBOARD = dashboard(
    "sentinel-trading", "Does the daemon trade, and how quickly? From cycle to order, in the order in which it works.",
    [NOW, CYCLES, DATA, PREDICTIONS, SIGNALS, ORDERS, ORDER_SHARES, APIS, STATES, ERRORS], teams="trading",
)
