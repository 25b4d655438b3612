//! Wall-clock time as Prometheus counts it.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Now, in Unix seconds.
pub(crate) fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// The Unix seconds of an RFC 3339 time.
pub(crate) fn unix_time(text: &str) -> Result<f64, jiff::Error> {
    Ok(text.parse::<Timestamp>()?.as_nanosecond() as f64 / 1e9)
}

/// Now, in Unix milliseconds.
pub(crate) fn unix_millis() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis())
}
