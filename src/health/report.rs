//! What people and programs are told: the verdict over all findings, as JSON and as a screen of text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::catalogue;
use super::finding::{Finding, Level};
use super::repair::{Attempt, Outcome};
use crate::clock::unix_now;
use crate::locked;
use crate::told::told;

/// What the last looks found.
#[derive(Default)]
pub struct Latest(Mutex<Known>);

#[derive(Default)]
struct Known {
    findings: BTreeMap<&'static str, Finding>,
    fixes: Vec<Attempt>,
}

impl Latest {
    /// Takes what a look found; what it did not look at stays.
    pub fn put(&self, found: &[Finding]) {
        locked(&self.0).findings.extend(found.iter().map(|finding| (finding.check, finding.clone())));
    }

    /// Forgets what other checks found than those that `keep` names.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        locked(&self.0).findings.retain(|check, _| keep(check));
    }

    /// Takes what became of the fixes of a look.
    pub fn put_fixes(&self, fixes: Vec<Attempt>) {
        locked(&self.0).fixes = fixes;
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *locked(&self.0) = Known::default();
    }

    /// The report over what is known now.
    pub fn report(&self, environment: &str) -> Report {
        let latest = locked(&self.0);
        let findings = catalogue::ALL.iter().filter_map(|check| latest.findings.get(check.name).cloned());
        Report::new(environment, findings.collect(), latest.fixes.clone())
    }
}

/// All findings, at one time.
#[derive(Clone, Debug)]
pub struct Report {
    /// When it was made, in Unix seconds.
    pub at: f64,
    /// Where, such as prod.
    pub environment: String,
    /// What every check found.
    pub findings: Vec<Finding>,
    /// What became of the fixes.
    pub fixes: Vec<Attempt>,
}

impl Report {
    /// A report made now.
    pub fn new(environment: &str, findings: Vec<Finding>, fixes: Vec<Attempt>) -> Self {
        Self { at: unix_now(), environment: environment.to_owned(), findings, fixes }
    }

    /// The worst of all levels.
    pub fn level(&self) -> Level {
        self.findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
    }

    /// What is not well, the worst first.
    pub fn alerts(&self) -> Vec<&Finding> {
        let mut alerts: Vec<_> = self.findings.iter().filter(|finding| finding.level > Level::Ok).collect();
        alerts.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        alerts
    }

    /// The report for programs.
    pub fn json(&self) -> Value {
        let alerts = self.alerts();
        let count = |level| alerts.iter().filter(|finding| finding.level == level).count();
        json!({
            "timestamp": timestamp(self.at),
            "environment": self.environment,
            "overall_status": self.level().verdict(),
            "alerts": alerts.iter().map(|finding| finding.json()).collect::<Vec<_>>(),
            "metrics": {
                "total_checks": self.findings.len(),
                "alerts_triggered": alerts.len(),
                "critical_alerts": count(Level::Critical),
                "warning_alerts": count(Level::Warning),
            },
            "checks": self.findings.iter().map(Finding::json).collect::<Vec<_>>(),
            "fixes": self.fixes.iter().map(Attempt::json).collect::<Vec<_>>(),
        })
    }

    /// The report for people; `colours` are those of a terminal.
    pub fn text(&self, colours: bool) -> String {
        let paint = |level: Level, text: &str| match (colours, level) {
            (false, _) => text.to_owned(),
            (true, Level::Ok) => format!("\x1b[32m{text}\x1b[0m"),
            (true, Level::Warning) => format!("\x1b[1;33m{text}\x1b[0m"),
            (true, Level::Critical) => format!("\x1b[1;31m{text}\x1b[0m"),
        };
        let alerts = self.alerts();
        let verdict = match alerts.len() {
            0 => format!("all {} checks are well", self.findings.len()),
            count => format!("{count} of {} checks not well", self.findings.len()),
        };
        let status = paint(self.level(), &self.level().verdict().to_uppercase());
        let mut text = format!("{status}  {}, {}: {verdict}\n", self.environment, timestamp(self.at));
        let width = alerts.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
        for finding in &alerts {
            let level = paint(finding.level, &format!("{:8}", finding.level.as_str().to_uppercase()));
            // Writing to a string cannot fail.
            let _ = write!(text, "\n{level}  {:width$}  {}\n", finding.check, told(&finding.message));
            let _ = writeln!(text, "{:10}{:width$}  {}", "", "", told(&finding.judged_by()));
        }
        for fix in &self.fixes {
            let level = match fix.outcome {
                Outcome::Success => Level::Ok,
                Outcome::Skipped | Outcome::Planned => Level::Warning,
                Outcome::Failed => Level::Critical,
            };
            let result = paint(level, fix.outcome.as_str());
            let _ = write!(text, "\nFIX       {}, {result}: {}\n", fix.fix.name(), told(&fix.message));
        }
        let well: Vec<_> =
            self.findings.iter().filter(|finding| finding.level == Level::Ok).map(|finding| finding.check).collect();
        if !well.is_empty() && text.lines().count() > 1 {
            let _ = write!(text, "\n{}: {}\n", paint(Level::Ok, "OK"), well.join(", "));
        }
        text
    }
}

