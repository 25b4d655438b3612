"""Whether a drill fails when it should: people are told nothing, the wrong thing, or too much."""

import threading
import time
import unittest
from dataclasses import replace
from types import SimpleNamespace

from drill import drills  # noqa: F401
from drill.agreed import Agreed
from drill.drill import DRILLS, Drill, Run
from drill.messages import Log, Message

ALERT = "SentinelDailyLoss warning"
INSTANCE = "127.0.0.1:18000"
SAID = f"{INSTANCE}: the day's loss is 60% of the limit at which trading is halted."
SUMMARY = "The day's loss comes near its limit."
RECEIVERS = ("dingtalk-risk", "discord", "email")


def message(receiver, firing=SAID, resolved="", severity="warning", alert="SentinelDailyLoss", instance=INSTANCE, summary=SUMMARY):
    return Message(receiver, alert, instance, severity if firing else None, firing, resolved, f"{summary}\n{firing}{resolved}")


class Judgement(unittest.TestCase):
    def run_drill(self, fires, ends, **more):
        """What the drill says when these messages come."""
        log = Log()
        chain = SimpleNamespace(log=log, factor=60, query=lambda _: [{"value": [0, "99"]}], fires=lambda *_: True, inhibited=lambda *_: True)

        def come(messages):
            log.add(*[replace(message, at=time.monotonic()) for message in messages])

        def run(_):
            come(fires)
            yield
            come(ends)

        drill = Drill("test", "a cause", [ALERT], run, seconds=0.3, until_resolved=0.3, **more)
        return Run(drill, SimpleNamespace(chain=chain, instance=INSTANCE), Agreed())()

    def fails(self, problem_with, fires, ends, **more):
        problems = self.run_drill(fires, ends, **more).problems
        self.assertTrue(any(problem_with in problem for problem in problems), problems)

    def setUp(self):
        self.fires = [message(receiver) for receiver in RECEIVERS]
        self.ends = [message(receiver, firing="", resolved=SAID) for receiver in RECEIVERS]

    def test_all_is_well(self):
        result = self.run_drill(self.fires, self.ends)
        self.assertEqual(result.problems, [])
        (row,) = result.rows
        self.assertEqual(row.receivers, RECEIVERS)
        self.assertIsNotNone(row.seconds)
        self.assertIsNotNone(row.resolved)

    def test_a_receiver_hears_nothing(self):
        for index in range(3):
            self.fails(f"not at {RECEIVERS[index]}", [one for one in self.fires if one is not self.fires[index]], self.ends)

    def test_the_end_does_not_come(self):
        self.fails("its end did not come to email", self.fires, self.ends[:2])

    def test_the_wrong_receiver_is_told(self):
        self.fails("the wrong receiver", [*self.fires, message("dingtalk-trading")], self.ends)
        self.fails("the wrong receiver", [*self.fires, message("pagerduty")], self.ends)

    def test_somebody_is_told_something_else(self):
        other = message("discord", alert="SentinelNoOrders")
        self.fails("nobody should have been told", [*self.fires, other], self.ends)
        self.assertEqual(self.run_drill([*self.fires, other], self.ends, also=["SentinelNoOrders"]).problems, [])

    def test_the_words_are_wrong(self):
        for said in (SAID.replace("60%", "NaN"), SAID.replace("60%", ""), SAID.replace(INSTANCE, "127.0.0.1:1"), "the loss"):
            self.fails("not at discord", [self.fires[0], message("discord", firing=said), self.fires[2]], self.ends)
        self.fails("was not told", [self.fires[0], message("discord", summary=""), self.fires[2]], self.ends)
        self.fails("not at dingtalk-risk, discord, email", self.fires, self.ends, words="85%")

    def test_the_severity_is_wrong(self):
        self.fails("not at discord", [self.fires[0], message("discord", severity="critical"), self.fires[2]], self.ends)

    def test_a_message_comes_twice(self):
        again = message("discord", firing=SAID.replace("60%", "61%"))
        self.fails("sent twice", [*self.fires, again], self.ends)
        self.fails("sent twice", self.fires, [*self.ends, message("email", firing="", resolved=SAID)])
        self.assertEqual(self.run_drill([*self.fires, again], self.ends, twice=1).problems, [])

    def test_what_should_be_inhibited_is_told(self):
        # Named as one that may come, so that nothing but the inhibition forbids it.
        came = message("discord", alert="SentinelNoOrders")
        self.fails("should have been inhibited", [*self.fires, came], self.ends, inhibited=["SentinelNoOrders warning"], also=["SentinelNoOrders"])


class Messages(unittest.TestCase):
    def test_one_that_comes_wakes_whoever_waits_for_it(self):
        log = Log()
        threading.Timer(0.01, log.add, [message("email")]).start()
        self.assertTrue(log.wait(lambda: log.of(receiver="email"), 30))


class Coverage(unittest.TestCase):
    def test_every_alert_has_a_drill(self):
        drilled = {alert for drill in DRILLS.values() for alert in drill.alerts}
        agreed = Agreed()
        told = {str(alert) for alert in agreed.alerts.values() if any(alert.name == name and receivers for (name, *_), receivers in agreed.routes.items())}
        self.assertEqual(drilled, told)

    def test_those_for_ci_reach_every_receiver_and_every_team(self):
        agreed = Agreed()
        reached = set()
        for drill in DRILLS.values():
            if drill.ci:
                for alert in drill.alerts:
                    reached |= agreed.receivers(agreed.alert(alert), drill.team)
        self.assertEqual(reached, {receiver for receivers in agreed.routes.values() for receiver in receivers})

    def test_a_drill_knows_whom_its_alerts_concern(self):
        agreed = Agreed()
        for drill in DRILLS.values():
            for alert in drill.alerts:
                self.assertTrue(agreed.receivers(agreed.alert(alert), drill.team), drill.name)


if __name__ == "__main__":
    unittest.main()
