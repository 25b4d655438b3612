//! The configuration: a YAML document into [`Config`], validated once and strictly.
//!
//! A section that is not there is a source that is not there; without any document all of it are defaults.

pub mod decode;

use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::config::decode::{Context, Section};
use crate::sample::Limits;
use crate::source::{postgres, sre_state};

/// A validated configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How it is served.
    pub web: Web,
    /// The exporter's own folder: checkpoint, lock and journal.
    pub state_dir: PathBuf,
    /// The journals that others append to.
    pub journals: Vec<PathBuf>,
    /// The ops views.
    pub postgres: Option<postgres::Settings>,
    /// The bot's state file and logs.
    pub sre: Option<sre_state::Settings>,
    /// How much may come from outside.
    pub limits: Limits,
}

/// The section `web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Where to listen.
    pub listen_address: SocketAddr,
    /// The path of the metrics.
    pub telemetry_path: String,
    /// Whether POST /-/reload is answered.
    pub enable_lifecycle: bool,
}

/// Everything that is wrong with a configuration, one line each.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Mistakes {}

/// What the command line sets in the place of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--web.listen-address`.
    pub listen_address: Option<SocketAddr>,
    /// `--web.telemetry-path`.
    pub telemetry_path: Option<String>,
}

impl Config {
    /// Reads the file, or takes the defaults without one.
    pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Self, Mistakes> {
        let text = match file {
            None => String::new(),
            Some(file) => {
                std::fs::read_to_string(file).map_err(|error| Mistakes(vec![format!("{}: {error}", file.display())]))?
            }
        };
        let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
        let config = Self::parse(&text, folder, &|name| std::env::var(name).ok(), overrides);
        config.map_err(|mistakes| match file {
            None => mistakes,
            Some(file) => Mistakes(mistakes.0.into_iter().map(|line| format!("{}: {line}", file.display())).collect()),
        })
    }

    /// Reads `text`; relative paths in it are taken from `folder`.
    pub fn parse(
        text: &str,
        folder: &Path,
        env: &dyn Fn(&str) -> Option<String>,
        overrides: &Overrides,
    ) -> Result<Self, Mistakes> {
        let value = serde_yaml::from_str(text).map_err(|error| Mistakes(vec![format!("expected YAML: {error}")]))?;
        let context = Context { folder, env, mistakes: RefCell::default() };
        let mut document = Section::document(&context, value);
        let web = document.section("web");
        let config = Self {
            web: Web::decode(web.unwrap_or_else(|| Section::document(&context, serde_yaml::Value::Null)), overrides),
            state_dir: document.path_at("state_dir").unwrap_or_else(|| folder.join("sentinel-data")),
            journals: journals(&mut document),
            postgres: document.section("postgres").and_then(postgres::Settings::decode),
            sre: document.section("sre").and_then(sre_state::Settings::decode),
            limits: document.section("limits").map_or_else(Limits::default, limits),
        };
        document.finish();
        match context.mistakes.into_inner() {
            mistakes if mistakes.is_empty() => Ok(config),
            mistakes => Err(Mistakes(mistakes)),
        }
    }

    /// The keys in which `other` differs and that only a restart can change.
    pub fn fixed_differences(&self, other: &Config) -> Vec<&'static str> {
        [
            ("web.listen_address", self.web.listen_address != other.web.listen_address),
            ("state_dir", self.state_dir != other.state_dir),
        ]
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect()
    }
}

impl Web {
    fn decode(mut section: Section<'_>, overrides: &Overrides) -> Self {
        let listen_address = section.text("listen_address", ":8000");
        let listen_address = match parse_listen_address(&listen_address) {
            Ok(address) => address,
            Err(expected) => {
                section.mistake("listen_address", format_args!("{expected}, found {listen_address:?}"));
                SocketAddr::from(([0, 0, 0, 0], 8000))
            }
        };
        let telemetry_path = section.text("telemetry_path", "/metrics");
        if let Err(expected) = check_telemetry_path(&telemetry_path) {
            section.mistake("telemetry_path", format_args!("{expected}, found {telemetry_path:?}"));
        }
        let enable_lifecycle = section.bool("enable_lifecycle", false);
        section.finish();
        Self {
            listen_address: overrides.listen_address.unwrap_or(listen_address),
            telemetry_path: overrides.telemetry_path.clone().unwrap_or(telemetry_path),
            enable_lifecycle,
        }
    }
}

/// An address as Prometheus writes it: `127.0.0.1:8000`, `[::1]:8000`, or `:8000` for all addresses.
pub fn parse_listen_address(text: &str) -> Result<SocketAddr, String> {
    let all = text.strip_prefix(':').map(|port| format!("0.0.0.0:{port}"));
    all.as_deref().unwrap_or(text).parse().map_err(|_| "expected an address and port such as 127.0.0.1:8000 or :8000".to_owned())
}

/// The metrics' path begins with a slash and is none that is answered with something else.
pub fn check_telemetry_path(path: &str) -> Result<(), String> {
    let taken = crate::http::PATHS.iter().find(|taken| **taken == path);
    match taken {
        Some(taken) => Err(format!("expected a path other than {taken}, which has its own answer")),
        None if path.starts_with('/') && !path.contains(['?', '#', ' ']) => Ok(()),
        None => Err("expected a path such as /metrics".to_owned()),
    }
}

fn journals(document: &mut Section<'_>) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for mut journal in document.list("journals") {
        if let Some(path) = journal.required_path("path") {
            if paths.contains(&path) {
                journal.mistake("path", "expected each journal once; this one is named before");
            }
            paths.push(path);
        }
        journal.finish();
    }
    paths
}

fn limits(mut section: Section<'_>) -> Limits {
    let default = Limits::default();
    let limits = Limits {
        series_per_family: section.count("series_per_family", default.series_per_family),
        label_value_bytes: section.count("label_value_bytes", default.label_value_bytes),
    };
    section.finish();
    limits
}
