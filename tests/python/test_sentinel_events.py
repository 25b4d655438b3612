"""The Python client by itself: python3 -m unittest discover -s tests/python"""

import json
import logging
import math
import os
import resource
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "sentinel_events.py"
sys.path.insert(0, str(SCRIPT.parent))
sys.dont_write_bytecode = True

import sentinel_events
from sentinel_events import EVENTS, MAX_LINE_BYTES, TradingMetrics

NOW = 1768137395.25

# Every method with all its arguments, and the line it must write besides ts.
CALLS = [
    ("record_cycle_end", [NOW - 1.5, False], {"event": "cycle", "seconds": 1.5, "ok": False}),
    ("record_data_fetch", [0.25, False], {"event": "data_fetch", "seconds": 0.25, "ok": False}),
    ("record_feature_build", [0.25], {"event": "feature_build", "seconds": 0.25}),
    ("record_prediction", [0.25, True, 0.7], {"event": "prediction", "seconds": 0.25, "ok": True, "confidence": 0.7}),
    ("record_trading_signal", ["BUY", True], {"event": "signal", "action": "BUY", "executed": True}),
    ("record_zmq_send", [0.25, False], {"event": "zmq_send", "seconds": 0.25, "ok": False}),
    ("record_api_call", ["hub", 0.25], {"event": "api_call", "endpoint": "hub", "seconds": 0.25}),
    ("record_api_error", ["hub", 429], {"event": "api_error", "endpoint": "hub", "error_code": "429"}),
    ("set_uptime", [60], {"event": "uptime", "seconds": 60.0}),
    (
        "record_order",
        ["EURUSD", "buy", "filled", 0.25, -1.4],
        {
            "event": "order",
            "symbol": "EURUSD",
            "side": "buy",
            "status": "filled",
            "seconds": 0.25,
            "slippage_bps": -1.4,
        },
    ),
    ("record_error", ["strategy", "KeyError"], {"event": "error", "component": "strategy", "error_type": "KeyError"}),
    ("record_websocket", ["reconnected"], {"event": "websocket", "state": "reconnected"}),
    (
        "record_kill_switch",
        [True, "LATENCY", 0.25],
        {"event": "kill_switch", "active": True, "trigger": "LATENCY", "seconds": 0.25},
    ),
    ("record_cancel_all", [0.25], {"event": "cancel_all", "seconds": 0.25}),
    ("record_risk_check", ["exposure", "deny"], {"event": "risk_check", "check": "exposure", "action": "deny"}),
    ("set_pnl", [-42, 200], {"event": "pnl", "usd": -42.0, "daily_loss_limit_usd": 200.0}),
    ("set_position", ["EURUSD", -1000], {"event": "position", "symbol": "EURUSD", "usd": -1000.0}),
    ("set_regime", ["closed"], {"event": "regime", "regime": "closed"}),
    ("record_reconciliation", [True, 0.5], {"event": "reconciliation", "ok": True, "drift_usd": 0.5}),
]

# The same with as few arguments as possible, where that makes a difference.
SHORT_CALLS = [
    ("record_cycle_end", [NOW], {"event": "cycle", "seconds": 0.0, "ok": True}),
    ("record_data_fetch", [0], {"event": "data_fetch", "seconds": 0.0, "ok": True}),
    ("record_prediction", [0], {"event": "prediction", "seconds": 0.0, "ok": True}),
    ("record_trading_signal", ["HOLD"], {"event": "signal", "action": "HOLD", "executed": False}),
    ("record_zmq_send", [0], {"event": "zmq_send", "seconds": 0.0, "ok": True}),
    ("record_api_call", ["hub"], {"event": "api_call", "endpoint": "hub"}),
    (
        "record_order",
        ["EURUSD", "buy", "new"],
        {"event": "order", "symbol": "EURUSD", "side": "buy", "status": "new"},
    ),
    ("record_kill_switch", [False], {"event": "kill_switch", "active": False}),
    ("set_pnl", [0], {"event": "pnl", "usd": 0.0}),
    ("record_reconciliation", [], {"event": "reconciliation", "ok": True}),
]


class ClientTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = self.folder / "logs" / "events.jsonl"
        self.client = TradingMetrics(self.path)

    def lines(self, path=None):
        """The events of a journal, as the exporter reads it: whole lines only, blank ones skipped."""
        lines = (path or self.path).read_bytes().split(b"\n")
        self.assertEqual(lines[-1], b"", "the last line is torn")
        return [json.loads(line) for line in lines if line]

    def regimes(self, path=None):
        return [event["regime"] for event in self.lines(path)]

    def assert_dropped(self, expected, method, *args, **kwargs):
        """The call writes nothing, raises nothing, is counted, and the log has the path and `expected`."""
        self.client._quiet_until = -math.inf
        before = self.client.dropped
        size = self.path.stat().st_size if self.path.is_file() else 0
        with self.assertLogs("sentinel_events", logging.WARNING) as logs:
            self.assertIsNone(getattr(self.client, method)(*args, **kwargs))
        self.assertEqual(self.client.dropped, before + 1)
        self.assertIn(str(self.client.path), logs.output[0])
        self.assertIn(method, logs.output[0])
        self.assertIn(expected, logs.output[0])
        if self.path.is_file():
            self.assertEqual(self.path.stat().st_size, size)


class Lines(ClientTest):
    def test_every_method_writes_its_event(self):
        for method, args, _ in CALLS + SHORT_CALLS:
            with mock.patch("time.time", return_value=NOW):
                self.assertIsNone(getattr(self.client, method)(*args))
        self.assertEqual(self.lines(), [dict(line, ts=NOW) for _, _, line in CALLS + SHORT_CALLS])
        self.assertEqual({line["event"] for _, _, line in CALLS}, set(EVENTS))
        recording = {name for name in dir(TradingMetrics) if name.startswith(("record_", "set_"))}
        self.assertEqual({method for method, _, _ in CALLS} | {"record_cycle_start"}, recording)

    def test_full_calls_use_every_field_of_the_contract_but_the_fixed_endpoints(self):
        for _, _, line in CALLS:
            required, optional = EVENTS[line["event"]]
            unused = {"endpoint"} if line["event"] in ("data_fetch", "prediction") else set()
            self.assertEqual(set(line) - {"event"}, set(required + optional) - unused)

    def test_cycle_start_is_the_wall_clock_and_writes_nothing(self):
        with mock.patch("time.time", return_value=NOW):
            self.assertEqual(self.client.record_cycle_start(), NOW)
        self.assertFalse(self.path.exists())

    def test_each_event_is_one_write_of_a_whole_line_to_an_appending_descriptor(self):
        with mock.patch("os.write", wraps=os.write) as write, mock.patch("os.open", wraps=os.open) as opened:
            self.client.set_regime("trend")
            self.client.set_regime("range")
        self.assertEqual([call.args[1].count(b"\n") for call in write.call_args_list], [1, 1])
        self.assertTrue(all(call.args[1].endswith(b"\n") for call in write.call_args_list))
        flags = os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self.assertTrue(all(call.args[1] & flags == flags for call in opened.call_args_list))
        self.assertEqual(self.path.stat().st_mode & 0o133, 0, "not executable, and writable by its owner alone")

    def test_a_clock_that_went_back_is_a_duration_of_zero(self):
        self.client.record_feature_build(-0.5)
        self.client.record_cycle_end(4102444800.0)
        self.assertEqual([event["seconds"] for event in self.lines()], [0.0, 0.0])

    def test_scalars_of_other_libraries_are_taken(self):
        class Scalar:
            def __float__(self):
                return 0.5

            def __bool__(self):
                return False

            def __str__(self):
                return "EURUSD"

        self.client.record_prediction(Scalar(), Scalar(), Scalar())
        self.client.set_position(Scalar(), Scalar())
        prediction, position = self.lines()
        self.assertEqual((prediction["seconds"], prediction["ok"], prediction["confidence"]), (0.5, False, 0.5))
        self.assertEqual((position["symbol"], position["usd"]), ("EURUSD", 0.5))

    def test_text_survives_quotes_newlines_and_broken_unicode(self):
        for code in ('bad "quote"\n\\', "d\u00e9lai\u2028", "\udcff", None):
            self.client.record_api_error("hub", code)
        codes = [event["error_code"] for event in self.lines()]
        self.assertEqual(codes, ['bad "quote"\n\\', "d\u00e9lai\u2028", "?", "None"])


