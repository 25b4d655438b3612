"""The command line of the drill."""

import argparse
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

from . import drills, report  # noqa: F401
from .agreed import ROOT, Agreed
from .chain import Chain
from .database import PostgreSQL
from .drill import DRILLS, Result, Run, describe
from .host import Host
from .processes import Failed, hurry, stop_all

FACTOR = 60

HELP = """Causes the real condition of every alert on a private trading host, and waits for the message at everybody who was promised one.

  scripts/drill --list           the drills, and what they cause
  scripts/drill NAME...          these
  scripts/drill --ci             a few that reach every receiver and every team
  scripts/drill --all            all of them
  scripts/drill --all --write    and their table into docs/drills.md

docs/drills.md says how it works."""


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/drill", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="print the drills, and end")
    parser.add_argument("--ci", action="store_true", help="run those for CI")
    parser.add_argument("--all", action="store_true", help="run all")
    parser.add_argument("--write", action="store_true", help="with --all: write docs/drills.md")
    parser.add_argument("--jobs", type=int, default=8, metavar="N", help="hosts at a time (default: 8)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in DRILLS]
    if unknown:
        parser.error(f"no drill is named {', '.join(unknown)}; --list names them all")
    if given.write and not given.all:
        parser.error("--write needs --all: the page is about all drills")
    if given.list + given.ci + given.all + bool(given.names) != 1:
        parser.error("expected names, --ci, --all or --list")
    return given


def chosen(given):
    if given.all:
        return list(DRILLS.values())
    if given.ci:
        return [drill for drill in DRILLS.values() if drill.ci]
    return [DRILLS[name] for name in given.names]


def say(text):
    print(f"drill: {text}", file=sys.stderr, flush=True)


def programs(folder):
    """The exporter and the simulated day, built and put where an ordinary user may run them."""
    say("building; the first time takes some minutes")
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    place = folder / "bin"
    place.mkdir()
    for name in ("sentinel-exporter", "sentinel-simulator"):
        shutil.copy2(target / name, place / name)
    return place


class Session:
    """Everything that one call of the drill starts."""

    def __init__(self, folder, jobs):
        self.folder, self.jobs, self.agreed = folder, jobs, Agreed()
        self.stack, self.lock = [], threading.Lock()
        # Chains of their own at a time.
        self.alone = threading.Semaphore(2)

    def start(self):
        # The views begin a new bucket with the full hour, which is not compressed: in it one batch of the first four that fails is many.
        left = 3600 - time.time() % 3600
        if left < 150:
            say(f"waiting {left:.0f} s for the hour to turn")
            time.sleep(left + 1)
        self.programs = programs(self.folder)
        self.database = self.opened(PostgreSQL(self.folder))
        self.chain = self.opened(Chain(self.folder / "chain", self.programs, FACTOR))
        # Nothing ever happens to this host, and nobody may be told anything about it.
        self.quiet = self.opened(Host("quiet", self.chain, self.database, self.programs, first=True))
        self.quiet.start()
        self.chain.start()

    def opened(self, thing):
        with self.lock:
            self.stack.append(thing)
        return thing

    def run(self, chosen):
        # Those that take longest begin first.
        order = sorted(chosen, key=lambda drill: -(drill.seconds + drill.until_resolved))
        results, waiting, done = {}, queue.SimpleQueue(), queue.SimpleQueue()
        for drill in order:
            waiting.put(drill)

        def work():
            while not waiting.empty():
                try:
                    done.put(self.one(waiting.get_nowait()))
                except queue.Empty:
                    return

        # Not a pool of concurrent.futures: Ctrl-C would wait for it.
        for _ in range(self.jobs):
            threading.Thread(target=work, daemon=True).start()
        while len(results) < len(order):
            result = done.get()
            results[result.drill] = result
            verdict = f"{len(result.problems)} problems, such as {result.problems[0][:200]}" if result.problems else "as it should be"
            say(f"{len(results)}/{len(order)} {result.drill}: {verdict}")
        return [results[drill.name] for drill in chosen] + [self.others()]

    def one(self, drill):
        try:
            return self.apart(drill) if drill.chain is not None else self.together(drill)
        except Exception as error:  # One drill must not end the others.
            return Result(drill.name, [], [f"{type(error).__name__}: {error}"])

    def together(self, drill):
        """On a host beside others."""
        host = self.opened(Host(drill.name, self.chain, self.database, self.programs, drill.sinks, drill.history, older=drill.older))
        try:
            host.start()
            return Run(drill, host, self.agreed)()
        finally:
            self.chain.remove_target(host.instance)
            time.sleep(0.5)
            host.stop()

    def apart(self, drill):
        """With a HUB of its own."""
        with self.alone:
            options = {"factor": FACTOR} | drill.chain
            chain = self.opened(Chain(self.folder / drill.name, self.programs, **options))
            host = self.opened(Host(drill.name, chain, self.database, self.programs, drill.sinks, drill.history, first=True))
            try:
                host.start()
                chain.start()
                return Run(drill, host, self.agreed)()
            finally:
                host.stop()
                chain.stop()

    def others(self):
        """What was told that no drill has caused: about the quiet host, and about HUB itself. And the Watchdog has to beat."""
        drilled = {host.instance for host in self.stack if isinstance(host, Host) and host is not self.quiet}
        told = [message for message in self.chain.log.of() if message.instance not in drilled]
        beats = [message for message in told if (message.alert, message.receiver) == ("SentinelWatchdog", "heartbeat")]
        problems = [f"nobody should have been told this: {describe([message])}" for message in told if message not in beats]
        pauses = [later.at - earlier.at for earlier, later in zip(beats, beats[1:])]
        if not pauses or max(pauses) > 5:
            problems.append(f"the Watchdog was silent for {max(pauses, default=0):.1f} s")
        return Result("the quiet host", [], problems + self.too_busy())

    def too_busy(self):
        """Whether scrapes of an exporter that was well took too long: then the machine is at fault, and not what was drilled."""
        up = f'up{{instance="{self.quiet.instance}"}}[1h]'
        missed = self.chain.query(f"count_over_time({up}) - sum_over_time({up}) > 3")
        if not missed:
            return []
        return [f"this machine is too busy: {missed[0]['value'][1]} scrapes of an exporter that was well took longer than {10 / FACTOR:.2f} s"]

    def stop(self):
        for thing in reversed(self.stack):
            thing.stop()


def main():
    given = arguments()
    if given.list:
        for drill in DRILLS.values():
            print(f"{drill.name:<26}{drill.cause}: {', '.join(drill.alerts)}")
        return 0
    subprocess.run([ROOT / "scripts/install-tools", "alertmanager", "postgres", "prometheus"], check=True)
    # A shell starts what runs in its background deaf to SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, interrupted)
    hurry()
    folder = Path(tempfile.mkdtemp(prefix="sentinel-drill."))
    folder.chmod(0o755)
    status = 1
    try:
        results, took, busy = drilled(given, folder / "first")
        if busy:
            # What was told may be the machine's fault; only a whole run on one that keeps up says more.
            say(f"{busy}; once more")
            results, took, _ = drilled(given, folder / "second")
        status = show(results, given, took)
    except KeyboardInterrupt:
        status = 130
    except Failed as failed:
        say(str(failed))
    finally:
        stop_all()
        if given.keep or status == 1:
            say(f"logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return status


def drilled(given, folder):
    """The results of the chosen drills, the seconds they took, and what of them the machine is to blame for."""
    folder.mkdir()
    session = Session(folder, given.jobs)
    try:
        session.start()
        say(f"an hour takes {3600 / FACTOR:.0f} s; everything is in {folder}")
        began = time.monotonic()
        return session.run(chosen(given)), time.monotonic() - began, "; ".join(session.too_busy())
    finally:
        session.stop()


def interrupted(*_):
    raise KeyboardInterrupt


def show(results, given, took):
    print(report.text(results))
    problems = report.problems(results)
    for problem in problems:
        print(f"FAILED {problem}")
    summary = report.summary(results, took, FACTOR)
    print(summary)
    if problems:
        return 1
    if given.write:
        path = ROOT / "docs/drills.md"
        head = path.read_text(encoding="utf-8").partition(report.MARK)[0]
        date = datetime.now(timezone.utc).strftime("%Y-%m-%d")
        path.write_text(f"{head}{report.MARK}\n\nOn {date}: {summary}\n\n{report.markdown(results)}", encoding="utf-8")
    return 0
