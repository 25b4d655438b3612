//! Who may post: whoever knows the token, or without one whoever is on this host.

use std::net::IpAddr;

use hyper::header::{AUTHORIZATION, FORWARDED, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use subtle::ConstantTimeEq;

use crate::secret::Secret;

/// Lets a client at `peer` in, or tells it why not; `key` is where the configuration has the token.
pub fn authorize(headers: &HeaderMap, peer: IpAddr, token: Option<&Secret>, key: &str) -> Result<(), (StatusCode, String)> {
    let Some(token) = token else {
        // A proxy on this host speaks for others.
        let forwarded = headers.contains_key(FORWARDED) || headers.contains_key("x-forwarded-for");
        if peer.to_canonical().is_loopback() && !forwarded {
            return Ok(());
        }
        return Err((StatusCode::FORBIDDEN, format!("Posts are taken from this host alone; {key} lets others in.\n")));
    };
    let value = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).and_then(|value| value.split_at_checked("Bearer ".len()));
    let given = value.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer ")).map(|(_, token)| token);
    if given.is_some_and(|given| given.ct_eq(token.expose().as_bytes()).into()) {
        Ok(())
    } else {
        Err((StatusCode::UNAUTHORIZED, format!("Expected Authorization: Bearer with the token of {key}.\n")))
    }
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
    fn with_a_token_nobody_is_let_in_without_it() {
        let token = Secret::new("t");
        let refused = authorize(&HeaderMap::new(), "127.0.0.1".parse().unwrap(), Some(&token), "");
        assert_eq!(refused.map_err(|(status, _)| status), Err(StatusCode::UNAUTHORIZED));
    }
}
