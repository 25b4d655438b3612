"""A stand-in for DingTalk's robots: POST /robot/send?access_token=...&timestamp=...&sign=... It answers HTTP 200 whatever
happens, and says in `errcode` how it went, as the real one does."""

import base64
import hashlib
import hmac
import json
import threading
import time

from .server import Dropped, Server

HOUR = 3600
MORE = ", more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]"
LIMIT_BYTES = 20_000
LIMIT_A_MINUTE = 20
TYPES = {"text": "content", "markdown": "text", "actionCard": "text", "link": "text", "feedCard": "links"}

OK = (0, "ok")
BUSY = (-1, "系统繁忙")
TOO_FAST = (130101, "send too fast, exceed 20 times per minute")


class DingTalk:
    """Robots by their access token. `minute` and `block` are seconds of the `clock`: the real ones are 60 and 600."""

    def __init__(self, log, keyword="Sentinel", minute=60, block=600, clock=time.monotonic):
        self.log, self.keyword, self.minute, self.block, self.clock = log, keyword, minute, block, clock
        self.robots, self.sent, self.blocked, self.lock = {}, {}, {}, threading.Lock()
        # `fault()` is what it answers before it looks at a message, if anything; `delay` how long it takes; with `lose` it takes a
        # message and drops the connection, once.
        self.fault, self.delay, self.lose = None, 0, False
        self.server = Server(self.answer)

    def robot(self, name, token, secret):
        self.robots[token] = (name, secret)
        return f"http://{self.server.address}/robot/send?access_token={token}"

    def answer(self, request):
        code, text = self.judge(request)
        if code == 0:
            name, _ = self.robots[request.query["access_token"]]
            self.log.dingtalk(name, request.json())
        # The message is there; only the answer takes its time, or never comes.
        if code == 0 and self.lose:
            self.lose = False
            raise Dropped
        time.sleep(self.delay)
        return 200, {"Content-Type": "application/json"}, {"errcode": code, "errmsg": text}

    def judge(self, request):
        if request.method != "POST" or request.path != "/robot/send":
            return 404, "请求的URI地址不存在"
        token = request.query.get("access_token", "")
        if token not in self.robots:
            return 300001, "token is not exist"
        if self.fault and (answer := self.fault()):
            return answer
        if not request.headers.get("Content-Type", "").startswith("application/json"):
            return 43004, "无效的HTTP HEADER Content-Type"
        with self.lock:
            now = self.clock()
            if now < self.blocked.get(token, 0):
                return TOO_FAST
            recent = self.sent[token] = [at for at in self.sent.get(token, []) if now - at < self.minute]
            if len(recent) >= LIMIT_A_MINUTE:
                self.blocked[token] = now + self.block
                return TOO_FAST
            recent.append(now)
        return self.content(request, self.robots[token][1])

    def content(self, request, secret):
        stamp, sign = request.query.get("timestamp", ""), request.query.get("sign", "")
        if not stamp.isdigit() or abs(time.time() - int(stamp) / 1000) > HOUR:
            return 310000, "invalid timestamp" + MORE
        digest = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(base64.b64encode(digest).decode(), sign):
            return 310000, "sign not match" + MORE
        if len(request.body) > LIMIT_BYTES:
            return 460101, "message too long, exceed 20000 bytes"
        try:
            message = request.json()
            kind = message["msgtype"]
            content = message[kind]
        except (ValueError, KeyError, TypeError):
            return 40035, "缺少参数 json"
        if kind not in TYPES or not content.get(TYPES[kind]):
            return 400105, "不支持的消息类型"
        if self.keyword not in json.dumps(content, ensure_ascii=False):
            return 310000, "keywords not in content" + MORE
        return OK
