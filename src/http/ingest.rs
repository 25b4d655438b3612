//! POST /v1/events: who may send events, in what form and how much, and the answer once they are on the disk.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Request, StatusCode};
use tokio::time::timeout;

use super::authorize::authorize;
use super::{Answer, Site, body_length, text, with_type};
use crate::clock::unix_now;
use crate::journal::append::{Appender, Refusal, Reserved};
use crate::journal::keys::Key;
use crate::journal::post::{MAX_BODY, Post, Receipt};
use crate::secret::Secret;

/// How long a client may take to send its body.
const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// How long a client waits for the disk.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// The longest key, in bytes.
const MAX_KEY: usize = 255;
const CONTENT_TYPES: [&str; 4] = ["application/json", "application/x-ndjson", "application/ndjson", "application/jsonl"];

/// Why nothing of a request is taken: the status, and what the client is told.
struct Refused(StatusCode, Cow<'static, str>);

impl Refused {
    fn new(status: StatusCode, told: impl Into<Cow<'static, str>>) -> Self {
        Self(status, told.into())
    }

    fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("A body is at most {MAX_BODY} bytes; send the events in more than one.\n"),
        )
    }
}

impl From<Refused> for Answer {
    fn from(Refused(status, told): Refused) -> Self {
        let mut answer = text(status, told.into_owned());
        match status {
            StatusCode::UNAUTHORIZED => {
                answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"events\""));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        answer
    }
}

/// Takes the events of a request's body, from a client at `peer`; `token` is what it has to know.
pub(super) async fn answer(site: &Site, request: Request<Incoming>, peer: IpAddr, token: Option<&Secret>) -> Answer {
    let receipt = match take(site, request, peer, token).await {
        Ok(receipt) => receipt,
        Err(refused) => return refused.into(),
    };
    let status = if receipt.accepted > 0 { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    match serde_json::to_vec(&receipt) {
        Ok(body) => with_type(status, "application/json", body),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "The events were taken, but this answer could not be written.\n"),
    }
}

async fn take(site: &Site, request: Request<Incoming>, peer: IpAddr, token: Option<&Secret>) -> Result<Receipt, Refused> {
    let (head, body) = request.into_parts();
    authorize(&head.headers, peer, token, "ingest.token_file").map_err(|(status, told)| Refused::new(status, told))?;
    check_form(&head.headers)?;
    let name = key(&head.headers)?;
    if body_length(&head.headers) > MAX_BODY as u64 {
        return Err(Refused::too_large());
    }
    if !site.follower.caught_up() {
        return Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, "The journals are being read; try again in a moment.\n"));
    }
    let too_slow = |_| Refused::new(StatusCode::REQUEST_TIMEOUT, "The body did not come in time.\n");
    let (body, reserved) = timeout(BODY_DEADLINE, read(body, &site.appender)).await.map_err(too_slow)??;

    let post = Post::read(&body, unix_now(), name.map(|name| Key::new(name.as_bytes(), &body)));
    if post.is_empty() {
        return Err(Refused::new(StatusCode::BAD_REQUEST, "The body holds no event: expected JSON lines or a JSON array.\n"));
    }
    let receipt = post.receipt();
    // The client that gives up here and sends the same again, with the same key, is answered as it would have been.
    let written = timeout(WRITE_DEADLINE, site.appender.append(post, reserved)).await.unwrap_or(Err(Refusal::NotWritten));
    match written {
        Ok(()) => Ok(receipt),
        Err(Refusal::KeyOfAnother) => Err(Refused::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "This Idempotency-Key came with another body before. Its events were counted; these are not.\n",
        )),
        Err(Refusal::NotWritten) => Err(Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The events cannot be written to the disk now; the exporter's log says why.\n",
        )),
    }
}

/// JSON in UTF-8, not compressed.
fn check_form(headers: &HeaderMap) -> Result<(), Refused> {
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Expected a body without Content-Encoding.\n"));
    }
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    let known = parts.next().is_some_and(|name| CONTENT_TYPES.iter().any(|known| known.eq_ignore_ascii_case(name)));
    let utf8 = parts
        .filter_map(|part| part.split_once('='))
        .all(|(name, value)| !name.eq_ignore_ascii_case("charset") || value.trim_matches('"').eq_ignore_ascii_case("utf-8"));
    if known && utf8 {
        return Ok(());
    }
    let told = format!("Expected one of the content types {}, in UTF-8.\n", CONTENT_TYPES.join(", "));
    Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, told))
}

/// What the client calls the post.
fn key(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Refused> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let key = keys.next();
    let good = |key: &HeaderValue| (1..=MAX_KEY).contains(&key.len()) && key.to_str().is_ok();
    if keys.next().is_none() && key.is_none_or(good) {
        return Ok(key);
    }
    Err(Refused::new(
        StatusCode::BAD_REQUEST,
        format!("Expected one Idempotency-Key of 1 to {MAX_KEY} visible ASCII characters.\n"),
    ))
}

/// The body, and what is reserved for it.
async fn read(mut body: Incoming, appender: &Appender) -> Result<(Vec<u8>, Reserved), Refused> {
    let busy = || Refused::new(StatusCode::SERVICE_UNAVAILABLE, "The disk does not keep up; try again in a moment.\n");
    let reserve = |bytes| appender.reserve(bytes).ok_or_else(busy);
    let (mut whole, mut reserved) = (Vec::new(), reserve(0)?);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refused::new(StatusCode::BAD_REQUEST, "The body ended too early.\n"))?;
        let Some(data) = frame.data_ref() else { continue };
        if whole.len() + data.len() > MAX_BODY {
            return Err(Refused::too_large());
        }
        reserved.merge(reserve(data.len())?);
        whole.extend_from_slice(data);
    }
    Ok((whole, reserved))
}
