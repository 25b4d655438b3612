//! Who is answered: limits first, then credentials, then whoever makes the answer.

use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Request, StatusCode};

use super::{Answer, Handler, text};
use crate::access::{Rules, Verdict};

/// What is answered without credentials: it says that the process answers, and nothing else.
const OPEN_PATHS: [&str; 2] = ["/-/healthy", "/health"];

/// The answer of `handler`, if the rules let `request` through to it; the connection began under those of `then`.
pub(super) async fn answer<H: Handler>(handler: &H, request: Request<Incoming>, peer: SocketAddr, then: &Rules) -> Answer {
    let rules = handler.access().rules().await;
    let mut answer = match refusal(handler, &rules, &request, peer).await {
        None => handler.answer(request, peer).await,
        Some(refusal) => refusal,
    };
    if !rules.headers.is_empty() {
        answer.headers_mut().extend(rules.headers.clone());
    }
    // The next request comes over one that was shaken as it is asked for now.
    if !rules.shake_as(then) {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

async fn refusal<H: Handler>(handler: &H, rules: &Rules, request: &Request<Incoming>, peer: SocketAddr) -> Option<Answer> {
    if !rules.has_room() {
        return Some(too_many("Requests come faster than rate_limit allows; try again in a moment.\n"));
    }
    let path = request.uri().path();
    if OPEN_PATHS.contains(&path) || handler.has_own_credentials(path) {
        return None;
    }
    match handler.access().check(rules, request.headers(), peer.ip().to_canonical()).await {
        Verdict::Known => None,
        Verdict::Unknown => {
            let mut answer = text(StatusCode::UNAUTHORIZED, "Expected a user and a password of basic_auth_users.\n");
            let asked = HeaderValue::from_static("Basic realm=\"sentinel\", charset=\"UTF-8\"");
            answer.headers_mut().insert(WWW_AUTHENTICATE, asked);
            Some(answer)
        }
        Verdict::Busy => Some(too_many("Too many passwords wait to be checked; try again in a moment.\n")),
    }
}

fn too_many(told: &'static str) -> Answer {
    let mut answer = text(StatusCode::TOO_MANY_REQUESTS, told);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}
