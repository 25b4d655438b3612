//! Logs ([`log`]), and the metrics of the exporter about itself and its process: what may start anew with it.
//!
//! The only user of the prometheus crate; names and HELP texts come from the catalogue all the same.
//! [`bridge`] has those of the bridge to DingTalk.

pub mod bridge;
mod configured;
mod log;

use std::sync::Mutex;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder};

pub use configured::Configured;
pub use log::{LogFormat, init_log};

use crate::board::SourceStatus;
use crate::catalogue as family;
use crate::family::{Counter, Family, Gauge, Histogram};
use crate::journal::follow::Status;
use crate::journal::ledger::Format;
use crate::locked;

/// The version, the revision it was built from and the compiler.
pub const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (revision ", env!("SENTINEL_REVISION"), ", rustc ", env!("SENTINEL_RUSTC"), ")");

/// The same, one by one.
const BUILD: [&str; 3] = [env!("CARGO_PKG_VERSION"), env!("SENTINEL_REVISION"), env!("SENTINEL_RUSTC")];

/// The registry and what is set in it.
pub struct Telemetry {
    registry: Registry,
    collector_success: GaugeVec,
    collector_interval: GaugeVec,
    collector_duration: GaugeVec,
    collector_last_success: GaugeVec,
    journal_lag: GaugeVec,
    snapshot_last_success: GaugeVec,
    snapshot_failures: IntCounter,
    /// Whether the configuration in force is the one that was last given.
    pub config: Configured,
    rendering: Mutex<()>,
}

impl Telemetry {
    /// Registers everything.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let of = |family: &Family<Gauge, 1>| gauge(&registry, family);
        let alone = |family: &Family<Gauge, 0>| gauge(&registry, family);
        let telemetry = Self {
            collector_success: of(&family::COLLECTOR_SUCCESS)?,
            collector_interval: of(&family::COLLECTOR_INTERVAL)?,
            collector_duration: of(&family::COLLECTOR_DURATION)?,
            collector_last_success: of(&family::COLLECTOR_LAST_SUCCESS_TIMESTAMP)?,
            journal_lag: of(&family::JOURNAL_LAG)?,
            snapshot_last_success: alone(&family::SNAPSHOT_LAST_SUCCESS_TIMESTAMP)?,
            snapshot_failures: counter(&registry, &family::SNAPSHOT_FAILURES)?,
            config: Configured::new(
                &registry,
                &family::CONFIG_LAST_RELOAD_SUCCESSFUL,
                &family::CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP,
            )?,
            registry,
            rendering: Mutex::default(),
        };
        telemetry.registry.register(Box::new(ProcessCollector::for_self()))?;
        gauge(&telemetry.registry, &family::BUILD_INFO)?.with_label_values(&BUILD).set(1.0);
        Ok(telemetry)
    }

    /// Shows a collector that has not run yet, or whose interval has changed.
    pub fn collector_added(&self, name: &str, status: &SourceStatus) {
        self.collector_interval.with_label_values(&[name]).set(status.interval.as_secs_f64());
        self.collector_last_success.with_label_values(&[name]).set(status.last_success);
    }

    /// Shows how a collector's run went.
    pub fn collector_ran(&self, name: &str, status: &SourceStatus) {
        self.collector_added(name, status);
        self.collector_success.with_label_values(&[name]).set(f64::from(u8::from(status.errors.is_empty())));
        self.collector_duration.with_label_values(&[name]).set(status.took.unwrap_or_default().as_secs_f64());
    }

    /// Shows a collector no longer.
    pub fn collector_removed(&self, name: &str) {
        for gauge in [&self.collector_success, &self.collector_interval, &self.collector_duration, &self.collector_last_success] {
            // One that never ran has no value to take away.
            let _ = gauge.remove_label_values(&[name]);
        }
    }

    fn set_journals(&self, status: &Status) {
        self.journal_lag.reset();
        for file in status.files.iter().filter(|file| matches!(file.format, Format::Events | Format::Posts)) {
            self.journal_lag.with_label_values(&[&file.path.to_string_lossy()]).set(file.lag as f64);
        }
        self.snapshot_last_success.with_label_values::<&str>(&[]).set(status.saved_at);
        self.snapshot_failures.inc_by(status.save_failures.saturating_sub(self.snapshot_failures.get()));
    }

    /// Everything in the text format; `status` is how the journals and the checkpoint are doing.
    pub fn render(&self, status: &Status) -> String {
        // Two scrapes at once would take each other's journals away.
        let _one_at_a_time = locked(&self.rendering);
        self.set_journals(status);
        text_of(&self.registry)
    }
}

fn text_of(registry: &Registry) -> String {
    let mut text = String::new();
    // It fails for a family without samples, which gather leaves out.
    if let Err(error) = TextEncoder::new().encode_utf8(&registry.gather(), &mut text) {
        tracing::error!(%error, "the exporter's own metrics cannot be shown");
    }
    text
}

fn gauge<const N: usize>(registry: &Registry, family: &Family<Gauge, N>) -> Result<GaugeVec, prometheus::Error> {
    let info = family.info();
    registered(registry, GaugeVec::new(Opts::new(info.name, info.help()), info.labels)?)
}

fn counter(registry: &Registry, family: &Family<Counter, 0>) -> Result<IntCounter, prometheus::Error> {
    let info = family.info();
    registered(registry, IntCounter::new(info.name, info.help())?)
}

fn counters<const N: usize>(registry: &Registry, family: &Family<Counter, N>) -> Result<IntCounterVec, prometheus::Error> {
    let info = family.info();
    registered(registry, IntCounterVec::new(Opts::new(info.name, info.help()), info.labels)?)
}

fn histogram<const N: usize>(registry: &Registry, family: &Family<Histogram, N>) -> Result<HistogramVec, prometheus::Error> {
    let info = family.info();
    let options = HistogramOpts::new(info.name, info.help()).buckets(info.buckets.to_vec());
    registered(registry, HistogramVec::new(options, info.labels)?)
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
