//! YAML into settings, strictly, with all mistakes told at once: each with the path of its key and what was expected.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_yaml::{Mapping, Value};

use crate::secret::Secret;

/// What a document is read with.
pub struct Context<'a> {
    /// The folder against which relative paths are taken.
    pub folder: &'a Path,
    /// Looks up an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// What is wrong so far.
    pub mistakes: RefCell<Vec<String>>,
}

impl Context<'_> {
    /// Notes a mistake at `path`; `expected` says what should stand there.
    pub fn mistake(&self, path: &str, expected: impl std::fmt::Display) {
        self.mistakes.borrow_mut().push(format!("{path}: {expected}"));
    }

    /// Replaces `${NAME}` and `${NAME:-default}` by what the environment has.
    fn expand(&self, path: &str, text: String) -> String {
        let (mut expanded, mut rest) = (String::new(), text.as_str());
        while let Some((before, after)) = rest.split_once("${") {
            let Some((inside, after)) = after.split_once('}') else {
                self.mistake(path, "expected a } after ${");
                return text;
            };
            let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
            expanded.push_str(before);
            match ((self.env)(name), default) {
                (Some(value), _) => expanded.push_str(&value),
                (None, Some(default)) => expanded.push_str(default),
                (None, None) => self.mistake(path, format_args!("expected the environment variable {name}, which is not set")),
            }
            rest = after;
        }
        expanded + rest
    }
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

    /// Text.
    pub fn text(&mut self, key: &'static str, default: &str) -> String {
        self.scalar(key, "text").unwrap_or_else(|| default.to_owned())
    }

    /// true or false.
    pub fn bool(&mut self, key: &'static str, default: bool) -> bool {
        self.parsed(key, default, "true or false", |text| text.parse().ok())
    }

    /// A whole number of at least 1.
    pub fn count(&mut self, key: &'static str, default: usize) -> usize {
        self.parsed(key, default, "a whole number of at least 1", |text| text.parse().ok().filter(|count| *count > 0))
    }

    /// A duration of at least a millisecond.
    pub fn duration(&mut self, key: &'static str, default: Duration) -> Duration {
        self.parsed(key, default, "a duration such as 500ms, 15s or 1h30m", |text| {
            humantime::parse_duration(text).ok().filter(|duration| *duration >= Duration::from_millis(1))
        })
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
        if !self.mapping.contains_key(key) {
            self.known.insert(key);
            self.mistake(key, "expected a path; the key is missing");
            return None;
        }
        self.path_at(key)
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
            let key = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
            self.mistake(&key, format_args!("unknown key; expected one of {known}"));
        }
    }
}
