//! Judgements over a view of the board: the ingestion pipeline, and how the sources themselves are doing.

use serde_json::json;

use super::finding::Finding;
use super::settings::Settings;
use crate::board::{SourceStatus, View};
use crate::catalogue as family;
use crate::part::by_reason;
use crate::sample::Value;

/// An hour that began longer ago says nothing about now, in seconds.
pub(crate) const HOUR_COUNTS: f64 = 2.0 * 3600.0;
/// What PostgREST answers when its schema cache is stale.
const STALE_CACHE: &str = "PGRST002";

/// Why a source has no samples.
fn silent(status: &SourceStatus) -> Finding {
    Finding::unknown(match (status.took, wrong(status)) {
        (_, Some(wrong)) => wrong,
        (None, None) => "nothing was asked yet".to_owned(),
        (Some(_), None) => "the last answer is too old".to_owned(),
    })
}

/// A batch that is neither completed nor failed after so long will not be.
pub(super) fn stuck_batches(view: &View<'_>, postgres: &SourceStatus, settings: &Settings) -> Finding {
    let limit = settings.stuck_after;
    let ages =
        view.gauges(family::OPS_PIPELINE_OLDEST_AGE.info()).filter_map(|(labels, age)| Some((labels.into_iter().next()?, age)));
    let ages = ages.filter(|(status, _)| !["failed", "completed"].contains(&status.as_str()));
    let Some((status, age)) = ages.max_by(|(_, one), (_, other)| one.total_cmp(other)) else { return silent(postgres) };
    let finding = match age {
        age if age > limit.as_secs_f64() => Finding::critical(format!("the oldest batch in {status} is {age:.0} s old")),
        _ => Finding::ok("no batch is stuck"),
    };
    finding.value(age.round()).threshold(format!("at most {}", humantime::format_duration(limit)))
}

/// Too many rows of the newest hour's batches were invalid.
pub(super) fn error_spike(view: &View<'_>, postgres: &SourceStatus, settings: &Settings) -> Finding {
    let threshold = format!("at most {:.0} %", settings.error_ratio * 100.0);
    let Some(begun) = view.gauge(family::OPS_HOUR_START_TIMESTAMP.info()) else { return silent(postgres) };
    let ratio = view.gauge(family::OPS_HOUR_ERROR.info()).filter(|_| view.now - begun <= HOUR_COUNTS);
    let Some(ratio) = ratio else {
        return Finding::ok("there was no batch in the last two hours").threshold(threshold);
    };
    let message = format!("{:.1} % of the newest hour's rows are invalid", ratio * 100.0);
    let finding = if ratio > settings.error_ratio { Finding::warning(message) } else { Finding::ok(message) };
    finding.value(ratio).threshold(threshold)
}

/// How often PostgREST has answered that its schema cache is stale.
pub(super) fn stale_answers(view: &View<'_>) -> u64 {
    let counts = view.series(family::POSTGREST_ERRORS.info()).filter(|series| series.key().contains(STALE_CACHE));
    counts.map(|series| if let Value::Counter(count) = series.value() { *count } else { 0 }).sum()
}

/// PostgREST knows the tables from a cache; while that is stale it answers nothing. `before` is how many such answers were known.
pub(super) fn schema_cache(view: &View<'_>, postgrest: &SourceStatus, before: u64) -> Finding {
    let seen = stale_answers(view).saturating_sub(before);
    let up = view.gauge(family::POSTGREST_UP.info()).map(|up| up == 1.0);
    let says_so = wrong(postgrest).is_some_and(|wrong| wrong.contains(STALE_CACHE));
    let finding = match (up, seen) {
        (Some(true), 0) => Finding::ok("PostgREST answers"),
        (Some(true), _) => Finding::warning(format!("PostgREST answered {STALE_CACHE} since the last look, and answers again")),
        _ if seen > 0 || says_so => Finding::critical(format!("PostgREST answers {STALE_CACHE}: its schema cache is stale")),
        _ => return silent(postgrest),
    };
    finding.value(json!({"stale_answers": seen})).threshold(format!("no {STALE_CACHE}"))
}

/// A source that fails is a warning: what is not known may be broken.
pub(super) fn source(status: &SourceStatus, now: f64) -> Finding {
    if status.took.is_none() {
        return silent(status);
    }
    let age = (status.last_success > 0.0).then(|| (now - status.last_success).max(0.0).round());
    let finding = match (wrong(status), age) {
        (None, _) => Finding::ok("all of it answered"),
        // What was looked at is not well; the look at it succeeded.
        (Some(wrong), _) if status.errors.is_empty() => Finding::warning(wrong).threshold("every part is well"),
        (Some(wrong), Some(age)) => {
            Finding::warning(format!("{wrong}; it last succeeded {age:.0} s ago")).threshold("every part answers")
        }
        (Some(wrong), None) => Finding::warning(format!("{wrong}; it never succeeded")).threshold("every part answers"),
    };
    match age {
        Some(age) => finding.value(json!({"seconds_since_success": age})),
        None => finding,
    }
}

