import base64
import hashlib
import hmac
import json
import smtplib
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from drill.messages import Log
from drill.standins.dingtalk import BUSY, LIMIT_A_MINUTE, DingTalk
from drill.standins.discord import Discord
from drill.standins.network import Network
from drill.standins.postgrest import PostgREST
from drill.standins.server import Server
from drill.standins.smtp import Relay
from drill.standins.webhooks import PagerDuty, Webhook


def request(url, body=None, **headers):
    """The status and the body of the answer."""
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers), timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class DingTalkStandIn(unittest.TestCase):
    def setUp(self):
        self.log, self.now = Log(), 1000.0
        self.dingtalk = DingTalk(self.log, clock=lambda: self.now)
        self.addCleanup(self.dingtalk.server.stop)
        self.url = self.dingtalk.robot("risk", "the-token", "the-secret")

    def send(self, text="### Sentinel 🔴 CRITICAL: SentinelDailyLoss on host:1", secret="the-secret", at=None, url=None, body=None, **headers):
        stamp = str(int((at or time.time()) * 1000))
        digest = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()
        query = urllib.parse.urlencode({"timestamp": stamp, "sign": base64.b64encode(digest).decode()})
        body = {"msgtype": "markdown", "markdown": {"title": "Sentinel", "text": text}} if body is None else body
        status, answer = request(f"{url or self.url}&{query}", body, **headers)
        self.assertEqual(status, 200)
        answer = json.loads(answer)
        return answer["errcode"], answer["errmsg"].split(",")[0]

    def test_takes_a_good_message(self):
        self.assertEqual(self.send(), (0, "ok"))
        (message,) = self.log.of()
        self.assertEqual((message.receiver, message.alert, message.severity), ("dingtalk-risk", "SentinelDailyLoss", "critical"))

    def test_refuses_what_is_wrong(self):
        old = time.time() - 3700
        other = self.url.replace("the-token", "another")
        without = {"msgtype": "markdown", "markdown": {"title": "Alert", "text": "no keyword"}}
        for expected, answer in [
            ((310000, "sign not match"), self.send(secret="another")),
            ((310000, "invalid timestamp"), self.send(at=old)),
            ((310000, "keywords not in content"), self.send(body=without)),
            ((300001, "token is not exist"), self.send(url=other)),
            ((460101, "message too long"), self.send("Sentinel" * 2500)),
            ((40035, "缺少参数 json"), self.send(body=b"{")),
            ((400105, "不支持的消息类型"), self.send(body={"msgtype": "voice", "voice": {"text": "Sentinel"}})),
            ((43004, "无效的HTTP HEADER Content-Type"), self.send(Content_Type="text/plain")),
        ]:
            self.assertEqual(answer, expected)
        self.assertEqual(self.log.of(), [])

    def test_takes_20_a_minute_and_then_none_for_as_long_as_it_blocks(self):
        answers = [self.send()[0] for _ in range(LIMIT_A_MINUTE + 1)]
        self.assertEqual(answers, [0] * LIMIT_A_MINUTE + [130101])
        self.now += 599
        self.assertEqual(self.send()[0], 130101)
        self.now += 1
        self.assertEqual(self.send()[0], 0)

    def test_a_fault_comes_first(self):
        self.dingtalk.fault = lambda: BUSY
        self.assertEqual(self.send(secret="another"), BUSY)

    def test_an_answer_that_is_lost_is_of_a_message_that_came(self):
        self.dingtalk.lose = True
        with self.assertRaises(OSError):
            self.send()
        self.assertEqual(len(self.log.of()), 1)
        self.assertEqual(self.send(), (0, "ok"))


