"""One drill: cause a real condition on a host, wait for its message at everybody who was promised one, with the right words, mend
it, wait for the end of it, and see that nobody else was told anything."""

import re
import time
from dataclasses import dataclass, field
from typing import Callable

from .processes import Failed, until

# They are told that something fires, and nothing more.
WITHOUT_RESOLVED = {"sms", "heartbeat"}

DRILLS = {}

# What a drill yields when its inhibited alerts are to be looked at; by default that is when all of its messages have come.
KEPT_BACK = object()


@dataclass
class Drill:
    name: str
    cause: str
    # The alerts that have to arrive, such as "SentinelDailyLoss critical".
    alerts: list
    run: Callable
    # Alerts that fire too, and have to be kept back by these.
    inhibited: list = field(default_factory=list)
    # Those of them that fire on when the cause has ended: nobody may be told until they are over, nor then.
    lasting: list = field(default_factory=list)
    # Names of alerts that the same cause may bring besides.
    also: list = field(default_factory=list)
    # Of an alert that several teams have.
    team: str = None
    # What a message has to say besides the words of its rule.
    words: str = ""
    sinks: tuple = ("journal", "bot", "database")
    # What the host has of the time before; Host.ordinary unless said otherwise.
    history: Callable = None
    # How long the messages, and the ends, may take.
    seconds: float = 60
    until_resolved: float = 120
    # The options of a chain of its own, for what would disturb the drills of others.
    chain: dict = None
    # What the alerts are about: the host, unless it is one of HUB's programs.
    about: Callable = lambda host: host.instance
    # Who cannot be told, because the drill has broken the way to them.
    unreachable: tuple = ()
    # How often a message may come twice, where nobody can know whether the first had arrived.
    twice: int = 0
    # Whether Prometheus scrapes the host by a stand-in for an older exporter.
    older: bool = False
    # Whether it is one of those that CI runs.
    ci: bool = False


def drill(cause, *alerts, **more):
    """Makes a drill of a function with a host as its argument. It causes the condition and yields; the messages are waited for; and what
    it does then ends the condition. A function with several stages yields the alerts of each."""

    def add(run):
        name = run.__name__.replace("_", "-")
        assert name not in DRILLS, name
        DRILLS[name] = Drill(name, cause, list(alerts), run, **more)
        return run

    return add


@dataclass
class Row:
    """A line of the table: what became of one alert."""

    alert: str
    cause: str
    drill: str
    seconds: float = None
    receivers: tuple = ()
    resolved: float = None
    # Whether anybody is to be told of its end.
    ends: bool = True
    inhibited: bool = False


@dataclass
class Result:
    drill: str
    rows: list
    problems: list