class Rejected(ClientTest):
    def test_nan_and_infinity(self):
        for value in (math.nan, math.inf, -math.inf, float("1e999")):
            self.assert_dropped("seconds: expected a finite number", "record_feature_build", value)
            self.assert_dropped("confidence: expected a finite number", "record_prediction", 0.1, True, value)
            self.assert_dropped("usd: expected a finite number", "set_pnl", value)
        self.assertFalse(self.path.exists())

    def test_values_outside_the_contract(self):
        self.assert_dropped("seconds: expected a finite number", "record_zmq_send", None)
        self.assert_dropped("seconds: expected a finite number", "record_zmq_send", "fast")
        self.assert_dropped("status: expected one of new, partial", "record_order", "EURUSD", "buy", "open")
        self.assert_dropped("state: expected one of connected", "record_websocket", "up")
        self.assert_dropped("daily_loss_limit_usd: expected a positive", "set_pnl", 1, 0)
        self.assert_dropped("ok: expected true or false", "record_zmq_send", 0.1, "no")
        self.assert_dropped("event: expected one of cycle", "record", "holiday")
        self.assert_dropped("usd: expected with every pnl", "record", "pnl")
        self.assert_dropped("mood: expected for regime only regime", "record", "regime", regime="a", mood="b")
        self.assert_dropped("ts: expected for regime only regime", "record", "regime", regime="a", ts=1)

    def test_arguments_that_do_not_fit_or_cannot_be_shown(self):
        class Hostile:
            def __str__(self):
                raise RuntimeError("no text")

            __repr__ = __float__ = __bool__ = __str__

        self.assert_dropped("missing", "record_cancel_all")
        self.assert_dropped("sekonds", "record_cancel_all", sekonds=1)
        self.assert_dropped("", "record_cycle_end", None)
        self.assert_dropped("no text", "set_regime", Hostile())
        self.assert_dropped("no text", "record_cancel_all", Hostile())
        self.assert_dropped("no text", "record_reconciliation", Hostile())
        self.assert_dropped("", "record", Hostile())

    def test_lines_over_64_kib(self):
        with mock.patch("time.time", return_value=NOW):
            self.client.set_regime("")
            frame = self.path.stat().st_size
            self.client.set_regime("x" * (MAX_LINE_BYTES - frame))
            self.assertEqual(self.path.stat().st_size, frame + 65536)
            self.assert_dropped("at most 65536 bytes", "set_regime", "x" * (MAX_LINE_BYTES - frame + 1))

    def test_one_report_a_minute_that_tells_how_many(self):
        with mock.patch("time.monotonic") as clock, self.assertLogs("sentinel_events") as logs:
            for clock.return_value in (100.0, 100.1, 159.9, 160.0):
                self.client.record_cancel_all(math.nan)
        self.assertEqual([line.split("(")[-1] for line in logs.output], ["1 dropped so far)", "4 dropped so far)"])

    def test_a_broken_or_recursive_log_handler_stops_nothing(self):
        client = self.client

        class Handler(logging.Handler):
            def handle(self, record):
                client.record_cancel_all(math.nan)
                raise RuntimeError("the log is broken too")

        handler = Handler()
        logger = logging.getLogger("sentinel_events")
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        client.record_cancel_all(math.nan)
        self.assertEqual(client.dropped, 2)


