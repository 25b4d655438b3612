"""Stand-ins for PagerDuty's Events API v2, for an SMS gateway with a bearer token, and for a dead man's switch."""

from .server import Server


class PagerDuty:
    """POST /v2/enqueue. `broken` makes it refuse the routing key, as after the key was revoked."""

    def __init__(self, log, key):
        self.log, self.key, self.broken = log, key, False
        self.server = Server(self.answer)
        self.url = f"http://{self.server.address}/v2/enqueue"

    def answer(self, request):
        errors = self.errors(request)
        if errors:
            return 400, {}, {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
        event = request.json()
        self.log.pagerduty(event)
        return 202, {}, {"status": "success", "message": "Event processed", "dedup_key": event.get("dedup_key")}

    def errors(self, request):
        try:
            event = request.json()
        except ValueError:
            return ["JSON cannot be parsed"]
        if self.broken or event.get("routing_key") != self.key:
            return ["Invalid routing key"]
        if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
            return ["'event_action' is missing or invalid"]
        payload = event.get("payload", {})
        missing = [name for name in ("summary", "source", "severity") if not payload.get(name)]
        if event["event_action"] == "trigger" and missing:
            return [f"'payload.{name}' is missing or blank" for name in missing]
        if len(payload.get("summary", "")) > 1024:
            return ["'payload.summary' must be at most 1024 characters"]
        return []


class Webhook:
    """What takes Alertmanager's own webhook: the SMS gateway and the heartbeat."""

    def __init__(self, log, name, token=None):
        self.log, self.name, self.token = log, name, token
        self.server = Server(self.answer)
        self.url = f"http://{self.server.address}/{name}"

    def answer(self, request):
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {}, {"error": "unauthorized"}
        self.log.webhook(self.name, request.json())
        return 200, {}, {}
