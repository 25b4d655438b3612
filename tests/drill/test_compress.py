import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from drill import compress
from drill.agreed import ROOT

ADDRESSES = {
    "172.19.141.250:8000": ["127.0.0.1:1801"],
    "127.0.0.1:9093": ["127.0.0.1:1802", "127.0.0.1:1803"],
    "127.0.0.1:8060": ["127.0.0.1:1804"],
}
SETTINGS = {
    "DISCORD_WEBHOOK_URL": "http://127.0.0.1:1805/api/webhooks/1/x",
    "PAGERDUTY_ROUTING_KEY": "key",
    "EMAIL_TO": "oncall@example.com",
    "SMTP_FROM": "alertmanager@example.com",
    "SMTP_SMARTHOST": "127.0.0.1:1806",
    "SMS_URL": "http://127.0.0.1:1807/sms",
    "HEARTBEAT_URL": "http://127.0.0.1:1808/heartbeat",
}
DURATION = re.compile(r"\b(?:\d+(?:ms|[smhdwy]))+\b")


class Compression(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        shutil.copytree(ROOT / "prometheus/templates", cls.folder / "rendered/templates")
        token = cls.folder / "token"
        token.write_text("token\n", encoding="utf-8")
        cls.rendered = cls.folder / "rendered/alertmanager.yml"
        subprocess.run(
            [ROOT / "scripts/render-alertmanager", cls.rendered],
            env={"PATH": "/usr/bin:/bin", "DINGTALK_TOKEN_FILE": str(token)} | SETTINGS,
            check=True,
            capture_output=True,
        )
        for factor in 1, 60:
            target = cls.folder / str(factor)
            compress.folder(ROOT / "prometheus", cls.rendered, target, factor, ADDRESSES, "http://127.0.0.1:1809/v2/enqueue")

    def pairs(self, factor):
        """Every file before and after."""
        for path in sorted((self.folder / str(factor)).rglob("*.*")):
            name = path.relative_to(self.folder / str(factor))
            before = self.rendered if name.name == "alertmanager.yml" else ROOT / "prometheus" / name
            yield str(name), before.read_text(encoding="utf-8"), path.read_text(encoding="utf-8")

    def test_with_factor_1_only_addresses_and_intervals_change(self):
        changed = set()
        for name, before, after in self.pairs(1):
            if name == "alertmanager.yml":
                self.assertEqual(after.count('times: [{start_time: "00:00", end_time: "24:00"}]'), 3)
                before, after = (re.sub(r"\ntime_intervals:\n(?:[ #].*\n|\n)*", "\n", text) for text in (before, after))
                after = after.replace('\nglobal: {pagerduty_url: "http://127.0.0.1:1809/v2/enqueue"}\n', "")
                after = after.replace("127.0.0.1:1804", "127.0.0.1:8060")
            if name == "prometheus.yml":
                after = after.replace("127.0.0.1:1801", "172.19.141.250:8000").replace("127.0.0.1:1804", "127.0.0.1:8060")
                after = after.replace('"127.0.0.1:1802", "127.0.0.1:1803"', '"127.0.0.1:9093"')
            self.assertEqual(before, after, name)
            changed.add(name)
        self.assertLessEqual({"alertmanager.yml", "prometheus.yml", "rules/slo.yml", "templates/discord.tmpl"}, changed)

    def test_with_factor_60_every_duration_is_divided_and_nothing_else_changes(self):
        """Against what factor 1 has made, in all lines that are no comment, text or link."""
        seen = 0
        for name, _, one in self.pairs(1):
            sixty = (self.folder / "60" / name).read_text(encoding="utf-8")
            for before, after in zip(one.split("\n"), sixty.split("\n"), strict=True):
                if name.startswith("templates") or re.match(r" *(#|summary:|description:|runbook_url:|dashboard_url:|- to:)", before):
                    self.assertEqual(before, after, name)
                    continue
                durations = DURATION.findall(before)
                seen += len(durations)
                self.assertEqual([compress.divide(duration, 60) for duration in durations], DURATION.findall(after), before)
                rest = DURATION.sub("_", before), DURATION.sub("_", after)
                if rest[0] != rest[1]:
                    self.assertTrue(any(number in before for number in ("[_]) * 60", ":stalled / 60", ") / 300")) or "* 60 " in before, before)
        self.assertGreater(seen, 150)

    def test_the_numbers_that_are_durations_are_those_of_the_objectives(self):
        text = (ROOT / "rules/slo.yml").read_text(encoding="utf-8")
        found = [number for line in text.split("\n") if not line.lstrip().startswith("#") for number in re.findall(compress.SECONDS, line)]
        self.assertEqual(sorted(number for groups in found for number in groups if number), ["300"] * 4 + ["60"] * 6)
        for path in sorted((ROOT / "rules").glob("*.yml")):
            if path.name != "slo.yml":
                self.assertIsNone(re.search(compress.SECONDS, path.read_text(encoding="utf-8")), path)

    def test_durations(self):
        for duration, factor, expected in [
            ("5m", 60, "5s"),
            ("15s", 60, "250ms"),
            ("1h30m", 60, "90s"),
            ("0s", 60, "0s"),
            ("5s", 60, "83ms"),
            ("1ms", 60, "1ms"),
            ("3d", 1, "3d"),
            ("300", 60, "5"),
        ]:
            self.assertEqual(compress.divide(duration, factor), expected)

    def test_the_programs_take_the_result(self):
        subprocess.run(["promtool", "check", "config", self.folder / "60/prometheus.yml"], check=True, capture_output=True)
        subprocess.run(["amtool", "check-config", self.folder / "60/alertmanager.yml"], check=True, capture_output=True)


if __name__ == "__main__":
    unittest.main()
