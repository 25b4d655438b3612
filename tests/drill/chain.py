"""HUB and all who are told by it: Prometheus, Alertmanager and the bridge with the shipped settings, compressed in time, and the
stand-ins for everybody's phone. Any number of trading hosts can be scraped by it."""

import json
import os
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request

from . import compress
from .agreed import ROOT
from .messages import Log
from .processes import Failed, Process, free_port, until
from .standins.dingtalk import DingTalk
from .standins.discord import Discord
from .standins.network import Network
from .standins.smtp import Relay
from .standins.webhooks import PagerDuty, Webhook

TEAMS = ("trading", "risk", "data", "sre")
# The bridge takes http without TLS for its own host alone.
NAME = "localhost"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def program(*names):
    found = next((path for name in names if (path := shutil.which(name))), None)
    if not found:
        raise Failed(f"{names[0]} is not installed; scripts/install-tools installs it")
    return found


# Runs a program with files of its own in /etc: hosts, resolv.conf and nsswitch.conf.
PRIVATE_NAMES = [
    "unshare",
    *(["--map-root-user"] if os.geteuid() else []),
    "--mount",
    "sh",
    "-euc",
    'for name in hosts resolv.conf nsswitch.conf; do mount --bind "$1/$name" "/etc/$name"; done; shift; exec "$@"',
    "private-names",
]


