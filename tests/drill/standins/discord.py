"""A stand-in for Discord's webhooks: POST /api/webhooks/ID/TOKEN."""

import threading
import time

from .server import Server

LIMITS = {"title": 256, "description": 4096}
LIMIT_IN_ALL = 6000


def length(text):
    """In UTF-16 units: of all the ways to count, the one that finds the most."""
    return len(text.encode("utf-16-le")) // 2


def too_long(limit):
    return {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": f"Must be {limit} or fewer in length."}]}


class Discord:
    """One webhook. `window` is the time, in seconds of the `clock`, in which it takes five messages; the real one is 2."""

    def __init__(self, log, window=2, clock=time.monotonic):
        self.log, self.window, self.clock, self.path = log, window, clock, "/api/webhooks/1234567890/stand-in-token"
        self.sent, self.lock, self.fault, self.delay = [], threading.Lock(), None, 0
        self.server = Server(self.answer)
        self.url = f"http://{self.server.address}{self.path}"

    def answer(self, request):
        status, headers, body = self.judge(request)
        if status == 204:
            self.log.discord(request.json())
        time.sleep(self.delay)
        return status, {"Content-Type": "application/json"} | headers, body

    def judge(self, request):
        if request.method != "POST" or request.path != self.path:
            return 404, {}, {"message": "Unknown Webhook", "code": 10015}
        if self.fault and self.fault():
            return self.slow_down(1.0)
        with self.lock:
            now = self.clock()
            self.sent = [at for at in self.sent if now - at < self.window]
            if len(self.sent) >= 5:
                return self.slow_down(self.window - (now - self.sent[0]))
            self.sent.append(now)
        return self.content(request)

    def slow_down(self, seconds):
        headers = {
            "Retry-After": str(max(1, round(seconds))),
            "X-RateLimit-Limit": "5",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset-After": f"{seconds:.3f}",
            "X-RateLimit-Scope": "shared",
        }
        return 429, headers, {"message": "You are being rate limited.", "retry_after": round(seconds, 3), "global": False}

    def content(self, request):
        invalid = {"message": "Invalid Form Body", "code": 50035}
        try:
            message = request.json()
        except ValueError:
            return 400, {}, {"message": "The request body contains invalid JSON.", "code": 50109}
        embeds = message.get("embeds") or []
        if not message.get("content") and not embeds:
            return 400, {}, {"message": "Cannot send an empty message", "code": 50006}
        if len(embeds) > 10:
            return 400, {}, invalid | {"errors": {"embeds": too_long(10)}}
        for index, embed in enumerate(embeds):
            for field, limit in LIMITS.items():
                if length(embed.get(field, "")) > limit:
                    return 400, {}, invalid | {"errors": {"embeds": {str(index): {field: too_long(limit)}}}}
        whole = sum(length(embed.get(field, "")) for embed in embeds for field in LIMITS)
        if whole > LIMIT_IN_ALL:
            return 400, {}, {"embeds": ["Embed size exceeds maximum size of 6000"]}
        return 204, {}, ""
