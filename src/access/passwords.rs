//! Users and their passwords, with bcrypt, which costs tens of milliseconds on purpose: so one check runs at a time, few wait for it,
//! and what was right once is known at once from then on. A burst of wrong passwords takes one core, and no scrape's turn.

mod places;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use places::Places;
use ring::{hmac, rand};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::config::Mistakes;
use crate::locked;
use crate::secret::Secret;

/// How many right pairs of user and password are known.
const MAX_VERIFIED: usize = 256;
/// How long a check waits for its turn.
const WAIT_DEADLINE: Duration = Duration::from_secs(10);

/// Names and hashes.
#[derive(Default)]
pub(super) struct Users(Vec<(String, Secret)>);

/// What became of a request's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are right, or none are asked for.
    Known,
    /// They are not right, or not there.
    Unknown,
    /// Too many checks wait.
    Busy,
}

/// What a request says who it is from.
pub(super) struct Credentials {
    user: Vec<u8>,
    password: Vec<u8>,
}

impl Users {
    /// Users with their hashes, which have been found good.
    pub(super) fn new(users: Vec<(String, Secret)>) -> Self {
        Self(users)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Credentials {
    /// Those of the one Authorization header: user and password in UTF-8 without control characters, as RFC 7617 has them.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let (scheme, encoded) = value.as_bytes().split_at_checked("Basic ".len())?;
        if !scheme.eq_ignore_ascii_case(b"Basic ") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (user, password) = text.split_once(':').filter(|_| !text.contains(char::is_control))?;
        Some(Self { user: user.into(), password: password.into() })
    }
}

type Digest = Vec<u8>;
/// Whether a password has a hash.
type Verify = dyn Fn(&[u8], &str) -> bool + Send + Sync;

/// The checks.
pub(super) struct Passwords {
    key: hmac::Key,
    verified: Arc<Mutex<VecDeque<Digest>>>,
    turn: Arc<Semaphore>,
    places: Places,
    verify: Arc<Verify>,
}

impl Passwords {
    pub(super) fn new() -> Result<Self, Mistakes> {
        Self::with(Arc::new(|password, hash| bcrypt::verify(password, hash).unwrap_or(false)))
    }

    fn with(verify: Arc<Verify>) -> Result<Self, Mistakes> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())
            .map_err(|_| Mistakes(vec!["the system gives no random numbers".to_owned()]))?;
        let turn = Arc::new(Semaphore::new(1));
        Ok(Self { key, verified: Arc::default(), turn, places: Places::default(), verify })
    }

    /// Whether one of `users` has these credentials; `peer` is who says so.
    pub(super) async fn check(&self, users: &Users, credentials: Credentials, peer: IpAddr) -> Verdict {
        let Credentials { user, password } = credentials;
        let known = users.0.iter().find(|(name, _)| name.as_bytes() == user);
        // A name that nobody has is checked against somebody's hash, always the same one: it takes as long as a name that somebody has.
        let pick = || users.0.get(self.digest(&[&user]).first().map_or(0, |byte| usize::from(*byte) % users.0.len().max(1)));
        let Some((_, hash)) = known.or_else(pick) else { return Verdict::Unknown };
        let digest = self.digest(&[&user, hash.expose().as_bytes(), &password]);
        if self.knows(&digest) {
            return Verdict::Known;
        }
        let Some(mut place) = self.places.take(peer) else { return Verdict::Busy };
        let turn = tokio::select! {
            Ok(Ok(turn)) = timeout(WAIT_DEADLINE, self.turn.clone().acquire_owned()) => turn,
            _ = &mut place.displaced => return Verdict::Busy,
            else => return Verdict::Busy,
        };
        place.keep();
        // The one before may have been the same.
        if self.knows(&digest) {
            return Verdict::Known;
        }
        let (is_known, hash) = (known.is_some(), hash.clone());
        let (verify, verified) = (self.verify.clone(), self.verified.clone());
        let checked = tokio::task::spawn_blocking(move || {
            // The next one begins when this one has ended, also when nobody waits for it any more.
            let _turn = turn;
            let right = verify(&password, hash.expose()) && is_known;
            if right {
                remember(&verified, digest);
            }
            right
        });
        if !checked.await.unwrap_or(false) {
            return Verdict::Unknown;
        }
        self.places.trust(peer);
        Verdict::Known
    }

    /// A digest that tells nothing to somebody who does not have the key of this process.
    fn digest(&self, parts: &[&[u8]]) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        context.sign().as_ref().to_vec()
    }

    fn knows(&self, digest: &Digest) -> bool {
        locked(&self.verified).contains(digest)
    }
}

fn remember(verified: &Mutex<VecDeque<Digest>>, digest: Digest) {
    let mut verified = locked(verified);
    if verified.len() == MAX_VERIFIED {
        verified.pop_front();
    }
    verified.push_back(digest);
}

#[cfg(test)]
mod tests;
