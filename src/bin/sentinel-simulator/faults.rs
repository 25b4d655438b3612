//! The table of faults: everything that can be made to go wrong, one variant a fault. Its name on the command line is the
//! variant's, and its description is the doc comment, so that the two lists cannot drift apart. A fault begins at its onset and
//! never ends; what it changes stands with the part of the day that asks for it.

use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;

use crate::moment::Moment;
use crate::span;

/// One way for the day to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// A third of the cycles fail at their end
    FailedCycles,
    /// No cycle and nothing of one, while the regime stays open
    StalledCycles,
    /// Four of five data fetches time out and fail their cycle
    DataFetchFailures,
    /// Nine of ten predictions fail and with them their cycle
    PredictionFailures,
    /// Half of the predictions take 0.6 to 0.95 s
    SlowPredictions,
    /// Seven of ten ZMQ sends fail, and their signals are not executed
    ZmqFailures,
    /// Every ZMQ send takes 0.6 to 0.9 s
    SlowZmq,
    /// Half of the calls to the broker end in an error
    ApiErrors,
    /// No BUY or SELL signal is executed
    SignalsNotExecuted,
    /// Every order is acknowledged after 120 to 400 ms
    SlowOrders,
    /// Every order is acknowledged after 600 to 950 ms
    VerySlowOrders,
    /// A trading error every 20 s
    TradingErrors,
    /// Six of ten orders are rejected
    RejectedOrders,
    /// Signals are executed, but no order is placed
    NoOrders,
    /// Every fill slips by about 150 bps
    Slippage,
    /// The next fill slips by 600 bps, once
    SlippageSpike,
    /// The stream disconnects and stays down
    WebsocketDown,
    /// The stream disconnects and reconnects every 15 s
    ReconnectStorm,
    /// The kill switch trips on LATENCY and stays on
    KillSwitch,
    /// A kill switch drill at once, and every later one, takes 2.8 s
    SlowKillSwitch,
    /// A kill switch drill at once, and every later one, cancels its orders in 2.6 s
    SlowCancelAll,
    /// The day's result falls to 85 % of the loss limit within minutes
    DailyLoss,
    /// Reconciliation, at once and then hourly, finds a drift of 150 USD
    Drift,
    /// Reconciliation, at once and then hourly, fails
    ReconciliationFailures,
    /// No reconciliation at all
    NoReconciliation,
    /// Half of the new batches stop on their way
    StuckBatches,
    /// 25 to 40 % of the rows of a batch are invalid
    ErrorSpike,
    /// Half of the new batches fail
    FailedBatches,
    /// 60 to 80 % of the rows of a batch are duplicates
    Duplicates,
    /// No new batch
    QuietPipeline,
    /// Mock signals score 2.x and an RCA session clears a stale lock
    FailedMockSignal,
    /// The heartbeat of the mock signals stops
    StaleMockSignal,
    /// The parser health index is 70
    LowParserHealth,
    /// RCA sessions, at once and then every 15 minutes, end with a fix that failed
    FailedFix,
    /// Two of the critical health checks say CRITICAL
    FailingChecks,
    /// Four lines that no reader accepts, every ten minutes
    BadLines,
    /// Every order is for a symbol never seen before
    LabelExplosion,
}

impl Fault {
    /// The name on the command line, such as `failed_cycles`.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// One line about it.
    pub(crate) fn about(self) -> String {
        let value = self.to_possible_value();
        let help = value.and_then(|value| value.get_help().map(ToString::to_string));
        help.unwrap_or_default()
    }
}

/// `NAME[@AFTER]` on the command line: a fault, and how long after the start it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Onset {
    /// What begins.
    pub(crate) fault: Fault,
    /// Simulated time from the start of the day to its beginning.
    pub(crate) after: Duration,
}

impl FromStr for Onset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, after) = match text.split_once('@') {
            Some((name, after)) => (name, span::parse(after)?),
            None => (text, Duration::ZERO),
        };
        let fault = <Fault as ValueEnum>::from_str(name, false)
            .map_err(|_| format!("no fault is named {name:?}; --list-faults names them all"))?;
        Ok(Self { fault, after })
    }
}

/// The faults of one day and the moments at which they begin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    onsets: Vec<(Fault, Moment)>,
}

impl Faults {
    /// The faults of a day that starts at `start`.
    pub(crate) fn new(onsets: &[Onset], start: Moment) -> Self {
        let at = |onset: &Onset| (onset.fault, start.plus(onset.after.as_secs_f64()));
        Self { onsets: onsets.iter().map(at).collect() }
    }

    /// Whether `fault` has begun by `now`.
    pub(crate) fn active(&self, fault: Fault, now: Moment) -> bool {
        self.onsets.iter().any(|&(known, onset)| known == fault && onset <= now)
    }

    /// `planned`, or the first onset of one of `faults` in between: who plans ahead in long steps would otherwise show a
    /// fault long after it began.
    pub(crate) fn wake(&self, faults: &[Fault], now: Moment, planned: Moment) -> Moment {
        self.onsets
            .iter()
            .filter(|(known, onset)| faults.contains(known) && *onset > now)
            .map(|&(_, onset)| onset)
            .fold(planned, Moment::min)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::ValueEnum;

    use super::{Fault, Onset};

    #[test]
    fn a_fault_begins_at_once_or_later() -> Result<(), String> {
        let onset: Onset = "slow_orders@1h30m".parse()?;
        assert_eq!(onset.fault, Fault::SlowOrders);
        assert_eq!(onset.after, Duration::from_secs(5400));
        assert_eq!("drift".parse::<Onset>()?.after, Duration::ZERO);
        Ok(())
    }

    #[test]
    fn an_unknown_fault_is_named() {
        assert!("slow_ordres".parse::<Onset>().is_err_and(|error| error.contains("slow_ordres")));
    }

    #[test]
    fn every_fault_has_a_name_and_a_line() {
        for fault in Fault::value_variants() {
            assert!(!fault.name().is_empty() && !fault.about().is_empty(), "{fault:?}");
        }
    }
}
