//! Judgements over the last lines of the bot's logs: scores, runs, orders.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::finding::Finding;
use super::market::Market;
use super::settings::Settings;
use crate::clock;
use crate::files::Unreadable;

/// The scores that are looked at, and how many there have to be.
pub(super) const SCORES: usize = 20;
const LEAST_SCORES: usize = 10;
/// The runs that are looked at, how many there have to be, and how many without a trade are too many.
pub(super) const RUNS: usize = 10;
const LEAST_RUNS: usize = 5;
const IDLE_RUNS: usize = 8;
/// The decisions that are looked at, and the share of rejections that is too much.
pub(super) const DECISIONS: usize = 30;
const REJECTED: f64 = 0.8;

/// The longest record, in bytes: read, it may take a hundred times as much memory.
const LONGEST: usize = 256 << 10;

/// Orders are judged at the latest when the market has been open for so long: it closes half an hour later.
const LATEST: Duration = Duration::from_hours(6);

/// The last lines of a log.
pub(super) type Tail = Result<Vec<u8>, Unreadable>;

fn record(line: &[u8]) -> Option<Map<String, Value>> {
    if line.len() <= LONGEST { serde_json::from_slice(line).ok() } else { None }
}

/// The last `count` of the records that `of` accepts, newest first. A line that is no JSON object costs itself alone.
fn last<T>(lines: &[u8], count: usize, of: impl Fn(&Map<String, Value>) -> Option<T>) -> Vec<T> {
    lines.rsplit(|byte| *byte == b'\n').filter_map(record).filter_map(|record| of(&record)).take(count).collect()
}

/// Scores that old data has pressed down keep every trade out.
pub(super) fn freshness_scores(tail: &Tail, settings: &Settings) -> Finding {
    let lines = match tail {
        Ok(lines) => lines,
        Err(why) => return Finding::unknown(why),
    };
    let scores = last(lines, SCORES, |record| record.get("score").and_then(Value::as_f64));
    if scores.len() < LEAST_SCORES {
        return few(lines, scores.len(), "scores");
    }
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    let highest = scores.iter().copied().fold(f64::MIN, f64::max);
    let message = format!("the last {} scores are {mean:.2} in the mean, {highest:.2} at most", scores.len());
    let (warning, critical) = (settings.freshness_warning, settings.freshness_critical);
    let finding = match mean {
        mean if mean < critical && highest < 1.0 => Finding::critical(message),
        mean if mean < warning => Finding::warning(message),
        _ => Finding::ok(message),
    };
    finding
        .value(json!({"mean": mean, "max": highest}))
        .threshold(format!("a mean of at least {warning}; critical below {critical} when none reaches 1"))
}

/// A bot that sees nothing and orders nothing; it is worse when it sees and rejects nearly all.
pub(super) fn zero_trades(runs: &Tail, attribution: &Tail) -> Finding {
    let lines = match runs {
        Ok(lines) => lines,
        Err(why) => return Finding::unknown(why),
    };
    let none = |record: &Map<String, Value>, key| match record.get(key)? {
        Value::Array(items) => Some(items.is_empty()),
        value => Some(value.as_f64()? == 0.0),
    };
    let last_runs = last(lines, RUNS, |record| Some((none(record, "orders")?, none(record, "clusters")?)));
    if last_runs.len() < LEAST_RUNS {
        return few(lines, last_runs.len(), "runs");
    }
    let orderless = last_runs.iter().filter(|(orders, _)| *orders).count();
    let blind = last_runs.iter().filter(|(_, clusters)| *clusters).count();
    let message = format!("of the last {} runs {orderless} had no order and {blind} no cluster", last_runs.len());
    let value = json!({"runs": last_runs.len(), "without_orders": orderless, "without_clusters": blind});
    let threshold = format!("fewer than {IDLE_RUNS} runs without orders, or without clusters");
    if orderless < IDLE_RUNS || blind < IDLE_RUNS {
        return Finding::ok(message).value(value).threshold(threshold);
    }
    let rejected = match attribution {
        Ok(lines) => {
            let decisions = last(lines, DECISIONS, |record| Some(record.get("decision")?.as_str()? == "rejected"));
            let rejected = decisions.iter().filter(|rejected| **rejected).count();
            Ok((rejected, decisions.len()))
        }
        Err(why) => Err(why),
    };
    let finding = match rejected {
        Ok((rejected, all)) if rejected as f64 > REJECTED * all as f64 => {
            Finding::critical(format!("{message}, and {rejected} of the last {all} signals were rejected"))
        }
        Ok(_) => Finding::warning(message),
        Err(why) => Finding::warning(format!("{message}; whether signals were rejected is not known: {why}")),
    };
    finding.value(value).threshold(threshold)
}

