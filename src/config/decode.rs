//! YAML into settings, strictly, with all mistakes told at once: each with the path of its key and what was expected.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde_yaml::{Mapping, Value};

use super::context::Context;
use crate::secret::Secret;

/// What durations may be. A longer one is a typing error, and the database's own limits are not far beyond.
const DURATIONS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(24);

/// A mapping whose keys are taken one by one. What a getter finds wrong is noted, and reading goes on.
pub struct Section<'a> {
    context: &'a Context<'a>,
    path: String,
    mapping: Mapping,
    known: BTreeSet<&'static str>,
}

impl<'a> Section<'a> {
    /// The whole document; an empty one is a mapping without keys.
    pub fn document(context: &'a Context<'a>, value: Value) -> Self {
        Self::of(context, String::new(), value)
    }

    fn of(context: &'a Context<'a>, path: String, value: Value) -> Self {
        let mapping = match value {
            Value::Mapping(mapping) => mapping,
            Value::Null => Mapping::new(),
            _ => {
                context.mistake(if path.is_empty() { "the document" } else { &path }, "expected keys with values (a mapping)");
                Mapping::new()
            }
        };
        Self { context, path, mapping, known: BTreeSet::new() }
    }

    /// The path of one of its keys, as messages show it.
    pub fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a mistake at `key`.
    pub fn mistake(&self, key: &str, expected: impl std::fmt::Display) {
        self.context.mistake(&self.path(key), expected);
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.insert(key);
        self.mapping.remove(key).filter(|value| !value.is_null())
    }

    /// A scalar as text, with the environment put in.
    fn scalar(&mut self, key: &'static str, expected: &str) -> Option<String> {
        let path = self.path(key);
        match self.take(key)? {
            Value::String(text) => Some(self.context.expand(&path, text)),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(bool) => Some(bool.to_string()),
            _ => {
                self.context.mistake(&path, format_args!("expected {expected}"));
                None
            }
        }
    }

    fn parsed<T>(&mut self, key: &'static str, default: T, expected: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        let Some(text) = self.scalar(key, expected) else { return default };
        parse(&text).unwrap_or_else(|| {
            self.mistake(key, format_args!("expected {expected}, found {text:?}"));
            default
        })
    }

    /// Text that `parse` accepts; its error is what is expected.
    pub fn checked<T>(&mut self, key: &'static str, default: T, parse: impl Fn(&str) -> Result<T, String>) -> T {
        let Some(text) = self.scalar(key, "text") else { return default };
        parse(&text).unwrap_or_else(|expected| {
            self.mistake(key, format_args!("expected {expected}, found {text:?}"));
            default
        })
    }

    /// true or false.
    pub fn bool(&mut self, key: &'static str, default: bool) -> bool {
        self.parsed(key, default, "true or false", |text| text.parse().ok())
    }

    /// A whole number of at least 1.
    pub fn count(&mut self, key: &'static str, default: usize) -> usize {
        self.parsed(key, default, "a whole number of at least 1", |text| text.parse().ok().filter(|count| *count > 0))
    }

    /// A duration from a millisecond to a day.
    pub fn duration(&mut self, key: &'static str, default: Duration) -> Duration {
        self.parsed(key, default, "a duration from 1ms to 1d such as 500ms, 15s or 1h30m", |text| {
            humantime::parse_duration(text).ok().filter(|duration| DURATIONS.contains(duration))
        })
    }

    /// How long the last good answer counts of something that is polled every `interval`.
    pub fn stale_after(&mut self, interval: Duration, default: Duration) -> Duration {
        let stale_after = self.duration("stale_after", default);
        if stale_after <= interval {
            let [interval, found] = [interval, stale_after].map(humantime::format_duration);
            self.mistake("stale_after", format_args!("expected more than the interval of {interval}, found {found}"));
        }
        stale_after
    }

    /// A path; a relative one is taken from the configuration's folder.
    pub fn path_at(&mut self, key: &'static str) -> Option<PathBuf> {
        let text = self.scalar(key, "a path")?;
        if text.is_empty() {
            self.mistake(key, "expected a path, found nothing");
            return None;
        }
        Some(self.context.folder.join(text))
    }

    /// A path that has to be there.
    pub fn required_path(&mut self, key: &'static str) -> Option<PathBuf> {
        let path = self.path_at(key);
        if path.is_none() {
            self.mistake(key, "expected a path");
        }
        path
    }

    /// A secret that has to be there, and which of the two keys had it.
    pub fn required_secret(
        &mut self,
        key: &'static str,
        file_key: &'static str,
        expected: &str,
    ) -> Option<(&'static str, Secret)> {
        let given = [key, file_key].into_iter().find(|key| self.mapping.get(*key).is_some_and(|value| !value.is_null()));
        let secret = self.secret(key, file_key);
        if given.is_none() {
            self.mistake(key, format_args!("{expected}, here or in {file_key}"));
        }
        given.zip(secret)
    }

    /// A secret: its text under `key`, or under `file_key` the path of a file that holds it. Its text is in no message.
    pub fn secret(&mut self, key: &'static str, file_key: &'static str) -> Option<Secret> {
        let text = self.scalar(key, "text");
        let file = self.path_at(file_key);
        match (text, file) {
            (Some(_), Some(_)) => {
                self.mistake(key, format_args!("expected either this or {file_key}, found both"));
                None
            }
            (Some(text), None) => Some(Secret::new(text)),
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) => Some(Secret::new(text.trim_end_matches(['\r', '\n']))),
                Err(error) => {
                    self.mistake(file_key, format_args!("expected a readable file, but {}: {error}", path.display()));
                    None
                }
            },
            (None, None) => None,
        }
    }

    /// The section under `key`, if there is one.
    pub fn section(&mut self, key: &'static str) -> Option<Section<'a>> {
        let path = self.path(key);
        self.known.insert(key);
        // A section without a key in it is there all the same: all of it are defaults.
        self.mapping.remove(key).map(|value| Section::of(self.context, path, value))
    }

    /// The sections of the list under `key`.
    pub fn list(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let path = self.path(key);
        match self.take(key) {
            None => Vec::new(),
            Some(Value::Sequence(items)) => {
                let section = |(at, item)| Section::of(self.context, format!("{path}[{at}]"), item);
                items.into_iter().enumerate().map(section).collect()
            }
            Some(_) => {
                self.context.mistake(&path, "expected a list");
                Vec::new()
            }
        }
    }

    /// Notes every key that nobody asked for.
    pub fn finish(self) {
        for key in self.mapping.keys() {
            let known = self.known.iter().copied().collect::<Vec<_>>().join(", ");
            let key = serde_yaml::to_string(key).unwrap_or_default();
            self.mistake(key.trim_end(), format_args!("unknown key; expected one of {known}"));
        }
    }
}
