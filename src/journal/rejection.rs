//! Why a line was not counted.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::told::told_briefly;

/// The kind of a rejection; it is the `reason` label too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Not UTF-8, or not a JSON object.
    Json,
    /// A field is missing or of another type, or a name is unknown.
    Schema,
    /// A number that cannot be.
    Range,
    /// Over the length of a line.
    Oversize,
}

impl Reason {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Json => "json",
            Reason::Schema => "schema",
            Reason::Range => "range",
            Reason::Oversize => "oversize",
        }
    }
}

/// A line that was not counted, and what was expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The kind.
    pub reason: Reason,
    expected: String,
}

impl Rejection {
    /// `expected` completes "expected ...".
    pub fn new(reason: Reason, expected: impl AsRef<str>) -> Self {
        // What it quotes is somebody else's text.
        Self { reason, expected: told_briefly(expected.as_ref()) }
    }

    /// A number outside of what it may be.
    pub fn range(field: &str, expected: &str, found: f64) -> Self {
        Self::new(Reason::Range, format!("field {field:?} to be {expected}, but found {found}"))
    }

    /// A name that is not one of those known. Only the beginning of `found` is shown.
    pub fn found(field: &str, expected: &str, found: &str) -> Self {
        let found = &found[..found.floor_char_boundary(40)];
        Self::new(Reason::Schema, format!("field {field:?} to be {expected}, but found {found:?}"))
    }

    /// What serde_json says of a line.
    pub fn from_json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        if error.is_data() {
            Self::new(Reason::Schema, format!("each field once and of its type: {text}"))
        } else if text.starts_with("number out of range") {
            Self::new(Reason::Range, format!("finite numbers: {text}"))
        } else {
            Self::new(Reason::Json, format!("a JSON object: {text}"))
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}
