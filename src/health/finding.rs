//! What a check found.

use serde_json::Value;

/// How bad it is; the greater the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// All is well.
    Ok,
    /// Worth a look, or it could not be found out.
    Warning,
    /// Broken.
    Critical,
}

impl Level {
    /// The word for everything of which this is the worst.
    pub fn verdict(self) -> &'static str {
        match self {
            Self::Ok => "healthy",
            Self::Warning => "degraded",
            Self::Critical => "critical",
        }
    }

    /// The word of reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The check's name.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found, for people.
    pub message: String,
    /// What was measured.
    pub value: Option<Value>,
    /// What it is judged by.
    pub threshold: Option<String>,
    /// The file in question, below the bot's folder.
    pub file: Option<String>,
    /// True when what is wrong is what the check's fix mends; false for, say, a file that nobody may read.
    pub mendable: bool,
    /// When it was found, in Unix seconds.
    pub at: f64,
}

impl Finding {
    fn new(level: Level, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { check: "", level, message, value: None, threshold: None, file: None, mendable: false, at: 0.0 }
    }

    pub(super) fn ok(message: impl Into<String>) -> Self {
        Self::new(Level::Ok, message)
    }

    pub(super) fn warning(message: impl Into<String>) -> Self {
        Self::new(Level::Warning, message)
    }

    pub(super) fn critical(message: impl Into<String>) -> Self {
        Self::new(Level::Critical, message)
    }

    /// A check that could not be carried out does not pass.
    pub(super) fn unknown(why: impl std::fmt::Display) -> Self {
        Self::warning(format!("cannot be checked: {why}"))
    }

    pub(super) fn value(self, value: impl Into<Value>) -> Self {
        Self { value: Some(value.into()), ..self }
    }

    pub(super) fn threshold(self, threshold: impl Into<String>) -> Self {
        Self { threshold: Some(threshold.into()), ..self }
    }

    pub(super) fn mendable(self) -> Self {
        Self { mendable: true, ..self }
    }

    pub(super) fn of(self, check: &'static str, at: f64) -> Self {
        Self { check, at, ..self }
    }
}
