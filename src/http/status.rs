//! The start page, what it loads, and the same as JSON.

use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

use super::{Answer, Settings, Site, with_type};
use crate::page;
use crate::page::facts::Known;

/// What a browser may do with the page and what belongs to it.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::POLICY)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

fn known<'a>(site: &'a Site, settings: &Settings) -> Known<'a> {
    Known {
        status: site.follower.status(),
        caught_up: site.follower.caught_up(),
        report: site.latest.report(&settings.environment),
        telemetry_path: settings.web.telemetry_path.clone(),
        sources: site.board.sources(),
        view: site.board.view(),
    }
}

/// The page as HTML.
pub(super) fn page(site: &Site, settings: &Settings) -> Answer {
    let page = known(site, settings).page();
    asset("text/html; charset=utf-8", page.render())
}

/// What the page tells, for programs.
pub(super) fn json(site: &Site, settings: &Settings) -> Answer {
    let json = known(site, settings).json().to_string();
    asset("application/json", json + "\n")
}

/// The page, or something that belongs to it.
pub(super) fn asset(content_type: &'static str, text: impl Into<hyper::body::Bytes>) -> Answer {
    let mut answer = with_type(StatusCode::OK, content_type, text);
    answer.headers_mut().extend(HEADERS);
    answer
}
