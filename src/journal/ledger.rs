//! The ledger: every count that must survive a restart, as a pure fold of what files and batches say.
//!
//! The same lines in the same order give the same ledger; nothing in here looks at a clock. It is saved together with
//! the positions up to which its files were read, so that nothing is counted twice.

use super::batches::{Batch, Batches};
use super::event::{Event, Line, Websocket};
use super::keys::{Keys, Known};
use super::lines::MAX_LINE;
use super::post::{self, MAX_POST};
use super::rejection::{Reason, Rejection};
use super::sre_log::{self, CheckResult, CriticalCheck, RcaSession};
use crate::catalogue as family;
use crate::family::{FamilyInfo, Store};
use crate::sample::{Limits, SampleSet};

/// The least score with which a mock signal passes.
const MOCK_SIGNAL_PASS: f64 = 4.0;
/// The daily loss limit in US dollars until the daemon says otherwise.
const DEFAULT_DAILY_LOSS_LIMIT: f64 = 200.0;

/// What the lines of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Trading events.
    Events,
    /// The exporter's own journal: posts of trading events, and events by themselves.
    Posts,
    /// Root-cause-analysis sessions of the bot.
    RcaSessions,
    /// Critical health checks of the bot.
    CriticalChecks,
}

impl Format {
    /// The longest line that is read, in bytes without its line end.
    pub fn longest_line(self) -> usize {
        if self == Self::Posts { MAX_POST } else { MAX_LINE }
    }
}

/// All counts, and what is needed to go on counting.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) samples: SampleSet,
    /// The Unix time of the last mock-signal outcome that was counted.
    pub(super) mock_signal: Option<f64>,
    /// The Unix time of the last reload of PostgREST's schema cache.
    pub(super) schema_cache_reload: Option<f64>,
    pub(super) batches: Batches,
    pub(super) keys: Keys,
    /// Rises with every change.
    changes: u64,
}

impl Ledger {
    /// An empty ledger, in which all is 0 that must be there before the first event.
    pub fn new(limits: Limits) -> Self {
        let mut samples = SampleSet::new(limits);
        for info in family::ALL {
            if info.store == Store::Ledger {
                samples.create(info);
            }
            if info.open {
                samples.add(&family::SERIES_DROPPED, [info.name], 0);
            }
        }
        samples.set(&family::DAILY_LOSS_LIMIT, [], DEFAULT_DAILY_LOSS_LIMIT);
        let (batches, keys) = (Batches::default(), Keys::default());
        Self { samples, mock_signal: None, schema_cache_reload: None, batches, keys, changes: 0 }
    }

    /// The samples as they are now.
    pub fn samples(&self) -> &SampleSet {
        &self.samples
    }

    /// How many changes there were; two ledgers of the same process with the same number are equal.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The keys of the last posts that were counted.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Takes new limits.
    pub fn set_limits(&mut self, limits: Limits) {
        self.samples.set_limits(limits);
    }

    /// Counts one line of a file, or says why it does not. A rejected line is counted as such.
    ///
    /// `read_at` is the Unix time for a line that has none.
    pub fn count(&mut self, format: Format, line: &[u8], read_at: f64) -> Result<(), Rejection> {
        let result = match format {
            Format::Events => self.count_event(line, read_at),
            Format::Posts => self.count_post(line, read_at),
            Format::RcaSessions => sre_log::parse(line, read_at).map(|(at, session)| self.rca_session(at, &session)),
            Format::CriticalChecks => sre_log::parse(line, read_at).map(|(at, check)| self.critical_check(at, &check)),
        };
        match &result {
            Ok(()) => self.changed(),
            Err(rejection) => self.reject(rejection.reason),
        }
        result
    }

    /// Counts a line that was not even read.
    pub fn reject(&mut self, reason: Reason) {
        self.samples.inc(&family::EVENTS_REJECTED, [reason.as_str()]);
        self.changed();
    }

    /// Counts the outcome of a mock signal at `time` (Unix seconds), once for each time.
    pub fn mock_signal(&mut self, time: f64, score: f64) {
        if self.mock_signal == Some(time) {
            return;
        }
        self.mock_signal = Some(time);
        self.samples.observe(&family::MOCK_SIGNAL_SCORE, [], score);
        let result = if score >= MOCK_SIGNAL_PASS { "pass" } else { "fail" };
        self.samples.inc(&family::MOCK_SIGNALS, [result]);
        self.changed();
    }

    /// The completion time, in Unix microseconds, from which on the database should be asked for batches. None before the first answer.
    pub fn batches_from(&self) -> Option<i64> {
        self.batches.window_start()
    }

