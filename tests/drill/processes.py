"""Processes of the drill: each with its own log, stopped by its own id."""

import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

_ports, _lock = set(), threading.Lock()
# All that was ever started; None when the drill ends, and nothing may be started any more.
_started = []


class Failed(Exception):
    """A drill, or what it needs, did not do what it should."""


def free_port():
    """A port that nobody listens at, below those that outgoing connections take."""
    with _lock:
        while True:
            port = random.randrange(18000, 32000)
            if port in _ports:
                continue
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            _ports.add(port)
            return port


def unprivileged(command):
    """The command as an ordinary user: PostgreSQL refuses to be root, and root can read what has no permissions."""
    if os.geteuid():
        return command
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]


def give_to_unprivileged(path):
    if os.geteuid() == 0:
        shutil.chown(path, "nobody", "nogroup")


def until(wanted, seconds, what, pause=0.05):
    """What `wanted` returns as soon as it is true."""
    deadline = time.monotonic() + seconds
    while True:
        result = wanted()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(pause)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (OSError, urllib.error.HTTPError):
        return False


def hurry(pid=0):
    """Where a scrape has 166 ms, a busy machine looks like a dead exporter: the drill goes before other work, if it may. Linux weighs
    whole sessions against each other, and only then the processes in them."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, -10)
        if pid:
            with open(f"/proc/{pid}/autogroup", "w", encoding="utf-8") as autogroup:
                autogroup.write("-10")
    except OSError:
        pass


def stop_all():
    """Ends what a drill that was interrupted has left, and all that it would still start."""
    global _started
    with _lock:
        left, _started = _started or [], None
    for process in left:
        process.stop(signal.SIGKILL)


class Process:
    """A program that runs in the background until it is stopped."""

    def __init__(self, name, command, log, environment=None):
        self.name, self.command, self.log, self.environment = name, [str(part) for part in command], log, environment
        self.process = None
        self.start()

    def start(self):
        with _lock, open(self.log, "ab") as log:
            if _started is None:
                raise Failed("the drill ends")
            # A session of its own, so that Ctrl-C reaches the drill alone, which then stops everything in its order.
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | (self.environment or {}),
                start_new_session=True,
            )
            _started.append(self)
        hurry(self.process.pid)

    def running(self):
        return self.process.poll() is None

    def ready(self, url, seconds=30):
        def wanted():
            if not self.running():
                raise Failed(f"{self.name} has ended: {self.tail()}")
            return answers(url)

        until(wanted, seconds, f"{self.name} becomes ready; its log ends with: {self.tail()}")
        return self

    def stop(self, how=signal.SIGTERM):
        if self.running():
            self.process.send_signal(how)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def kill(self):
        self.stop(signal.SIGKILL)

    def tail(self):
        try:
            return " | ".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:])
        except OSError:
            return "(no log)"