/// While the market is open, an hour without a fill is worth a look, once the market has been open for as long.
pub(super) fn trade_cadence(tail: &Tail, market: &Market, now: f64, within: Duration) -> Finding {
    let closed = match market {
        Market::Open => None,
        Market::Closed(why) => Some(why),
        Market::Unknown(why) => return Finding::unknown(why),
    };
    if let Some(why) = closed {
        return Finding::ok(format!("not judged now: {why}"));
    }
    let lines = match tail {
        Ok(lines) => lines,
        Err(why) => return Finding::unknown(why),
    };
    let filled = |value: &Value| matches!(value.as_str(), Some("MARKET_FILLED" | "LIMIT_FILLED"));
    let fills = last(lines, usize::MAX, |record| {
        let time = if record.values().any(filled) { unix_time(record.get("_ts")?) } else { None };
        // A time that is to come is a broken clock's, and no fill of the last hour.
        time.filter(|time| *time <= now + 60.0)
    });
    let threshold = format!("a fill within {}", humantime::format_duration(within));
    let age = fills.into_iter().reduce(f64::max).map(|newest| (now - newest).max(0.0));
    let message = match age {
        Some(age) => format!("the last order was filled {age:.0} s ago"),
        None => "no order was filled, as far as the log was read".to_owned(),
    };
    let open_for = within.min(LATEST);
    let finding = match age {
        Some(age) if age <= within.as_secs_f64() => Finding::ok(message),
        // What was not filled before the market opened is nothing to miss.
        _ if Market::at(now - open_for.as_secs_f64(), false) != Market::Open => Finding::ok(format!(
            "not judged before the market has been open for {}: {message}",
            humantime::format_duration(open_for)
        )),
        _ => Finding::warning(message),
    };
    Finding { value: age.map(|age| age.round().into()), ..finding }.threshold(threshold)
}

fn unix_time(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => clock::unix_time(text).ok(),
        value => value.as_f64(),
    }
}

