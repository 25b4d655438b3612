//! The metrics page: drain the journals, render, compress.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::StatusCode;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, RETRY_AFTER, VARY};

use super::{Answer, Site, text, with_type};
use crate::exposition;

/// How long a scrape waits for the journals when it does not say how long it has.
const DRAIN: Duration = Duration::from_secs(2);

/// Everything that is known now, every line included that was in a journal when the scrape began.
pub(super) async fn answer(site: &Site, headers: &HeaderMap) -> Answer {
    if !site.follower.caught_up() {
        return not_ready();
    }
    // What is not read in time shows as lag.
    let _ = tokio::time::timeout(drain_limit(headers), site.follower.drain()).await;
    site.telemetry.config.web_read(site.access.is_current());
    // Before the samples: a collector that is said to have succeeded has its samples on the same page.
    let own = site.telemetry.render(&site.follower.status());
    let mut page = site.scratch.buffer();
    exposition::render(&site.board.view(), &mut page.bytes);
    page.bytes.extend_from_slice(own.as_bytes());

    let compressed = if accepts_gzip(headers) { site.scratch.gzip(&page.bytes).ok() } else { None };
    let gzip = compressed.is_some();
    let mut answer = with_type(StatusCode::OK, exposition::CONTENT_TYPE, compressed.unwrap_or(page).into_body());
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if gzip {
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

/// Before the journals have been read a scrape would see counters go down, and take the way back up for an increase.
pub(super) fn not_ready() -> Answer {
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, "The journals are being read; try again in a moment.\n");
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

/// Half of the time that Prometheus says it waits.
fn drain_limit(headers: &HeaderMap) -> Duration {
    let timeout = headers.get("x-prometheus-scrape-timeout-seconds").and_then(|value| value.to_str().ok()?.parse().ok());
    timeout.and_then(|seconds: f64| Duration::try_from_secs_f64(seconds / 2.0).ok()).unwrap_or(DRAIN)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings = values.collect::<Vec<_>>().join(",").to_ascii_lowercase();
    // Whether a coding is accepted, if it is named.
    let accepts = |wanted: &str| {
        let mut codings = codings.split(',').map(|coding| coding.split_once(';').unwrap_or((coding, "")));
        let (_, quality) = codings.find(|(name, _)| name.trim() == wanted)?;
        Some(quality.trim().strip_prefix("q=").is_none_or(|q| q.trim().parse() != Ok(0.0_f32)))
    };
    accepts("gzip").or_else(|| accepts("*")).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))])
    }

    #[test]
    fn gzip_is_used_when_it_is_accepted() {
        for (value, accepted) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("*", true),
            ("identity", false),
            ("gzip;q=0", false),
            ("gzip; q=0.0, br", false),
            ("GZIP;Q=0", false),
            ("gzip;q=0, *", false),
            ("*, gzip;q=0", false),
            ("*;q=0, gzip", true),
            ("br, *;q=0.1", true),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(&headers("accept-encoding", value)), accepted, "{value}");
        }
    }

    #[test]
    fn a_scrape_waits_at_most_half_of_its_timeout() {
        let name = "x-prometheus-scrape-timeout-seconds";
        for (value, limit) in [("10", 5.0), ("0.5", 0.25), ("never", 2.0), ("-1", 2.0), ("NaN", 2.0), ("inf", 2.0)] {
            assert_eq!(drain_limit(&headers(name, value)), Duration::from_secs_f64(limit), "{value}");
        }
    }
}
