//! The table of all checks.

/// What a check is made from, and so when it can be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// The bot's folder (`sre`).
    Folder,
    /// The broker (`broker`), and the bot's folder.
    Broker,
    /// What this source found.
    Source(&'static str),
    /// It is a source's own health: the check has the source's name.
    Itself,
}

/// A check, before it has found anything.
#[derive(Debug)]
pub struct CheckInfo {
    /// Its name: the `check` label.
    pub name: &'static str,
    /// What it is made from.
    pub needs: Needs,
    /// The heading in docs/runbooks that tells what to do.
    pub runbook: &'static str,
}

impl CheckInfo {
    /// Whether it is the bot that it looks at.
    pub fn is_of_bot(&self) -> bool {
        matches!(self.needs, Needs::Folder | Needs::Broker)
    }

    /// Whether it costs somebody else: a request to the broker.
    pub fn is_costly(&self) -> bool {
        self.needs == Needs::Broker
    }
}

const fn of(name: &'static str, needs: Needs, runbook: &'static str) -> CheckInfo {
    CheckInfo { name, needs, runbook }
}

/// All checks, in the order in which they are told.
pub static ALL: [CheckInfo; 20] = [
    of("weights_file", Needs::Folder, CHECK_FAILING),
    of("entry_thresholds", Needs::Folder, CHECK_FAILING),
    of("uw_parser_integrity", Needs::Folder, CHECK_FAILING),
    of("enrich_signal_fields", Needs::Folder, CHECK_FAILING),
    of("freshness_scores", Needs::Folder, CHECK_FAILING),
    of("zero_trades", Needs::Folder, CHECK_FAILING),
    of("cache_lock", Needs::Folder, CHECK_FAILING),
    of("uw_daemon_liveness", Needs::Folder, CHECK_FAILING),
    of("uw_cache_freshness", Needs::Folder, CHECK_FAILING),
    of("position_tracking", Needs::Broker, CHECK_FAILING),
    of("alpaca_latency", Needs::Broker, CHECK_FAILING),
    of("trade_cadence", Needs::Folder, CHECK_FAILING),
    of("stuck_batches", Needs::Source("postgres"), "SentinelBatchesStuck"),
    of("error_spike", Needs::Source("postgres"), "SentinelBatchErrorSpike"),
    of("schema_cache", Needs::Source("postgrest"), "SentinelSchemaCacheStale"),
    of("postgres", Needs::Itself, COLLECTOR_FAILING),
    of("sre_state", Needs::Itself, COLLECTOR_FAILING),
    of("postgrest", Needs::Itself, "SentinelPostgrestDown"),
    of("probe", Needs::Itself, "SentinelProbeFailing"),
    of("mock_signal", Needs::Itself, COLLECTOR_FAILING),
];

const CHECK_FAILING: &str = "SentinelCheckFailing";
const COLLECTOR_FAILING: &str = "SentinelCollectorFailing";

/// The check of that name.
pub(super) fn find(name: &str) -> Option<&'static CheckInfo> {
    ALL.iter().find(|check| check.name == name)
}
