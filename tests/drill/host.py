"""A trading host: the exporter, what it reads, and a simulated trading day that writes it."""

import json
import os
import signal
import threading
import time
import urllib.request
from datetime import datetime, timezone

from .processes import Process, free_port, give_to_unprivileged, unprivileged, until
from .standins.exporter import Older
from .standins.postgrest import Endpoint, PostgREST

SINKS = ("journal", "bot", "database")


def utc(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


class Host:
    def __init__(self, name, chain, database, programs, sinks=SINKS, history=None, first=False, older=False):
        """`sinks` are those parts of the host that the simulated day writes to; the others stay as `history` has left them."""
        self.history = history or Host.ordinary
        self.name, self.chain, self.database, self.programs, self.sinks = name, chain, database, programs, sinks
        self.folder = chain.folder / name
        self.folder.mkdir()
        give_to_unprivileged(self.folder)
        self.first = first
        self.port = chain.first_port if first else free_port()
        self.older = Older(f"http://127.0.0.1:{self.port}/metrics") if older else None
        self.instance = self.older.server.address if older else f"127.0.0.1:{self.port}"
        self.journal, self.state = self.folder / "trading_events.jsonl", self.folder / "state"
        self.bot = self.folder / "stock-bot"
        self.database_name = f"host_{name}".replace("-", "_")
        self.day, self.exporter, self.locks, self.repeated = None, None, [], []
        self.postgrest, self.endpoint = PostgREST("stand-in-key"), Endpoint()
        self.settings, self.repairs = self.folder / "sentinel.yml", []

    def start(self):
        for path in (self.bot, *(self.bot / name for name in ("data", "logs", "state"))):
            path.mkdir(parents=True)
            give_to_unprivileged(path)
        self.journal.touch()
        give_to_unprivileged(self.journal)
        self.database.create(self.database_name)
        for name, role in ("postgres", "sentinel_exporter"), ("owner", "postgres"):
            (self.folder / f"{name}.url").write_text(self.database.url(role, self.database_name), encoding="utf-8")
        (self.folder / "postgrest.key").write_text("stand-in-key\n", encoding="utf-8")
        self.write_settings()
        if "bot" not in self.sinks:
            self.bot_files()
        self.history(self)
        self.simulate()
        if "bot" in self.sinks:
            until((self.bot / "state/sre_metrics.json").exists, 10, "the simulated day begins")
        self.start_exporter()
        if not self.first:
            self.chain.add_target(self.instance)

    def ordinary(self):
        """What an ordinary host has of the time before."""
        self.event({"event": "uptime", "seconds": 1})
        self.batches(3)
        if "bot" not in self.sinks:
            self.bot_state(outcome_age=300)

    def write_settings(self):
        """Everything is polled every half a second, where an ordinary host takes 15 s."""
        often = "interval: 500ms"
        self.settings.write_text(
            f"""web: {{listen_address: "127.0.0.1:{self.port}"}}
state_dir: {self.state}
journals: [{{path: {self.journal}}}]
postgres: {{url_file: {self.folder}/postgres.url, {often}, stale_after: 3s}}
sre: {{root: {self.bot}, {often}, stale_after: 3s}}
postgrest: {{url: "{self.postgrest.url}", api_key_file: {self.folder}/postgrest.key, {often}, stale_after: 10s, reload_schema_cache: true}}
probes: [{{name: gateway, url: "{self.endpoint.url}", {often}}}]
checks: {{interval: 5s}}
remediation: {{enabled: {str(bool(self.repairs)).lower()}, fixes: [{", ".join(self.repairs)}]}}
""",
            encoding="utf-8",
        )

    def start_exporter(self):
        command = [self.programs / "sentinel-exporter", f"--config.file={self.settings}"]
        self.exporter = Process("the exporter", unprivileged(command), self.folder / "exporter.log")
        self.exporter.ready(f"http://127.0.0.1:{self.port}/-/ready")

    # What the day writes.

    def simulate(self, *faults):
        """Begins a day with these faults, or without any, in the place of the one that runs."""
        self.pause()
        if not self.sinks:
            return
        command = [self.programs / "sentinel-simulator", "--speed", self.chain.factor, "--stamps", "real", "--without-drills"]
        command += ["--seed", sum(self.name.encode()) % 1000]
        command += [part for fault in faults for part in ("--fault", fault)]
        command += ["--journal", self.journal] if "journal" in self.sinks else []
        command += ["--sre-root", self.bot] if "bot" in self.sinks else []
        command += ["--postgres-url-file", self.folder / "owner.url"] if "database" in self.sinks else []
        self.day = Process("the simulated day", unprivileged([str(part) for part in command]), self.folder / "simulator.log")

    def pause(self):
        """Ends the day, without its closing: the daemon and all that is with it are gone."""
        if self.day:
            self.day.stop()
            self.day = None

    def event(self, *events):
        """Appends trading events, as the daemon does. Those without `ts` happen now."""
        lines = "".join(json.dumps({"ts": time.time()} | event) + "\n" for event in events)
        with open(self.journal, "a", encoding="utf-8") as journal:
            journal.write(lines)

    def line(self, text):
        with open(self.journal, "a", encoding="utf-8") as journal:
            journal.write(text + "\n")

    def every(self, seconds, action):
        """Does it again and again until `mend`."""
        end = threading.Event()

        def repeat():
            action()
            while not end.wait(seconds):
                action()

        thread = threading.Thread(target=repeat, daemon=True)
        self.repeated.append((end, thread))
        thread.start()

    def mend(self):
        """Ends what goes on by itself."""
        for end, thread in self.repeated:
            end.set()
            thread.join()
        self.repeated = []
        for lock in self.locks:
            # The server's side of it would hold the lock until it wakes.
            self.database.sql("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{self.name} lock'")
            lock.stop()
        self.locks = []

    def bot_files(self):
        """Everything else that the checks of the bot read, and all of it well."""
        symbols = ("AAPL", "MSFT", "NVDA", "QQQ", "SPY", "TSLA")
        for name, text in {
            "main.py": "def _normalize_flow_trade(trade):\n    return trade['flow_conv'], trade['signal_type']\n",
            "uw_enrichment_v2.py": 'enriched_symbol["sentiment"] = sentiment\nenriched_symbol["conviction"] = conviction\n',
            "data/uw_weights.json": '{"flow": 2.4}',
            "data/entry_thresholds.json": '{"base": 2.7, "canary": 2.9, "champion": 3.2}',
            "data/uw_attribution.jsonl": '{"score": 3.1, "decision": "taken"}\n' * 30,
            "logs/run.jsonl": '{"orders": 1, "clusters": 4}\n' * 10,
            "data/uw_flow_cache.json": json.dumps({symbol: {} for symbol in symbols}),
            "data/live_orders.jsonl": json.dumps({"event": "MARKET_FILLED", "_ts": time.time()}) + "\n",
        }.items():
            (self.bot / name).write_text(text, encoding="utf-8")

    def leave_lock(self, age):
        """A lock of the bot's cache, whose holder went away so many seconds ago. Returns its path."""
        lock, then = self.bot / "data/uw_flow_cache.json.lock", time.time() - age
        lock.touch()
        give_to_unprivileged(lock)
        os.utime(lock, (then, then))
        return lock

    def bot_state(self, age=0, score=4.5, success=100.0, parser=100.0, outcome_age=0):
        """Replaces state/sre_metrics.json. The outcome of the last mock signal is as old as said."""
        now = time.time()
        state = {
            "logic_heartbeat": now - age,
            "mock_signal_success_pct": success,
            "parser_health_index": parser,
            "auto_fix_count": 0,
            "last_mock_signal_score": score,
            "last_mock_signal_time": utc(now - outcome_age),
            "last_update": now - age,
        }
        aside = self.bot / "state/sre_metrics.new"
        aside.write_text(json.dumps(state), encoding="utf-8")
        aside.rename(self.bot / "state/sre_metrics.json")

    def analysis(self, status, fix=None, worked=True, check="cache_lock"):
        """Appends a root-cause analysis with one check."""
        now = time.time()
        result = {"check_name": check, "status": status, "message": "as found"}
        result |= {"fix_applied": fix, "fix_success": bool(fix) and worked}
        fixes = [f"{fix} ({'success' if worked else 'failed'})"] if fix else []
        session = {"timestamp": now, "time": utc(now), "trigger": "manual", "overall_status": status}
        session |= {"checks": [result], "fixes_applied": fixes}
        with open(self.bot / "state/sre_rca_fixes.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(session) + "\n")

    def check(self, name, status, age=0):
        """Appends a line to the log of critical checks."""
        at = time.time() - age
        time_text = datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
        line = {"timestamp": at, "time": time_text, "name": name, "status": status, "message": "as found"}
        line |= {"can_auto_fix": False, "fix_applied": False}
        with open(self.bot / "logs/critical_health_checks.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    def sql(self, statements):
        self.database.sql(self.database_name, statements)

    def batches(self, count, status="completed", age="1 minute", parse_seconds=10, database_seconds=20, rows=1000, duplicate=0, invalid=0):
        """Inserts batches that began so long ago; what is completed was so just now."""
        done = "now(), " if status == "completed" else "NULL, "
        values = f"{parse_seconds * 1000}, {database_seconds * 1000}, {rows}, {rows - duplicate - invalid}, {duplicate}, {invalid}"
        self.sql(
            "INSERT INTO intake.simplicity_batches (status, created_at, completed_at, parse_duration_ms, db_duration_ms, row_count_total,"
            f" row_count_inserted, row_count_duplicate, row_count_invalid) SELECT '{status}', now() - interval '{age}', {done}{values}"
            f" FROM generate_series(1, {count})"
        )

    def hang_database(self):
        """Somebody holds a lock on the tables, and every query waits for it."""
        statements = "BEGIN; LOCK TABLE intake.simplicity_batches, intake.row_errors IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3600)"
        self.locks.append(self.database.session(self.database_name, f"{self.name} lock", statements, self.folder / "lock.log"))

    def close_database(self):
        self.database.sql(
            "postgres",
            f"ALTER DATABASE {self.database_name} ALLOW_CONNECTIONS false;"
            f" SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.database_name}'",
        )

    def open_database(self):
        self.database.sql("postgres", f"ALTER DATABASE {self.database_name} ALLOW_CONNECTIONS true")

    # What happens to the exporter.

    def value(self, series):
        """The value of a series on its page."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(series + " ")), None)

    def repair(self, *fixes):
        """Switches these repairs on."""
        self.repairs = list(fixes)
        self.write_settings()
        self.reload()

    def kill_exporter(self):
        self.exporter.kill()

    def reload(self):
        self.exporter.process.send_signal(signal.SIGHUP)

    def stop(self):
        self.mend()
        self.pause()
        if self.exporter:
            self.exporter.stop()
        self.postgrest.server.stop()
        self.endpoint.server.stop()
        if self.older:
            self.older.server.stop()