class DiscordStandIn(unittest.TestCase):
    def setUp(self):
        self.log, self.now = Log(), 1000.0
        self.discord = Discord(self.log, clock=lambda: self.now)
        self.addCleanup(self.discord.server.stop)

    def send(self, title="CRITICAL: SentinelDailyLoss on host:1", description="x", url=None, embeds=None):
        return request(url or self.discord.url, {"embeds": embeds or [{"title": title, "description": description}]})

    def test_takes_a_good_message(self):
        self.assertEqual(self.send(), (204, ""))
        self.assertEqual(len(self.log.of(receiver="discord", instance="host:1", alert="SentinelDailyLoss")), 1)

    def test_refuses_what_is_too_long_or_unknown(self):
        big = {"title": "t", "description": "d" * 3500}
        for status, words, answer in [
            (400, "Must be 256 or fewer", self.send(title="t" * 257)),
            (400, "Must be 4096 or fewer", self.send(description="d" * 4097)),
            (400, "Must be 256 or fewer", self.send(title="😀" * 129)),
            (400, "maximum size of 6000", self.send(embeds=[big, big])),
            (400, "empty message", request(self.discord.url, {"embeds": []})),
            (404, "Unknown Webhook", self.send(url=self.discord.url + "x")),
        ]:
            self.assertEqual(answer[0], status)
            self.assertIn(words, answer[1])
        self.assertEqual(self.log.of(), [])

    def test_takes_5_in_its_window(self):
        self.assertEqual([self.send()[0] for _ in range(6)], [204] * 5 + [429])
        self.assertIn("retry_after", self.send()[1])
        self.now += 2
        self.assertEqual(self.send()[0], 204)


class Others(unittest.TestCase):
    def setUp(self):
        self.log = Log()

    def test_pagerduty_wants_its_key_and_a_whole_event(self):
        pagerduty = PagerDuty(self.log, "key")
        self.addCleanup(pagerduty.server.stop)
        payload = {"summary": "s", "source": "Alertmanager", "severity": "critical", "class": "SentinelDailyLoss", "component": "host:1"}
        event = {"routing_key": "key", "event_action": "trigger", "dedup_key": "d", "payload": payload}
        self.assertEqual(request(pagerduty.url, event)[0], 202)
        self.assertEqual(request(pagerduty.url, event | {"event_action": "resolve"})[0], 202)
        self.assertEqual([message.severity for message in self.log.of(instance="host:1")], ["critical", None])
        for wrong in {"routing_key": "x"}, {"event_action": "x"}, {"payload": {}}, {"payload": payload | {"summary": "s" * 1025}}:
            self.assertEqual(request(pagerduty.url, event | wrong)[0], 400)
        pagerduty.broken = True
        self.assertEqual(request(pagerduty.url, event)[0], 400)

    def test_the_gateway_wants_its_token(self):
        sms = Webhook(self.log, "sms", token="t")
        self.addCleanup(sms.server.stop)
        body = {"groupLabels": {"alertname": "A", "instance": "i"}, "commonLabels": {}, "commonAnnotations": {}, "alerts": []}
        self.assertEqual(request(sms.url, body)[0], 401)
        self.assertEqual(request(sms.url, body, Authorization="Bearer t")[0], 200)

    def test_the_relay_takes_mail(self):
        relay = Relay(self.log)
        self.addCleanup(relay.stop)
        host, port = relay.address.split(":")
        text = "Subject: WARNING: SentinelDailyLoss on host:1\r\nContent-Type: text/plain\r\n\r\nFiring:\r\n- half of the limit\r\n..\r\n"
        with smtplib.SMTP(host, int(port), timeout=5) as client:
            client.sendmail("a@example.com", ["b@example.com"], text)
        (message,) = self.log.of(receiver="email", instance="host:1")
        self.assertEqual((message.severity, message.firing.split("\n")[0]), ("warning", "- half of the limit"))

    def test_postgrest_has_its_states(self):
        postgrest = PostgREST("key")
        self.addCleanup(postgrest.server.stop)
        url = f"{postgrest.url}/simplicity_batches?select=id&limit=1"
        self.assertEqual(request(url, apikey="key", Accept_Profile="intake"), (200, "[]"))
        self.assertEqual(request(url, Accept_Profile="intake")[0], 401)
        self.assertEqual(request(f"{postgrest.url}/other", apikey="key", Accept_Profile="intake")[0], 404)
        postgrest.state = "stale"
        status, body = request(url, apikey="key", Accept_Profile="intake")
        self.assertEqual((status, json.loads(body)["code"]), (503, "PGRST002"))

    def test_the_network_can_be_cut(self):
        server = Server(lambda _: (200, {}, "there"))
        self.addCleanup(server.stop)
        network = Network(server.address)
        self.addCleanup(network.stop)
        url = f"http://{network.address}/"
        self.assertEqual(request(url), (200, "there"))
        network.cut()
        with self.assertRaises(OSError):
            request(url)
        network.mend()
        self.assertEqual(request(url), (200, "there"))


if __name__ == "__main__":
    unittest.main()
