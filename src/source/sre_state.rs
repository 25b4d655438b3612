//! The stock bot's state file: mock-signal outcome, parser health, heartbeat.
//!
//! The bot replaces the file about every 15 minutes. The two logs beside it are followed like journals ([`Settings::logs`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::task::JoinHandle;

use super::{Part, Source, SourceError};
use crate::board::Board;
use crate::catalogue as family;
use crate::clock;
use crate::config::decode::Section;
use crate::family::Feed;
use crate::files::{self, Unreadable};
use crate::journal::follow::Followed;
use crate::journal::ledger::Format;
use crate::sample::{Limits, SampleSet};
use crate::told::told_briefly;

/// The file is some hundred bytes; what is far larger is something else.
pub(super) const MAX_BYTES: u64 = 64 << 10;
/// The names of the documents that the page shows as they are.
pub const METRICS: &str = "sre_metrics.json";
/// See [`METRICS`].
pub const SESSIONS: &str = "sre_rca_fixes.jsonl";
const CHECKS: &str = "critical_health_checks.jsonl";
/// Where they are, below the bot's folder.
const FILES: [(&str, &str); 3] = [("state", METRICS), ("state", SESSIONS), ("logs", CHECKS)];
/// How many of the last sessions are shown.
pub const SESSIONS_SHOWN: usize = 5;
/// The longest session that is shown, in bytes.
const MAX_SESSION: usize = 32 << 10;
/// How long reading it may take, for a network file system that hangs.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The section `sre`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The bot's folder.
    pub root: PathBuf,
    /// Time between polls.
    pub interval: Duration,
    /// How long the last good file counts.
    pub stale_after: Duration,
}

impl Settings {
    /// Reads the section.
    pub fn decode(mut section: Section<'_>) -> Option<Self> {
        let root = section.required_path("root");
        let interval = section.duration("interval", Duration::from_secs(15));
        let stale_after = section.stale_after(interval, Duration::from_secs(60));
        section.finish();
        Some(Self { root: root?, interval, stale_after })
    }

    /// The logs to follow.
    pub fn logs(&self) -> [Followed; 2] {
        let [_, sessions, checks] = paths(&self.root);
        [Followed { path: sessions, format: Format::RcaSessions }, Followed { path: checks, format: Format::CriticalChecks }]
    }
}

fn paths(root: &Path) -> [PathBuf; 3] {
    FILES.map(|(folder, name)| root.join(folder).join(name))
}

/// What is read at one poll.
struct Documents {
    metrics: Result<Vec<u8>, String>,
    /// The last lines of the log of root-cause analyses.
    sessions: Result<String, String>,
    /// Whether the log of critical checks can be read. What it says is counted where it is followed.
    checks: Result<(), String>,
}

impl Documents {
    fn read([metrics, sessions, checks]: &[PathBuf; 3]) -> Self {
        Self { metrics: read(metrics), sessions: last_lines(sessions).map(last_sessions), checks: last_lines(checks).map(drop) }
    }

    fn failed(error: String) -> Self {
        Self { metrics: Err(error.clone()), sessions: Err(error.clone()), checks: Err(error) }
    }
}

/// The source.
pub struct SreState {
    paths: [PathBuf; 3],
    limits: Limits,
    board: Arc<Board>,
    /// The read that is under way. One that hangs is waited for at the next poll too, so that no second thread hangs beside it.
    reading: Option<JoinHandle<Documents>>,
}

impl SreState {
    /// Mock-signal outcomes are counted in the ledger of `board`.
    pub fn new(settings: &Settings, limits: Limits, board: Arc<Board>) -> Self {
        Self { paths: paths(&settings.root), limits, board, reading: None }
    }

    async fn fetch(&mut self) -> Documents {
        let reading = self.reading.get_or_insert_with(|| {
            let paths = self.paths.clone();
            tokio::task::spawn_blocking(move || Documents::read(&paths))
        });
        match tokio::time::timeout(TIMEOUT, reading).await {
            Ok(ended) => {
                self.reading = None;
                ended.unwrap_or_else(|error| Documents::failed(error.to_string()))
            }
            Err(_) => Documents::failed(format!("not read within {} s", TIMEOUT.as_secs())),
        }
    }

    /// Counts the outcome that the state file tells, and makes samples of the rest.
    fn take(&self, metrics: &[u8]) -> Result<SampleSet, String> {
        let state = State::parse(metrics)?;
        if let Some((time, score)) = state.outcome {
            self.board.ledger().mock_signal(time, score);
        }
        let mut samples = state.samples(self.limits);
        samples.set_remark(METRICS, &String::from_utf8_lossy(metrics));
        Ok(samples)
    }
}

/// The last lines of a log. One that the bot has not begun yet has none.
fn last_lines(path: &Path) -> Result<Vec<u8>, String> {
    match files::tail(path, SESSIONS_SHOWN) {
        Err(Unreadable::Missing) => Ok(Vec::new()),
        read => read.map_err(|why| why.to_string()),
    }
}

/// Those of the lines that are shown.
fn last_sessions(lines: Vec<u8>) -> String {
    let lines: Vec<_> = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(SESSIONS_SHOWN)..].iter().filter(|line| line.len() <= MAX_SESSION);
    last.map(|line| String::from_utf8_lossy(line) + "\n").collect()
}

impl Source for SreState {
    const NAME: &'static str = "sre_state";
    const FEED: Feed = Feed::SreState;

