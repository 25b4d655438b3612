//! The section `remediation`: which fixes may be made, and how often.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::decode::Section;

/// What entries are reset to.
pub(super) const THRESHOLDS: [(&str, f64); 3] = [("base", 2.7), ("canary", 2.9), ("champion", 3.2)];

/// A repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Writes the configured weights.
    CreateWeightsFile,
    /// Writes the usual thresholds.
    ResetEntryThresholds,
    /// Removes a lock that was left behind.
    ClearCacheLock,
}

impl Fix {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::CreateWeightsFile, Self::ResetEntryThresholds, Self::ClearCacheLock];

    /// Its name, in the configuration, the log and the label `fix`.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateWeightsFile => "create_weights_file",
            Self::ResetEntryThresholds => "reset_entry_thresholds",
            Self::ClearCacheLock => "clear_cache_lock",
        }
    }

    /// The check whose findings it mends.
    pub fn check(self) -> &'static str {
        match self {
            Self::CreateWeightsFile => "weights_file",
            Self::ResetEntryThresholds => "entry_thresholds",
            Self::ClearCacheLock => "cache_lock",
        }
    }
}

/// The section `remediation`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whether anything is repaired.
    pub enabled: bool,
    /// The fixes that may be made.
    pub fixes: Vec<Fix>,
    /// How long a fix is not tried again, whether it helped or not.
    pub cooldown: Duration,
    /// How many fixes are tried within an hour.
    pub max_per_hour: usize,
    /// What create_weights_file writes.
    pub weights: BTreeMap<String, f64>,
}

impl Settings {
    /// Reads the section; `bot` says whether there is a folder to repair.
    pub fn decode(mut section: Section<'_>, bot: bool) -> Self {
        let names = || Fix::ALL.map(Fix::name).join(", ");
        let parse = |text: &str| Fix::ALL.into_iter().find(|fix| fix.name() == text).ok_or_else(|| format!("one of {}", names()));
        let settings = Self {
            enabled: section.bool("enabled", false),
            fixes: section.texts("fixes", Vec::new(), parse),
            cooldown: section.duration("cooldown", Duration::from_mins(30)),
            max_per_hour: section.count("max_per_hour", 4),
            weights: section.numbers("weights"),
        };
        if settings.enabled {
            if !bot {
                section.mistake("enabled", "expected the section sre too: it is in the bot's folder that things are repaired");
            }
            if settings.fixes.is_empty() {
                section.mistake("fixes", format_args!("expected the fixes that may be made, of {}", names()));
            }
            if settings.fixes.contains(&Fix::CreateWeightsFile) && settings.weights.is_empty() {
                section.mistake("weights", "expected the weights that create_weights_file writes, names with numbers");
            }
        }
        section.finish();
        settings
    }
}
