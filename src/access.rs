//! Who gets in: TLS, certificates of clients, users and limits, as `web.yml` of Prometheus' exporter-toolkit defines them.
//!
//! The file and those that it names are looked at before each connection and each request, and read when one has changed. What is wrong
//! leaves the rules before it in force, and so does what would let more people in: a file that is half written must open nothing,
//! so that takes a reload.

mod bucket;
mod certificates;
mod file;
pub(crate) mod network;
mod passwords;
mod rules;
mod stamps;
mod tls;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hyper::HeaderMap;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

pub use passwords::Verdict;
use passwords::{Credentials, Passwords};
pub use rules::Rules;
use stamps::Stamps;

use crate::config::Mistakes;

/// How long a look at the files may hold up a connection or a request: a file system that hangs takes nothing but freshness.
const LOOK_DEADLINE: Duration = Duration::from_millis(200);

/// What a file says, and what was looked at to know it.
pub struct Reading {
    file: Option<PathBuf>,
    stamps: Stamps,
    rules: Result<Rules, Mistakes>,
}

impl Reading {
    /// Reads `file`; without one everybody gets in.
    pub fn new(file: Option<&Path>) -> Self {
        let stamps = Stamps::default();
        let rules = file.map_or_else(|| Ok(Rules::default()), |file| file::read(file, &stamps));
        Self { file: file.map(Path::to_owned), stamps, rules }
    }

    /// Itself, when nothing is wrong.
    pub fn checked(self) -> Result<Self, Mistakes> {
        match self.rules {
            Ok(_) => Ok(self),
            Err(mistakes) => Err(mistakes),
        }
    }
}

/// The file, and its files, as of the last look.
struct Looked {
    file: Option<PathBuf>,
    stamps: Stamps,
}

/// The rules in force, kept those of the file.
pub struct Access {
    in_force: RwLock<Arc<Rules>>,
    /// Held for as long as a look takes, so that there is one at a time.
    looked: Arc<Mutex<Looked>>,
    watches: AtomicBool,
    current: AtomicBool,
    passwords: Passwords,
}

impl Access {
    /// With the rules of `reading`.
    pub fn new(reading: Reading) -> Result<Arc<Self>, Mistakes> {
        let rules = reading.rules?;
        rules.warn();
        Ok(Arc::new(Self {
            in_force: RwLock::new(Arc::new(rules)),
            watches: AtomicBool::new(reading.file.is_some()),
            looked: Arc::new(Mutex::new(Looked { file: reading.file, stamps: reading.stamps })),
            current: AtomicBool::new(true),
            passwords: Passwords::new()?,
        }))
    }

    /// Takes the rules of `reading`, whatever they are.
    pub async fn set(&self, reading: Reading) -> Result<(), Mistakes> {
        let rules = reading.rules?;
        rules.warn();
        let mut looked = self.looked.lock().await;
        self.watches.store(reading.file.is_some(), Ordering::Relaxed);
        *looked = Looked { file: reading.file, stamps: reading.stamps };
        self.put(rules);
        self.current.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the rules in force are those of the file as it is.
    pub fn is_current(&self) -> bool {
        self.current.load(Ordering::Relaxed)
    }

    /// The rules for now, after a look at the files.
    pub async fn rules(self: &Arc<Self>) -> Arc<Rules> {
        if self.watches.load(Ordering::Relaxed) {
            let look = async {
                let looked = self.looked.clone().lock_owned().await;
                let access = self.clone();
                // It goes on by itself when it takes too long.
                let _ = tokio::task::spawn_blocking(move || access.look(looked)).await;
            };
            let _ = timeout(LOOK_DEADLINE, look).await;
        }
        self.in_force.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a request with `headers` from `peer` has what the users of `rules` are asked for.
    pub async fn check(&self, rules: &Rules, headers: &HeaderMap, peer: IpAddr) -> Verdict {
        if rules.users.is_empty() {
            return Verdict::Known;
        }
        match Credentials::of(headers) {
            Some(credentials) => self.passwords.check(&rules.users, credentials, peer).await,
            None => Verdict::Unknown,
        }
    }

    fn put(&self, rules: Rules) {
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    fn look(&self, mut looked: OwnedMutexGuard<Looked>) {
        if looked.stamps.are_current() {
            return;
        }
        let reading = Reading::new(looked.file.as_deref());
        looked.stamps = reading.stamps;
        let in_force = self.in_force.read().unwrap_or_else(PoisonError::into_inner).clone();
        let refused = match reading.rules {
            Ok(rules) => match rules.weaker_than(&in_force) {
                None => {
                    rules.warn();
                    self.put(rules);
                    tracing::info!("the web configuration has changed and was taken");
                    Vec::new()
                }
                Some(what) => vec![format!("{what}, which takes a reload")],
            },
            Err(mistakes) => mistakes.0,
        };
        for mistake in &refused {
            tracing::error!(mistake, "the web configuration has changed and was refused, the one before is in force");
        }
        self.current.store(refused.is_empty(), Ordering::Relaxed);
    }
}
