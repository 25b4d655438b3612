//! PostgREST: whether it answers what its clients ask, and the reload of a schema cache that is stale.
//!
//! A request that fails is what the probe is there to see, so it is no failure of the source: the gauge says 0 at once.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{ACCEPT, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::Instant;

use super::endpoint::{Endpoint, Headers};
use super::postgres::Database;
use super::{Part, Source};
use crate::board::Board;
use crate::catalogue as family;
use crate::client::Client;
use crate::clock::unix_now;
use crate::config::decode::Section;
use crate::family::Feed;
use crate::sample::{Limits, SampleSet};

/// The request that every client makes in some form.
const PATH: &str = "/simplicity_batches?select=id&limit=1";
const PROFILE: (HeaderName, HeaderValue) = (HeaderName::from_static("accept-profile"), HeaderValue::from_static("intake"));
/// An answer is some hundred bytes; what is far larger is something else.
const MAX_BYTES: usize = 64 << 10;
/// The longest message of PostgREST that is shown.
const MAX_MESSAGE: usize = 200;
/// The code of a stale schema cache.
const STALE_CACHE: &str = "PGRST002";

/// The section `postgrest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    endpoint: Endpoint,
    /// Time between probes.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How long the last probe counts.
    pub stale_after: Duration,
    /// Whether a stale schema cache is reloaded, over the database connection.
    pub reload_schema_cache: bool,
}

impl Settings {
    /// Reads the section. `database` is whether there is a database to reload the schema cache over.
    pub fn decode(mut section: Section<'_>, database: bool) -> Option<Self> {
        let mut headers = Headers::default();
        headers.secret(&mut section, "api_key", "api_key_file", HeaderName::from_static("apikey"));
        let base = Endpoint::decode_base(&mut section, headers);
        let interval = section.duration("interval", Duration::from_secs(30));
        let timeout = section.duration("timeout", Duration::from_secs(5));
        let stale_after = section.stale_after(interval, Duration::from_secs(120));
        let reload_schema_cache = section.bool("reload_schema_cache", false);
        if reload_schema_cache && !database {
            section.mistake("reload_schema_cache", "expected the section postgres too: the reload goes over the database");
        }
        section.finish();
        Some(Self { endpoint: base?.below(PATH)?, interval, timeout, stale_after, reload_schema_cache })
    }
}

/// The source.
pub struct Postgrest {
    settings: Settings,
    client: Client,
    limits: Limits,
    board: Arc<Board>,
    database: Option<Database>,
}

impl Postgrest {
    /// Probes are counted in the ledger of `board`; without `database` no cache is reloaded.
    pub fn new(settings: &Settings, client: Client, limits: Limits, board: Arc<Board>, database: Option<Database>) -> Self {
        let database = database.filter(|_| settings.reload_schema_cache);
        Self { settings: settings.clone(), client, limits, board, database }
    }

    async fn ask(&self) -> Result<(), Fault> {
        let mut request = self.settings.endpoint.request(Method::GET, Vec::new());
        request.headers_mut().insert(PROFILE.0, PROFILE.1);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.client.send(request, self.settings.timeout, MAX_BYTES).await;
        let answer = answer.map_err(|error| Fault { code: None, text: error.to_string() })?;
        judge(answer.status(), &self.settings.endpoint.redacted(answer.body()))
    }

    /// Has the cache reloaded, unless that was done a short time ago.
    async fn reload(&self) {
        let Some(database) = &self.database else { return };
        if !self.board.ledger().schema_cache_reload(unix_now()) {
            return;
        }
        let reloaded = database.reload_schema_cache().await;
        self.board.ledger().schema_cache_reloaded(reloaded.is_ok());
        match reloaded {
            Ok(()) => tracing::info!("PostgREST's schema cache is stale: it was told over the database to reload it"),
            Err(error) => {
                tracing::error!(%error, "PostgREST's schema cache is stale, and the database could not tell it to reload it")
            }
        }
    }
}

impl Source for Postgrest {
    const NAME: &'static str = "postgrest";
    const FEED: Feed = Feed::Postgrest;

