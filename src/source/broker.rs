//! The broker, as Alpaca speaks: how fast the account is answered, and which positions it holds.
//!
//! It is no source of its own: the checks ask when they run, and judge what was found.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use hyper::Method;
use hyper::header::HeaderName;
use serde::Deserialize;
use tokio::time::Instant;

use super::endpoint::{Endpoint, Headers};
use crate::client::Client;
use crate::config::decode::Section;

/// The longest answer: some thousand positions.
const MAX_BYTES: usize = 4 << 20;
/// The longest message of the broker that is shown.
const MAX_MESSAGE: usize = 200;

/// The section `broker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    account: Endpoint,
    positions: Endpoint,
    /// Whether there are headers that say who asks.
    credentials: bool,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl Settings {
    /// Reads the section.
    pub fn decode(mut section: Section<'_>) -> Option<Self> {
        let mut headers = Headers::decode(&mut section);
        let id = headers.secret(&mut section, "key_id", "key_id_file", HeaderName::from_static("apca-api-key-id"));
        let key = headers.secret(&mut section, "secret_key", "secret_key_file", HeaderName::from_static("apca-api-secret-key"));
        if id != key {
            section.mistake(if id { "secret_key" } else { "key_id" }, "expected both key_id and secret_key, or neither");
        }
        let credentials = !headers.is_empty();
        let base = Endpoint::decode_base(&mut section, headers);
        let timeout = section.duration("timeout", Duration::from_secs(5));
        section.finish();
        let base = base?;
        Some(Self { account: base.below("/v2/account")?, positions: base.below("/v2/positions")?, credentials, timeout })
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerFound {
    /// How long the account took to be answered.
    pub account: Result<Duration, BrokerError>,
    /// The symbols of the open positions.
    pub positions: Result<BTreeSet<String>, BrokerError>,
}

/// Why the broker did not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerError {
    /// It was not asked, for want of credentials.
    NoCredentials,
    /// It answered something else, or nothing. Text for logs and pages, without secrets.
    Failed(String),
}

impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredentials => f.write_str("no credentials are configured"),
            Self::Failed(text) => f.write_str(text),
        }
    }
}

/// Asks the broker.
#[derive(Clone, Debug)]
pub struct Broker {
    settings: Settings,
    client: Client,
}

impl Broker {
    /// One that asks by `client`.
    pub fn new(settings: &Settings, client: Client) -> Self {
        Self { settings: settings.clone(), client }
    }

    /// Asks once, for both at the same time. It ends within the timeout, whatever hangs.
    pub async fn ask(&self) -> BrokerFound {
        if !self.settings.credentials {
            return BrokerFound { account: Err(BrokerError::NoCredentials), positions: Err(BrokerError::NoCredentials) };
        }
        let (account, positions) = tokio::join!(self.get(&self.settings.account), self.get(&self.settings.positions));
        let read = |(_, body): (Duration, Vec<u8>)| symbols(&body).map_err(BrokerError::Failed);
        BrokerFound { account: account.map(|(took, _)| took), positions: positions.and_then(read) }
    }

    async fn get(&self, endpoint: &Endpoint) -> Result<(Duration, Vec<u8>), BrokerError> {
        let begun = Instant::now();
        let answer = self.client.send(endpoint.request(Method::GET, Vec::new()), self.settings.timeout, MAX_BYTES).await;
        let took = begun.elapsed();
        let answer = answer.map_err(|error| BrokerError::Failed(error.to_string()))?;
        if !answer.status().is_success() {
            let message = message(&endpoint.redacted(answer.body()));
            return Err(BrokerError::Failed(format!("answered {}{message}", answer.status().as_u16())));
        }
        Ok((took, answer.into_body()))
    }
}

/// What the broker says of an error.
fn message(body: &str) -> String {
    #[derive(Deserialize)]
    struct Answered {
        message: String,
    }
    serde_json::from_str::<Answered>(body).map_or_else(
        |_| String::new(),
        |Answered { message }| format!(": {}", &message[..message.floor_char_boundary(MAX_MESSAGE)]),
    )
}

fn symbols(body: &[u8]) -> Result<BTreeSet<String>, String> {
    #[derive(Deserialize)]
    struct Position {
        symbol: String,
    }
    let positions: Vec<Position> = serde_json::from_slice(body)
        .map_err(|error| format!("expected the positions as a JSON array, each with its symbol: {error}"))?;
    Ok(positions.into_iter().map(|position| position.symbol).collect())
}