class Files(ClientTest):
    def test_rotation_by_rename(self):
        self.client.set_regime("before")
        rotated = self.path.with_suffix(".1")
        self.path.rename(rotated)
        self.client.set_regime("after")
        self.assertEqual((self.regimes(rotated), self.regimes()), (["before"], ["after"]))

    def test_rotation_by_copy_and_truncate(self):
        self.client.set_regime("before")
        os.truncate(self.path, 0)
        self.client.set_regime("after")
        self.assertEqual(self.regimes(), ["after"])
        self.assertNotIn(b"\0", self.path.read_bytes())

    def test_deleted_file_and_deleted_folder(self):
        self.client.set_regime("first")
        self.path.unlink()
        self.client.set_regime("second")
        self.assertEqual(self.regimes(), ["second"])
        self.path.unlink()
        self.path.parent.rmdir()
        self.client.set_regime("third")
        self.assertEqual((self.regimes(), self.client.dropped), (["third"], 0))

    def test_a_relative_path_stays_where_it_was(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        client = TradingMetrics("events.jsonl")
        os.chdir("/")
        client.set_regime("here")
        self.assertEqual(self.regimes(self.folder / "events.jsonl"), ["here"])

    def test_torn_last_line_costs_itself_alone(self):
        self.client.set_regime("whole")
        with self.path.open("ab") as journal:
            journal.write(b'{"ts":1,"event":"reg')
        self.client.set_regime("next")
        self.client.set_regime("last")
        lines = self.path.read_bytes().split(b"\n")
        self.assertEqual((len(lines), lines[1], lines[-1]), (5, b'{"ts":1,"event":"reg', b""))
        self.assertEqual([json.loads(lines[at])["regime"] for at in (0, 2, 3)], ["whole", "next", "last"])

    def test_short_write_is_reported_and_ended_by_the_next_line(self):
        self.client.set_regime("whole")
        size = self.path.stat().st_size
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        with self.assertLogs("sentinel_events") as logs:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
            try:
                self.client.set_regime("cut")
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.assertIn("the disk took only 10", logs.output[0])
        self.assertEqual((self.path.stat().st_size, self.client.dropped), (size + 10, 1))
        self.client.set_regime("next")
        lines = self.path.read_bytes().split(b"\n")
        self.assertEqual([json.loads(lines[at])["regime"] for at in (0, 2)], ["whole", "next"])
        self.assertEqual(len(lines[1]), 10)

    def test_full_disk(self):
        self.client = TradingMetrics("/dev/full")
        self.assert_dropped("No space left on device", "set_regime", "trend")

    def test_a_path_that_cannot_be_until_it_can(self):
        # Permissions would not stop a test that runs as root; a file in a folder's place stops everyone.
        self.path.parent.write_text("not a folder")
        self.assert_dropped("Not a directory", "set_regime", "lost")
        self.path.parent.unlink()
        self.client.set_regime("kept")
        self.assertEqual(self.regimes(), ["kept"])

    def test_no_descriptor_is_kept(self):
        before = len(os.listdir("/proc/self/fd"))
        self.client.set_regime("trend")
        with self.assertLogs("sentinel_events"):
            TradingMetrics("/dev/full").set_regime("trend")
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class Together(ClientTest):
    def record_many(self, who, count=500):
        for number in range(count):
            # Lines of many lengths, some over a page, would show a write that is split.
            self.client.record_api_error(f"{who}-{number}", "x" * (number * 37 % 5000))

    def start_threads(self, count):
        threads = [threading.Thread(target=self.record_many, args=(f"thread{n}",)) for n in range(count)]
        for thread in threads:
            thread.start()
        return threads

    def assert_all_whole(self, writers, count=500):
        endpoints = [event["endpoint"] for event in self.lines()]
        expected = [f"{writer}-{number}" for writer in writers for number in range(count)]
        self.assertEqual(sorted(endpoints), sorted(expected))
        self.assertEqual(self.client.dropped, 0)

    def test_threads(self):
        for thread in self.start_threads(8):
            thread.join()
        self.assert_all_whole([f"thread{n}" for n in range(8)])

    def test_processes_forked_while_threads_write(self):
        threads = self.start_threads(2)
        children = []
        for n in range(4):
            child = os.fork()
            if child == 0:
                self.record_many(f"child{n}")
                # Leaves without the parent's clean-up, and with a code that tells whether anything was lost.
                os._exit(self.client.dropped != 0)
            children.append(child)
        self.assertEqual([os.waitpid(child, 0)[1] for child in children], [0] * 4)
        for thread in threads:
            thread.join()
        self.assert_all_whole(["thread0", "thread1"] + [f"child{n}" for n in range(4)])


class Command(ClientTest):
    def run_script(self, *arguments, **environment):
        return subprocess.run(
            [sys.executable, str(SCRIPT), *arguments],
            env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )

    def test_appends_one_event(self):
        done = self.run_script("--journal", str(self.path), "cycle", "seconds=1.5", "ok=false")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        (event,) = self.lines()
        self.assertEqual((event["event"], event["seconds"], event["ok"]), ("cycle", 1.5, False))

    def test_failure_is_exit_code_1_and_a_line_that_says_why(self):
        for arguments, expected in (
            (["pnl", "usd=lots"], "usd: expected a finite number of US dollars, not 'lots'"),
            (["holiday"], "event: expected one of cycle"),
            (["pnl", "self=1", "event=2"], "usd: expected with every pnl"),
        ):
            done = self.run_script("--journal", str(self.path), *arguments)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))
            self.assertIn(f"{self.path}: ", done.stderr)
            self.assertIn(expected, done.stderr)
        self.assertEqual(self.run_script("--journal", str(self.path), "pnl", "usd").returncode, 2)

    def test_the_journal_of_the_environment_is_the_default(self):
        self.assertEqual(self.run_script("regime", "regime=closed", SENTINEL_JOURNAL=str(self.path)).returncode, 0)
        self.assertEqual(self.regimes(), ["closed"])
        importer = "from sentinel_events import metrics; metrics.set_regime('trend')"
        environment = dict(os.environ, SENTINEL_JOURNAL=str(self.path), PYTHONDONTWRITEBYTECODE="1")
        subprocess.run([sys.executable, "-c", importer], cwd=str(SCRIPT.parent), env=environment, check=True)
        self.assertEqual(self.regimes(), ["closed", "trend"])

    def test_without_the_environment_it_is_the_exporters_example(self):
        importer = "import sentinel_events; print(sentinel_events.metrics.path)"
        environment = dict(os.environ, SENTINEL_JOURNAL="", PYTHONDONTWRITEBYTECODE="1")
        done = subprocess.run(
            [sys.executable, "-c", importer],
            cwd=str(SCRIPT.parent),
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        )
        self.assertEqual(done.stdout.decode().strip(), sentinel_events.DEFAULT_JOURNAL)


if __name__ == "__main__":
    unittest.main()
