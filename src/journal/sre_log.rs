//! The lines of the bot's two health logs: root-cause-analysis sessions and critical checks.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error};

use super::event;
use super::rejection::{Reason, Rejection};

/// A root-cause-analysis session.
#[derive(Debug, Deserialize)]
pub struct RcaSession {
    timestamp: Option<f64>,
    /// What began it.
    pub trigger: String,
    /// The worst of its checks.
    pub overall_status: CheckResult,
    /// What it looked at.
    #[serde(default)]
    pub checks: Vec<RcaCheck>,
    /// What it tried to repair.
    #[serde(default)]
    pub fixes_applied: Vec<Fix>,
}

/// One check of a session.
#[derive(Debug, Deserialize)]
pub struct RcaCheck {
    /// The check's name.
    pub check_name: String,
    /// Its result.
    pub status: CheckResult,
    /// True when a fix has mended what it found.
    #[serde(default)]
    pub fix_success: bool,
}

/// A check of the log of critical checks.
#[derive(Debug, Deserialize)]
pub struct CriticalCheck {
    timestamp: Option<f64>,
    /// The check's name.
    pub name: String,
    /// Its result.
    pub status: CheckResult,
}

/// A check's result; the two logs have different words for the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CheckResult {
    /// All is well.
    Ok,
    /// Worth a look.
    Warning,
    /// Broken.
    #[serde(alias = "CRITICAL")]
    Fail,
}

impl CheckResult {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            CheckResult::Ok => "ok",
            CheckResult::Warning => "warning",
            CheckResult::Fail => "fail",
        }
    }

    /// The gauge's value: 0, 1 or 2.
    pub fn level(self) -> f64 {
        f64::from(self as u8)
    }
}

/// A repair that was tried, in the log as `clear_cache_lock (success)`.
#[derive(Debug)]
pub struct Fix {
    /// The fix's name.
    pub name: String,
    /// success or failed.
    pub result: &'static str,
}

impl<'de> Deserialize<'de> for Fix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        for result in ["success", "failed"] {
            if let Some(name) = text.strip_suffix(')').and_then(|text| text.strip_suffix(result)?.strip_suffix(" (")) {
                return Ok(Fix { name: name.to_owned(), result });
            }
        }
        Err(D::Error::custom("a fix should end in (success) or (failed)"))
    }
}

/// A line that may say when it was written.
pub trait LogLine: DeserializeOwned {
    /// Unix seconds.
    fn timestamp(&self) -> Option<f64>;
}

impl LogLine for RcaSession {
    fn timestamp(&self) -> Option<f64> {
        self.timestamp
    }
}

impl LogLine for CriticalCheck {
    fn timestamp(&self) -> Option<f64> {
        self.timestamp
    }
}

/// Reads a line, and the Unix time at which it was written; `read_at` when it does not say.
pub fn parse<T: LogLine>(line: &[u8], read_at: f64) -> Result<(f64, T), Rejection> {
    let text = event::json_object(line)?;
    let parsed: T = serde_json::from_str(text).map_err(|error| match error.is_data() {
        true => Rejection::new(Reason::Schema, format!("a line of this log, but {error}")),
        false => Rejection::from_json(&error),
    })?;
    Ok((event::checked_time("timestamp", parsed.timestamp().unwrap_or(read_at))?, parsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RCA: &str = r#"{"timestamp": 1736116800.0, "trigger": "manual", "overall_status": "FAIL",
        "checks": [{"check_name": "cache_lock", "status": "FAIL", "message": "stale", "fix_applied": "clear_cache_lock", "fix_success": true}],
        "fixes_applied": ["clear_cache_lock (success)"], "time": "2026-01-05T22:30:00+00:00"}"#;

    #[test]
    fn a_session_is_read() {
        let (at, session) = parse::<RcaSession>(RCA.as_bytes(), 1.0).unwrap();
        assert_eq!((at, session.trigger.as_str(), session.overall_status), (1736116800.0, "manual", CheckResult::Fail));
        assert!(session.checks[0].fix_success);
        assert_eq!((session.fixes_applied[0].name.as_str(), session.fixes_applied[0].result), ("clear_cache_lock", "success"));
    }

    #[test]
    fn absent_keys_are_no_fault() {
        let (at, session) = parse::<RcaSession>(br#"{"trigger": "test", "overall_status": "OK"}"#, 7.0).unwrap();
        assert_eq!((at, session.checks.len(), session.fixes_applied.len()), (7.0, 0, 0));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (line, reason, expected) in [
            (RCA.replace("FAIL", "BROKEN"), Reason::Schema, "unknown variant `BROKEN`"),
            (RCA.replace("\"trigger\"", "\"cause\""), Reason::Schema, "missing field `trigger`"),
            (RCA.replace("(success)", "(maybe)"), Reason::Schema, "(success) or (failed)"),
            (RCA.replace("1736116800.0", "1736116800000"), Reason::Range, "Unix seconds"),
            ("[]".to_owned(), Reason::Json, "a JSON object"),
        ] {
            let rejection = parse::<RcaSession>(line.as_bytes(), 1.0).unwrap_err();
            assert_eq!(rejection.reason, reason, "{rejection}");
            assert!(rejection.to_string().contains(expected), "{rejection}");
        }
    }
}
