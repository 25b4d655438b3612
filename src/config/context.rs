//! What surrounds a document while it is read: its folder, the environment, and what is wrong with it so far.

use std::cell::RefCell;
use std::path::Path;

/// Looks up an environment variable.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What a document is read with.
pub struct Context<'a> {
    /// The folder against which relative paths are taken.
    pub folder: &'a Path,
    /// The environment; without it text stays as it is written.
    pub env: Option<Env<'a>>,
    /// What is wrong so far: the path of a key, and what was expected there.
    pub mistakes: RefCell<Vec<(String, String)>>,
}

impl Context<'_> {
    /// Notes a mistake at `path`; `expected` says what should stand there. What only follows from an earlier mistake is none:
    /// a value that cannot be used is missing further on, and so are the keys of what is no mapping.
    pub fn mistake(&self, path: &str, expected: impl std::fmt::Display) {
        let within = |known: &str| path.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let mut mistakes = self.mistakes.borrow_mut();
        if !mistakes.iter().any(|(known, _)| within(known)) {
            mistakes.push((path.to_owned(), expected.to_string()));
        }
    }

    /// Replaces `${NAME}` and `${NAME:-default}` by what the environment has. As in a shell, the default is for an empty variable too.
    pub(super) fn expand(&self, path: &str, text: &str) -> String {
        let Some(env) = self.env else { return text.to_owned() };
        let (mut expanded, mut rest, mut missing) = (String::new(), text, Vec::new());
        while let Some((before, after)) = rest.split_once("${") {
            let Some((inside, after)) = after.split_once('}') else {
                self.mistake(path, "expected a } after ${");
                return text.to_owned();
            };
            let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
            expanded.push_str(before);
            match (env(name), default) {
                (Some(value), None) => expanded.push_str(&value),
                (Some(value), Some(_)) if !value.is_empty() => expanded.push_str(&value),
                (_, Some(default)) => expanded.push_str(default),
                (None, None) => missing.push(name),
            }
            rest = after;
        }
        if !missing.is_empty() {
            self.mistake(path, format_args!("expected the environment to have {}", missing.join(" and ")));
        }
        expanded + rest
    }
}
