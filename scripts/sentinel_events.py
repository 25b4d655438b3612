#!/usr/bin/env python3
"""Trading events for sentinel-exporter: every call appends one JSON line to the journal that it reads.

A daemon imports the default recorder, whose journal the environment variable SENTINEL_JOURNAL names:

    from sentinel_events import metrics
    start = metrics.record_cycle_start()
    metrics.record_cycle_end(start, success=True)

A shell script appends one event with the fields of that event (exit code 0 when it was written, 1 when it was
not, 2 when the command line makes no sense):

    python3 sentinel_events.py --journal PATH order symbol=EURUSD side=buy status=new seconds=0.087

Recording never raises into its caller. An event that cannot be written is dropped, counted in `dropped`, and reported
through `logging` (logger "sentinel_events") at most once a minute.

The journal is opened for each line and closed after it. That costs no more than asking whether an open descriptor
still is the file at the path, and leaves nothing to go stale: log rotation by rename or by copy and truncate,
deletion, fork, and a daemonising step that closes all descriptors need no care of their own. As nothing is shared,
there is no lock that a fork, a signal handler or another thread could leave held.
"""

import argparse
import contextlib
import functools
import json
import logging
import math
import os
import sys
import time

DEFAULT_JOURNAL = "/opt/mt5-crs/logs/trading_events.jsonl"
MAX_LINE_BYTES = 64 * 1024
REPORT_INTERVAL_SECONDS = 60.0

_log = logging.getLogger("sentinel_events")
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode

# Reading is needed for the last byte alone. O_APPEND makes the kernel choose the place of each write, which is what
# keeps the lines of several writers apart.
_OPEN_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC

# The contract with the exporter: the required and the optional fields of every event.
EVENTS = {
    "cycle": (("seconds",), ("ok",)),
    "data_fetch": (("seconds",), ("ok", "endpoint")),
    "feature_build": (("seconds",), ()),
    "prediction": (("seconds",), ("ok", "confidence", "endpoint")),
    "signal": (("action",), ("executed",)),
    "zmq_send": (("seconds",), ("ok",)),
    "api_call": (("endpoint",), ("seconds",)),
    "api_error": (("endpoint", "error_code"), ()),
    "uptime": (("seconds",), ()),
    "order": (("symbol", "side", "status"), ("seconds", "slippage_bps")),
    "error": (("component", "error_type"), ()),
    "websocket": (("state",), ()),
    "kill_switch": (("active",), ("trigger", "seconds")),
    "cancel_all": (("seconds",), ()),
    "risk_check": (("check", "action"), ()),
    "pnl": (("usd",), ("daily_loss_limit_usd",)),
    "position": (("symbol", "usd"), ()),
    "regime": (("regime",), ()),
    "reconciliation": ((), ("ok", "drift_usd")),
}


def _number(value):
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _duration(value):
    # A wall clock that was set back between start and end gives a negative duration, which the exporter would reject.
    return max(0.0, _number(value))


def _positive(value):
    number = _number(value)
    if number <= 0:
        raise ValueError
    return number


def _flag(value):
    # bool("false") is True, and strings are all that a command line has.
    return {"true": True, "false": False}[value] if isinstance(value, str) else bool(value)


def _one_of(*allowed):
    return lambda value: allowed[allowed.index(str(value))], "one of " + ", ".join(allowed)


# How a field's value becomes JSON, and what an error says was expected. The conversions also take the scalars of
# numpy and pandas. Every other field is a label value: text, whatever it was before.
_FIELDS = {
    "seconds": (_duration, "a finite number of seconds"),
    "confidence": (_number, "a finite number"),
    "slippage_bps": (_number, "a finite number of basis points"),
    "usd": (_number, "a finite number of US dollars"),
    "drift_usd": (_number, "a finite number of US dollars"),
    "daily_loss_limit_usd": (_positive, "a positive number of US dollars"),
    "ok": (_flag, "true or false"),
    "executed": (_flag, "true or false"),
    "active": (_flag, "true or false"),
    "status": _one_of("new", "partial", "filled", "canceled", "rejected"),
    "state": _one_of("connected", "disconnected", "reconnected"),
}
_TEXT = (str, "text")