class Chain:
    def __init__(self, folder, programs, factor, servers=1, proxied=False, named=False):
        """So many Prometheus and Alertmanager `servers`. `proxied` puts a network that can be cut between Alertmanager and the bridge.
        `named` gives DingTalk a host name that only the bridge knows, and can forget."""
        self.folder, self.factor, self.programs, self.named = folder, factor, programs, named
        folder.mkdir()
        self.log, self.lock, self.targets = Log(), threading.Lock(), []
        self.stand_ins()
        self.bridge_port = free_port()
        self.bridge_address = f"127.0.0.1:{self.bridge_port}"
        self.network = Network(self.bridge_address) if proxied else None
        self.alertmanager_ports = [free_port() for _ in range(servers)]
        self.prometheus_ports = [free_port() for _ in range(servers)]
        self.alertmanagers, self.prometheuses, self.bridge = [], [], None
        # The first host has the place of the one in prometheus.yml; others come and go by targets/, as on HUB.
        self.first_port = free_port()
        self.settings = folder / "hub"
        self.write_settings()

    def stand_ins(self):
        # Their limits are compressed too, or what comes in an hour would come too fast for them.
        self.dingtalk = DingTalk(self.log, minute=60 / self.factor, block=600 / self.factor)
        self.discord = Discord(self.log, window=2 / self.factor)
        self.pagerduty = PagerDuty(self.log, ROUTING_KEY)
        self.sms = Webhook(self.log, "sms", token="sms-token")
        self.heartbeat = Webhook(self.log, "heartbeat")
        self.relay = Relay(self.log)

    def write_settings(self):
        """The shipped files, rendered as on HUB, and only then compressed."""
        raw = self.folder / "rendered"
        shutil.copytree(ROOT / "prometheus/templates", raw / "templates")
        token = self.folder / "dingtalk.token"
        token.write_text("bridge-token\n", encoding="utf-8")
        given = {
            "DISCORD_WEBHOOK_URL": self.discord.url,
            "DINGTALK_TOKEN_FILE": str(token),
            "PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
            "EMAIL_TO": "oncall@example.com",
            "SMTP_FROM": "alertmanager@example.com",
            "SMTP_SMARTHOST": self.relay.address,
            "SMTP_WITHOUT_TLS": "yes",
            "SMS_URL": self.sms.url,
            "SMS_TOKEN": "sms-token",
            "HEARTBEAT_URL": self.heartbeat.url,
        }
        rendered = subprocess.run(
            [ROOT / "scripts/render-alertmanager", raw / "alertmanager.yml"],
            env={"PATH": os.environ["PATH"]} | given,
            capture_output=True,
            text=True,
            check=False,
        )
        if rendered.returncode:
            raise Failed(rendered.stderr.strip())
        bridge = self.network.address if self.network else self.bridge_address
        self.addresses = {
            "172.19.141.250:8000": [f"127.0.0.1:{self.first_port}"],
            "127.0.0.1:8060": [bridge],
            "127.0.0.1:9093": [f"127.0.0.1:{port}" for port in self.alertmanager_ports],
            "127.0.0.1:9090": [f"127.0.0.1:{port}" for port in self.prometheus_ports],
        }
        compress.folder(
            ROOT / "prometheus", raw / "alertmanager.yml", self.settings, self.factor, self.addresses, self.pagerduty.url
        )
        # The bridge itself is scraped past the network that a drill cuts.
        path = self.settings / "prometheus.yml"
        path.write_text(path.read_text(encoding="utf-8").replace(f'"{bridge}"', f'"{self.bridge_address}"'), encoding="utf-8")
        self.write_bridge(token)

    def write_bridge(self, token):
        lines = [f'web: {{listen_address: "{self.bridge_address}", enable_lifecycle: true}}', f"token_file: {token}", "robots:"]
        for team in TEAMS:
            secret = f"SEC-of-{team}"
            url = self.dingtalk.robot(team, f"token-of-{team}", secret)
            if self.named:
                url = url.replace("127.0.0.1", NAME)
            for name, text in ("url", url), ("secret", secret):
                (self.folder / f"{team}.{name}").write_text(text + "\n", encoding="utf-8")
            lines += [
                f"  - name: {team}",
                f"    webhooks: [{{url_file: {self.folder}/{team}.url, secret_file: {self.folder}/{team}.secret}}]",
                "    keyword: Sentinel",
                "    language: en",
                "    time_zone: Asia/Singapore",
                "    at_all: [critical]",
                f"    messages_per_minute: {18 * self.factor}",
            ]
        self.bridge_settings = self.folder / "dingtalk.yml"
        self.bridge_settings.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def start(self):
        """The first host has to be there: a host that is down is an alert."""
        self.start_bridge()
        for index in range(len(self.alertmanager_ports)):
            self.start_alertmanager(index)
        for index in range(len(self.prometheus_ports)):
            self.start_prometheus(index)
        until(self.settled, 60, "the chain settles", pause=0.2)
        self.log.messages.clear()

    def settled(self):
        """Prometheus takes 5 s to its first scrape, and a cluster 10 s until it gossips, whatever the factor. What is told of that does
        not count."""
        for index, port in enumerate(self.alertmanager_ports):
            if not self.query('up{job="sentinel-metrics"} == 1', index):
                return False
            cluster = get(f"http://127.0.0.1:{port}/api/v2/status")["cluster"]
            names = {found["labels"]["alertname"] for found in get(f"http://127.0.0.1:{port}/api/v2/alerts")}
            if cluster["status"] not in ("ready", "disabled") or names - {"SentinelInhibitor"} != {"SentinelWatchdog"}:
                return False
        # The end of what was told is told within a group interval.
        time.sleep(120 / self.factor)
        return True

    def start_bridge(self):
        command = [self.programs / "sentinel-exporter", "dingtalk", "--config.file", self.bridge_settings]
        if self.named:
            self.resolve(True)
            command = [*PRIVATE_NAMES, self.folder, *command]
        self.bridge = Process("the bridge", command, self.folder / "bridge.log")
        self.bridge.ready(f"http://{self.bridge_address}/-/ready")

    def resolve(self, known):
        """Whether the bridge can find the address of DingTalk."""
        # Nobody answers there, as when a name server is gone.
        (self.folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", encoding="utf-8")
        (self.folder / "nsswitch.conf").write_text("hosts: files dns\n", encoding="utf-8")
        (self.folder / "hosts").write_text(f"127.0.0.1 {NAME}\n" if known else "", encoding="utf-8")

    def start_alertmanager(self, index):
        port = self.alertmanager_ports[index]
        command = [
            program("prometheus-alertmanager", "alertmanager"),
            f"--config.file={self.settings}/alertmanager.yml",
            f"--storage.path={self.folder}/alertmanager-{index}",
            f"--web.listen-address=127.0.0.1:{port}",
            *self.cluster(index),
            *compress.flags(compress.ALERTMANAGER_FLAGS, self.factor),
        ]
        started = Process("Alertmanager", command, self.folder / f"alertmanager-{index}.log")
        self.alertmanagers[index:index + 1] = [started]
        started.ready(f"http://127.0.0.1:{port}/-/ready")

    def cluster(self, index):
        if len(self.alertmanager_ports) == 1:
            return ["--cluster.listen-address="]
        if not hasattr(self, "cluster_ports"):
            self.cluster_ports = [free_port() for _ in self.alertmanager_ports]
        others = [port for other, port in enumerate(self.cluster_ports) if other != index]
        return [
            f"--cluster.listen-address=127.0.0.1:{self.cluster_ports[index]}",
            *[f"--cluster.peer=127.0.0.1:{port}" for port in others],
        ]

    def start_prometheus(self, index):
        port = self.prometheus_ports[index]
        command = [
            program("prometheus"),
            f"--config.file={self.settings}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/prometheus-{index}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-lifecycle",
            *compress.flags(compress.PROMETHEUS_FLAGS, self.factor),
        ]
        started = Process("Prometheus", command, self.folder / f"prometheus-{index}.log")
        self.prometheuses[index:index + 1] = [started]
        started.ready(f"http://127.0.0.1:{port}/-/ready")

    def add_target(self, address, **labels):
        with self.lock:
            self.targets.append({"targets": [address], "labels": {"node": "drill", "region": "singapore", "component": "trading"} | labels})
            self.write_targets()

    def remove_target(self, address):
        """A host that is taken away as planned: silenced first, for its name is told for an hour."""
        self.silence(address)
        with self.lock:
            self.targets = [target for target in self.targets if target["targets"] != [address]]
            self.write_targets()

    def write_targets(self):
        # Prometheus looks at the whole file or not at all.
        new = self.settings / "targets/.new"
        new.write_text(json.dumps(self.targets), encoding="utf-8")
        new.rename(self.settings / "targets/sentinel.yml")

    def silence(self, instance):
        body = {
            "matchers": [{"name": "instance", "value": instance, "isRegex": False, "isEqual": True}],
            "startsAt": "2020-01-01T00:00:00Z",
            "endsAt": "2099-01-01T00:00:00Z",
            "createdBy": "drill",
            "comment": "the drill on this host has ended",
        }
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.alertmanager_ports[0]}/api/v2/silences",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()

    def query(self, expression, prometheus=0):
        url = f"http://127.0.0.1:{self.prometheus_ports[prometheus]}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        return get(url)["data"]["result"]

    def fires(self, alert, instance):
        """Whether Prometheus has it firing."""
        return bool(self.query(f'ALERTS{{alertname="{alert.name}",severity="{alert.severity}",instance="{instance}",alertstate="firing"}}'))

    def inhibited(self, alert, instance):
        """Whether Alertmanager has it and keeps it back because of another."""
        url = f"http://127.0.0.1:{self.alertmanager_ports[0]}/api/v2/alerts?" + urllib.parse.urlencode(
            [("filter", f'alertname="{alert.name}"'), ("filter", f'severity="{alert.severity}"'), ("filter", f'instance="{instance}"')]
        )
        return any(found["status"]["inhibitedBy"] for found in get(url))

    def stop(self):
        for process in [*self.prometheuses, *self.alertmanagers, self.bridge]:
            if process:
                process.stop()
        if self.network:
            self.network.stop()
        for stand_in in (self.dingtalk, self.discord, self.pagerduty, self.sms, self.heartbeat):
            stand_in.server.stop()
        self.relay.stop()
