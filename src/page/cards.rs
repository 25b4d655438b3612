//! How trading, the bot and the pipeline are, from a view of the board.

use std::collections::BTreeMap;

use super::words::{ago, percent, span};
use super::{Card, Fact, State};
use crate::board::View;
use crate::catalogue as family;
use crate::health::HOUR_COUNTS;

/// How long a cycle may be awaited while the market is open, in seconds; the daemon runs one a minute.
const CYCLE: f64 = 180.0;
/// The websocket's loss is worth a look, and bad, after so many seconds.
const DOWNTIME: [f64; 2] = [10.0, 30.0];
/// The day's loss is worth a look, and bad, at these shares of its limit.
const LOSS: [f64; 2] = [0.5, 0.8];
/// Shares of what passes are bad, and worth a look, below these.
const PASSING: [f64; 2] = [0.8, 0.95];
/// How old the bot's heartbeat may be, in seconds; it beats every 15 minutes.
const HEARTBEAT: f64 = 2_100.0;
/// A batch that is older than this in seconds is stuck.
const STUCK: f64 = 600.0;
/// Shares of invalid rows beyond this are worth a look.
const INVALID: f64 = 0.15;
/// A mock signal passes with this score.
const SCORE: f64 = 4.0;
/// A difference to the broker's books beyond this, in USD, is more than fees and rounding.
const DRIFT: f64 = 100.0;
/// How many error codes are shown.
const CODES: usize = 5;

/// Good below the first bound, bad from the second on.
fn rising(value: f64, [worth_a_look, bad]: [f64; 2]) -> State {
    match value {
        value if value >= bad => State::Bad,
        value if value >= worth_a_look => State::Warning,
        _ => State::Good,
    }
}

/// Bad below the first bound, good from the second on.
fn falling(value: f64, [bad, worth_a_look]: [f64; 2]) -> State {
    match value {
        value if value < bad => State::Bad,
        value if value < worth_a_look => State::Warning,
        _ => State::Good,
    }
}

/// Worth a look when it is `too_much`, and good otherwise.
fn warned(too_much: bool) -> State {
    if too_much { State::Warning } else { State::Good }
}

fn fact(name: impl Into<String>, value: impl Into<String>, state: impl Into<Option<State>>) -> Fact {
    Fact { name: name.into(), value: value.into(), state: state.into(), alert: None, note: String::new() }
}

impl Fact {
    /// The same with the alert that judges it too.
    fn alerted(self, alert: &'static str) -> Self {
        Self { alert: Some(alert), ..self }
    }
}

/// The labels of the gauges that are 1.
fn set(view: &View<'_>, info: &crate::family::FamilyInfo) -> Vec<String> {
    view.gauges(info).filter(|(_, value)| *value == 1.0).filter_map(|(labels, _)| labels.into_iter().next()).collect()
}

/// The trading daemon, as its events tell.
pub(super) fn trading(view: &View<'_>) -> Card {
    let gauge = |info| view.gauge(info).unwrap_or(0.0);
    let mut facts = Vec::new();
    let event = gauge(family::LAST_EVENT_TIMESTAMP.info());
    if event == 0.0 {
        facts.push(fact("Last event", "there has been none", State::Unknown));
        return Card { title: "Trading", facts };
    }
    facts.push(fact("Last event", ago(event, view.now), None));
    let regime = set(view, family::MARKET_REGIME.info());
    let open = regime.iter().all(|regime| regime != "closed");
    let shown = if regime.is_empty() { "not said".to_owned() } else { regime.join(", ") };
    facts.push(fact("Market", shown, None));

    let cycle = gauge(family::LAST_CYCLE_TIMESTAMP.info());
    let late = cycle > 0.0 && open && view.now - cycle > CYCLE;
    let state = open.then_some(if late { State::Bad } else { State::Good });
    facts.push(fact("Last cycle", ago(cycle, view.now), state).alerted("SentinelTradingCyclesStalled"));
    let [cycles, failed] = [family::TRADING_CYCLES.info(), family::TRADING_CYCLES_FAILED.info()].map(|info| view.count(info));
    facts.push(fact("Cycles", format!("{cycles}, {failed} failed"), None));

    let held = set(view, family::KILL_SWITCH_ACTIVE.info());
    let switch = match held.as_slice() {
        [] => fact("Kill switch", "released", State::Good),
        held => fact("Kill switch", format!("trading is held: {}", held.join(", ")), State::Bad),
    };
    facts.push(switch.alerted("SentinelKillSwitchActive"));
    let (result, limit) = (gauge(family::PNL.info()), gauge(family::DAILY_LOSS_LIMIT.info()));
    let loss = if limit > 0.0 { -result / limit } else { 0.0 };
    facts.push(Fact {
        note: format!("limit of the loss: {limit:.0} USD"),
        ..fact("Day's result", format!("{result:+.2} USD"), rising(loss, LOSS)).alerted("SentinelDailyLoss")
    });
    if gauge(family::LAST_RECONCILIATION_TIMESTAMP.info()) > 0.0 {
        let drift = gauge(family::RECONCILIATION_DRIFT.info());
        let state = warned(drift.abs() > DRIFT);
        facts.push(fact("Books differ by", format!("{drift:.2} USD"), state).alerted("SentinelReconciliationDrift"));
    }
    let down = gauge(family::WEBSOCKET_DOWNTIME.info());
    let shown = if down > 0.0 { format!("lost for {}", span(down)) } else { "connected".to_owned() };
    facts.push(fact("Exchange", shown, open.then(|| rising(down, DOWNTIME))).alerted("SentinelWebsocketDown"));
    Card { title: "Trading", facts }
}