    /// Counts completed batches that were not counted before. `now` is the database's clock in Unix microseconds.
    /// The first call only learns which batches there are: counting begins with the next ones.
    pub fn batches(&mut self, completed: &[Batch], now: i64) {
        let before = (self.batches.watermark, self.batches.known.len());
        let new = self.batches.take_new(completed, now);
        for batch in &new {
            if let Some(seconds) = batch.seconds {
                self.samples.observe(&family::OPS_BATCH_DURATION, [], seconds);
            }
            if let Some(ratio) = batch.error_ratio {
                self.samples.observe(&family::OPS_BATCH_ERROR_RATIO, [], ratio);
            }
        }
        if !new.is_empty() || before != (self.batches.watermark, self.batches.known.len()) {
            self.changed();
        }
    }

    /// Counts samples that a set could not keep because of its limits.
    pub fn dropped(&mut self, dropped: &[&'static FamilyInfo]) {
        for info in dropped {
            self.samples.inc(&family::SERIES_DROPPED, [info.name]);
        }
        if !dropped.is_empty() {
            self.changed();
        }
    }

    /// Notes a start that should have found a checkpoint and did not, at `now` in Unix seconds.
    pub fn counter_reset(&mut self, now: f64) {
        self.samples.set(&family::COUNTER_RESET_TIMESTAMP, [], now);
        self.changed();
    }

    pub(super) fn changed(&mut self) {
        self.changes += 1;
        if self.samples.has_dropped() {
            let dropped = self.samples.take_dropped();
            self.dropped(&dropped);
        }
    }

    fn count_event(&mut self, line: &[u8], read_at: f64) -> Result<(), Rejection> {
        let mut fields = Line::default();
        fields.read(line)?;
        let (ts, event) = fields.event(read_at)?;
        self.samples.inc(&family::EVENTS, [event.name()]);
        self.samples.set(&family::LAST_EVENT_TIMESTAMP, [], ts);
        self.apply(ts, &event);
        Ok(())
    }

    /// Counts a post with all of its events, unless it was counted already. The error is that of its first event that is not good:
    /// there is none, but in a line that this version did not write.
    fn count_post(&mut self, line: &[u8], read_at: f64) -> Result<(), Rejection> {
        let Some(parts) = post::parts(line) else { return self.count_event(line, read_at) };
        let (header, events) = parts?;
        if let Some(key) = header.key {
            if self.keys.known(key) != Known::New {
                return Ok(());
            }
            self.keys.insert(key);
        }
        for (reason, count) in header.rejected {
            self.samples.add(&family::EVENTS_REJECTED, [reason.as_str()], count);
        }
        let mut result = Ok(());
        for event in events {
            result = result.and(self.count_event(event, header.at));
        }
        result
    }

    /// The effects of an event. `ts` is when it happened, in Unix seconds.
    fn apply(&mut self, ts: f64, event: &Event<'_>) {
        let samples = &mut self.samples;
        match *event {
            Event::Cycle { seconds, ok } => {
                samples.inc(&family::TRADING_CYCLES, []);
                if !ok {
                    samples.inc(&family::TRADING_CYCLES_FAILED, []);
                }
                samples.observe(&family::TRADING_CYCLE_DURATION, [], seconds);
                samples.set(&family::LAST_CYCLE_TIMESTAMP, [], ts);
            }
            Event::DataFetch { seconds, ok, endpoint } => {
                samples.observe(&family::DATA_FETCH_DURATION, [], seconds);
                if !ok {
                    samples.inc(&family::DATA_FETCH_FAILED, []);
                }
                samples.inc(&family::API_CALLS, [endpoint]);
            }
            Event::FeatureBuild { seconds } => samples.observe(&family::FEATURE_BUILD_DURATION, [], seconds),
            Event::Prediction { seconds, ok, confidence, endpoint } => {
                samples.inc(&family::PREDICTION_REQUESTS, []);
                if ok {
                    samples.observe(&family::PREDICTION_LATENCY, [], seconds);
                    if let Some(confidence) = confidence {
                        samples.set(&family::LAST_PREDICTION_CONFIDENCE, [], confidence);
                    }
                } else {
                    samples.inc(&family::PREDICTION_FAILURES, []);
                }
                samples.inc(&family::API_CALLS, [endpoint]);
            }
            Event::Signal { action, executed } => {
                samples.inc(&family::TRADING_SIGNALS, [action]);
                if executed {
                    samples.inc(&family::TRADING_SIGNALS_EXECUTED, [action]);
                }
            }
            Event::ZmqSend { seconds, ok: true } => samples.observe(&family::ZMQ_SEND_LATENCY, [], seconds),
            Event::ZmqSend { ok: false, .. } => samples.inc(&family::ZMQ_SEND_FAILURES, []),
            Event::ApiCall { endpoint, seconds } => {
                samples.inc(&family::API_CALLS, [endpoint]);
                if let Some(seconds) = seconds {
                    samples.observe(&family::API_LATENCY, [endpoint], seconds);
                }
            }
            Event::ApiError { endpoint, error_code } => samples.inc(&family::API_ERRORS, [endpoint, error_code]),
            Event::Uptime { seconds } => samples.set(&family::DAEMON_UPTIME, [], seconds),
            Event::Order { symbol, side, status, seconds, slippage_bps } => {
                samples.inc(&family::ORDERS, [symbol, side, status]);
                if let Some(seconds) = seconds {
                    samples.observe(&family::ORDER_LATENCY, [], seconds);
                }
                if let Some(slippage) = slippage_bps {
                    samples.observe(&family::SLIPPAGE, [], slippage.abs());
                }
            }
            Event::Error { component, error_type } => samples.inc(&family::TRADING_ERRORS, [component, error_type]),
            Event::Websocket(Websocket::Disconnected) => samples.set_elapsed(&family::WEBSOCKET_DOWNTIME, [], ts),
            Event::Websocket(Websocket::Connected) => samples.set(&family::WEBSOCKET_DOWNTIME, [], 0.0),
            Event::Websocket(Websocket::Reconnected) => {
                samples.set(&family::WEBSOCKET_DOWNTIME, [], 0.0);
                samples.inc(&family::WEBSOCKET_RECONNECTS, []);
            }
            Event::KillSwitch { active: true, trigger, seconds } => {
                samples.set(&family::KILL_SWITCH_ACTIVE, [trigger], 1.0);
                samples.inc(&family::KILL_SWITCH_ACTIVATIONS, [trigger]);
                if let Some(seconds) = seconds {
                    samples.observe(&family::KILL_SWITCH_ACTIVATION, [], seconds);
                }
            }
            Event::KillSwitch { active: false, .. } => samples.set_all(&family::KILL_SWITCH_ACTIVE, 0.0),
            Event::CancelAll { seconds } => samples.observe(&family::CANCEL_ALL, [], seconds),
            Event::RiskCheck { check, action } => samples.inc(&family::RISK_CHECKS, [check, action]),
            Event::Pnl { usd, daily_loss_limit_usd } => {
                samples.set(&family::PNL, [], usd);
                if let Some(limit) = daily_loss_limit_usd {
                    samples.set(&family::DAILY_LOSS_LIMIT, [], limit);
                }
            }
            Event::Position { symbol, usd: 0.0 } => samples.remove(&family::POSITION, [symbol]),
            Event::Position { symbol, usd } => samples.set(&family::POSITION, [symbol], usd),
            Event::Regime { regime } => {
                samples.set_all(&family::MARKET_REGIME, 0.0);
                samples.set(&family::MARKET_REGIME, [regime], 1.0);
            }
            Event::Reconciliation { ok: true, drift_usd } => {
                samples.set(&family::RECONCILIATION_DRIFT, [], drift_usd);
                samples.set(&family::LAST_RECONCILIATION_TIMESTAMP, [], ts);
            }
            Event::Reconciliation { ok: false, .. } => samples.inc(&family::RECONCILIATION_FAILURES, []),
        }
    }

    fn rca_session(&mut self, at: f64, session: &RcaSession) {
        self.samples.inc(&family::RCA_SESSIONS, [&session.trigger, session.overall_status.as_str()]);
        self.samples.set(&family::RCA_LAST_SESSION_TIMESTAMP, [], at);
        for check in &session.checks {
            // What its fix has mended counts as ok.
            let mended = check.status == CheckResult::Fail && check.fix_success;
            let status = if mended { 0.0 } else { check.status.level() };
            self.check(&check.check_name, "rca", status, at);
        }
        for fix in &session.fixes_applied {
            self.samples.inc(&family::AUTO_FIXES, [&fix.name, fix.result]);
        }
    }

    fn critical_check(&mut self, at: f64, check: &CriticalCheck) {
        self.check(&check.name, "critical", check.status.level(), at);
    }

    fn check(&mut self, check: &str, source: &str, status: f64, at: f64) {
        self.samples.set(&family::CHECK_STATUS, [check, source], status);
        self.samples.set(&family::CHECK_LAST_RUN_TIMESTAMP, [check, source], at);
    }
}
