//! What the bridge answers over HTTP.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Method, Request, StatusCode};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout};

use super::config::Config;
use super::payload::Notification;
use super::refusals::Refusals;
use super::robot::Robot;
use super::verdict::{Delivery, Reason};
use crate::access::Access;
use crate::client::Client;
use crate::config::Web;
use crate::http::{Answer, Handler, Reload, authorize, not_allowed, reload, text, with_type};
use crate::secret::Secret;
use crate::telemetry::bridge::Telemetry;
use crate::told::told_within;

/// The longest notification, in bytes: some thousand alerts.
const MAX_BODY: u32 = 8 * 1024 * 1024;
/// Bytes of notifications that are read at the same time.
const MAX_READING: u32 = 2 * MAX_BODY;
/// How long a client may take to send its body.
const BODY_DEADLINE: Duration = Duration::from_secs(4);
/// Bytes that are logged of a name that no robot has.
const MAX_NAME: usize = 64;
/// The content type of Prometheus' text format.
const METRICS: &str = crate::exposition::CONTENT_TYPE;

/// The robots, and what of the configuration decides about answers.
pub(super) struct Site {
    /// The bridge's metrics.
    pub(super) telemetry: Arc<Telemetry>,
    access: Arc<Access>,
    settings: RwLock<Settings>,
    reloads: mpsc::Sender<Reload>,
    reading: Semaphore,
    refusals: Refusals,
}

/// What of the configuration decides about answers.
#[derive(Clone)]
pub(super) struct Settings {
    web: Web,
    token: Option<Secret>,
    /// The robots by name.
    pub(super) robots: Arc<HashMap<String, Arc<Robot<Client>>>>,
    /// Whether the bridge is stopping.
    stopping: bool,
}

impl Settings {
    /// Those of `config`, with these robots.
    pub(super) fn new(config: &Config, robots: HashMap<String, Arc<Robot<Client>>>) -> Self {
        Self { web: config.web.clone(), token: config.token.clone(), robots: Arc::new(robots), stopping: false }
    }
}

impl Site {
    /// Reload requests are sent to `reloads`.
    pub(super) fn new(telemetry: Arc<Telemetry>, access: Arc<Access>, settings: Settings, reloads: mpsc::Sender<Reload>) -> Self {
        let (settings, reading) = (RwLock::new(settings), Semaphore::new(MAX_READING as usize));
        Self { telemetry, access, settings, reloads, reading, refusals: Refusals::default() }
    }

