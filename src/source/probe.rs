//! HTTP endpoints that have to answer: each is asked by itself, so that one that hangs delays no other.

use std::time::Duration;

use hyper::{Method, StatusCode};
use tokio::time::Instant;

use super::endpoint::{Endpoint, Headers};
use super::{Part, Source};
use crate::catalogue as family;
use crate::client::{Client, ClientError};
use crate::config::decode::Section;
use crate::family::Feed;
use crate::sample::{Limits, SampleSet};

/// How many there may be.
const MAX_PROBES: usize = 64;
/// The longest name, in bytes.
const MAX_NAME: usize = 64;
/// The longest answer, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// One of the list `probes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its name: the label `probe`.
    pub name: String,
    endpoint: Endpoint,
    expected_status: u16,
    /// Time between two requests.
    pub interval: Duration,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// From this duration on an answer is slow, which is told but no failure.
    pub warn_after: Duration,
    /// From this duration on an answer is a failure.
    pub fail_after: Duration,
}

impl Settings {
    /// Reads the list `probes`.
    pub fn decode(document: &mut Section<'_>) -> Vec<Self> {
        let mut probes: Vec<Self> = Vec::new();
        for mut section in document.list("probes") {
            if probes.len() == MAX_PROBES {
                section.mistake("name", format_args!("expected at most {MAX_PROBES} probes"));
                break;
            }
            let name = section.checked("name", None, |text| name(text).map(Some));
            match &name {
                None => section.mistake("name", "expected a name"),
                Some(name) if probes.iter().any(|probe| probe.name == *name) => {
                    section.mistake("name", format_args!("expected each name once, found {name} again"));
                }
                Some(_) => {}
            }
            probes.extend(name.and_then(|name| Self::one(section, name)));
        }
        probes
    }

    fn one(mut section: Section<'_>, name: String) -> Option<Self> {
        let headers = Headers::decode(&mut section);
        let endpoint = Endpoint::decode(&mut section, headers);
        let expected_status = section.checked("expected_status", 200, status);
        let interval = section.duration("interval", Duration::from_secs(30));
        let timeout = section.duration("timeout", Duration::from_secs(5));
        let warn_after = section.duration("warn_after", Duration::from_millis(500));
        let fail_after = section.duration("fail_after", Duration::from_secs(2));
        for (key, shorter, other, longer) in
            [("warn_after", warn_after, "fail_after", fail_after), ("fail_after", fail_after, "timeout", timeout)]
        {
            if shorter > longer {
                let [shorter, longer] = [shorter, longer].map(humantime::format_duration);
                section.mistake(key, format_args!("expected no more than {other}, {longer}, found {shorter}"));
            }
        }
        section.finish();
        Some(Self { name, endpoint: endpoint?, expected_status, interval, timeout, warn_after, fail_after })
    }

    /// How long the last answer is shown.
    pub fn stale_after(&self) -> Duration {
        2 * self.interval + self.timeout
    }
}

fn name(text: &str) -> Result<String, String> {
    let fits =
        (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if fits { Ok(text.to_owned()) } else { Err(format!("up to {MAX_NAME} letters, digits, _, . or -")) }
}

fn status(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|status| (200..600).contains(status)).ok_or_else(|| "a status from 200 to 599".to_owned())
}

/// The source: one endpoint.
pub struct Probe {
    settings: Settings,
    client: Client,
    limits: Limits,
}

impl Probe {
    /// One that asks by `client`.
    pub fn new(settings: &Settings, client: Client, limits: Limits) -> Self {
        // Two names that were cut to the same would be one series twice.
        let limits = Limits { label_value_bytes: limits.label_value_bytes.max(MAX_NAME), ..limits };
        Self { settings: settings.clone(), client, limits }
    }
}

impl Source for Probe {
    const NAME: &'static str = "probe";
    const FEED: Feed = Feed::Probes;

    async fn poll(&mut self) -> Vec<Part> {
        let Settings { name, endpoint, timeout, .. } = &self.settings;
        let begun = Instant::now();
        let answer = self.client.send(endpoint.request(Method::GET, Vec::new()), *timeout, MAX_BYTES).await;
        let took = begun.elapsed();
        let verdict = self.settings.judge(answer.map(|answer| answer.status()), took);
        let mut samples = SampleSet::new(self.limits);
        samples.set(&family::PROBE_SUCCESS, [name], f64::from(u8::from(!matches!(verdict, Verdict::Failed(_)))));
        samples.set(&family::PROBE_DURATION, [name], took.as_secs_f64());
        let trouble = match verdict {
            Verdict::Good => None,
            Verdict::Slow(text) | Verdict::Failed(text) => Some(text),
        };
        vec![Part { trouble, ..Part::new(name.clone(), Ok(samples)) }]
    }
}

/// What is to be said of an answer. The texts are the same as long as the fault is, so that it is logged once.
#[derive(Debug, PartialEq)]
enum Verdict {
    Good,
    Slow(String),
    Failed(String),
}

impl Settings {
    fn judge(&self, answer: Result<StatusCode, ClientError>, took: Duration) -> Verdict {
        let later_than = |limit| format!("answered later than {}", humantime::format_duration(limit));
        match answer {
            Err(error) => Verdict::Failed(error.to_string()),
            Ok(status) if status.as_u16() != self.expected_status => {
                let hint = if status.is_redirection() { "; redirects are not followed" } else { "" };
                Verdict::Failed(format!("answered {}, expected {}{hint}", status.as_u16(), self.expected_status))
            }
            Ok(_) if took >= self.fail_after => Verdict::Failed(later_than(self.fail_after)),
            Ok(_) if took >= self.warn_after => Verdict::Slow(later_than(self.warn_after)),
            Ok(_) => Verdict::Good,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    fn settings(text: &str) -> Settings {
        let decode = |document: &mut Section<'_>| Settings::decode(document);
        let probes = load::parse(&format!("probes: [{text}]"), "".as_ref(), &|_| None, decode).unwrap();
        probes.into_iter().next().unwrap()
    }

    #[test]
    fn an_answer_is_good_slow_or_failed() {
        let usual = settings("{name: x, url: 'http://x/'}");
        let moved = settings("{name: x, url: 'http://x/', expected_status: 301, warn_after: 1s, fail_after: 1s}");
        let failed = |text: &str| Verdict::Failed(text.to_owned());
        for (settings, status, milliseconds, verdict) in [
            (&usual, 200, 499, Verdict::Good),
            (&usual, 200, 500, Verdict::Slow("answered later than 500ms".to_owned())),
            (&usual, 200, 1999, Verdict::Slow("answered later than 500ms".to_owned())),
            (&usual, 200, 2000, failed("answered later than 2s")),
            (&usual, 204, 1, failed("answered 204, expected 200")),
            (&usual, 503, 3000, failed("answered 503, expected 200")),
            (&usual, 302, 1, failed("answered 302, expected 200; redirects are not followed")),
            (&moved, 301, 999, Verdict::Good),
            (&moved, 301, 1000, failed("answered later than 1s")),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(settings.judge(Ok(status), Duration::from_millis(milliseconds)), verdict, "{status} {milliseconds}");
        }
    }
}
