//! Mock signals: a signal that any working bot scores high is injected again and again, and what became of it is kept in the bot's
//! state file, in the form in which the bot keeps it.
//!
//! The file is the only road to the counters: `sre_state` reads it, and counts an outcome once.

mod state;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::endpoint::{Endpoint, Headers};
use super::{Part, Source, SourceError, sre_state};
use crate::client::Client;
use crate::clock::unix_now;
use crate::config::decode::Section;
use crate::family::Feed;
use crate::sample::{Limits, SampleSet};
use state::{FILE, Outcome};

/// The perfect whale. Its symbol cannot be traded.
const SIGNAL: &str = r#"{"symbol":"MOCK_SIGNAL_TEST","signal_type":"BULLISH_SWEEP","sentiment":"BULLISH","conviction":0.95,"flow_conv":0.95,"flow_magnitude":"HIGH","dark_pool":{"sentiment":"BULLISH","total_premium":5000000.0,"print_count":10},"insider":{"sentiment":"BULLISH","net_buys":1000,"net_sells":100,"total_usd":10000000.0}}"#;
/// An answer is some hundred bytes; what is far larger is something else.
const MAX_BYTES: usize = 64 << 10;
/// How long the state file may take, on a network file system that hangs.
const FILE_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest time between two looks at whether a signal is due.
const TICK: Duration = Duration::from_secs(15);
/// How long a bot that starts together with the exporter has to begin to answer.
const GRACE: Duration = Duration::from_secs(60);

/// The section `mock_signal`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    endpoint: Endpoint,
    /// The bot's folder.
    root: PathBuf,
    /// Time between two signals.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// The least score that is a success.
    pub min_score: f64,
}

impl Settings {
    /// Reads the section. `sre` is the bot whose state file is kept.
    pub fn decode(mut section: Section<'_>, sre: Option<&sre_state::Settings>) -> Option<Self> {
        let headers = Headers::decode(&mut section);
        let endpoint = Endpoint::decode(&mut section, headers);
        let usual = Duration::from_mins(15);
        let interval = section.interval(usual, usual, "SentinelMockSignalStale");
        let timeout = section.duration("timeout", Duration::from_secs(10));
        let min_score = section.checked("min_score", 4.0, |text| {
            text.parse().ok().filter(|score| (0.0..=5.0).contains(score)).ok_or_else(|| "a score from 0 to 5".to_owned())
        });
        match sre {
            None => section.mistake("url", "expected the section sre too: what becomes of a signal is kept in the bot's folder"),
            Some(sre) if interval < sre.interval => {
                let [least, found] = [sre.interval, interval].map(humantime::format_duration);
                let expected = "expected no less than sre.interval";
                section.mistake("interval", format_args!("{expected}, {least}, at which outcomes are counted, found {found}"));
            }
            Some(_) => {}
        }
        section.finish();
        Some(Self { endpoint: endpoint?, root: sre?.root.clone(), interval, timeout, min_score })
    }

    /// Time between two polls: a poll injects a signal when one is due.
    pub fn tick(&self) -> Duration {
        TICK.min(self.interval)
    }

    /// How long the last outcome is shown.
    pub fn stale_after(&self) -> Duration {
        3 * self.interval
    }
}

/// The source.
pub struct MockSignal {
    settings: Settings,
    client: Client,
    limits: Limits,
    failed: Arc<Notify>,
    /// When the next signal is due; None before the state file was looked at.
    due: Option<Instant>,
    /// What was wrong with the last signal.
    trouble: Option<String>,
    /// What was wrong with the state file.
    filed: Result<(), SourceError>,
    /// A thread that hangs in the state file. There is no second one beside it.
    hangs: Option<JoinHandle<()>>,
}

impl MockSignal {
    /// `failed` is told of every signal that did not succeed.
    pub fn new(settings: &Settings, client: Client, limits: Limits, failed: Arc<Notify>) -> Self {
        Self { settings: settings.clone(), client, limits, failed, due: None, trouble: None, filed: Ok(()), hangs: None }
    }

    /// When the first signal is due: an interval after the last one, whoever injected that, but not at once.
    async fn first(&mut self) -> Instant {
        let root = self.settings.root.clone();
        let last = self.file(move || state::last(&root)).await;
        Instant::now() + wait(self.settings.interval, last.flatten().map(|last| unix_now() - last))
    }

    /// Injects one and keeps what became of it.
    async fn inject(&mut self) {
        let answer = self.ask().await;
        let least = self.settings.min_score;
        self.trouble = match &answer {
            Ok(score) if *score >= least => None,
            Ok(score) => Some(format!("a mock signal scored {score}, expected at least {least}")),
            Err(error) => Some(format!("a mock signal has no score: {error}")),
        };
        let outcome = Outcome { score: answer.unwrap_or(0.0), passed: self.trouble.is_none(), at: unix_now() };
        let root = self.settings.root.clone();
        self.file(move || state::keep(&root, &outcome)).await;
        if self.trouble.is_some() {
            self.failed.notify_one();
        }
    }

