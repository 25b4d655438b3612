//! A mapping whose keys are names that somebody gave, and no settings.

use serde_yaml::{Mapping, Value};

use super::Section;
use crate::secret::Secret;

impl Section<'_> {
    /// The names and texts of the mapping under `key`, as `check` wants them; its error is what is expected. No message holds any of them.
    pub fn pairs(&mut self, key: &'static str, check: impl Fn(&str, &Secret) -> Result<(), String>) -> Vec<(String, Secret)> {
        let mapping = match self.take(key) {
            None => Mapping::new(),
            Some(Value::Mapping(mapping)) => mapping,
            Some(_) => {
                self.mistake(key, "expected keys with values (a mapping)");
                Mapping::new()
            }
        };
        let text = |value| match value {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(bool) => Some(bool.to_string()),
            _ => None,
        };
        let mut pairs = Vec::new();
        for (at, (name, value)) in mapping.into_iter().enumerate() {
            let pair = text(name).zip(text(value).map(Secret::new)).ok_or_else(|| "a name and a text".to_owned());
            match pair.and_then(|(name, value)| check(&name, &value).map(|()| (name, value))) {
                Ok(pair) => pairs.push(pair),
                Err(expected) => self.mistake(&format!("{key}[{at}]"), format_args!("expected {expected}")),
            }
        }
        pairs
    }
}
