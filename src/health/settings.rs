//! The section `checks`: what each check reads and is judged by. Paths are taken from the bot's folder.

use std::path::PathBuf;
use std::time::Duration;

use super::catalogue::{self, CheckInfo, Needs};
use crate::config::decode::Section;

/// What each check reads and is judged by.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of sentinel.yml")]
pub struct Settings {
    /// The checks that are turned on, and the time between two runs of each.
    pub on: Vec<(&'static str, Duration)>,
    pub weights_file: PathBuf,
    pub entry_thresholds: PathBuf,
    pub entry_thresholds_warning: f64,
    pub entry_thresholds_critical: f64,
    pub parser: PathBuf,
    pub enrichment: PathBuf,
    pub attribution: PathBuf,
    pub freshness_warning: f64,
    pub freshness_critical: f64,
    pub runs: PathBuf,
    pub cache_locks: Vec<PathBuf>,
    pub cache_lock_after: Duration,
    pub daemon_cache: PathBuf,
    pub daemon_after: Duration,
    pub cache: PathBuf,
    pub symbols: Vec<String>,
    pub positions: PathBuf,
    pub latency_warning: Duration,
    pub latency_critical: Duration,
    pub orders: PathBuf,
    pub orders_within: Duration,
    pub stuck_after: Duration,
    pub error_ratio: f64,
}

impl Settings {
    /// Reads the section.
    pub fn decode(mut section: Section<'_>) -> Self {
        let interval = of_check(&mut section, Duration::from_secs(300));
        let mut on = Vec::new();
        let mut check = |name: &'static str| {
            let mut section = section.section_or_empty(name);
            let costly = catalogue::find(name).is_some_and(CheckInfo::is_costly);
            let interval = of_check(&mut section, if costly { Duration::from_secs(900) } else { interval });
            if section.bool("enabled", true) {
                on.push((name, interval));
            }
            section
        };
        let mut with_path = |name, path| {
            let mut section = check(name);
            let path = section.path_within("path", path);
            (section, path)
        };

        let (weights, weights_file) = with_path("weights_file", "data/uw_weights.json");
        weights.finish();
        let (mut thresholds, entry_thresholds) = with_path("entry_thresholds", "data/entry_thresholds.json");
        let entry_thresholds_warning = thresholds.number("warning", 2.8);
        let entry_thresholds_critical = thresholds.number("critical", 3.0);
        if entry_thresholds_critical < entry_thresholds_warning {
            thresholds.mistake("critical", format_args!("expected at least the warning of {entry_thresholds_warning}"));
        }
        thresholds.finish();
        let (integrity, parser) = with_path("uw_parser_integrity", "main.py");
        integrity.finish();
        let (fields, enrichment) = with_path("enrich_signal_fields", "uw_enrichment_v2.py");
        fields.finish();
        let (mut freshness, attribution) = with_path("freshness_scores", "data/uw_attribution.jsonl");
        let freshness_warning = freshness.number("warning", 1.5);
        let freshness_critical = freshness.number("critical", 0.5);
        if freshness_critical > freshness_warning {
            freshness.mistake("critical", format_args!("expected at most the warning of {freshness_warning}"));
        }
        freshness.finish();
        let (zero_trades, runs) = with_path("zero_trades", "logs/run.jsonl");
        zero_trades.finish();
        let (mut liveness, daemon_cache) = with_path("uw_daemon_liveness", "data/uw_flow_cache.json");
        let daemon_after = liveness.duration("critical", Duration::from_secs(600));
        liveness.finish();
        let (mut cached, cache) = with_path("uw_cache_freshness", "data/uw_flow_cache.json");
        let watched = ["AAPL", "MSFT", "NVDA", "QQQ", "SPY", "TSLA"].map(str::to_owned).to_vec();
        let symbols = cached.texts("symbols", watched, |symbol| Ok(symbol.to_owned()));
        cached.finish();
        let (tracking, positions) = with_path("position_tracking", "state/position_metadata.json");
        tracking.finish();
        let (mut cadence, orders) = with_path("trade_cadence", "data/live_orders.jsonl");
        let orders_within = cadence.duration("within", Duration::from_hours(1));
        cadence.finish();

        let mut lock = check("cache_lock");
        let locks = ["data", "state"].map(|folder| PathBuf::from(folder).join("uw_flow_cache.json.lock")).to_vec();
        let cache_locks = lock.texts("paths", locks, |path| match path {
            "" => Err("a path".to_owned()),
            path => Ok(PathBuf::from(path)),
        });
        let cache_lock_after = lock.duration("critical", Duration::from_secs(300));
        lock.finish();
        let mut latency = check("alpaca_latency");
        let latency_warning = latency.duration("warning", Duration::from_millis(500));
        let latency_critical = latency.duration("critical", Duration::from_secs(2));
        if latency_critical < latency_warning {
            let warning = humantime::format_duration(latency_warning);
            latency.mistake("critical", format_args!("expected at least the warning of {warning}"));
        }
        latency.finish();
        let mut stuck = check("stuck_batches");
        let stuck_after = stuck.duration("critical", Duration::from_secs(600));
        stuck.finish();
        let mut spike = check("error_spike");
        let error_ratio = spike.number("warning", 0.15);
        spike.finish();
        check("schema_cache").finish();
        // What every source says of itself runs as often as the others, and cannot be turned off but with the source.
        let sources = catalogue::ALL.iter().filter(|check| matches!(check.needs, Needs::Itself));
        on.extend(sources.map(|check| (check.name, interval)));
        section.finish();
        Self {
            on,
            weights_file,
            entry_thresholds,
            entry_thresholds_warning,
            entry_thresholds_critical,
            parser,
            enrichment,
            attribution,
            freshness_warning,
            freshness_critical,
            runs,
            cache_locks,
            cache_lock_after,
            daemon_cache,
            daemon_after,
            cache,
            symbols,
            positions,
            latency_warning,
            latency_critical,
            orders,
            orders_within,
            stuck_after,
            error_ratio,
        }
    }

    /// The time between two runs of a check; None when it is turned off.
    pub fn interval(&self, check: &str) -> Option<Duration> {
        self.on.iter().find(|(name, _)| *name == check).map(|(_, interval)| *interval)
    }
}

/// The key `interval`: two runs fit into the hour after which a check counts as stopped.
fn of_check(section: &mut Section<'_>, default: Duration) -> Duration {
    section.interval(default, Duration::from_mins(30), "SentinelChecksStopped")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::load;

    /// The section with nothing in it.
    pub(crate) fn defaults() -> Settings {
        load::parse("", Path::new(""), &|_| None, |document| Settings::decode(document.section_or_empty("checks"))).unwrap()
    }

    #[test]
    fn every_check_is_on_unless_it_is_turned_off() {
        let defaults = defaults();
        assert_eq!(defaults.on.len(), catalogue::ALL.len());
        for check in &catalogue::ALL {
            let seconds = if check.is_costly() { 900 } else { 300 };
            assert_eq!(defaults.interval(check.name), Some(Duration::from_secs(seconds)), "{}", check.name);
        }
        let text = "checks: {interval: 1m, cache_lock: {enabled: false}, weights_file: {interval: 5s}}";
        let decode = |document: &mut Section<'_>| Settings::decode(document.section_or_empty("checks"));
        let settings = load::parse(text, Path::new(""), &|_| None, decode).unwrap();
        let seconds = |check| settings.interval(check).map(|interval| interval.as_secs());
        assert_eq!(
            ["cache_lock", "weights_file", "zero_trades", "alpaca_latency"].map(seconds),
            [None, Some(5), Some(60), Some(900)]
        );
    }
}
