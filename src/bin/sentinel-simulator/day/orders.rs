//! Orders from their first answer to their end, and the positions that their fills leave.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Agenda;
use super::dice::{Dice, Seldom, rounded};
use super::event::Event;
use super::plan::Plan;
use crate::faults::Fault;
use crate::moment::Moment;

const SYMBOLS: [&str; 20] = [
    "EURUSD", "GBPUSD", "USDJPY", "AUDUSD", "USDCAD", "USDCHF", "NZDUSD", "XAUUSD", "AAPL", "MSFT", "NVDA", "TSLA", "AMZN",
    "GOOGL", "META", "AMD", "SPY", "QQQ", "IWM", "JPM",
];

/// More positions than this are not held at once.
const MOST_POSITIONS: usize = 8;

/// The orders placed so far and the positions held.
pub(super) struct Book {
    dice: Dice,
    /// USD a symbol, negative when short.
    positions: BTreeMap<&'static str, f64>,
    rejection: Seldom,
    cancellation: Seldom,
    spiked: bool,
    invented: u32,
}

impl Book {
    /// An empty book.
    pub(super) fn new(plan: &Plan) -> Self {
        let mut dice = plan.dice("orders");
        Self {
            positions: BTreeMap::new(),
            rejection: Seldom::new(plan.begin, &mut dice, (1.0, 2.0)),
            cancellation: Seldom::new(plan.begin, &mut dice, (0.5, 1.0)),
            spiked: false,
            invented: 0,
            dice,
        }
    }

    /// Places an order at `at` and plans all that becomes of it.
    pub(super) fn place(&mut self, at: Moment, side: &'static str, plan: &Plan, agenda: &mut Agenda) {
        let traded = self.choose(side);
        let symbol = if plan.has(Fault::LabelExplosion, at) {
            self.invented += 1;
            Cow::Owned(format!("SYM{:06}", self.invented))
        } else {
            Cow::Borrowed(traded)
        };
        let status = |status, seconds, slippage_bps| Event::Order { symbol: symbol.clone(), side, status, seconds, slippage_bps };
        let latency = self.latency(at, plan);
        let acknowledged = at.plus(latency);
        call_broker(&mut self.dice, acknowledged, latency, plan, agenda);
        agenda.event(acknowledged, status("new", Some(latency), None));

        let refused = plan.has(Fault::RejectedOrders, at) && self.dice.chance(0.6);
        if refused || self.rejection.happens(at, &mut self.dice) {
            agenda.event(acknowledged.plus(0.005), status("rejected", None, None));
            return;
        }
        if self.cancellation.happens(at, &mut self.dice) {
            agenda.event(acknowledged.plus(self.dice.between(5.0, 15.0)), status("canceled", None, None));
            return;
        }
        let mut done = acknowledged.plus(self.dice.between(0.1, 0.6));
        if self.dice.chance(0.25) {
            let slippage = self.slippage(at, plan);
            agenda.event(done, status("partial", None, Some(slippage)));
            done = done.plus(self.dice.between(0.1, 0.9));
        }
        let slippage = self.slippage(at, plan);
        agenda.event(done, status("filled", None, Some(slippage)));
        if matches!(symbol, Cow::Borrowed(_)) {
            self.fill(traded, side, done, agenda);
        }
    }

    /// Closes every position, as at the end of a trading day.
    pub(super) fn flatten(&mut self, at: Moment, agenda: &mut Agenda) {
        while let Some((symbol, _)) = self.positions.pop_first() {
            agenda.event(at, Event::Position { symbol, usd: 0.0 });
        }
    }

    /// A symbol whose position this side would close, when there is one and the book is full or chance wants it so.
    fn choose(&mut self, side: &str) -> &'static str {
        let opposite = |usd: f64| (side == "buy") == (usd < 0.0);
        let closing: Vec<&'static str> =
            self.positions.iter().filter(|&(_, &usd)| opposite(usd)).map(|(&symbol, _)| symbol).collect();
        if !closing.is_empty() && (self.positions.len() >= MOST_POSITIONS || self.dice.chance(0.6)) {
            self.dice.pick(&closing)
        } else {
            self.dice.pick(&SYMBOLS)
        }
    }

    fn fill(&mut self, symbol: &'static str, side: &str, at: Moment, agenda: &mut Agenda) {
        let usd = match self.positions.get(symbol) {
            Some(&held) if (side == "buy") == (held < 0.0) => 0.0,
            // What is held already, or would make the book too large, is traded without being kept.
            Some(&held) => held,
            None if self.positions.len() >= MOST_POSITIONS => return,
            None => {
                let size = rounded(self.dice.between(500.0, 3000.0), 2);
                if side == "buy" { size } else { -size }
            }
        };
        if usd == 0.0 {
            self.positions.remove(symbol);
        } else {
            self.positions.insert(symbol, usd);
        }
        agenda.event(at, Event::Position { symbol, usd });
    }

    fn latency(&mut self, at: Moment, plan: &Plan) -> f64 {
        if plan.has(Fault::VerySlowOrders, at) {
            self.dice.between(0.6, 0.95)
        } else if plan.has(Fault::SlowOrders, at) {
            self.dice.between(0.12, 0.4)
        } else {
            self.dice.between(0.02, 0.09)
        }
    }

    /// Basis points, below 0 when the fill was better than asked for.
    fn slippage(&mut self, at: Moment, plan: &Plan) -> f64 {
        let usual = self.dice.between(-1.5, 4.0);
        if plan.has(Fault::SlippageSpike, at) && !self.spiked {
            self.spiked = true;
            600.0
        } else if plan.has(Fault::Slippage, at) {
            rounded(150.0 + usual, 4)
        } else {
            usual
        }
    }
}

/// A call to the broker that was answered at `at` after `seconds`.
pub(super) fn call_broker(dice: &mut Dice, at: Moment, seconds: f64, plan: &Plan, agenda: &mut Agenda) {
    let endpoint = "alpaca";
    agenda.event(at, Event::ApiCall { endpoint, seconds });
    if plan.has(Fault::ApiErrors, at) && dice.chance(0.5) {
        let error_code = dice.pick(&["503", "503", "timeout", "429"]);
        agenda.event(at, Event::ApiError { endpoint, error_code });
    }
}