    async fn poll(&mut self) -> Vec<Part> {
        let Documents { metrics, sessions, checks } = self.fetch().await;
        let shown = |sessions: String| {
            let mut samples = SampleSet::new(self.limits);
            samples.set_remark(SESSIONS, &sessions);
            samples
        };
        let outcomes =
            [metrics.and_then(|metrics| self.take(&metrics)), sessions.map(shown), checks.map(|()| SampleSet::new(self.limits))];
        let part = |((path, (_, name)), outcome): ((&PathBuf, (_, &'static str)), Result<_, String>)| {
            Part::new(name, outcome.map_err(|error| SourceError(format!("{}: {error}", path.display()))))
        };
        self.paths.iter().zip(FILES).zip(outcomes).map(part).collect()
    }
}

/// The state file.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    files::document(path, MAX_BYTES).map_err(|why| match why {
        Unreadable::Missing => format!("{why}; the bot writes it"),
        why => why.to_string(),
    })
}

/// What the file says; a key that is absent gives no sample.
#[derive(Debug, PartialEq)]
struct State {
    file: File,
    /// Unix time and score of the last mock signal.
    outcome: Option<(f64, f64)>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct File {
    logic_heartbeat: Option<f64>,
    mock_signal_success_pct: Option<f64>,
    parser_health_index: Option<f64>,
    auto_fix_count: Option<f64>,
    last_mock_signal_score: Option<f64>,
    last_mock_signal_time: Option<String>,
}

impl State {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err("expected a JSON object".to_owned());
        }
        let expected =
            |error: serde_json::Error| format!("expected the bot's state as JSON: {}", told_briefly(&error.to_string()));
        let file: File = serde_json::from_slice(bytes).map_err(expected)?;
        let outcome = match (&file.last_mock_signal_time, file.last_mock_signal_score) {
            (Some(time), Some(score)) => Some((unix_time(time)?, score)),
            _ => None,
        };
        Ok(Self { file, outcome })
    }

    fn samples(&self, limits: Limits) -> SampleSet {
        let mut samples = SampleSet::new(limits);
        for (gauge, value) in [
            (&family::LOGIC_HEARTBEAT_TIMESTAMP, self.file.logic_heartbeat),
            (&family::MOCK_SIGNAL_SUCCESS, self.file.mock_signal_success_pct.map(|percent| percent / 100.0)),
            (&family::PARSER_HEALTH, self.file.parser_health_index.map(|percent| percent / 100.0)),
            (&family::AUTO_FIXES_REPORTED, self.file.auto_fix_count),
            (&family::MOCK_SIGNAL_LAST_SCORE, self.file.last_mock_signal_score),
        ] {
            if let Some(value) = value {
                samples.set(gauge, [], value);
            }
        }
        samples
    }
}

/// The Unix time of a `last_mock_signal_time`.
pub(super) fn unix_time(text: &str) -> Result<f64, String> {
    clock::unix_time(text).map_err(|_| {
        let found = told_briefly(text);
        format!("last_mock_signal_time: expected a time such as 2026-01-05T22:30:00Z, found \"{found}\"")
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::oneshot;

    use super::*;
    use crate::journal::ledger::Ledger;

    #[test]
    fn both_forms_of_a_time_are_read() {
        assert_eq!(unix_time("2026-01-05T22:30:00Z"), Ok(1767652200.0));
        assert_eq!(unix_time("2026-01-05T22:30:00.123456+00:00"), Ok(1767652200.123456));
        assert!(unix_time("yesterday").unwrap_err().contains("\"yesterday\""));
    }

    #[test]
    fn an_absent_key_gives_no_sample() {
        let state = State::parse(br#"{"parser_health_index": 75.0, "mock_signal_success_pct": null}"#).unwrap();
        assert_eq!(state.outcome, None);
        let samples = state.samples(Limits::default());
        let shown = family::ALL.iter().filter(|info| samples.series(info).next().is_some());
        assert_eq!(shown.map(|info| info.name).collect::<Vec<_>>(), [family::PARSER_HEALTH.info().name]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_hangs_is_the_only_one() {
        let settings = Settings { root: PathBuf::from("/nowhere"), interval: TIMEOUT, stale_after: TIMEOUT };
        let board = Arc::new(Board::new(Arc::new(Mutex::new(Ledger::new(Limits::default())))));
        let mut source = SreState::new(&settings, Limits::default(), board);
        let (file_system, answer) = oneshot::channel();
        source.reading =
            Some(tokio::spawn(async { Documents { metrics: Ok(answer.await.unwrap()), ..Documents::failed(String::new()) } }));
        for _ in 0..3 {
            assert!(source.fetch().await.metrics.unwrap_err().ends_with("not read within 5 s"));
        }
        file_system.send(b"{\"auto_fix_count\": 3}".to_vec()).unwrap();
        assert_eq!(State::parse(&source.fetch().await.metrics.unwrap()).unwrap().file.auto_fix_count, Some(3.0));
        assert!(source.fetch().await.metrics.unwrap_err().ends_with("there is no such file; the bot writes it"));
    }

    #[test]
    fn a_half_written_file_is_an_error() {
        for text in ["", "{\"logic_heartbeat\": 17361", "[1, 2, 3, 4, 5, \"x\"]", "{\"logic_heartbeat\": \"now\"}"] {
            assert!(State::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