def _convert(name, value):
    convert, expected = _FIELDS.get(name, _TEXT)
    try:
        return convert(value)
    except Exception as cause:
        raise ValueError(f"{name}: expected {expected}, not {value!r:.80}") from cause


def _never_raising(cls):
    """Guards every recording method of `cls`, so that none that is added later can forget it."""

    def guarded(method):
        @functools.wraps(method)
        def call(self, /, *args, **kwargs):
            try:
                return method(self, *args, **kwargs)
            except Exception as problem:
                self._report(method.__name__, problem)

        return call

    for name, member in list(vars(cls).items()):
        if name.startswith(("record", "set_")):
            setattr(cls, name, guarded(member))
    return cls


@_never_raising
class TradingMetrics:
    """Appends events to the journal at `path`, which is made, with its folder, when it is not there.

    Durations are in seconds. Arguments that are None are left out where the event allows it. Label values (action,
    endpoint, error_code, symbol and so on) are written as `str()` gives them, so pass an Enum's name or value.
    `dropped` is the number of events that could not be written.
    """

    def __init__(self, path):
        # Absolute, because a daemon may change its working directory after this.
        self.path = os.path.abspath(path)
        self.dropped = 0
        self._quiet_until = -math.inf

    def record_cycle_start(self):
        """Returns the start of a trading cycle, in Unix seconds, for `record_cycle_end`. Writes nothing."""
        return time.time()

    def record_cycle_end(self, start_time, success=True):
        """A trading cycle that began at `start_time` (Unix seconds) is over."""
        self._write("cycle", seconds=time.time() - start_time, ok=success)

    def record_data_fetch(self, duration, success=True):
        """Market data was asked for, which is also a call of the endpoint `eodhd`."""
        self._write("data_fetch", seconds=duration, ok=success)

    def record_feature_build(self, duration):
        """The features of a cycle were built."""
        self._write("feature_build", seconds=duration)

    def record_prediction(self, duration, success=True, confidence=None):
        """The model was asked, which is also a call of the endpoint `hub`; `confidence` is from 0 to 1."""
        self._write("prediction", seconds=duration, ok=success, confidence=confidence)

    def record_trading_signal(self, action, executed=False):
        """A signal (BUY, SELL or HOLD) was given, and perhaps executed."""
        self._write("signal", action=action, executed=executed)

    def record_zmq_send(self, duration, success=True):
        """A message was sent to the terminal."""
        self._write("zmq_send", seconds=duration, ok=success)

    def record_api_call(self, endpoint, seconds=None):
        """An endpoint was called outside of a data fetch or a prediction, which count their own calls."""
        self._write("api_call", endpoint=endpoint, seconds=seconds)

    def record_api_error(self, endpoint, error_code):
        """An endpoint failed; `error_code` is a short code, as every other one makes a series."""
        self._write("api_error", endpoint=endpoint, error_code=error_code)

    def set_uptime(self, uptime_seconds):
        """The daemon has been running for `uptime_seconds`."""
        self._write("uptime", seconds=uptime_seconds)

    def record_order(self, symbol, side, status, seconds=None, slippage_bps=None):
        """An order's status changed; the first status of every order is `new`.

        `status` is new, partial, filled, canceled or rejected. `seconds` goes with the exchange's first answer,
        `slippage_bps` (basis points) with a fill.
        """
        self._write("order", symbol=symbol, side=side, status=status, seconds=seconds, slippage_bps=slippage_bps)

    def record_error(self, component, error_type):
        """A component of the daemon failed."""
        self._write("error", component=component, error_type=error_type)

    def record_websocket(self, state):
        """The stream of prices is now `connected`, `disconnected` or `reconnected`."""
        self._write("websocket", state=state)

    def record_kill_switch(self, active, trigger=None, seconds=None):
        """Trading was halted by `trigger` (MANUAL when None), `seconds` after it, or released (not `active`)."""
        self._write("kill_switch", active=active, trigger=trigger, seconds=seconds)

    def record_cancel_all(self, seconds):
        """All open orders were canceled."""
        self._write("cancel_all", seconds=seconds)

    def record_risk_check(self, check, action):
        """A risk check decided on `action`."""
        self._write("risk_check", check=check, action=action)

    def set_pnl(self, usd, daily_loss_limit_usd=None):
        """The day's profit and loss in US dollars, 0 when a trading day begins; the limit is positive."""
        self._write("pnl", usd=usd, daily_loss_limit_usd=daily_loss_limit_usd)

    def set_position(self, symbol, usd):
        """The position in `symbol` in US dollars; 0 ends its series."""
        self._write("position", symbol=symbol, usd=usd)

    def set_regime(self, regime):
        """The market's regime; `closed` while trading is closed or the daemon stopped on purpose."""
        self._write("regime", regime=regime)

    def record_reconciliation(self, ok=True, drift_usd=None):
        """The books were compared with the broker's, and differ by `drift_usd` US dollars (0 when None)."""
        self._write("reconciliation", ok=ok, drift_usd=drift_usd)

    def record(self, event, /, **fields):
        """Any event by its name, with its fields as EVENTS lists them."""
        self._write(event, **fields)

    def _write(self, event, /, **fields):
        if event not in EVENTS:
            raise ValueError(f"event: expected one of {', '.join(EVENTS)}, not {event!r:.80}")
        required, optional = EVENTS[event]
        line = {"ts": time.time(), "event": event}
        for name in required:
            if name not in fields:
                raise ValueError(f"{name}: expected with every {event}, but it is missing")
            line[name] = _convert(name, fields.pop(name))
        for name in optional:
            value = fields.pop(name, None)
            if value is not None:
                line[name] = _convert(name, value)
        if fields:
            raise ValueError(f"{', '.join(fields)}: expected for {event} only {', '.join(required + optional)}")
        # A lone surrogate, as undecodable bytes leave it in a str, has no UTF-8 form: it becomes a question mark.
        self._append((_encode(line) + "\n").encode("utf-8", "replace"))

    def _append(self, line):
        if len(line) > MAX_LINE_BYTES:
            raise ValueError(f"expected a line of at most {MAX_LINE_BYTES} bytes, not {len(line)}")
        journal = self._open()
        try:
            size = os.fstat(journal).st_size
            # A writer that crashed, or a disk that filled, may have left half a line. Ending it first costs that line
            # alone. If it is another writer's line in the making, its own end comes first all the same, and the
            # exporter skips the blank line.
            if size and os.pread(journal, 1, size - 1) != b"\n":
                line = b"\n" + line
            written = os.write(journal, line)
        finally:
            os.close(journal)
        # The rest is not sent after it: another writer's line may stand between by then.
        if written < len(line):
            raise OSError(f"expected room for a line of {len(line)} bytes, but the disk took only {written}")

    def _open(self):
        try:
            return os.open(self.path, _OPEN_FLAGS, 0o644)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            return os.open(self.path, _OPEN_FLAGS, 0o644)

    def _report(self, method, problem):
        self.dropped += 1
        now = time.monotonic()
        if now < self._quiet_until:
            return
        # Set before logging, so that a handler which itself records an event cannot come back here without end.
        self._quiet_until = now + REPORT_INTERVAL_SECONDS
        # A broken logging handler must not stop trading either.
        with contextlib.suppress(Exception):
            _log.warning(
                "%s: expected to append the event of %s, but dropped it: %s (%d dropped so far)",
                self.path, method, problem, self.dropped,
            )


metrics = TradingMetrics(os.environ.get("SENTINEL_JOURNAL") or DEFAULT_JOURNAL)


def main(arguments):
    """Appends the one event that the command line gives, and returns the exit code."""
    parser = argparse.ArgumentParser(description="Append one trading event to sentinel-exporter's journal.")
    parser.add_argument("--journal", default=metrics.path, help="default: $SENTINEL_JOURNAL, or %(default)s")
    parser.add_argument("event", help=", ".join(EVENTS))
    parser.add_argument("fields", nargs="*", metavar="key=value")
    given = parser.parse_args(arguments)
    for field in given.fields:
        if "=" not in field:
            parser.error(f"expected key=value, not {field!r}")
    recorder = TradingMetrics(given.journal)
    recorder.record(given.event, **dict(field.split("=", 1) for field in given.fields))
    # What went wrong has been reported, which without a logging configuration is a line on standard error.
    return 1 if recorder.dropped else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
