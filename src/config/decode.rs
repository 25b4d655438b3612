//! YAML into settings, strictly, with all mistakes reported at once: each with the path of its key and what was expected.

mod pairs;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_yaml::{Mapping, Value};

use super::context::Context;
use super::load::{Mistakes, read_file};
use crate::secret::Secret;

/// What durations may be. A longer one is a typing error, and the database's own limits are not far beyond.
const DURATIONS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(24);

/// A scalar with the environment put in, and as it is written. Messages show the latter: the environment may hold a secret.
struct Scalar {
    value: String,
    written: String,
}

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

    /// Whether there is anything under `key`.
    pub fn has(&self, key: &str) -> bool {
        self.mapping.get(key).is_some_and(|value| !value.is_null())
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.insert(key);
        self.mapping.remove(key).filter(|value| !value.is_null())
    }

    fn scalar(&mut self, key: &'static str, expected: &str) -> Option<Scalar> {
        let value = self.take(key)?;
        self.scalar_of(key, value, expected)
    }

    fn scalar_of(&self, key: &str, value: Value, expected: &str) -> Option<Scalar> {
        let path = self.path(key);
        let written = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(bool) => bool.to_string(),
            _ => {
                self.context.mistake(&path, format_args!("expected {expected}"));
                return None;
            }
        };
        Some(Scalar { value: self.context.expand(&path, &written), written })
    }

    fn parsed<T>(&mut self, key: &'static str, default: T, expected: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        let Some(Scalar { value, written }) = self.scalar(key, expected) else { return default };
        parse(&value).unwrap_or_else(|| {
            self.mistake(key, format_args!("expected {expected}, found {written:?}"));
            default
        })
    }

    /// Text that `parse` accepts; its error is what is expected.
    pub fn checked<T>(&mut self, key: &'static str, default: T, parse: impl Fn(&str) -> Result<T, String>) -> T {
        let Some(Scalar { value, written }) = self.scalar(key, "text") else { return default };
        parse(&value).unwrap_or_else(|expected| {
            self.mistake(key, format_args!("expected {expected}, found {written:?}"));
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

    /// A number of at least 0.
    pub fn number(&mut self, key: &'static str, default: f64) -> f64 {
        let usable = |number: &f64| number.is_finite() && *number >= 0.0;
        self.parsed(key, default, "a number of at least 0", |text| text.parse().ok().filter(usable))
    }

    /// A duration from a millisecond to a day.
    pub fn duration(&mut self, key: &'static str, default: Duration) -> Duration {
        self.parsed(key, default, "a duration from 1ms to 1d such as 500ms, 15s or 1h30m", |text| {
            humantime::parse_duration(text).ok().filter(|duration| DURATIONS.contains(duration))
        })
    }

    /// The time between two runs of something of which `alert` fires when it has not run for longer.
    pub fn interval(&mut self, default: Duration, longest: Duration, alert: &str) -> Duration {
        let interval = self.duration("interval", default);
        if interval > longest {
            let [most, found] = [longest, interval].map(humantime::format_duration);
            self.mistake("interval", format_args!("expected at most {most}, or {alert} fires falsely, found {found}"));
        }
        interval.min(longest)
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
        Some(self.context.folder.join(self.path_scalar(key)?.value))
    }

    /// A path, or `default` in the configuration's folder.
    pub fn path_or(&mut self, key: &'static str, default: &str) -> PathBuf {
        self.path_at(key).unwrap_or_else(|| self.context.folder.join(default))
    }

    /// A path that is taken from a folder of its own, such as the bot's; as it is written, or `default`.
    pub fn path_within(&mut self, key: &'static str, default: &str) -> PathBuf {
        self.path_scalar(key).map_or_else(|| PathBuf::from(default), |path| PathBuf::from(path.value))
    }

    fn path_scalar(&mut self, key: &'static str) -> Option<Scalar> {
        let path = self.scalar(key, "a path")?;
        // A URL under the key of a path is a slip, and must not reach the messages and labels that show paths: it may hold a password.
        let wrong = match path.value.as_str() {
            "" => "nothing",
            url if url.contains("://") => "a URL",
            _ => return Some(path),
        };
        self.mistake(key, format_args!("expected a path, found {wrong}"));
        None
    }

    /// What `read` finds in the file whose path is under `key`.
    pub fn file<T>(&mut self, key: &'static str, read: impl Fn(&Path) -> io::Result<T>) -> Option<T> {
        let Scalar { value, written } = self.path_scalar(key)?;
        let folder = self.context.folder;
        read(&folder.join(value))
            .map_err(|error| {
                let shown = folder.join(written);
                self.mistake(key, format_args!("expected a readable file, but {}: {error}", shown.display()));
            })
            .ok()
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
        let given = [key, file_key].into_iter().find(|key| self.has(key));
        let secret = self.secret(key, file_key);
        if given.is_none() {
            self.mistake(key, format_args!("{expected}, here or in {file_key}"));
        }
        given.zip(secret)
    }

    /// A secret: its text under `key`, or under `file_key` the path of a file that holds it. Its text is in no message.
    pub fn secret(&mut self, key: &'static str, file_key: &'static str) -> Option<Secret> {
        let Some(text) = self.scalar(key, "text") else { return self.secret_file(file_key) };
        if self.take(file_key).is_some() {
            self.mistake(key, format_args!("expected either this or {file_key}, found both"));
            return None;
        }
        Some(Secret::new(text.value))
    }

    fn secret_file(&mut self, key: &'static str) -> Option<Secret> {
        let text =
            self.file(key, |path| String::from_utf8(read_file(path)?).map_err(|_| io::Error::other("it is no text in UTF-8")))?;
        Some(Secret::new(text.trim_end_matches(['\r', '\n'])))
    }

    /// The secrets under names that the document chooses: each the text itself, or a mapping with `file`, the path of a file that
    /// holds it. Their text is in no message.
    pub fn secrets(&mut self, key: &'static str) -> Vec<(String, Secret)> {
        let Some(mut section) = self.section(key) else { return Vec::new() };
        let mut secrets = Vec::new();
        for (name, value) in std::mem::take(&mut section.mapping) {
            let Value::String(name) = name else {
                self.mistake(key, "expected names that are text");
                continue;
            };
            let secret = if value.is_mapping() {
                let mut file = Section::of(self.context, section.path(&name), value);
                let secret = file.secret_file("file");
                if secret.is_none() {
                    file.mistake("file", "expected a path");
                }
                file.finish();
                secret
            } else {
                section.scalar_of(&name, value, "text, or a mapping with file").map(|text| Secret::new(text.value))
            };
            secrets.extend(secret.map(|secret| (name, secret)));
        }
        secrets
    }

    /// The section under `key`, if there is one.
    pub fn section(&mut self, key: &'static str) -> Option<Section<'a>> {
        let path = self.path(key);
        self.known.insert(key);
        // A section without a key in it is there all the same: all of it are defaults.
        self.mapping.remove(key).map(|value| Section::of(self.context, path, value))
    }

    /// The section under `key`; one without keys if there is none.
    pub fn section_or_empty(&mut self, key: &'static str) -> Section<'a> {
        self.section(key).unwrap_or_else(|| Section::of(self.context, self.path(key), Value::Null))
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

    /// The texts of the list under `key`, in which each stands once and `parse` accepts it; its error is what is expected.
    pub fn texts<T: PartialEq>(
        &mut self,
        key: &'static str,
        default: Vec<T>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let path = self.path(key);
        let items = match self.take(key) {
            None => return default,
            Some(Value::Sequence(items)) => items,
            Some(_) => {
                self.context.mistake(&path, "expected a list");
                return default;
            }
        };
        let mut texts = Vec::new();
        for (at, item) in items.into_iter().enumerate() {
            let key = format!("{key}[{at}]");
            let Some(Scalar { value, written }) = self.scalar_of(&key, item, "text") else { continue };
            match parse(&value) {
                Ok(text) if texts.contains(&text) => self.mistake(&key, "expected each one once"),
                Ok(text) => texts.push(text),
                Err(expected) => self.mistake(&key, format_args!("expected {expected}, found {written:?}")),
            }
        }
        texts
    }

    /// The numbers under `key`, each with a name; empty without the key.
    pub fn numbers(&mut self, key: &'static str) -> BTreeMap<String, f64> {
        let Some(value) = self.take(key) else { return BTreeMap::new() };
        let numbers = serde_yaml::from_value::<BTreeMap<String, f64>>(value).ok();
        numbers.filter(|numbers| numbers.values().all(|number| number.is_finite())).unwrap_or_else(|| {
            self.mistake(key, "expected names with numbers");
            BTreeMap::new()
        })
    }

    /// Notes what is wrong with another file, which `key` names.
    pub fn mistakes_of(&self, key: &str, mistakes: Mistakes) {
        let path = self.path(key);
        self.context.mistakes.borrow_mut().extend(mistakes.0.into_iter().map(|mistake| (path.clone(), mistake)));
    }

    /// Notes every key that nobody asked for.
    pub fn finish(self) {
        for key in self.mapping.keys() {
            let known = self.known.iter().copied().collect::<Vec<_>>().join(", ");
            self.mistake(&shown(key), format_args!("unknown key; expected one of {known}"));
        }
    }
}

/// A key as it stands in a document, on one line; not all keys that can be read can be written.
fn shown(key: &Value) -> String {
    match key {
        Value::String(text) if text.contains(char::is_control) => format!("{text:?}"),
        key => serde_yaml::to_string(key).map_or_else(|_| format!("{key:?}"), |key| key.trim_end().to_owned()),
    }
}
