//! The requests that the exporter makes of others: PostgREST, probed endpoints, the bot, DingTalk.
//!
//! All of them in one way: certificates are those that the system trusts, redirects are not followed (credentials would go
//! along), an answer has a deadline and a length, and no error shows the URL, which may hold a token. Each request
//! has a connection of its own, so that a probe sees what a new client would, and none fails because an old one was closed.

use std::fmt;
use std::time::Duration;

use hyper::{Request, Response, Uri};
use rustls::crypto::ring;
use tokio::time::{Instant, timeout_at};

/// Makes requests.
#[derive(Clone, Debug)]
pub struct Client(reqwest::Client);

/// Why there is no answer. Its text is for logs and pages: it holds neither the URL nor a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientError {
    /// Whether the other side cannot have had the request: no connection to it came about.
    pub unsent: bool,
    text: String,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ClientError {}

impl Client {
    /// Reads the system's certificates; SSL_CERT_FILE and SSL_CERT_DIR name others, HTTPS_PROXY and HTTP_PROXY a proxy.
    pub fn new() -> Result<Self, ClientError> {
        // Only the first provider of a process counts, and this is the only one.
        let _ = ring::default_provider().install_default();
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("sentinel-exporter/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .pool_max_idle_per_host(0)
        };
        let client = builder().build().or_else(|error| {
            // A system without certificates can do without TLS.
            let error = ClientError::of(error);
            tracing::warn!(%error, "no certificates were found, so no https URL can be reached; the package ca-certificates has them");
            builder().tls_certs_only([]).build()
        });
        client.map(Self).map_err(ClientError::of)
    }

    /// Sends `request` and takes an answer of at most `limit` bytes, all of it within `deadline`.
    pub async fn send(
        &self,
        request: Request<Vec<u8>>,
        deadline: Duration,
        limit: usize,
    ) -> Result<Response<Vec<u8>>, ClientError> {
        let ends = Instant::now() + deadline;
        let late = |_| ClientError { unsent: false, text: format!("no answer within {}", humantime::format_duration(deadline)) };
        let request = reqwest::Request::try_from(request).map_err(ClientError::of)?;
        let mut answer = timeout_at(ends, self.0.execute(request)).await.map_err(late)?.map_err(ClientError::of)?;
        let mut body = Vec::new();
        while let Some(chunk) = timeout_at(ends, answer.chunk()).await.map_err(late)?.map_err(ClientError::of)? {
            if body.len() + chunk.len() > limit {
                return Err(ClientError { unsent: false, text: format!("an answer of more than {limit} bytes") });
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

/// `text` as an address that requests can be sent to: http or https, with a host, and without a user or password in it, which
/// would not be sent.
pub fn address(text: &str) -> Option<Uri> {
    let url = reqwest::Url::parse(text).ok()?;
    let web = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    url.as_str().parse().ok().filter(|_| web)
}

impl ClientError {
    fn of(error: reqwest::Error) -> Self {
        let unsent = error.is_connect() || error.is_builder();
        // The innermost says what happened, such as "Connection refused".
        let mut cause: &dyn std::error::Error = &error.without_url();
        let mut text = cause.to_string();
        while let Some(source) = cause.source() {
            cause = source;
            text = format!("{text}: {cause}");
        }
        Self { unsent, text }
    }
}
