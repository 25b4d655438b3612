//! The stock bot's state file: mock-signal outcome, parser health, heartbeat.
//!
//! The bot replaces the file about every 15 minutes. The two logs beside it are followed like journals ([`Settings::logs`]).

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::task::JoinHandle;

use super::{Part, Source, SourceError};
use crate::board::Board;
use crate::catalogue as family;
use crate::config::decode::Section;
use crate::family::Feed;
use crate::journal::follow::Followed;
use crate::journal::ledger::Format;
use crate::sample::{Limits, SampleSet};

/// The file is some hundred bytes; what is far larger is something else.
const MAX_BYTES: u64 = 1 << 20;
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
        let log = |path, format| Followed { path: self.root.join(path), format };
        [log("state/sre_rca_fixes.jsonl", Format::RcaSessions), log("logs/critical_health_checks.jsonl", Format::CriticalChecks)]
    }
}

/// The source.
pub struct SreState {
    path: PathBuf,
    limits: Limits,
    board: Arc<Board>,
    /// The read that is under way. One that hangs is waited for at the next poll too, so that no second thread hangs beside it.
    reading: Option<JoinHandle<Result<Vec<u8>, String>>>,
}

impl SreState {
    /// Mock-signal outcomes are counted in the ledger of `board`.
    pub fn new(settings: &Settings, limits: Limits, board: Arc<Board>) -> Self {
        Self { path: settings.root.join("state/sre_metrics.json"), limits, board, reading: None }
    }

    async fn fetch(&mut self) -> Result<State, SourceError> {
        let reading = self.reading.get_or_insert_with(|| {
            let path = self.path.clone();
            tokio::task::spawn_blocking(move || read(&path))
        });
        let bytes = match tokio::time::timeout(TIMEOUT, reading).await {
            Ok(ended) => {
                self.reading = None;
                ended.unwrap_or_else(|error| Err(error.to_string()))
            }
            Err(_) => Err(format!("not read within {} s", TIMEOUT.as_secs())),
        };
        let parsed = bytes.and_then(|bytes| State::parse(&bytes));
        parsed.map_err(|error| SourceError(format!("{}: {error}", self.path.display())))
    }
}

impl Source for SreState {
    const NAME: &'static str = "sre_state";
    const FEED: Feed = Feed::SreState;

    async fn poll(&mut self) -> Vec<Part> {
        let outcome = self.fetch().await.map(|state| {
            if let Some((time, score)) = state.outcome {
                self.board.ledger().mock_signal(time, score);
            }
            state.samples(self.limits)
        });
        vec![Part::new("sre_metrics.json", outcome)]
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => "there is no such file; the bot writes it".to_owned(),
        _ => error.to_string(),
    };
    // Opening a pipe waits for somebody who writes to it.
    if !std::fs::metadata(path).map_err(told)?.is_file() {
        return Err("not a regular file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(told)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("expected at most {MAX_BYTES} bytes"));
    }
    Ok(bytes)
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
        let file: File = serde_json::from_slice(bytes).map_err(|error| format!("expected the bot's state as JSON: {error}"))?;
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

fn unix_time(text: &str) -> Result<f64, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|error| {
        format!("last_mock_signal_time: expected a time such as 2026-01-05T22:30:00Z, found {text:?} ({error})")
    })?;
    Ok(time.unix_timestamp_nanos() as f64 / 1e9)
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
        source.reading = Some(tokio::spawn(async { Ok(answer.await.unwrap()) }));
        for _ in 0..3 {
            assert!(source.fetch().await.unwrap_err().0.ends_with("not read within 5 s"));
        }
        file_system.send(b"{\"auto_fix_count\": 3}".to_vec()).unwrap();
        assert_eq!(source.fetch().await.unwrap().file.auto_fix_count, Some(3.0));
        assert!(source.fetch().await.unwrap_err().0.ends_with("there is no such file; the bot writes it"));
    }

    #[test]
    fn a_half_written_file_is_an_error() {
        for text in ["", "{\"logic_heartbeat\": 17361", "[1, 2, 3, 4, 5, \"x\"]", "{\"logic_heartbeat\": \"now\"}"] {
            assert!(State::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