class Run:
    def __init__(self, drill, host, agreed):
        self.drill, self.host, self.agreed, self.log, self.instance = drill, host, agreed, host.chain.log, drill.about(host)
        self.rows, self.problems, self.begun, self.fault_at, self.seen = [], [], 0.0, 0.0, set()

    def __call__(self):
        try:
            self.settle()
            self.begun = self.fault_at = time.monotonic()
            staged = False
            for stage in self.drill.run(self.host):
                if stage is not KEPT_BACK:
                    self.arrive([stage] if stage else self.drill.alerts)
                    staged = staged or bool(stage)
                if stage is KEPT_BACK or not staged:
                    self.kept_back()
                self.fault_at = time.monotonic()
            self.end()
            self.outlast()
            self.nothing_else()
        except Failed as failed:
            self.problems.append(str(failed))
        return Result(self.drill.name, self.rows, self.problems)

    def settle(self):
        """Waits until all rules have seen the host well for some scrapes; nobody may have been told anything by then."""
        counted = f'count_over_time(up{{instance="{self.host.instance}"}}[{180 / self.host.chain.factor:.0f}s])'
        enough = 8
        until(
            lambda: any(float(found["value"][1]) >= enough for found in self.host.chain.query(counted)),
            60,
            f"{self.instance} is scraped",
            pause=0.2,
        )
        if told := self.log.of(instance=self.host.instance):
            raise Failed(f"before anything was wrong, there came {describe(told)}")

    def receivers(self, alert):
        return self.agreed.receivers(alert, self.drill.team) - set(self.drill.unreachable)

    def told(self, alert, receiver):
        """The message that says, with its words, that the alert fires."""
        pattern = alert.pattern(self.instance)
        for message in self.log.of(self.instance, alert.name, receiver, since=self.begun):
            if message.severity == alert.severity and pattern.search(message.firing) and re.search(self.drill.words, message.text):
                return message
        return None

    def arrive(self, names):
        alerts = [self.agreed.alert(name) for name in names]
        wanted = [(alert, receiver) for alert in alerts for receiver in sorted(self.receivers(alert))]
        self.log.wait(lambda: all(self.told(*pair) for pair in wanted), self.drill.seconds)
        for alert in alerts:
            messages = {receiver: self.told(alert, receiver) for receiver in sorted(self.receivers(alert))}
            row = Row(str(alert), self.drill.cause, self.drill.name, receivers=tuple(name for name, message in messages.items() if message))
            self.rows.append(row)
            self.seen.add(alert)
            missing = [receiver for receiver, message in messages.items() if not message]
            if missing:
                fires = "it fires in Prometheus" if self.host.chain.fires(alert, self.instance) else "it does not fire in Prometheus"
                self.problems.append(f"{alert}: not at {', '.join(missing)} within {self.drill.seconds:.0f} s; {fires}{self.near(alert)}")
            else:
                row.seconds = max(message.at for message in messages.values()) - self.fault_at
                for receiver, message in messages.items():
                    # The bridge says what was measured, and not the alert's name in other words.
                    if alert.summary not in message.text and not receiver.startswith("dingtalk"):
                        self.problems.append(f"{alert}: {receiver} was not told {alert.summary!r} but {message.text!r}")

    def near(self, alert):
        """What did come about the alert, for whoever looks for the reason."""
        came = self.log.of(self.instance, alert.name)
        return f"; there came {describe(came)}" if came else ""

    def kept_back(self):
        for name in self.drill.inhibited:
            alert = self.agreed.alert(name)
            row = Row(str(alert), self.drill.cause, self.drill.name, inhibited=True)
            self.rows.append(row)
            try:
                until(
                    lambda: self.host.chain.fires(alert, self.instance) and self.host.chain.inhibited(alert, self.instance),
                    self.drill.seconds,
                    f"{alert} fires and is inhibited",
                    pause=0.25,
                )
                row.seconds = time.monotonic() - self.fault_at
            except Failed as failed:
                self.problems.append(str(failed))
                continue
            # Longer than its group waits for company.
            time.sleep(2 * 30 / self.host.chain.factor + 1)
            came = [message for message in self.log.of(self.instance, alert.name) if message.severity == alert.severity]
            if came:
                self.problems.append(f"{alert}: it should have been inhibited, but there came {describe(came)}")

    def ended(self, alert, receiver):
        """The message that says that it has ended: as many as there were severities with the same words."""
        firing = self.told(alert, receiver)
        if not firing:
            return None
        pattern = alert.pattern(self.instance)
        ends = [
            message
            for message in self.log.of(self.instance, alert.name, receiver, since=firing.at)
            if message.resolved and (pattern.search(message.resolved) or receiver == "pagerduty")
        ]
        told = {message.severity for message in self.log.of(self.instance, alert.name, receiver) if message.severity}
        alike = [severity for severity in told if self.agreed.alerts[alert.name, severity].description == alert.description]
        return ends[-1] if len(ends) >= len(alike) else None

    def end(self):
        """Every message of the drill has to be followed by its end."""
        wanted = [
            (alert, receiver)
            for alert in self.seen
            for receiver in self.receivers(alert) - WITHOUT_RESOLVED
            if self.told(alert, receiver)
        ]
        self.log.wait(lambda: all(self.ended(*pair) for pair in wanted), self.drill.until_resolved)
        for row in self.rows:
            ends = [self.ended(*pair) for pair in wanted if str(pair[0]) == row.alert]
            if row.inhibited or not ends:
                row.ends = False
                continue
            if all(ends):
                # Some have ended by themselves before the last stage.
                row.resolved = max(0.0, max(end.at for end in ends) - self.fault_at)
            else:
                missing = [receiver for alert, receiver in wanted if str(alert) == row.alert and not self.ended(alert, receiver)]
                self.problems.append(f"{row.alert}: its end did not come to {', '.join(missing)} within {self.drill.until_resolved:.0f} s")

    def outlast(self):
        """Waits until what the cause has left behind is over."""
        for name in self.drill.lasting:
            alert = self.agreed.alert(name)
            until(lambda: not self.host.chain.fires(alert, self.instance), self.drill.until_resolved, f"{alert} is over", pause=0.5)

    def nothing_else(self):
        names = {alert.name for alert in self.seen} | set(self.drill.also)
        # In a chain of its own nobody else has a reason to be told anything, but for the Watchdog.
        messages = self.log.of(instance=None if self.drill.chain is not None else self.instance)
        messages = [message for message in messages if message.alert != "SentinelWatchdog"]
        for message in messages:
            if message.alert not in names:
                self.problems.append(f"nobody should have been told this: {describe([message])}")
            elif message.receiver not in self.allowed(message):
                self.problems.append(f"the wrong receiver was told: {describe([message])}")
        # What is told besides may come and go: the 8 s in which the bridge answers, for one, are not compressed.
        about = {alert.name for alert in self.seen}
        repeated = repetitions([message for message in messages if message.alert in about], self.host.chain.factor)
        if len(repeated) > self.drill.twice:
            self.problems += repeated

    def allowed(self, message):
        return {
            receiver
            for (name, severity, _), receivers in self.agreed.routes.items()
            if name == message.alert and message.severity in (None, severity)
            for receiver in receivers
        }


def repetitions(messages, factor):
    """Messages that a person would take for the same one sent twice. After its repeat_interval a reminder is wanted."""
    repeat = {"critical": 3600 / factor, "warning": 4 * 3600 / factor, "info": 12 * 3600 / factor}
    problems, groups = [], {}
    for message in messages:
        groups.setdefault((message.receiver, message.alert, message.instance, message.severity), []).append(message)
    for (receiver, alert, instance, severity), group in groups.items():
        # The ends of a warning and of its critical form look alike.
        alike = 1 if severity else max(1, len({key[3] for key in groups if key[:3] == (receiver, alert, instance) and key[3]}))
        for before, message in zip(group, group[alike:]):
            apart = message.at - before.at
            if before.same(message) and apart < 0.9 * repeat.get(severity, float("inf")):
                problems.append(f"sent twice, {apart:.1f} s apart: {describe([message])}")
    return problems


def describe(messages):
    def one(message):
        what = message.severity or "resolved"
        return f"{message.receiver} {message.alert} ({what}): {' '.join((message.firing or message.resolved or message.text).split())[:200]}"

    return "; ".join(one(message) for message in messages)