impl Finding {
    /// The finding for programs.
    pub fn json(&self) -> Value {
        let details: Map<String, Value> = [
            ("value", self.value.clone()),
            ("threshold", self.threshold.clone().map(Value::from)),
            ("file", self.file.clone().map(Value::from)),
            ("runbook", self.runbook().map(Value::from)),
            ("checked_at", Some(timestamp(self.at).into())),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect();
        json!({"check": self.check, "level": self.level.as_str(), "message": self.message, "details": details})
    }

    /// The heading in docs/runbooks that tells what to do.
    pub fn runbook(&self) -> Option<&'static str> {
        catalogue::find(self.check).map(|check| check.runbook)
    }

    /// Value, threshold, file and runbook in one line.
    pub fn judged_by(&self) -> String {
        let value = match &self.value {
            Some(Value::Object(parts)) => {
                Some(parts.iter().map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", "))
            }
            value => value.as_ref().map(Value::to_string),
        };
        let parts = [
            ("value", value),
            ("threshold", self.threshold.clone()),
            ("file", self.file.clone()),
            ("runbook", self.runbook().map(str::to_owned)),
        ];
        let told = parts.into_iter().filter_map(|(name, part)| Some(format!("{name}: {}", part?)));
        told.collect::<Vec<_>>().join(" | ")
    }
}

/// As Python's isoformat writes it, which older versions of Python read back too.
pub(crate) fn timestamp(unix: f64) -> String {
    let time = Timestamp::from_second(unix as i64).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(findings: Vec<Finding>) -> Report {
        Report { at: 1_767_652_200.9, environment: "prod".to_owned(), findings, fixes: Vec::new() }
    }

    fn bad() -> Report {
        report(vec![
            Finding::ok("fine").of("weights_file", 1.0),
            Finding::warning("so\x1b[2Jso").of("zero_trades", 1.0),
            Finding::critical("broken").value(412).threshold("at most 5m old").of("cache_lock", 1.0),
        ])
    }

    #[test]
    fn the_verdict_is_the_worst() {
        assert_eq!((report(vec![]).level().verdict(), bad().level().verdict()), ("healthy", "critical"));
        let degraded = report(bad().findings[..2].to_vec());
        assert_eq!((degraded.level().verdict(), degraded.level()), ("degraded", Level::Warning));
    }

    #[test]
    fn programs_are_told_as_they_are_used_to() {
        let json = bad().json();
        let expected = json!({"total_checks": 3, "alerts_triggered": 2, "critical_alerts": 1, "warning_alerts": 1});
        assert_eq!(json["metrics"], expected);
        assert_eq!((&json["timestamp"], &json["environment"]), (&json!("2026-01-05T22:30:00+00:00"), &json!("prod")));
        let alerts: Vec<_> = json["alerts"].as_array().unwrap().iter().map(|alert| &alert["check"]).collect();
        assert_eq!(alerts, ["cache_lock", "zero_trades"]);
        let details = json!({"value": 412, "threshold": "at most 5m old", "runbook": "SentinelCheckFailing", "checked_at": "1970-01-01T00:00:01+00:00"});
        assert_eq!(
            json["alerts"][0],
            json!({"check": "cache_lock", "level": "critical", "message": "broken", "details": details})
        );
    }

    #[test]
    fn people_are_told_the_worst_first() {
        let expected = "CRITICAL  prod, 2026-01-05T22:30:00+00:00: 2 of 3 checks not well\n\
            \nCRITICAL  cache_lock   broken\n                       value: 412 | threshold: at most 5m old | runbook: SentinelCheckFailing\n\
            \nWARNING   zero_trades  so\\u{1b}[2Jso\n                       runbook: SentinelCheckFailing\n\
            \nOK: weights_file\n";
        assert_eq!(bad().text(false), expected);
        let fine = report(bad().findings[..1].to_vec());
        assert_eq!(fine.text(false), "HEALTHY  prod, 2026-01-05T22:30:00+00:00: all 1 checks are well\n");
        assert!(fine.text(true).starts_with("\x1b[32mHEALTHY\x1b[0m  prod"));
    }

    #[test]
    fn what_was_not_looked_at_again_stays() {
        let latest = Latest::default();
        latest.put(&bad().findings);
        latest.put(&[Finding::ok("released").of("cache_lock", 2.0)]);
        let report = latest.report("prod");
        // In the table's order.
        let told: Vec<_> = report.findings.iter().map(|finding| (finding.check, finding.level)).collect();
        assert_eq!(told, [("weights_file", Level::Ok), ("zero_trades", Level::Warning), ("cache_lock", Level::Ok)]);
        latest.retain(|check| check == "zero_trades");
        assert_eq!(latest.report("prod").findings.iter().map(|finding| finding.check).collect::<Vec<_>>(), ["zero_trades"]);
        latest.clear();
        assert_eq!(latest.report("prod").findings, []);
    }
}
