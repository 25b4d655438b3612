//! The rules that a web configuration gives.

use std::sync::Arc;

use hyper::HeaderMap;

use super::bucket::Bucket;
use super::passwords::Users;
use super::tls::Tls;

/// The rules; by default everybody gets in, without TLS.
#[derive(Default)]
pub struct Rules {
    pub(super) tls: Option<Tls>,
    /// Headers of every answer.
    pub headers: HeaderMap,
    pub(super) users: Users,
    pub(super) rate: Option<Bucket>,
}

impl Rules {
    /// How to speak TLS, if that is asked of clients.
    pub fn tls(&self) -> Option<Arc<rustls::ServerConfig>> {
        self.tls.as_ref().map(|tls| tls.config.clone())
    }

    /// Whether a connection begins as it did under `other`, which was in force before.
    pub fn shake_as(&self, other: &Rules) -> bool {
        match (&self.tls, &other.tls) {
            (None, None) => true,
            (Some(now), Some(then)) => Arc::ptr_eq(&now.config, &then.config),
            _ => false,
        }
    }

    /// Whether one more request may come now.
    pub fn has_room(&self) -> bool {
        self.rate.as_ref().is_none_or(Bucket::take)
    }

    /// What of `other` is asked of nobody any more.
    pub(super) fn weaker_than(&self, other: &Rules) -> Option<&'static str> {
        let asked = |rules: &Rules| rules.tls.as_ref().map(|tls| (tls.asked, tls.asks_names));
        match (asked(other), asked(self)) {
            _ if self.users.is_empty() && !other.users.is_empty() => Some("basic_auth_users: there are none any more"),
            (Some(_), None) => Some("tls_server_config: it is not there any more"),
            (Some((before, _)), Some((now, _))) if now < before => {
                Some("tls_server_config.client_auth_type: it asks less of clients")
            }
            (Some((_, true)), Some((_, false))) => Some("tls_server_config.client_allowed_sans: there are none any more"),
            _ => None,
        }
    }

    /// Tells what is allowed but hardly meant.
    pub(super) fn warn(&self) {
        if self.tls.is_none() && !self.users.is_empty() {
            tracing::warn!("basic_auth_users without tls_server_config: passwords are sent in plain text");
        }
    }
}
