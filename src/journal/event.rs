//! One line of a journal into one typed event.

mod line;

pub use line::Line;

use super::rejection::{Reason, Rejection};

/// The last moment that `ts` may name: the year 2100. A time in milliseconds is far beyond it.
const LATEST: f64 = 4_102_444_800.0;

/// What happened in the trading daemon. Durations are in seconds, amounts in US dollars.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of docs/events.md")]
pub enum Event<'a> {
    Cycle { seconds: f64, ok: bool },
    DataFetch { seconds: f64, ok: bool, endpoint: &'a str },
    FeatureBuild { seconds: f64 },
    Prediction { seconds: f64, ok: bool, confidence: Option<f64>, endpoint: &'a str },
    Signal { action: &'a str, executed: bool },
    ZmqSend { seconds: f64, ok: bool },
    ApiCall { endpoint: &'a str, seconds: Option<f64> },
    ApiError { endpoint: &'a str, error_code: &'a str },
    Uptime { seconds: f64 },
    Order { symbol: &'a str, side: &'a str, status: &'a str, seconds: Option<f64>, slippage_bps: Option<f64> },
    Error { component: &'a str, error_type: &'a str },
    Websocket(Websocket),
    KillSwitch { active: bool, trigger: &'a str, seconds: Option<f64> },
    CancelAll { seconds: f64 },
    RiskCheck { check: &'a str, action: &'a str },
    Pnl { usd: f64, daily_loss_limit_usd: Option<f64> },
    Position { symbol: &'a str, usd: f64 },
    Regime { regime: &'a str },
    Reconciliation { ok: bool, drift_usd: f64 },
}

/// What became of the websocket to the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Websocket {
    Connected,
    Disconnected,
    Reconnected,
}

impl Line<'_> {
    /// When it happened, in Unix seconds, and what. `read_at` stands for a `ts` that is absent.
    pub fn event(&self, read_at: f64) -> Result<(f64, Event<'_>), Rejection> {
        let name = self.event.text("event")?;
        let ts = checked_time("ts", self.ts.optional_number("ts")?.unwrap_or(read_at))?;
        Ok((ts, self.typed(name)?))
    }

    fn typed<'s>(&'s self, name: &str) -> Result<Event<'s>, Rejection> {
        let seconds = || at_least_zero("seconds", self.seconds.number("seconds")?);
        let optional_seconds =
            || self.seconds.optional_number("seconds")?.map(|value| at_least_zero("seconds", value)).transpose();
        let ok = || self.ok.bool_or("ok", true);
        Ok(match name {
            "cycle" => Event::Cycle { seconds: seconds()?, ok: ok()? },
            "data_fetch" => {
                Event::DataFetch { seconds: seconds()?, ok: ok()?, endpoint: self.endpoint.text_or("endpoint", "eodhd")? }
            }
            "feature_build" => Event::FeatureBuild { seconds: seconds()? },
            "prediction" => Event::Prediction {
                seconds: seconds()?,
                ok: ok()?,
                confidence: self.confidence.optional_number("confidence")?,
                endpoint: self.endpoint.text_or("endpoint", "hub")?,
            },
            "signal" => {
                Event::Signal { action: self.action.text("action")?, executed: self.executed.bool_or("executed", false)? }
            }
            "zmq_send" => Event::ZmqSend { seconds: seconds()?, ok: ok()? },
            "api_call" => Event::ApiCall { endpoint: self.endpoint.text("endpoint")?, seconds: optional_seconds()? },
            "api_error" => {
                Event::ApiError { endpoint: self.endpoint.text("endpoint")?, error_code: self.error_code.text("error_code")? }
            }
            "uptime" => Event::Uptime { seconds: seconds()? },
            "order" => Event::Order {
                symbol: self.symbol.text("symbol")?,
                side: self.side.text("side")?,
                status: self.status.one_of("status", &["new", "partial", "filled", "canceled", "rejected"])?,
                seconds: optional_seconds()?,
                slippage_bps: self.slippage_bps.optional_number("slippage_bps")?,
            },
            "error" => {
                Event::Error { component: self.component.text("component")?, error_type: self.error_type.text("error_type")? }
            }
            "websocket" => Event::Websocket(match self.state.one_of("state", &["connected", "disconnected", "reconnected"])? {
                "connected" => Websocket::Connected,
                "disconnected" => Websocket::Disconnected,
                _ => Websocket::Reconnected,
            }),
            "kill_switch" => Event::KillSwitch {
                active: self.active.bool("active")?,
                trigger: self.trigger.text_or("trigger", "MANUAL")?,
                seconds: optional_seconds()?,
            },
            "cancel_all" => Event::CancelAll { seconds: seconds()? },
            "risk_check" => Event::RiskCheck { check: self.check.text("check")?, action: self.action.text("action")? },
            "pnl" => Event::Pnl { usd: self.usd.number("usd")?, daily_loss_limit_usd: self.daily_loss_limit()? },
            "position" => Event::Position { symbol: self.symbol.text("symbol")?, usd: self.usd.number("usd")? },
            "regime" => Event::Regime { regime: self.regime.text("regime")? },
            "reconciliation" => {
                Event::Reconciliation { ok: ok()?, drift_usd: self.drift_usd.optional_number("drift_usd")?.unwrap_or(0.0) }
            }
            other => return Err(Rejection::found("event", "one of the events of docs/events.md", other)),
        })
    }

    fn daily_loss_limit(&self) -> Result<Option<f64>, Rejection> {
        match self.daily_loss_limit_usd.optional_number("daily_loss_limit_usd")? {
            Some(limit) if limit <= 0.0 => Err(Rejection::range("daily_loss_limit_usd", "a number above 0", limit)),
            limit => Ok(limit),
        }
    }
}

impl Event<'_> {
    /// The event's name, as the line has it.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Cycle { .. } => "cycle",
            Event::DataFetch { .. } => "data_fetch",
            Event::FeatureBuild { .. } => "feature_build",
            Event::Prediction { .. } => "prediction",
            Event::Signal { .. } => "signal",
            Event::ZmqSend { .. } => "zmq_send",
            Event::ApiCall { .. } => "api_call",
            Event::ApiError { .. } => "api_error",
            Event::Uptime { .. } => "uptime",
            Event::Order { .. } => "order",
            Event::Error { .. } => "error",
            Event::Websocket(_) => "websocket",
            Event::KillSwitch { .. } => "kill_switch",
            Event::CancelAll { .. } => "cancel_all",
            Event::RiskCheck { .. } => "risk_check",
            Event::Pnl { .. } => "pnl",
            Event::Position { .. } => "position",
            Event::Regime { .. } => "regime",
            Event::Reconciliation { .. } => "reconciliation",
        }
    }
}

/// The text of a line that begins as a JSON object does. (For an array serde would take the elements for a struct's fields.)
pub fn json_object(line: &[u8]) -> Result<&str, Rejection> {
    let text = str::from_utf8(line)
        .map_err(|error| Rejection::new(Reason::Json, format!("UTF-8, but byte {} is not", error.valid_up_to())))?;
    if text.trim_ascii_start().starts_with('{') { Ok(text) } else { Err(Rejection::new(Reason::Json, "a JSON object")) }
}

/// A time that can be: not before 1970, and not milliseconds for seconds.
pub fn checked_time(field: &str, time: f64) -> Result<f64, Rejection> {
    if (0.0..=LATEST).contains(&time) {
        Ok(time)
    } else {
        Err(Rejection::range(field, "Unix seconds from 0 to 4102444800", time))
    }
}

fn at_least_zero(field: &'static str, value: f64) -> Result<f64, Rejection> {
    if value >= 0.0 { Ok(value) } else { Err(Rejection::range(field, "a number of seconds >= 0", value)) }
}
