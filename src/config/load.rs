//! A configuration file into what a program takes of it, or into the list of all that is wrong with it.

use std::cell::RefCell;
use std::path::{Path, PathBuf, absolute};
use std::{fmt, fs, io};

use super::context::{Context, Env};
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

impl Mistakes {
    fn of(self, file: &Path) -> Self {
        Self(self.0.into_iter().map(|line| format!("{}: {line}", file.display())).collect())
    }
}

/// Reads `file`, or an empty document without one; `decode` takes what it knows, and any other key is a mistake.
pub fn load<T>(file: Option<&Path>, decode: impl FnOnce(&mut Section<'_>) -> T) -> Result<T, Mistakes> {
    let Some(file) = file else { return parse("", &folder_of(Path::new(""))?, &variable, decode) };
    let text = std::fs::read_to_string(file).map_err(|error| Mistakes(vec![format!("{}: {error}", file.display())]))?;
    parse(&text, &folder_of(file)?, &variable, decode).map_err(|mistakes| mistakes.of(file))
}

/// What is in a file. What is no file, such as a pipe, may never end, or never begin.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    fs::read(path)
}

/// Reads `text` of `file`, which is in another program's format: variables mean nothing in it.
pub fn parse_verbatim<T>(text: &str, file: &Path, decode: impl FnOnce(&mut Section<'_>) -> T) -> Result<T, Mistakes> {
    parse_with(text, &folder_of(file)?, None, decode).map_err(|mistakes| mistakes.of(file))
}

/// Reads `text`; relative paths in it are taken from `folder`, variables from `env`.
pub fn parse<T>(text: &str, folder: &Path, env: Env<'_>, decode: impl FnOnce(&mut Section<'_>) -> T) -> Result<T, Mistakes> {
    parse_with(text, folder, Some(env), decode)
}

fn parse_with<T>(
    text: &str,
    folder: &Path,
    env: Option<Env<'_>>,
    decode: impl FnOnce(&mut Section<'_>) -> T,
) -> Result<T, Mistakes> {
    let value = serde_yaml::from_str(text).map_err(|error: serde_yaml::Error| {
        let wrong = match error.location() {
            // The key may be the name of a user.
            Some(at) if env.is_none() && error.to_string().contains("duplicate entry") => {
                format!("the key at line {} column {} is there twice", at.line(), at.column())
            }
            _ => error.to_string(),
        };
        Mistakes(vec![told(&format!("expected YAML: {wrong}"))])
    })?;
    let context = Context { folder, env, mistakes: RefCell::default() };
    let mut document = Section::document(&context, value);
    let decoded = decode(&mut document);
    document.finish();
    match context.mistakes.into_inner() {
        mistakes if mistakes.is_empty() => Ok(decoded),
        mistakes => Err(Mistakes(mistakes.iter().map(|(path, expected)| told(&format!("{path}: {expected}"))).collect())),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A file is known by its path: it has to be the same whatever folder the program is started in.
fn folder_of(file: &Path) -> Result<PathBuf, Mistakes> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    absolute(folder).map_err(|error| Mistakes(vec![format!("the working directory: {error}")]))
}
