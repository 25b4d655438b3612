//! The signature that a robot asks for, as query parameters of its URL.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::config::Webhook;
use crate::secret::Secret;

/// The URL to post to at this time, in milliseconds since 1970.
pub(super) fn signed_url(webhook: &Webhook, millis: u128) -> Secret {
    let url = webhook.url.expose();
    let Some(secret) = &webhook.secret else { return webhook.url.clone() };
    let separator = if url.contains('?') { '&' } else { '?' };
    Secret::new(format!("{url}{separator}timestamp={millis}&sign={}", signature(secret, millis)))
}

/// HMAC-SHA256 of time and secret, as base64, as it stands in a query.
fn signature(secret: &Secret, millis: u128) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let tag = hmac::sign(&key, format!("{millis}\n{}", secret.expose()).as_bytes());
    // All the characters of base64 that mean something else in a query.
    STANDARD.encode(tag).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_another_implementation() {
        // Python: quote_plus(b64encode(hmac.new(secret, f"{ms}\n{secret}".encode(), sha256).digest()))
        let signed = |millis| signature(&Secret::new("SECd1e0"), millis);
        assert_eq!(signed(1_700_000_000_002), "RP3i7D0lzw4SV%2F15yY9u839yoL%2FHO%2Fvg%2Bpgu06RpZVc%3D");
        assert_eq!(signed(1_700_000_000_001), "kBOScmzq7XuCqvVj70K5QV9aPV6grRW%2FX91CdL2G3Ns%3D");
    }

    #[test]
    fn it_joins_the_query_that_is_there() {
        let url = |url: &str, secret: Option<&str>| {
            let webhook = Webhook { url: Secret::new(url), secret: secret.map(Secret::new) };
            signed_url(&webhook, 1).expose().to_owned()
        };
        assert!(url("https://a/b?access_token=c", Some("s")).starts_with("https://a/b?access_token=c&timestamp=1&sign="));
        assert!(url("https://a/b", Some("s")).starts_with("https://a/b?timestamp=1&sign="));
        assert_eq!(url("https://a/b?access_token=c", None), "https://a/b?access_token=c");
    }
}
