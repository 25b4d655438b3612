//! The HTTP server: accepting connections within bounds, and which path is answered by what.
//!
//! `accept` and `connections` keep slow and silent clients from being in anybody's way, `handshake` speaks TLS with them, and `admit` says who is answered;
//! `metrics`, `ingest` and `status` each answer one kind of request.

mod accept;
mod admit;
mod authorize;
mod connections;
mod handshake;
mod ingest;
mod listen;
mod metrics;
mod reload;
mod scratch;
mod status;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::sync::mpsc;

pub use accept::serve;
pub use authorize::authorize;
pub use listen::listen;
pub use reload::{Reload, reload};
use scratch::Scratch;

use crate::access::Access;
use crate::board::Board;
use crate::config::{Config, RESERVED_PATHS, Web};
use crate::health::Latest;
use crate::journal::append::Appender;
use crate::journal::follow::Follower;
use crate::page;
use crate::secret::Secret;
use crate::telemetry::Telemetry;

/// The longest body of a request, in bytes, but for those of events; no other path needs one at all.
const MAX_BODY: u64 = 64 * 1024;

const TEXT: &str = "text/plain; charset=utf-8";

/// What a request is answered with: a whole body, made before its first byte is sent.
pub type Answer = Response<Bytes>;

/// Who answers the requests of a server.
pub trait Handler: Send + Sync + 'static {
    /// Who gets in.
    fn access(&self) -> &Arc<Access>;

    /// Whether requests to `path` show something else than the password of a user.
    fn has_own_credentials(&self, path: &str) -> bool;

    /// Answers `request`, which came from `peer`. A client that goes away ends it wherever it waits.
    fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> impl Future<Output = Answer> + Send;
}

/// What the answers are made from.
pub struct Site {
    /// What is known.
    pub board: Arc<Board>,
    /// Who reads the journals.
    pub follower: Arc<Follower>,
    /// The exporter's own metrics.
    pub telemetry: Arc<Telemetry>,
    /// Who writes what is posted.
    pub appender: Appender,
    /// What the checks found.
    pub latest: Arc<Latest>,
    access: Arc<Access>,
    settings: RwLock<Arc<Settings>>,
    reloads: mpsc::Sender<Reload>,
    scratch: Arc<Scratch>,
}

/// What of the configuration decides about answers.
pub struct Settings {
    /// Paths, and what is allowed.
    pub web: Web,
    /// What POST /v1/events asks of a client; without it, that it is on this host.
    pub ingest_token: Option<Secret>,
    /// Which installation this is, for people.
    pub environment: String,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        let (web, ingest_token) = (config.web.clone(), config.ingest_token.clone());
        Self { web, ingest_token, environment: config.environment.clone() }
    }
}

impl Site {
    /// Reload requests are sent to `reloads`.
    #[expect(clippy::too_many_arguments, reason = "each is another type, and the composition root is the only caller")]
    pub fn new(
        board: Arc<Board>,
        follower: Arc<Follower>,
        telemetry: Arc<Telemetry>,
        appender: Appender,
        access: Arc<Access>,
        latest: Arc<Latest>,
        settings: Settings,
        reloads: mpsc::Sender<Reload>,
    ) -> Self {
        let settings = RwLock::new(Arc::new(settings));
        Self { board, follower, telemetry, appender, access, latest, settings, reloads, scratch: Arc::default() }
    }

    /// Takes new settings.
    pub fn set(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Handler for Site {
    fn access(&self) -> &Arc<Access> {
        &self.access
    }

    fn has_own_credentials(&self, path: &str) -> bool {
        path == "/v1/events"
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let settings = self.settings();
        let web = &settings.web;
        let path = request.uri().path();
        let allowed: &[Method] = match path {
            "/v1/events" => &[Method::POST],
            "/-/reload" => &[Method::POST, Method::PUT],
            path if path == web.telemetry_path || RESERVED_PATHS.contains(&path) => &[Method::GET, Method::HEAD],
            _ => return text(StatusCode::NOT_FOUND, "There is nothing here. The start page is at /.\n"),
        };
        if !allowed.contains(request.method()) {
            return not_allowed(allowed);
        }
        if path == "/v1/events" {
            return ingest::answer(self, request, peer.ip(), settings.ingest_token.as_ref()).await;
        }
        if body_length(request.headers()) > MAX_BODY {
            return text(StatusCode::PAYLOAD_TOO_LARGE, format!("The body of a request is at most {MAX_BODY} bytes here.\n"));
        }
        match path {
            path if path == web.telemetry_path => metrics::answer(self, request.headers()).await,
            "/" => status::page(self, &settings),
            "/api/sre/health" => status::json(self, &settings),
            "/page.css" => status::asset("text/css; charset=utf-8", page::STYLE),
            "/page.js" => status::asset("text/javascript; charset=utf-8", page::SCRIPT),
            "/page.svg" => status::asset("image/svg+xml", page::ICON),
            "/health" => with_type(StatusCode::OK, "application/json", "{\"status\": \"ok\"}"),
            "/-/healthy" => text(StatusCode::OK, "sentinel-exporter is healthy.\n"),
            "/-/ready" if self.follower.caught_up() => text(StatusCode::OK, "sentinel-exporter is ready.\n"),
            "/-/ready" => metrics::not_ready(),
            _ => reload(&self.reloads, web).await,
        }
    }
}

/// The length that a request announces.
pub fn body_length(headers: &HeaderMap) -> u64 {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    length.unwrap_or(0)
}

/// The answer to a method that the path does not take.
pub fn not_allowed(allowed: &[Method]) -> Answer {
    let allow = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, format!("This path answers {allow}.\n"));
    answer.headers_mut().extend(HeaderValue::try_from(allow).map(|allow| (ALLOW, allow)));
    answer
}

/// An answer of plain text.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    with_type(status, TEXT, body)
}

/// An answer of another type.
pub fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
