"""What is told about HUB itself. Each of these has a HUB of its own."""

import time

from ..drill import drill
from ..processes import until


def alertmanager(host):
    return f"127.0.0.1:{host.chain.alertmanager_ports[0]}"


def prometheus(host):
    return f"127.0.0.1:{host.chain.prometheus_ports[0]}"


@drill(
    "PagerDuty's key was revoked, and somebody has to be paged",
    "SentinelNotificationsFailing critical",
    chain={},
    sinks=(),
    about=alertmanager,
    words="pagerduty",
    unreachable=("pagerduty",),
    also=["SentinelCancelAllSlow"],
)
def revoked_key(host):
    host.chain.pagerduty.broken = True
    host.event({"event": "cancel_all", "seconds": 2.6})
    yield
    host.chain.pagerduty.broken = False


@drill(
    "the secret of the trading desk's robot was changed, and the desk has to be told",
    "SentinelDingTalkFailing critical",
    chain={},
    sinks=(),
    about=lambda host: host.chain.bridge_address,
    words="trading",
    also=["SentinelSlippageHigh", "SentinelNotificationsFailing"],
)
def changed_secret(host):
    robots = host.chain.dingtalk.robots
    token, (name, secret) = next((token, robot) for token, robot in robots.items() if robot[0] == "trading")
    robots[token] = name, "another-secret"
    host.event({"event": "order", "symbol": "EURUSD", "side": "buy", "status": "filled", "slippage_bps": 600})
    yield
    robots[token] = name, secret


@drill(
    "the bridge is gone",
    "SentinelDingTalkFailing critical",
    chain={},
    sinks=(),
    about=lambda host: host.chain.bridge_address,
    unreachable=("dingtalk-sre",),
    also=["SentinelNotificationsFailing"],
)
def bridge_gone(host):
    host.chain.bridge.kill()
    yield
    host.chain.start_bridge()


@drill(
    "one Alertmanager of two is gone",
    "SentinelHubDown warning",
    chain={"servers": 2},
    sinks=(),
    about=lambda host: f"127.0.0.1:{host.chain.alertmanager_ports[1]}",
    words="alertmanager",
    # Prometheus cannot hand alerts to it, either.
    also=["SentinelRulesFailing"],
)
def server_gone(host):
    host.chain.alertmanagers[1].stop()
    yield
    host.chain.start_alertmanager(1)


@drill(
    "a host stands in targets/ too, with a label that alerts have: two alerts become one",
    "SentinelRulesFailing critical",
    chain={},
    sinks=(),
    about=prometheus,
    # The alert that failed to be evaluated, once it can be.
    also=["SentinelCancelAllSlow"],
)
def target_twice(host):
    host.chain.add_target(host.instance, node="inf", team="another")
    until(lambda: len(host.chain.query(f'count_over_time(up{{instance="{host.instance}"}}[2s]) > 4')) == 2, 30, "both targets are scraped")
    host.event({"event": "cancel_all", "seconds": 2.6})
    yield
    host.chain.targets.clear()
    host.chain.write_targets()


# A Prometheus that starts knows of no host and of no Alertmanager for 5 s, which are not compressed: what was scraped before is missing
# for as long.
STARTING = ["SentinelExporterDown", "SentinelRulesFailing", "SentinelDingTalkFailing", "SentinelHubDown"]


@drill("Prometheus is killed, and the heartbeat stops", "SentinelWatchdog none", chain={}, sinks=(), about=lambda host: "", also=STARTING, ci=True)
def watchdog(host):
    yield
    log = host.chain.log
    host.chain.prometheuses[0].kill()
    # Alertmanager takes an alert for ended when Prometheus has not repeated it in four times its resend delay.
    until(lambda: not log.of(receiver="heartbeat", since=time.monotonic() - 3), 30, "the heartbeat stops")
    back = time.monotonic()
    host.chain.start_prometheus(0)
    until(lambda: log.of(receiver="heartbeat", since=back), 30, "the heartbeat comes back")