    async fn poll(&mut self) -> Vec<Part> {
        let begun = Instant::now();
        let fault = self.ask().await.err();
        let code = fault.as_ref().and_then(|fault| fault.code.as_deref());
        self.board.ledger().postgrest_probe(begun.elapsed().as_secs_f64(), code);
        if code == Some(STALE_CACHE) {
            self.reload().await;
        }
        let mut samples = SampleSet::new(self.limits);
        samples.set(&family::POSTGREST_UP, [], f64::from(u8::from(fault.is_none())));
        vec![Part { trouble: fault.map(|fault| fault.text), ..Part::new("postgrest", Ok(samples)) }]
    }
}

/// What is wrong with an answer.
#[derive(Debug, PartialEq)]
struct Fault {
    /// The code of an error that was answered; None without an answer.
    code: Option<String>,
    text: String,
}

/// An error as PostgREST answers it.
#[derive(Deserialize)]
struct Answered {
    code: String,
    #[serde(default)]
    message: Option<String>,
}

/// A good answer is an array, with or without rows.
fn judge(status: StatusCode, body: &str) -> Result<(), Fault> {
    if status.is_success() && serde_json::from_str::<Vec<IgnoredAny>>(body).is_ok() {
        return Ok(());
    }
    let (code, told) = match serde_json::from_str::<Answered>(body) {
        Ok(Answered { code, message }) if is_code(&code) => {
            let message = message.unwrap_or_default();
            (code, message[..message.floor_char_boundary(MAX_MESSAGE)].to_owned())
        }
        _ if status.is_redirection() => (http(status), "a redirect, which is not followed".to_owned()),
        _ if status.is_success() => (http(status), "expected a JSON array".to_owned()),
        _ => (http(status), "not an answer of PostgREST".to_owned()),
    };
    Err(Fault { text: format!("{code}: {told}"), code: Some(code) })
}

fn http(status: StatusCode) -> String {
    format!("HTTP_{}", status.as_u16())
}

/// PostgREST's own codes (PGRST and what it was), and those of SQL.
fn is_code(text: &str) -> bool {
    let own = text.strip_prefix("PGRST").is_some_and(|rest| rest.len() == 3);
    (own || text.len() == 5) && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: u16, body: &str) -> Option<(String, String)> {
        let fault = judge(StatusCode::from_u16(status).unwrap(), body).err()?;
        Some((fault.code.unwrap(), fault.text))
    }

    #[test]
    fn rows_are_good_and_so_are_none() {
        for (status, body) in [(200, r#"[{"id":"00000000-0000-0000-0000-00000000002a"}]"#), (200, " []\n"), (206, "[]")] {
            assert_eq!(fault(status, body), None, "{body}");
        }
    }

    #[test]
    fn every_error_has_a_code() {
        let long = format!(r#"{{"code":"42501","message":"{}"}}"#, "é".repeat(200));
        for (status, body, code, text) in [
            (503, r#"{"code":"PGRST002","details":null,"hint":null,"message":"Retrying."}"#, "PGRST002", "PGRST002: Retrying."),
            (401, r#"{"code":"PGRST301","message":"JWT expired"}"#, "PGRST301", "PGRST301: JWT expired"),
            (500, r#"{"code":"PGRSTX00"}"#, "PGRSTX00", "PGRSTX00: "),
            (403, long.as_str(), "42501", &format!("42501: {}", "é".repeat(100))),
            (401, r#"{"message":"Invalid API key"}"#, "HTTP_401", "HTTP_401: not an answer of PostgREST"),
            (502, "<html><h1>502 Bad Gateway</h1></html>", "HTTP_502", "HTTP_502: not an answer of PostgREST"),
            (302, "", "HTTP_302", "HTTP_302: a redirect, which is not followed"),
            (200, "<html>Log in</html>", "HTTP_200", "HTTP_200: expected a JSON array"),
            (200, "[{\"id\":1}", "HTTP_200", "HTTP_200: expected a JSON array"),
            (500, "[]", "HTTP_500", "HTTP_500: not an answer of PostgREST"),
            // Codes are labels: what is not of their form could be anything.
            (500, r#"{"code":"PGRST02","message":"x"}"#, "HTTP_500", "HTTP_500: not an answer of PostgREST"),
            (500, r#"{"code":"a key","message":"x"}"#, "HTTP_500", "HTTP_500: not an answer of PostgREST"),
            (500, r#"{"code":500,"message":"x"}"#, "HTTP_500", "HTTP_500: not an answer of PostgREST"),
        ] {
            assert_eq!(fault(status, body), Some((code.to_owned(), text.to_owned())), "{body}");
        }
    }
}