/// The stock bot, as its state file tells; None when there is no bot.
pub(super) fn bot(view: &View<'_>) -> Card {
    let mut facts = Vec::new();
    for (name, info, alert) in [
        ("Mock signals that pass", family::MOCK_SIGNAL_SUCCESS.info(), "SentinelMockSignalSuccessLow"),
        ("Parser health", family::PARSER_HEALTH.info(), "SentinelParserHealthLow"),
    ] {
        let share = match view.gauge(info) {
            Some(share) => fact(name, percent(share), falling(share, PASSING)),
            None => fact(name, "not known", State::Unknown),
        };
        facts.push(share.alerted(alert));
    }
    if let Some(score) = view.gauge(family::MOCK_SIGNAL_LAST_SCORE.info()) {
        let state = warned(score < SCORE);
        facts.push(fact("Last score", format!("{score:.1} of 5"), state).alerted("SentinelMockSignalFailed"));
    }
    let heartbeat = match view.gauge(family::LOGIC_HEARTBEAT_TIMESTAMP.info()) {
        Some(beat) => {
            let fresh = view.now - beat <= HEARTBEAT;
            fact("Heartbeat", ago(beat, view.now), if fresh { State::Good } else { State::Bad })
        }
        None => fact("Heartbeat", "not known", State::Unknown),
    };
    facts.push(heartbeat.alerted("SentinelMockSignalStale"));
    if let Some(fixes) = view.gauge(family::AUTO_FIXES_REPORTED.info()) {
        facts.push(fact("Repairs by itself", format!("{fixes:.0}"), None));
    }
    Card { title: "Mock signal", facts }
}

/// The ingestion pipeline, as the ops views tell.
pub(super) fn pipeline(view: &View<'_>) -> Card {
    let mut facts = Vec::new();
    let ages = view.gauges(family::OPS_PIPELINE_OLDEST_AGE.info());
    let waiting = ages.filter_map(|(labels, age)| Some((labels.into_iter().next()?, age)));
    let oldest = waiting
        .filter(|(status, _)| !["failed", "completed"].contains(&status.as_str()))
        .max_by(|(_, one), (_, other)| one.total_cmp(other));
    let stuck = match oldest {
        None => fact("Stuck batches", "not known", State::Unknown),
        Some((status, age)) if age > STUCK => {
            fact("Stuck batches", format!("the oldest is {} in {status}", span(age)), State::Bad)
        }
        Some(_) => fact("Stuck batches", "none", State::Good),
    };
    facts.push(stuck.alerted("SentinelBatchesStuck"));
    let begun = view.gauge(family::OPS_HOUR_START_TIMESTAMP.info());
    if let Some(begun) = begun {
        facts.push(fact("Newest hour began", ago(begun, view.now), None));
    }
    let batches = view
        .gauges(family::OPS_HOUR_BATCHES.info())
        .filter_map(|(labels, count)| Some(format!("{count:.0} {}", labels.first()?)));
    let batches = batches.collect::<Vec<_>>().join(", ").replace("in_progress", "under way");
    if !batches.is_empty() {
        facts.push(fact("Its batches", batches, None));
    }
    if let Some(invalid) = view.gauge(family::OPS_HOUR_ERROR.info()) {
        let counts = begun.is_some_and(|begun| view.now - begun <= HOUR_COUNTS);
        let state = counts.then(|| warned(invalid > INVALID));
        facts.push(fact("Its invalid rows", percent(invalid), state).alerted("SentinelBatchErrorSpike"));
    }
    if let Some(up) = view.gauge(family::POSTGREST_UP.info()) {
        let (word, state) = if up == 1.0 { ("answers", State::Good) } else { ("does not answer as it should", State::Warning) };
        facts.push(fact("PostgREST", word, state).alerted("SentinelPostgrestDown"));
    }
    let codes =
        view.gauges(family::OPS_ERROR_OCCURRENCES.info()).filter_map(|(labels, count)| Some((labels.into_iter().next()?, count)));
    let mut codes: Vec<_> = codes.filter(|(code, _)| code != "other").collect();
    codes.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    for (code, count) in codes.into_iter().take(CODES) {
        let note = view.remark(&code).unwrap_or_default().to_owned();
        facts.push(Fact { note, ..fact(code, format!("{count:.0} in 7 days"), None) });
    }
    Card { title: "Pipeline", facts }
}

/// The HTTP endpoints that are probed; why one is not well stands with what is read.
pub(super) fn probes(view: &View<'_>) -> Card {
    let took: BTreeMap<_, _> = view.gauges(family::PROBE_DURATION.info()).collect();
    let probe = |(labels, success): (Vec<String>, f64)| {
        let (word, state) = if success == 1.0 { ("well", State::Good) } else { ("not well", State::Warning) };
        let took = took.get(&labels).map(|seconds| format!(", answered in {:.0} ms", seconds * 1000.0)).unwrap_or_default();
        fact(labels.concat(), format!("{word}{took}"), state).alerted("SentinelProbeFailing")
    };
    Card { title: "Probes", facts: view.gauges(family::PROBE_SUCCESS.info()).map(probe).collect() }
}
