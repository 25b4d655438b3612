"""What goes wrong between a fault and a phone. Nothing may be lost, and nothing may be sent twice to somebody who would notice."""

import time

from ..drill import drill
from ..processes import until
from ..standins.dingtalk import TOO_FAST
from ..standins.server import Dropped

# Three teams are told at once.
ALERTS = ("SentinelKillSwitchActive critical", "SentinelBatchesStuck critical", "SentinelMockSignalStale critical")
# That something cannot be delivered is worth a message itself, and that a server of HUB's is gone.
FAILING = ["SentinelNotificationsFailing", "SentinelDingTalkFailing", "SentinelRulesFailing", "SentinelHubDown"]


def begin(host):
    host.event({"event": "kill_switch", "active": True, "trigger": "LATENCY", "seconds": 0.4})
    host.batches(1, "inserting", age="11 minutes")
    host.bot_state(age=36 * 60, outcome_age=36 * 60)


def end(host):
    host.event({"event": "kill_switch", "active": False})
    host.sql("UPDATE intake.simplicity_batches SET status = 'completed', completed_at = now() WHERE status = 'inserting'")
    host.bot_state()


def chaos(cause, alerts=ALERTS, also=(), **more):
    return drill(cause, *alerts, **({"chain": {}, "sinks": (), "also": [*FAILING, *also], "seconds": 180, "until_resolved": 180} | more))


@chaos("DingTalk answers for 10 s that it is told too much (130101)")
def dingtalk_storm(host):
    over = time.monotonic() + 10
    host.chain.dingtalk.fault = lambda: TOO_FAST if time.monotonic() < over else None
    begin(host)
    yield
    end(host)


@chaos("Discord answers 429 for 10 s")
def discord_storm(host):
    over = time.monotonic() + 10
    host.chain.discord.fault = lambda: time.monotonic() < over
    begin(host)
    yield
    end(host)


@chaos("the network between Alertmanager and the bridge is cut three times", chain={"proxied": True})
def network_flaps(host):
    network = host.chain.network
    network.cut()
    begin(host)
    for _ in range(2):
        time.sleep(1.5)
        network.mend()
        time.sleep(0.5)
        network.cut()
    time.sleep(1.5)
    network.mend()
    yield
    end(host)


@chaos("the bridge cannot resolve DingTalk's name for 8 s", chain={"named": True})
def name_unknown(host):
    host.chain.resolve(False)
    begin(host)
    time.sleep(8)
    host.chain.resolve(True)
    yield
    end(host)


@chaos("DingTalk and Discord take 3 s for each answer")
def slow_answers(host):
    host.chain.dingtalk.delay = host.chain.discord.delay = 3
    begin(host)
    yield
    end(host)


@chaos("DingTalk takes a message, and its answer is lost", alerts=ALERTS[:1], twice=1)
def lost_answer(host):
    lost = []

    def lose():
        if not lost:
            lost.append(True)
            host.chain.dingtalk.lose = True

    host.chain.dingtalk.fault = lose
    host.event({"event": "kill_switch", "active": True, "trigger": "LATENCY", "seconds": 0.4})
    yield
    host.event({"event": "kill_switch", "active": False})


@chaos("the bridge is killed between receipt and delivery", alerts=ALERTS[:1])
def bridge_killed(host):
    killed = []

    def kill():
        if not killed:
            killed.append(True)
            host.chain.bridge.kill()
            raise Dropped

    host.chain.dingtalk.fault = kill
    host.event({"event": "kill_switch", "active": True, "trigger": "LATENCY", "seconds": 0.4})
    until(lambda: killed, 30, "the bridge is about to deliver")
    time.sleep(2)
    host.chain.start_bridge()
    yield
    host.event({"event": "kill_switch", "active": False})


@chaos("Alertmanager is restarted while alerts fire")
def alertmanager_restarted(host):
    begin(host)
    yield
    # A message that has been taken is noted a moment later; an Alertmanager that ends in between sends it again.
    time.sleep(2)
    host.chain.alertmanagers[0].stop()
    time.sleep(2)
    host.chain.start_alertmanager(0)
    # Long enough for a second message, if there were one, and not as long as until a reminder.
    time.sleep(15)
    end(host)


# Gossip takes the time that it takes: at a lower factor it is as fast, compared with the rest, as it is on HUB.
@chaos("of two Prometheus and two Alertmanager servers one each is killed", chain={"servers": 2, "factor": 10})
def one_of_each_killed(host):
    chain = host.chain
    host.event({"event": "kill_switch", "active": True, "trigger": "LATENCY", "seconds": 0.4})
    yield ALERTS[0]
    # One that dies within the fifth of a second in which it has told people, but not the other server, is followed by a second message.
    time.sleep(2)
    chain.alertmanagers[0].kill()
    chain.prometheuses[0].kill()
    # Long enough for a second message, if there were one.
    time.sleep(20)
    host.batches(1, "inserting", age="11 minutes")
    yield ALERTS[1]
    host.bot_state(age=36 * 60, outcome_age=36 * 60)
    yield ALERTS[2]
    end(host)
