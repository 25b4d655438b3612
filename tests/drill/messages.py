"""What came to people: every receiver's message in one form, in the order in which they came."""

import re
import threading
import time
import unicodedata
from dataclasses import dataclass, field

ALERT = re.compile(r"(?:(CRITICAL|WARNING|INFO|NONE|RESOLVED): )?(Sentinel[A-Za-z]+)(?: on ([\w.:\[\]-]+))?(?: \(\d+\))?")
# One alert in a message of the bridge.
ENTRY = re.compile(r"(CRITICAL|WARNING|INFO|NONE|Resolved):? (Sentinel[A-Za-z]+)(?: on ([\w.:\[\]-]+))?")


@dataclass
class Message:
    receiver: str
    alert: str
    instance: str
    # Of what fires; nothing when all has ended.
    severity: str
    firing: str
    resolved: str
    text: str
    at: float = field(default_factory=time.monotonic)

    def same(self, other):
        """Whether a person would take the two for one message sent twice: they say the same, but for the numbers."""
        return self.subject() == other.subject()

    def subject(self):
        masked = tuple(re.sub(r"[\d.]+(?:[smhd%](?: \d+[smhd])*)?", "#", text) for text in (self.firing, self.resolved))
        return self.receiver, self.alert, self.instance, self.severity, masked


class Log:
    """All messages of one chain. Each receiver's stand-in hands in what it took."""

    def __init__(self):
        self.messages, self.changed = [], threading.Condition()

    def add(self, *messages):
        with self.changed:
            self.messages += messages
            self.changed.notify_all()

    def of(self, instance=None, alert=None, receiver=None, since=0.0):
        with self.changed:
            return [
                message
                for message in self.messages
                if message.at >= since
                and (instance is None or message.instance == instance)
                and (alert is None or message.alert == alert)
                and (receiver is None or message.receiver == receiver)
            ]

    def wait(self, wanted, seconds):
        """Waits until `wanted()` is true; false when it did not become so."""
        with self.changed:
            return self.changed.wait_for(wanted, seconds)

    def discord(self, body):
        for embed in body["embeds"]:
            title, text = plain_discord(embed["title"]), plain_discord(embed["description"])
            parts = sections(text, r"\*\*Firing\*\*\n", r"\*\*Resolved\*\*\n")
            self.add(titled("discord", title, *parts, text))

    def email(self, message):
        text = message.get_body(("plain",)).get_content().replace("\r\n", "\n")
        parts = sections(text, r"^Firing:\n", r"^Resolved:\n")
        self.add(titled("email", message["Subject"], *parts, text))

    def pagerduty(self, event):
        payload = event.get("payload", {})
        details = payload.get("custom_details", {})
        fires = event["event_action"] == "trigger"
        # A resolution of PagerDuty is of the whole incident, and says nothing but its key.
        alert, instance = payload.get("class"), payload.get("component")
        if not alert:
            alert, instance = next(
                ((known.alert, known.instance) for known in self.of(receiver="pagerduty") if known.text.startswith(event["dedup_key"])),
                ("", ""),
            )
        firing = details.get("firing", "") if fires else ""
        resolved = details.get("resolved", "") or ("(incident resolved)" if not fires else "")
        text = f"{event['dedup_key']} {payload.get('summary', '')}\n{details.get('summary', '')}\n{firing}{resolved}"
        self.add(Message("pagerduty", alert, instance, payload.get("severity") if fires else None, firing, resolved, text))

    def webhook(self, name, body):
        def texts(status):
            return "".join(alert["annotations"].get("description", "") + "\n" for alert in body["alerts"] if alert["status"] == status)

        firing, resolved = texts("firing"), texts("resolved")
        severity = body["commonLabels"].get("severity") if firing else None
        labels = body["groupLabels"]
        text = body["commonAnnotations"].get("summary", "") + "\n" + firing + resolved
        self.add(Message(name, labels.get("alertname", ""), labels.get("instance", ""), severity, firing, resolved, text))

    def dingtalk(self, robot, body):
        """One message may be about several alerts, which come here as they would have come alone."""
        content = body[body["msgtype"]]
        text = plain_dingtalk(content.get("text", ""))
        entries = list(ENTRY.finditer(text))
        parts = {}
        for entry, following in zip(entries, [*entries[1:], None]):
            state, alert, instance = entry.groups()
            said = text[entry.end() : following.start() if following else None]
            parts.setdefault((alert, instance), {}).setdefault(state.lower(), []).append(said)
        for (alert, instance), states in parts.items():
            resolved = "".join(states.pop("resolved", []))
            for severity, said in states.items() or [(None, [])]:
                self.add(Message(f"dingtalk-{robot}", alert, instance, severity, "".join(said), resolved, text))


def plain_discord(text):
    """Without the marks that keep labels from being markdown."""
    return re.sub(r"\\([\\*_~|\[\]`])", r"\1", text.replace("\u200b", ""))


def plain_dingtalk(text):
    """Without colours, and with the signs that the bridge shows as their look-alikes."""
    return unicodedata.normalize("NFKC", re.sub(r"</?font[^>]*>", "", text)).replace("\u2217", "*")


def sections(text, firing, resolved):
    """What the text says of alerts that fire, and of those that have ended."""
    begin, end = re.search(firing, text, re.MULTILINE), re.search(resolved, text, re.MULTILINE)
    first = text[begin.end() : end.start() if end and end.start() > begin.start() else None] if begin else ""
    return first, text[end.end() :] if end else ""


def titled(receiver, title, firing, resolved, text):
    match = ALERT.search(title)
    status, alert, instance = match.groups() if match else (None, "", "")
    severity = status.lower() if status and status != "RESOLVED" else None
    return Message(receiver, alert, instance or "", severity, firing, resolved, f"{title}\n{text}")
