//! The configuration: a YAML document into [`Config`], validated once and strictly.
//!
//! A section that is not there is a source that is not there; without any document all of it are defaults.

mod context;
pub mod decode;
pub mod load;
mod web;

use std::path::{Path, PathBuf};

use decode::Section;
pub use load::Mistakes;

use crate::health;
use crate::sample::Limits;
use crate::secret::Secret;
use crate::source::{broker, mock_signal, postgres, postgrest, probe, sre_state};

pub use web::{ListenAddress, RESERVED_PATHS, Web, check_telemetry_path};

/// The exporter's own journal, in its folder.
pub const OWN_JOURNAL: &str = "journal/events.jsonl";

/// How many journals others may append to. Each is looked at twice a second.
const MAX_JOURNALS: usize = 256;

/// A validated configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How it is served.
    pub web: Web,
    /// The exporter's own folder: checkpoint, lock and journal.
    pub state_dir: PathBuf,
    /// The journals that others append to.
    pub journals: Vec<PathBuf>,
    /// What POST /v1/events asks of a client; without it, that it is on this host.
    pub ingest_token: Option<Secret>,
    /// The ops views.
    pub postgres: Option<postgres::Settings>,
    /// PostgREST.
    pub postgrest: Option<postgrest::Settings>,
    /// The HTTP endpoints that are probed.
    pub probes: Vec<probe::Settings>,
    /// The bot's state file and logs.
    pub sre: Option<sre_state::Settings>,
    /// The mock signals that are injected into the bot.
    pub mock_signal: Option<mock_signal::Settings>,
    /// The broker that the checks ask.
    pub broker: Option<broker::Settings>,
    /// What the checks are judged by.
    pub checks: health::settings::Settings,
    /// What may be repaired.
    pub remediation: health::repair::Settings,
    /// How reports name where they come from.
    pub environment: String,
    /// How much may come from outside.
    pub limits: Limits,
}

/// What the command line sets instead of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--web.listen-address`.
    pub listen_address: Option<ListenAddress>,
    /// `--web.telemetry-path`.
    pub telemetry_path: Option<String>,
    /// `--web.config.file`.
    pub web_config_file: Option<PathBuf>,
}

impl Config {
    /// Reads the file, or takes the defaults without one.
    pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Self, Mistakes> {
        load::load(file, |document| Self::decode(document, overrides))
    }

    /// Reads the document; what the command line says is in force.
    pub fn decode(document: &mut Section<'_>, overrides: &Overrides) -> Self {
        let web = document.section_or_empty("web");
        let state_dir = document.path_or("state_dir", "sentinel-data");
        let postgres = document.section("postgres");
        let postgrest =
            document.section("postgrest").and_then(|section| postgrest::Settings::decode(section, postgres.is_some()));
        let sre = document.section("sre").and_then(sre_state::Settings::decode);
        let mock_signal =
            document.section("mock_signal").and_then(|section| mock_signal::Settings::decode(section, sre.as_ref()));
        Self {
            web: Web::decode(web, ListenAddress::All(8000), overrides),
            journals: journals(document, &state_dir),
            ingest_token: document.section("ingest").and_then(ingest_token),
            state_dir,
            postgres: postgres.and_then(postgres::Settings::decode),
            postgrest,
            probes: probe::Settings::decode(document),
            remediation: health::repair::Settings::decode(document.section_or_empty("remediation"), sre.is_some()),
            sre,
            mock_signal,
            broker: document.section("broker").and_then(broker::Settings::decode),
            checks: health::settings::Settings::decode(document.section_or_empty("checks")),
            environment: document.checked("environment", "prod".to_owned(), environment),
            limits: document.section("limits").map_or_else(Limits::default, limits),
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

fn journals(document: &mut Section<'_>, state_dir: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    // A line that is read twice is counted twice.
    let mut known = vec![identity(&state_dir.join(OWN_JOURNAL))];
    for mut journal in document.list("journals") {
        if paths.len() == MAX_JOURNALS {
            journal.mistake("path", format_args!("expected at most {MAX_JOURNALS} journals"));
            break;
        }
        if let Some(path) = journal.required_path("path") {
            let identity = identity(&path);
            if known.contains(&identity) {
                journal.mistake("path", "expected each journal once; this one is named before, or the exporter's own");
            }
            known.push(identity);
            paths.push(path);
        }
        journal.finish();
    }
    paths
}

fn ingest_token(mut section: Section<'_>) -> Option<Secret> {
    let found = section.required_secret("token", "token_file", "expected the token that clients send");
    let token = found.map(|(key, token)| bearer_token(&section, key, token));
    section.finish();
    token
}

/// A token of one line of visible ASCII, as it stands in a header.
pub fn bearer_token(section: &Section<'_>, key: &str, token: Secret) -> Secret {
    if token.expose().is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        section.mistake(key, "expected one line of letters, digits and signs, without spaces");
    }
    token
}

/// One line of text.
fn environment(text: &str) -> Result<String, String> {
    let usable = !text.is_empty() && text.len() <= 64 && !text.chars().any(char::is_control);
    if usable { Ok(text.to_owned()) } else { Err("a name of up to 64 bytes, such as prod".to_owned()) }
}

/// The file itself behind links and `.`, as far as it is there.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
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
