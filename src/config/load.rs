//! A configuration file into what a program takes of it, or into the list of all that is wrong with it.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, absolute};

use super::context::Context;
use super::decode::Section;
use crate::told::told;

/// Everything that is wrong with a configuration, one line each.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Mistakes {}

/// Reads `file`, or an empty document without one; `decode` takes what it knows, and any other key is a mistake.
pub fn load<T>(file: Option<&Path>, decode: impl FnOnce(&mut Section<'_>) -> T) -> Result<T, Mistakes> {
    let text = match file {
        None => String::new(),
        Some(file) => std::fs::read_to_string(file).map_err(|error| Mistakes(vec![format!("{}: {error}", file.display())]))?,
    };
    // A file is known by its path: it has to be the same whatever folder the program is started in.
    let folder = file.and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = absolute(folder).map_err(|error| Mistakes(vec![format!("the working directory: {error}")]))?;
    parse(&text, &folder, &|name| std::env::var(name).ok(), decode).map_err(|mistakes| match file {
        None => mistakes,
        Some(file) => Mistakes(mistakes.0.into_iter().map(|line| format!("{}: {line}", file.display())).collect()),
    })
}

/// Reads `text`; relative paths in it are taken from `folder`, variables from `env`.
pub fn parse<T>(
    text: &str,
    folder: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    decode: impl FnOnce(&mut Section<'_>) -> T,
) -> Result<T, Mistakes> {
    let value = serde_yaml::from_str(text).map_err(|error| Mistakes(vec![told(&format!("expected YAML: {error}"))]))?;
    let context = Context { folder, env, mistakes: RefCell::default() };
    let mut document = Section::document(&context, value);
    let decoded = decode(&mut document);
    document.finish();
    match context.mistakes.into_inner() {
        mistakes if mistakes.is_empty() => Ok(decoded),
        mistakes => Err(Mistakes(mistakes.iter().map(|(path, expected)| told(&format!("{path}: {expected}"))).collect())),
    }
}
