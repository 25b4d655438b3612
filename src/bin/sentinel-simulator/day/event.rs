//! The trading events as the journal spells them: one variant an event, its fields in the order in which they are written.

use std::borrow::Cow;

use serde::Serialize;

/// A trading event. `seconds` are durations, `usd` dollars, `slippage_bps` basis points, a `confidence` is from 0 to 1.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// The end of a trading cycle.
    Cycle { ok: bool, seconds: f64 },
    /// Market data was asked for.
    DataFetch { ok: bool, seconds: f64, endpoint: &'static str },
    /// The features for the model were built.
    FeatureBuild { seconds: f64 },
    /// A prediction was asked for.
    Prediction {
        ok: bool,
        seconds: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        confidence: Option<f64>,
        endpoint: &'static str,
    },
    /// The cycle's decision.
    Signal { action: &'static str, executed: bool },
    /// A signal was sent to the terminal.
    ZmqSend { ok: bool, seconds: f64 },
    /// A call to another API.
    ApiCall { endpoint: &'static str, seconds: f64 },
    /// A call that ended in an error.
    ApiError { endpoint: &'static str, error_code: &'static str },
    /// How long the daemon has been running.
    Uptime { seconds: f64 },
    /// An order's change of status.
    Order {
        symbol: Cow<'static, str>,
        side: &'static str,
        status: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        seconds: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        slippage_bps: Option<f64>,
    },
    /// Something in the daemon went wrong.
    Error { component: &'static str, error_type: &'static str },
    /// A change of the stream's state.
    Websocket { state: &'static str },
    /// Trading was halted or released.
    KillSwitch {
        active: bool,
        trigger: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        seconds: Option<f64>,
    },
    /// All open orders were canceled.
    CancelAll { seconds: f64 },
    /// A check before an order.
    RiskCheck { check: &'static str, action: &'static str },
    /// The day's result so far.
    Pnl { usd: f64, daily_loss_limit_usd: f64 },
    /// The value of a position; 0 once it is closed.
    Position { symbol: &'static str, usd: f64 },
    /// The market's regime, or `closed`.
    Regime { regime: &'static str },
    /// The books were compared with the broker's.
    Reconciliation {
        ok: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        drift_usd: Option<f64>,
    },
}
