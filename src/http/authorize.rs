//! Who may post: whoever knows the token, or without one whoever is on this host.

use std::net::IpAddr;

use hyper::header::{AUTHORIZATION, FORWARDED, HOST, HeaderName, HeaderValue, ORIGIN, VIA};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, StatusCode};
use subtle::ConstantTimeEq;

use crate::secret::Secret;

/// What a proxy adds, and a browser: they are on this host, and speak for others.
const FOR_OTHERS: [HeaderName; 6] = [
    FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
    ORIGIN,
    VIA,
];

/// Lets a client at `peer` in, or tells it why not; `key` is where the configuration has the token.
pub fn authorize(headers: &HeaderMap, peer: IpAddr, token: Option<&Secret>, key: &str) -> Result<(), (StatusCode, String)> {
    let Some(token) = token else {
        if peer.to_canonical().is_loopback()
            && !FOR_OTHERS.iter().any(|name| headers.contains_key(name))
            && names_this_host(headers)
        {
            return Ok(());
        }
        let told = "Posts are taken from this host alone, sent to localhost or 127.0.0.1 without a proxy";
        return Err((StatusCode::FORBIDDEN, format!("{told}; {key} lets others in.\n")));
    };
    let value = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).and_then(|value| value.split_at_checked("Bearer ".len()));
    let given = value.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer ")).map(|(_, token)| token);
    if given.is_some_and(|given| given.ct_eq(token.expose().as_bytes()).into()) {
        Ok(())
    } else {
        Err((StatusCode::UNAUTHORIZED, format!("Expected Authorization: Bearer with the token of {key}.\n")))
    }
}

/// Whether the request was meant for this host. A page in a browser can be of any name, and a proxy be known by one.
fn names_this_host(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else { return true };
    let Ok(authority) = Authority::try_from(host.as_bytes()) else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_only_this_host_is_let_in() {
        let from = |peer: &str| authorize(&HeaderMap::new(), peer.parse().unwrap(), None, "").map_err(|(status, _)| status);
        for peer in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(from(peer), Ok(()), "{peer}");
        }
        for peer in ["172.19.141.250", "0.0.0.0", "::", "fe80::1", "::ffff:192.0.2.7"] {
            assert_eq!(from(peer), Err(StatusCode::FORBIDDEN), "{peer}");
        }
    }

    #[test]
    fn without_a_token_nobody_speaks_for_others() {
        let with = |name: &'static str, value: &'static str| {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
            authorize(&headers, "127.0.0.1".parse().unwrap(), None, "").is_ok()
        };
        for host in ["localhost", "LOCALHOST:8060", "127.0.0.1:8060", "127.0.1.1", "[::1]:8060", "[::ffff:127.0.0.1]"] {
            assert!(with("host", host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "10.0.0.1", "[::2]", "", "a b"] {
            assert!(!with("host", host), "{host}");
        }
        for name in ["origin", "via", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"] {
            assert!(!with(name, "http://localhost"), "{name}");
        }
    }

    #[test]
    fn with_a_token_nobody_is_let_in_without_it() {
        let token = Secret::new("t");
        let refused = authorize(&HeaderMap::new(), "127.0.0.1".parse().unwrap(), Some(&token), "");
        assert_eq!(refused.map_err(|(status, _)| status), Err(StatusCode::UNAUTHORIZED));
    }
}
