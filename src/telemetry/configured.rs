//! Whether the configuration in force is the one that was last given.

use std::sync::atomic::{AtomicBool, Ordering};

use prometheus::{GaugeVec, Registry};

use super::gauge;
use crate::clock::unix_now;
use crate::family::{Family, Gauge};

/// Two gauges: 1 or 0, and since when.
pub struct Configured {
    successful: GaugeVec,
    success_time: GaugeVec,
    good: AtomicBool,
    web_good: AtomicBool,
}

impl Configured {
    /// Registers them; a configuration is in force from now on.
    pub(super) fn new(
        registry: &Registry,
        successful: &Family<Gauge, 0>,
        success_time: &Family<Gauge, 0>,
    ) -> Result<Self, prometheus::Error> {
        let configured = Self {
            successful: gauge(registry, successful)?,
            success_time: gauge(registry, success_time)?,
            good: AtomicBool::new(true),
            web_good: AtomicBool::new(true),
        };
        configured.taken();
        Ok(configured)
    }

    /// A configuration is in force from now on.
    pub fn taken(&self) {
        self.success_time.with_label_values::<&str>(&[]).set(unix_now());
        self.set(&self.good, true);
    }

    /// A configuration was refused; the old one is in force.
    pub fn refused(&self) {
        self.set(&self.good, false);
    }

    /// The web configuration, which is read by itself when it changes, was taken the last time, or refused.
    pub fn web_read(&self, taken: bool) {
        self.set(&self.web_good, taken);
    }

    fn set(&self, which: &AtomicBool, good: bool) {
        which.store(good, Ordering::Relaxed);
        let all = self.good.load(Ordering::Relaxed) && self.web_good.load(Ordering::Relaxed);
        self.successful.with_label_values::<&str>(&[]).set(f64::from(u8::from(all)));
    }
}