    /// Takes new settings.
    pub(super) fn set(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Takes no more notifications, and ends the robots.
    pub(super) fn stop(&self) {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        settings.stopping = true;
        settings.robots.values().for_each(|robot| robot.end());
    }

    /// The settings in force.
    pub(super) fn settings(&self) -> Settings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn send(&self, name: &str, settings: &Settings, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let came = Instant::now();
        let (head, body) = request.into_parts();
        if let Err((status, told)) = authorize(&head.headers, peer.ip(), settings.token.as_ref(), "token_file") {
            // Nor may they say what stands in the log.
            if self.refusals.is_new("", status.as_u16()) {
                tracing::warn!(%peer, status = status.as_u16(), "a notification was refused: who sent it may not");
            }
            let mut answer = text(status, told);
            if status == StatusCode::UNAUTHORIZED {
                answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"dingtalk\""));
            }
            return answer;
        }
        let Some(robot) = settings.robots.get(name) else {
            if self.refusals.is_new("", StatusCode::NOT_FOUND.as_u16()) {
                let robot = told_within(name, MAX_NAME);
                tracing::error!(robot, "a notification was refused: no robot has this name");
            }
            return text(StatusCode::NOT_FOUND, "No robot has this name. The bridge's configuration names them under robots.\n");
        };
        if !is_json(&head.headers) {
            let told = "Expected the content type application/json, which Alertmanager sends.\n";
            return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, told);
        }
        let delivery = match self.read(body).await {
            Ok(notification) => robot.deliver(notification, came).await,
            Err(refused) => {
                let Refused(status, told) = refused;
                let delivery = if status == StatusCode::SERVICE_UNAVAILABLE {
                    Delivery::Later(Reason::Queue)
                } else {
                    Delivery::Rejected(Reason::Request)
                };
                self.telemetry.notification(name, delivery);
                if self.refusals.is_new(name, status.as_u16()) {
                    let reason = told.trim_end();
                    tracing::error!(robot = name, status = status.as_u16(), reason, "a notification was refused");
                }
                return text(status, told);
            }
        };
        self.telemetry.notification(name, delivery);
        answer(delivery)
    }

    async fn read(&self, body: Incoming) -> Result<Notification, Refused> {
        let late = |_| Refused(StatusCode::SERVICE_UNAVAILABLE, "The body did not come in time.\n".to_owned());
        let read = async {
            let length = body
                .size_hint()
                .upper()
                .and_then(|bytes| bytes.try_into().ok())
                .map_or(MAX_BODY, |bytes: u32| bytes.min(MAX_BODY));
            // It fails when the semaphore is closed, which it never is.
            let _room = self.reading.acquire_many(length).await;
            let body =
                Limited::new(body, MAX_BODY as usize).collect().await.map_err(|error| match error.is::<LengthLimitError>() {
                    true => Refused(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        format!(
                            "A notification is at most {MAX_BODY} bytes: set max_alerts in Alertmanager's webhook_configs.\n"
                        ),
                    ),
                    false => Refused(StatusCode::BAD_REQUEST, "The body ended too early.\n".to_owned()),
                })?;
            let expected = |expected| Refused(StatusCode::BAD_REQUEST, format!("Expected {expected}.\n"));
            Notification::parse(&body.to_bytes()).map_err(expected)
        };
        timeout(BODY_DEADLINE, read).await.map_err(late)?
    }
}

/// A page in a browser can send any other type to wherever it likes.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"))
}

/// Why a notification is not taken: the status, and what the client is told.
struct Refused(StatusCode, String);

/// 503 has Alertmanager come again within its group interval; after 400 it comes at the next one.
fn answer(delivery: Delivery) -> Answer {
    let told = |reason: Reason| format!("Not delivered ({}): {}.\n", reason.as_str(), reason.advice());
    match delivery {
        Delivery::Sent => text(StatusCode::OK, "Delivered.\n"),
        Delivery::Rejected(reason) => text(StatusCode::BAD_REQUEST, told(reason)),
        Delivery::Later(reason) => {
            let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, told(reason));
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
            answer
        }
    }
}

impl Handler for Site {
    fn access(&self) -> &Arc<Access> {
        &self.access
    }

    fn has_own_credentials(&self, path: &str) -> bool {
        path.starts_with("/dingtalk/")
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let settings = self.settings();
        let path = request.uri().path().to_owned();
        let robot = path.strip_prefix("/dingtalk/").and_then(|rest| rest.strip_suffix("/send"));
        let allowed: &[Method] = match path.as_str() {
            _ if robot.is_some() => &[Method::POST],
            "/-/reload" => &[Method::POST, Method::PUT],
            "/-/healthy" | "/-/ready" => &[Method::GET, Method::HEAD],
            path if path == settings.web.telemetry_path => &[Method::GET, Method::HEAD],
            _ => {
                let told = "There is nothing here. Notifications are posted to /dingtalk/<robot>/send.\n";
                return text(StatusCode::NOT_FOUND, told);
            }
        };
        if !allowed.contains(request.method()) {
            return not_allowed(allowed);
        }
        match (path.as_str(), robot) {
            (_, Some(name)) => self.send(name, &settings, request, peer).await,
            ("/-/healthy", _) => text(StatusCode::OK, "The bridge is healthy.\n"),
            ("/-/ready", _) if settings.stopping => text(StatusCode::SERVICE_UNAVAILABLE, "The bridge is stopping.\n"),
            ("/-/ready", _) => text(StatusCode::OK, "The bridge is ready.\n"),
            ("/-/reload", _) => reload(&self.reloads, &settings.web).await,
            _ => {
                self.telemetry.config.web_read(self.access.is_current());
                with_type(StatusCode::OK, METRICS, self.telemetry.render())
            }
        }
    }
}