/// What a source says is wrong.
fn wrong(status: &SourceStatus) -> Option<String> {
    let wrong = by_reason(status.errors.iter().chain(&status.troubles));
    let told = wrong.iter().map(|(parts, why)| format!("{parts}: {why}"));
    (!wrong.is_empty()).then(|| told.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::super::finding::Level::{self, Critical, Ok as Fine, Warning};
    use super::super::settings;
    use super::*;
    use crate::board::Board;
    use crate::clock::unix_now;
    use crate::family::Feed;
    use crate::journal::ledger::Ledger;
    use crate::part::{Part, SourceError};
    use crate::sample::{Limits, SampleSet};

    /// A board with one source, which found this.
    fn board(feed: Feed, found: Result<&dyn Fn(&mut SampleSet), &str>) -> (Board, SourceStatus) {
        let board = Board::new(Arc::new(Mutex::new(Ledger::new(Limits::default()))));
        board.register("source", feed, Duration::from_secs(15), Duration::from_secs(60));
        let outcome = found.map_err(|error| SourceError(error.to_owned())).map(|set| {
            let mut samples = SampleSet::new(Limits::default());
            set(&mut samples);
            samples
        });
        let status = board.publish("source", vec![Part::new("part", outcome)], Duration::ZERO).unwrap();
        (board, status)
    }

    fn pipeline(
        check: fn(&View<'_>, &SourceStatus, &Settings) -> Finding,
        found: Result<&dyn Fn(&mut SampleSet), &str>,
    ) -> Finding {
        let (board, status) = board(Feed::Postgres, found);
        check(&board.view(), &status, &settings::tests::defaults())
    }

    #[test]
    fn stuck() {
        let judged = |status: &str, age: f64| -> Level {
            let set = |samples: &mut SampleSet| {
                samples.create(family::OPS_PIPELINE_OLDEST_AGE.info());
                samples.set(&family::OPS_PIPELINE_OLDEST_AGE, [status], age);
            };
            pipeline(stuck_batches, Ok(&set)).level
        };
        assert_eq!(judged("staging", 0.0), Fine);
        assert_eq!(judged("staging", 600.0), Fine);
        assert_eq!(judged("staging", 601.0), Critical);
        assert_eq!(judged("unheard_of", 601.0), Critical);
        assert_eq!(judged("failed", 1e6), Fine);
        let unknown = pipeline(stuck_batches, Err("no connection"));
        assert_eq!((unknown.level, unknown.message.as_str()), (Warning, "cannot be checked: part: no connection"));
    }

    #[test]
    fn spike() {
        let judged = |ratio: f64, hours_ago: f64| {
            let set = |samples: &mut SampleSet| {
                samples.set(&family::OPS_HOUR_START_TIMESTAMP, [], unix_now() - hours_ago * 3600.0);
                samples.set(&family::OPS_HOUR_ERROR, [], ratio);
            };
            pipeline(error_spike, Ok(&set)).level
        };
        assert_eq!(judged(0.15, 0.5), Fine);
        assert_eq!(judged(0.16, 0.5), Warning);
        assert_eq!(judged(0.16, 1.9), Warning);
        assert_eq!(judged(0.16, 2.1), Fine, "long ago");
        let quiet = |samples: &mut SampleSet| samples.create(family::OPS_HOUR_START_TIMESTAMP.info());
        assert_eq!(pipeline(error_spike, Ok(&quiet)).level, Fine);
        assert_eq!(pipeline(error_spike, Err("no connection")).level, Warning);
    }

    #[test]
    fn cache() {
        let judged = |up: Option<f64>, seen: u64, before: u64| {
            let set = |samples: &mut SampleSet| {
                if let Some(up) = up {
                    samples.set(&family::POSTGREST_UP, [], up);
                }
                samples.add(&family::POSTGREST_ERRORS, ["PGRST002"], seen);
                samples.add(&family::POSTGREST_ERRORS, ["PGRST301"], 7);
            };
            let (board, status) = board(Feed::Postgrest, Ok(&set));
            schema_cache(&board.view(), &status, before)
        };
        assert_eq!(judged(Some(1.0), 0, 0).level, Fine);
        assert_eq!(judged(Some(1.0), 5, 5).level, Fine, "those are known");
        assert_eq!(judged(Some(1.0), 6, 5).level, Warning);
        assert_eq!(judged(Some(0.0), 6, 5).level, Critical);
        assert_eq!(judged(None, 6, 5).level, Critical);
        assert_eq!(judged(Some(0.0), 5, 5).level, Warning, "it is down for another reason");
        assert_eq!(judged(None, 0, 0).level, Warning);
        let down = |samples: &mut SampleSet| samples.set(&family::POSTGREST_UP, [], 0.0);
        let (board, status) = board(Feed::Postgrest, Ok(&down));
        let troubles = vec![("postgrest".into(), "PGRST002: Retrying.".to_owned())];
        assert_eq!(schema_cache(&board.view(), &SourceStatus { troubles, ..status }, 0).level, Critical, "it says so still");
    }

    #[test]
    fn sources() {
        let set = |_: &mut SampleSet| ();
        let (_, fine) = board(Feed::Postgres, Ok(&set));
        assert_eq!(source(&fine, fine.last_success + 5.0).level, Fine);
        let (_, failing) = board(Feed::Postgres, Err("refused"));
        let finding = source(&failing, 1e9);
        assert_eq!((finding.level, finding.message.as_str()), (Warning, "part: refused; it never succeeded"));
        let later = SourceStatus { errors: vec![("a".into(), "x".into()), ("b".into(), "x".into())], ..fine.clone() };
        assert_eq!(source(&later, fine.last_success + 65.4).message, "a, b: x; it last succeeded 65 s ago");
        let down = SourceStatus { troubles: vec![("gateway".into(), "refused".into())], ..fine.clone() };
        let finding = source(&down, fine.last_success);
        assert_eq!((finding.level, finding.message.as_str()), (Warning, "gateway: refused"));
        let waiting = SourceStatus { took: None, ..fine };
        assert_eq!(source(&waiting, 1e9).message, "cannot be checked: nothing was asked yet");
    }
}