    /// The score of a signal, or why there is none.
    async fn ask(&self) -> Result<f64, String> {
        let mut request = self.settings.endpoint.request(Method::POST, SIGNAL.into());
        request.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        let answer = self.client.send(request, self.settings.timeout, MAX_BYTES).await.map_err(|error| error.to_string())?;
        match answer.status() {
            status if status.is_success() => score(answer.body()),
            status => Err(format!("answered {}", status.as_u16())),
        }
    }

    /// Does `work` on a thread of its own, for the file may hang.
    async fn file<T: Send + 'static>(&mut self, work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Option<T> {
        let done = if self.hangs.as_ref().is_some_and(|thread| !thread.is_finished()) {
            Err("it hangs".to_owned())
        } else {
            let (tell, told) = oneshot::channel();
            let thread = tokio::task::spawn_blocking(move || drop(tell.send(work())));
            let told = timeout(FILE_TIMEOUT, told).await;
            self.hangs = told.is_err().then_some(thread);
            match told {
                Ok(done) => done.unwrap_or_else(|error| Err(error.to_string())),
                Err(_) => Err(format!("not done within {} s", FILE_TIMEOUT.as_secs())),
            }
        };
        let (done, filed) = match done {
            Ok(done) => (Some(done), Ok(())),
            Err(error) => (None, Err(SourceError(format!("{}: {error}", self.settings.root.join(FILE).display())))),
        };
        self.filed = filed;
        done
    }
}

impl Source for MockSignal {
    const NAME: &'static str = "mock_signal";
    const FEED: Feed = Feed::SreState;

    async fn poll(&mut self) -> Vec<Part> {
        let mut due = match self.due {
            Some(due) => due,
            None => self.first().await,
        };
        if due <= Instant::now() {
            due = Instant::now() + self.settings.interval;
            self.inject().await;
        }
        self.due = Some(due);
        let outcome = self.filed.clone().map(|()| SampleSet::new(self.limits));
        vec![Part { trouble: self.trouble.clone(), ..Part::new("mock_signal", outcome) }]
    }
}

/// How long the first signal has to wait when the last one was `since` seconds ago.
fn wait(interval: Duration, since: Option<f64>) -> Duration {
    // A clock that was set back makes it negative; no more than an interval is waited then.
    let rest =
        since.map_or(Duration::ZERO, |since| interval.saturating_sub(Duration::try_from_secs_f64(since).unwrap_or_default()));
    rest.max(GRACE.min(interval))
}

/// The score in an answer: a JSON object with the number `score` or `composite_score`.
fn score(body: &[u8]) -> Result<f64, String> {
    #[derive(Deserialize)]
    struct Answered {
        #[serde(alias = "composite_score")]
        score: f64,
    }
    let answered: Answered = serde_json::from_slice(body)
        .map_err(|error| format!("expected a JSON object with a number under score or composite_score: {error}"))?;
    Ok(answered.score)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_has_two_names() {
        assert_eq!(score(br#"{"symbol":"MOCK_SIGNAL_TEST","score":4.5}"#), Ok(4.5));
        assert_eq!(score(br#"{"composite_score":3}"#), Ok(3.0));
        for body in ["", "4.5", "[]", "{}", r#"{"score":"4.5"}"#, r#"{"score":null}"#, r#"{"score":1e999}"#, "<html>"] {
            assert!(score(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_start_does_not_inject_at_once_nor_put_off_for_long() {
        let quarter = Duration::from_mins(15);
        for (interval, since, seconds) in [
            (quarter, None, 60),
            (quarter, Some(0.0), 900),
            (quarter, Some(300.0), 600),
            (quarter, Some(870.0), 60),
            (quarter, Some(1e9), 60),
            (quarter, Some(-1e9), 900),
            (Duration::from_secs(5), None, 5),
        ] {
            assert_eq!(wait(interval, since), Duration::from_secs(seconds), "{interval:?} {since:?}");
        }
    }

    #[test]
    fn the_signal_is_the_perfect_whale() {
        let signal: serde_json::Value = serde_json::from_str(SIGNAL).unwrap();
        assert_eq!((signal["conviction"].as_f64(), signal["flow_magnitude"].as_str()), (Some(0.95), Some("HIGH")));
        assert_eq!((signal["signal_type"].as_str(), signal["sentiment"].as_str()), (Some("BULLISH_SWEEP"), Some("BULLISH")));
        assert!(signal["dark_pool"].is_object() && signal["insider"].is_object());
    }
}