/// Too few records to judge by; when that is because lines cannot be read, it is not well.
fn few(lines: &[u8], found: usize, what: &str) -> Finding {
    let bad = lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty() && record(line).is_none()).count();
    match bad {
        0 => Finding::ok(format!("{found} {what} are too few to judge by")).value(found),
        _ => {
            let wanted = format!("JSON objects of at most {LONGEST} bytes");
            Finding::unknown(format!("{bad} lines at the end of the log are no {wanted}, and only {found} {what} are left"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level::{Critical, Ok as Fine, Warning};
    use super::super::settings;
    use super::*;

    fn log(records: impl IntoIterator<Item = String>) -> Tail {
        Ok(records.into_iter().map(|record| record + "\n").collect::<String>().into_bytes())
    }

    fn missing() -> Tail {
        Err(Unreadable::Missing)
    }

    #[test]
    fn freshness() {
        let settings = settings::tests::defaults();
        let judged = |scores: &[(usize, f64)]| {
            let scores = scores.iter().flat_map(|(count, score)| std::iter::repeat_n(*score, *count));
            freshness_scores(&log(scores.map(|score| format!("{{\"score\": {score}}}"))), &settings).level
        };
        assert_eq!(judged(&[(20, 1.5)]), Fine);
        assert_eq!(judged(&[(20, 1.49)]), Warning);
        assert_eq!(judged(&[(20, 0.49)]), Critical);
        assert_eq!(judged(&[(20, 0.5)]), Warning);
        assert_eq!(judged(&[(19, 0.1), (1, 1.0)]), Warning, "one reaches 1");
        assert_eq!(judged(&[(9, 0.0)]), Fine, "too few");
        assert_eq!(judged(&[(10, 0.0)]), Critical);
        assert_eq!(judged(&[(50, 0.0), (20, 2.0)]), Fine, "only the last 20 count");
        assert_eq!(freshness_scores(&missing(), &settings).level, Warning);
        let long = log((0..10).map(|_| format!("{{\"score\": 2, \"note\": \"{}\"}}", "x".repeat(LONGEST))));
        assert!(freshness_scores(&long, &settings).message.starts_with("cannot be checked: 10 lines"));
        let broken = log((0..20).map(|_| "{\"score\": 2".to_owned()));
        assert!(freshness_scores(&broken, &settings).message.starts_with("cannot be checked: 20 lines"));
    }

    #[test]
    fn zero() {
        let runs = |idle: usize, busy: usize| {
            let of = |count, text: &str| std::iter::repeat_n(text.to_owned(), count);
            log(of(busy, r#"{"orders": 1, "clusters": [1]}"#).chain(of(idle, r#"{"orders": 0, "clusters": []}"#)))
        };
        let decisions = |rejected: usize, taken: usize| {
            let of = |count, text: &str| std::iter::repeat_n(format!("{{\"decision\": \"{text}\"}}"), count);
            log(of(rejected, "rejected").chain(of(taken, "taken")))
        };
        assert_eq!(zero_trades(&runs(7, 3), &decisions(30, 0)).level, Fine);
        assert_eq!(zero_trades(&runs(8, 2), &decisions(24, 6)).level, Warning, "80 % are not more than 80 %");
        assert_eq!(zero_trades(&runs(8, 2), &decisions(25, 5)).level, Critical);
        assert_eq!(zero_trades(&runs(8, 2), &log([])).level, Warning);
        assert_eq!(zero_trades(&runs(4, 0), &decisions(30, 0)).level, Fine, "too few");
        let unknown = zero_trades(&runs(10, 0), &missing());
        assert_eq!(unknown.level, Warning);
        assert!(unknown.message.ends_with("is not known: there is no such file"), "{}", unknown.message);
        assert_eq!(zero_trades(&missing(), &decisions(30, 0)).level, Warning);
        let orders_only = log((0..10).map(|_| r#"{"orders": 0, "clusters": 3}"#.to_owned()));
        assert_eq!(zero_trades(&orders_only, &decisions(30, 0)).level, Fine);
        let other_lines = log((0..10).map(|_| r#"{"event": "start"}"#.to_owned()));
        assert_eq!(zero_trades(&other_lines, &missing()).level, Fine, "no runs yet");
    }

    #[test]
    fn cadence() {
        let hour = Duration::from_secs(3600);
        // 15:00 in New York.
        let now = 1_767_643_200.0;
        let judged = |records: &[&str], market: &Market| {
            trade_cadence(&log(records.iter().map(|record| (*record).to_owned())), market, now, hour)
        };
        let open = Market::Open;
        let recent = format!("{{\"event\": \"LIMIT_FILLED\", \"_ts\": {}}}", now - 3599.0);
        let old = format!("{{\"event\": \"MARKET_FILLED\", \"_ts\": {}}}", now - 3601.0);
        let other = format!("{{\"event\": \"SUBMITTED\", \"_ts\": {now}}}");
        let to_come = format!("{{\"event\": \"MARKET_FILLED\", \"_ts\": {}}}", now + 3600.0);
        assert_eq!(judged(&[&recent, &other], &open).level, Fine);
        assert_eq!(judged(&[&recent, &old], &open).level, Fine, "their order does not matter");
        assert_eq!(judged(&[&old, &other], &open).level, Warning);
        assert_eq!(judged(&[&to_come], &open).level, Warning);
        assert_eq!(judged(&[r#"{"type": "MARKET_FILLED", "_ts": "2026-01-05T19:59:00Z"}"#], &open).level, Fine);
        assert_eq!(judged(&[], &open).level, Warning);
        assert_eq!(judged(&[&old], &Market::Closed("it is Sunday".to_owned())).level, Fine);
        assert!(judged(&[&recent], &Market::Unknown("no time zone".to_owned())).message.starts_with("cannot be checked"));
        assert_eq!(trade_cadence(&missing(), &open, now, hour).level, Warning);
    }

    #[test]
    fn no_fill_is_missed_before_the_market_was_open_for_as_long() {
        // 9:30 in New York, on a Tuesday.
        let opens = 1_767_709_800.0;
        let yesterday = log([format!("{{\"event\": \"MARKET_FILLED\", \"_ts\": {}}}", opens - 18.0 * 3600.0)]);
        for (hours, minutes, level) in [
            (1, 0.0, Fine),
            (1, 59.0, Fine),
            (1, 60.0, Warning),
            (5, 299.0, Fine),
            (5, 300.0, Warning),
            // Longer than a day of trading: once a day all the same.
            (12, 359.0, Fine),
            (12, 360.0, Warning),
        ] {
            let now = opens + minutes * 60.0;
            for tail in [&yesterday, &log([])] {
                let finding = trade_cadence(tail, &Market::at(now, false), now, Duration::from_hours(hours));
                assert_eq!(finding.level, level, "{hours} h, {minutes} min after the opening: {}", finding.message);
            }
        }
        assert_eq!(trade_cadence(&missing(), &Market::Open, opens, Duration::from_hours(1)).level, Warning, "it cannot be read");
    }
}
