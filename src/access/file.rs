//! A web configuration into rules, strictly: what exporter-toolkit knows, less what this server cannot do.

use std::path::Path;
use std::time::Duration;

use bcrypt::HashParts;
use hyper::HeaderMap;
use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    X_XSS_PROTECTION,
};

use super::bucket::Bucket;
use super::passwords::Users;
use super::rules::Rules;
use super::stamps::Stamps;
use super::tls::Tls;
use crate::config::Mistakes;
use crate::config::decode::Section;
use crate::config::load;
use crate::secret::Secret;

/// The highest cost of a hash: it takes about a second, and each step doubles that.
const MAX_COST: u32 = 14;
/// The longest time between two requests.
const MAX_INTERVAL: Duration = Duration::from_hours(1);

/// The headers that can be set, and their values where only some make sense.
const HEADERS: [(&str, HeaderName, &[&str]); 5] = [
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY, &[]),
    ("X-Frame-Options", X_FRAME_OPTIONS, &["deny", "sameorigin"]),
    ("X-Content-Type-Options", X_CONTENT_TYPE_OPTIONS, &["nosniff"]),
    ("X-XSS-Protection", X_XSS_PROTECTION, &[]),
    ("Strict-Transport-Security", STRICT_TRANSPORT_SECURITY, &[]),
];

/// Reads `file`, and notes in `stamps` all files that were read for that.
pub(super) fn read(file: &Path, stamps: &Stamps) -> Result<Rules, Mistakes> {
    let wrong = |error: String| Mistakes(vec![format!("{}: {error}", file.display())]);
    let bytes = stamps.read(file).map_err(|error| wrong(error.to_string()))?;
    let text = str::from_utf8(&bytes).map_err(|_| wrong("expected text in UTF-8".to_owned()))?;
    load::parse_verbatim(text, file, |document| Rules {
        tls: document.section("tls_server_config").and_then(|section| Tls::decode(section, stamps)),
        headers: document.section("http_server_config").map(http).unwrap_or_default(),
        users: Users::new(document.pairs("basic_auth_users", check_user)),
        rate: document.section("rate_limit").and_then(rate),
    })
}

fn http(mut section: Section<'_>) -> HeaderMap {
    // HTTP/1.1 is what is spoken either way.
    section.bool("http2", true);
    let mut headers = HeaderMap::new();
    if let Some(mut named) = section.section("headers") {
        for (key, name, values) in HEADERS {
            let value = named.checked(key, None, |text| match HeaderValue::try_from(text) {
                _ if text.is_empty() => Ok(None),
                Ok(value) if values.is_empty() || values.contains(&text) => Ok(Some(value)),
                Ok(_) => Err(values.join(" or ")),
                Err(_) => Err("the value of a header".to_owned()),
            });
            headers.extend(value.map(|value| (name, value)));
        }
        named.finish();
    }
    section.finish();
    headers
}

fn check_user(name: &str, hash: &Secret) -> Result<(), String> {
    if name.is_empty() || name.contains(|letter: char| letter == ':' || letter.is_control()) {
        return Err("a name without colons and control characters".to_owned());
    }
    let good = |text: &&str| ["$2a$", "$2b$", "$2y$"].iter().any(|known| text.starts_with(known));
    let parts = Some(hash.expose()).filter(good).and_then(|text| text.parse::<HashParts>().ok());
    match parts.map(|parts| parts.get_cost()) {
        Some(4..=MAX_COST) => Ok(()),
        Some(cost) => Err(format!("a hash with a cost from 4 to {MAX_COST}, found {cost}")),
        None => Err("the bcrypt hash of a password, such as htpasswd -nB makes it".to_owned()),
    }
}

fn rate(mut section: Section<'_>) -> Option<Bucket> {
    let interval = section.checked("interval", Duration::ZERO, |text| match humantime::parse_duration(text) {
        _ if text == "0" => Ok(Duration::ZERO),
        Ok(interval) if interval <= MAX_INTERVAL => Ok(interval),
        _ => Err("a duration up to 1h such as 100ms, or 0 for no limit".to_owned()),
    });
    let burst = section.checked("burst", 1, |text| {
        text.parse().ok().filter(|burst| *burst > 0).ok_or_else(|| "a whole number of at least 1".to_owned())
    });
    section.finish();
    (!interval.is_zero()).then(|| Bucket::new(interval, burst))
}
