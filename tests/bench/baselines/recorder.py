"""What people run today: the counts kept by prometheus_client in a Python process. The benchmark measures the exporter beside it.

    recorder.py journal FILE PAGE    reads the trading events of FILE, writes the page to PAGE and prints the seconds for the lines
    recorder.py serve FILE PORT      the same without the seconds, and serves the page on 127.0.0.1
"""

import json
import sys
import threading
import time
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram, start_http_server

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fixtures" / "recorder"))

from recorder import Recorder as DaemonRecorder

TRIGGERS = ("MANUAL", "DAILY_LOSS", "LATENCY", "WS_DOWNTIME", "ERROR_RATE", "POSITION_LIMIT", "EXTERNAL")
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5)
API_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10)
HALT_BUCKETS = (0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5)
BPS_BUCKETS = (1, 2, 5, 10, 25, 50, 100, 250, 500)


class Trading(DaemonRecorder):
    """The daemon's recorder with the families of all events, fed with events instead of calls."""

    def __init__(self):
        super().__init__()

        def counter(name, *labels):
            return Counter(f"sentinel_{name}", name, labels, registry=self.registry)

        def gauge(name, *labels):
            return Gauge(f"sentinel_{name}", name, labels, registry=self.registry)

        def histogram(name, buckets, *labels):
            return Histogram(f"sentinel_{name}", name, labels, buckets=buckets, registry=self.registry)

        self.orders = counter("orders_total", "symbol", "side", "status")
        self.order_latency = histogram("order_latency_seconds", LATENCY_BUCKETS)
        self.slippage = histogram("slippage_bps", BPS_BUCKETS)
        self.errors = counter("trading_errors_total", "component", "error_type")
        self.api_latency = histogram("api_latency_seconds", API_BUCKETS, "endpoint")
        self.down_since = 0.0
        downtime = gauge("websocket_downtime_seconds")
        downtime.set_function(lambda: time.time() - self.down_since if self.down_since else 0.0)
        self.reconnects = counter("websocket_reconnects_total")
        self.kill_switch = gauge("kill_switch_active", "trigger")
        self.activations = counter("kill_switch_activations_total", "trigger")
        self.activation = histogram("kill_switch_activation_seconds", HALT_BUCKETS)
        self.cancel_all = histogram("cancel_all_seconds", HALT_BUCKETS)
        self.risk_checks = counter("risk_checks_total", "check", "action")
        self.pnl = gauge("pnl_usd")
        self.loss_limit = gauge("daily_loss_limit_usd")
        self.loss_limit.set(200)
        self.position = gauge("position_usd", "symbol")
        self.regime = gauge("market_regime", "regime")
        self.regimes = set()
        self.drift = gauge("reconciliation_drift_usd")
        self.reconciliation_failures = counter("reconciliation_failures_total")
        self.last_reconciliation = gauge("last_reconciliation_timestamp_seconds")
        for trigger in TRIGGERS:
            self.kill_switch.labels(trigger)
            self.activations.labels(trigger)
        self.handlers = {name[3:]: getattr(self, name) for name in dir(self) if name.startswith("on_")}

    def apply(self, event):
        self.handlers[event["event"]](event)

    def on_cycle(self, event):
        self.cycles.inc()
        if not event.get("ok", True):
            self.cycles_failed.inc()
        self.cycle_duration.observe(event["seconds"])
        self.last_cycle.set(event["ts"])

    def on_data_fetch(self, event):
        self.data_fetch_duration.observe(event["seconds"])
        if not event.get("ok", True):
            self.data_fetch_failed.inc()
        self.api_calls.labels(event.get("endpoint", "eodhd")).inc()

    def on_feature_build(self, event):
        self.feature_build_duration.observe(event["seconds"])

    def on_prediction(self, event):
        self.prediction_requests.inc()
        if event.get("ok", True):
            self.prediction_latency.observe(event["seconds"])
            if "confidence" in event:
                self.confidence.set(event["confidence"])
        else:
            self.prediction_failures.inc()
        self.api_calls.labels(event.get("endpoint", "hub")).inc()

    def on_signal(self, event):
        self.signals.labels(event["action"]).inc()
        if event.get("executed", False):
            self.signals_executed.labels(event["action"]).inc()

    def on_zmq_send(self, event):
        if event.get("ok", True):
            self.zmq_latency.observe(event["seconds"])
        else:
            self.zmq_failures.inc()

    def on_api_call(self, event):
        endpoint = event["endpoint"]
        self.api_calls.labels(endpoint).inc()
        if "seconds" in event:
            self.api_latency.labels(endpoint).observe(event["seconds"])

    def on_api_error(self, event):
        self.api_errors.labels(event["endpoint"], event["error_code"]).inc()

    def on_uptime(self, event):
        self.uptime.set(event["seconds"])

    def on_order(self, event):
        self.orders.labels(event["symbol"], event["side"], event["status"]).inc()
        if "seconds" in event:
            self.order_latency.observe(event["seconds"])
        if "slippage_bps" in event:
            self.slippage.observe(abs(event["slippage_bps"]))

    def on_error(self, event):
        self.errors.labels(event["component"], event["error_type"]).inc()

    def on_websocket(self, event):
        if event["state"] == "disconnected":
            self.down_since = self.down_since or event["ts"]
        else:
            self.down_since = 0.0
            if event["state"] == "reconnected":
                self.reconnects.inc()

    def on_kill_switch(self, event):
        if event["active"]:
            trigger = event.get("trigger", "MANUAL")
            self.kill_switch.labels(trigger).set(1)
            self.activations.labels(trigger).inc()
            if "seconds" in event:
                self.activation.observe(event["seconds"])
        else:
            for trigger in TRIGGERS:
                self.kill_switch.labels(trigger).set(0)

    def on_cancel_all(self, event):
        self.cancel_all.observe(event["seconds"])

    def on_risk_check(self, event):
        self.risk_checks.labels(event["check"], event["action"]).inc()

    def on_pnl(self, event):
        self.pnl.set(event["usd"])
        if "daily_loss_limit_usd" in event:
            self.loss_limit.set(event["daily_loss_limit_usd"])

    def on_position(self, event):
        if event["usd"]:
            self.position.labels(event["symbol"]).set(event["usd"])
        else:
            self.position.remove(event["symbol"])

    def on_regime(self, event):
        for regime in self.regimes:
            self.regime.labels(regime).set(0)
        self.regimes.add(event["regime"])
        self.regime.labels(event["regime"]).set(1)

    def on_reconciliation(self, event):
        if event.get("ok", True):
            self.drift.set(event.get("drift_usd", 0))
            self.last_reconciliation.set(event["ts"])
        else:
            self.reconciliation_failures.inc()


def main():
    recorder = Trading()
    apply, loads = recorder.apply, json.loads
    begun = time.perf_counter()
    with open(sys.argv[2], "rb") as journal:
        for line in journal:
            apply(loads(line))
    seconds = time.perf_counter() - begun
    if sys.argv[1] == "journal":
        Path(sys.argv[3]).write_bytes(recorder.page())
        print(seconds)
    else:
        start_http_server(int(sys.argv[3]), "127.0.0.1", recorder.registry)
        threading.Event().wait()


if __name__ == "__main__":
    main()
