//! One look at everything that checks read: files on threads that can be left behind, the broker, and a view of the board.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::catalogue::{ALL, CheckInfo, Needs};
use super::finding::Finding;
use super::market::{self, Market};
use super::settings::Settings;
use super::{ages, broker, documents, pipeline, records};
use crate::board::Board;
use crate::clock::unix_now;
use crate::files::{self, MAX_DOCUMENT, MAX_SMALL_DOCUMENT, Unreadable};
use crate::source::broker::{Broker, BrokerFound};

/// How long reading the files of a check may take, for a network file system that hangs.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Looks again and again.
pub struct Look {
    board: Arc<Board>,
    root: Option<PathBuf>,
    broker: Option<Broker>,
    settings: Arc<Settings>,
    /// Reads that are under way. One that hangs is waited for at the next look too, so that no second thread hangs beside it.
    reading: BTreeMap<&'static str, JoinHandle<Finding>>,
    /// The answers of a stale schema cache that earlier looks have told.
    stale_answers: u64,
    timeout: Duration,
}

impl Look {
    /// Looks at what `board` shows, at the files below `root`, and at what `broker` answers.
    pub fn new(board: Arc<Board>, root: Option<PathBuf>, broker: Option<Broker>, settings: Settings) -> Self {
        let stale_answers = pipeline::stale_answers(&board.view());
        Self { board, root, broker, settings: Arc::new(settings), reading: BTreeMap::new(), stale_answers, timeout: TIMEOUT }
    }

    /// The same with less time for the files.
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The checks that are turned on and whose section is configured.
    pub fn possible(&self) -> Vec<&'static CheckInfo> {
        let sources = self.board.sources();
        let there = |source| sources.iter().any(|(name, _)| *name == source);
        let possible = |check: &&CheckInfo| {
            self.settings.interval(check.name).is_some()
                && match check.needs {
                    Needs::Folder => self.root.is_some(),
                    Needs::Broker => self.root.is_some() && self.broker.is_some(),
                    Needs::Source(source) => there(source),
                    Needs::Itself => there(check.name),
                }
        };
        ALL.iter().filter(possible).collect()
    }

    /// Carries out `checks`, and returns what each one found. It ends by itself, whatever hangs.
    pub async fn at(&mut self, checks: &[&'static CheckInfo]) -> Vec<Finding> {
        let ends = Instant::now() + self.timeout;
        let now = unix_now();
        let closed = market::closed_by_daemon(&self.board.view());
        // What was read for an earlier look, too late for it, is old.
        self.reading.retain(|_, reading| !reading.is_finished());
        for check in checks.iter().filter(|check| check.needs == Needs::Folder) {
            self.read(check.name, Market::at(now, closed));
        }
        let asked = match &self.broker {
            Some(broker) if checks.iter().any(|check| check.needs == Needs::Broker) => Some(broker.ask().await),
            _ => None,
        };
        let mut found = Vec::new();
        for check in checks {
            let finding = match check.needs {
                Needs::Folder => self.read_until(check.name, ends).await,
                Needs::Broker => self.compare(check.name, asked.as_ref()).await,
                Needs::Source(_) | Needs::Itself => self.judge(check),
            };
            found.push(finding.of(check.name, now));
        }
        found
    }

    /// Begins to read what a check needs, unless an earlier read still hangs.
    fn read(&mut self, check: &'static str, market: Market) {
        let Some(root) = self.root.clone().filter(|_| !self.reading.contains_key(check)) else { return };
        let settings = self.settings.clone();
        let read = move || read(check, &root, &settings, &market, SystemTime::now());
        self.reading.insert(check, tokio::task::spawn_blocking(read));
    }

    /// Judges what the broker answered, beside the bot's own books.
    async fn compare(&mut self, check: &'static str, asked: Option<&BrokerFound>) -> Finding {
        let (Some(asked), Some(root)) = (asked, &self.root) else { return Finding::unknown("the broker is not configured") };
        if check == "alpaca_latency" {
            return broker::alpaca_latency(&asked.account, &self.settings);
        }
        let (path, positions) = (self.settings.positions.clone(), asked.positions.clone());
        let file = root.join(&path);
        let compare = move || {
            let finding = broker::position_tracking(&positions, &documents::held(&files::document(&file, MAX_SMALL_DOCUMENT)));
            Finding { file: Some(path.display().to_string()), ..finding }
        };
        self.reading.entry(check).or_insert_with(|| tokio::task::spawn_blocking(compare));
        self.read_until(check, Instant::now() + self.timeout).await
    }

    async fn read_until(&mut self, check: &'static str, ends: Instant) -> Finding {
        let Some(reading) = self.reading.get_mut(check) else { return Finding::unknown("there is no folder to look at") };
        let read = timeout_at(ends, reading).await;
        match read {
            Ok(ended) => {
                self.reading.remove(check);
                ended.unwrap_or_else(Finding::unknown)
            }
            Err(_) => Finding::unknown(format!("not read within {}", humantime::format_duration(self.timeout))),
        }
    }

    fn judge(&mut self, check: &CheckInfo) -> Finding {
        let source = if let Needs::Source(source) = check.needs { source } else { check.name };
        let sources = self.board.sources();
        let Some((_, status)) = sources.iter().find(|(name, _)| *name == source) else {
            return Finding::unknown(format!("{source} is not configured"));
        };
        let view = self.board.view();
        match check.name {
            "stuck_batches" => pipeline::stuck_batches(&view, status, &self.settings),
            "error_spike" => pipeline::error_spike(&view, status, &self.settings),
            "schema_cache" => {
                let before = std::mem::replace(&mut self.stale_answers, pipeline::stale_answers(&view));
                pipeline::schema_cache(&view, status, before)
            }
            _ => pipeline::source(status, view.now),
        }
    }
}

/// Reads what a check of the bot's folder needs, and judges it.
pub(super) fn read(check: &'static str, root: &Path, settings: &Settings, market: &Market, now: SystemTime) -> Finding {
    let document = |path: &Path| files::document(&root.join(path), MAX_DOCUMENT);
    let small = |path: &Path| files::document(&root.join(path), MAX_SMALL_DOCUMENT);
    let tail = |path: &Path, lines| files::tail(&root.join(path), lines);
    let (file, finding) = match check {
        "weights_file" => (&settings.weights_file, documents::weights_file(&small(&settings.weights_file))),
        "entry_thresholds" => {
            (&settings.entry_thresholds, documents::entry_thresholds(&small(&settings.entry_thresholds), settings))
        }
        "uw_parser_integrity" => (&settings.parser, documents::uw_parser_integrity(&document(&settings.parser))),
        "enrich_signal_fields" => (&settings.enrichment, documents::enrich_signal_fields(&document(&settings.enrichment))),
        "uw_cache_freshness" => (&settings.cache, documents::uw_cache_freshness(&document(&settings.cache), settings)),
        "freshness_scores" => {
            (&settings.attribution, records::freshness_scores(&tail(&settings.attribution, records::SCORES), settings))
        }
        "zero_trades" => {
            let (runs, decisions) = (tail(&settings.runs, records::RUNS), tail(&settings.attribution, records::DECISIONS));
            (&settings.runs, records::zero_trades(&runs, &decisions))
        }
        "trade_cadence" => {
            let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            let orders = tail(&settings.orders, usize::MAX);
            (&settings.orders, records::trade_cadence(&orders, market, seconds, settings.orders_within))
        }
        "uw_daemon_liveness" => {
            let age = files::age(&root.join(&settings.daemon_cache), now);
            (&settings.daemon_cache, ages::uw_daemon_liveness(&age, settings.daemon_after))
        }
        "cache_lock" => return cache_lock(root, settings, now),
        _ => return Finding::unknown("this version does not have the check"),
    };
    Finding { file: Some(file.display().to_string()), ..finding }
}

/// A lock is not there when all is well; that says nothing when the folder is not there either.
fn cache_lock(root: &Path, settings: &Settings, now: SystemTime) -> Finding {
    if let Err(error) = std::fs::read_dir(root) {
        return Finding::unknown(format!("{}: {}", root.display(), Unreadable::from(error)));
    }
    let locks = settings.cache_locks.iter().map(|path| (path.clone(), files::age(&root.join(path), now)));
    ages::cache_lock(&locks.collect::<Vec<_>>(), settings.cache_lock_after)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::oneshot;

    use super::super::finding::Level;
    use super::super::settings;
    use super::*;
    use crate::journal::ledger::Ledger;
    use crate::sample::Limits;

    fn board() -> Arc<Board> {
        Arc::new(Board::new(Arc::new(Mutex::new(Ledger::new(Limits::default())))))
    }

    fn look(root: &str) -> Look {
        Look::new(board(), Some(PathBuf::from(root)), None, settings::tests::defaults())
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_hangs_costs_its_check_alone() {
        let mut look = look("/nowhere");
        let (file_system, answer) = oneshot::channel::<()>();
        let hangs = tokio::spawn(async move {
            let _ = answer.await;
            Finding::ok("read at last")
        });
        look.reading.insert("weights_file", hangs);
        let checks: Vec<_> = ALL.iter().filter(|check| ["weights_file", "uw_daemon_liveness"].contains(&check.name)).collect();
        for _ in 0..2 {
            let found = look.at(&checks).await;
            assert_eq!(found[0].message, "cannot be checked: not read within 5s");
            assert_eq!((found[0].level, found[1].message.as_str()), (Level::Warning, "there is no cache"));
            assert_eq!(look.reading.len(), 1, "no second thread hangs beside it");
        }
        drop(file_system);
        tokio::task::yield_now().await;
        let found = look.at(&checks).await;
        assert_eq!(found[0].message, "the weights are missing: the bot takes its own", "what came too late is read again");
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_has_no_lock_that_is_well() {
        let lock: Vec<_> = ALL.iter().filter(|check| check.name == "cache_lock").collect();
        let found = look("/nowhere").at(&lock).await;
        assert_eq!(
            (found[0].level, found[0].message.as_str()),
            (Level::Warning, "cannot be checked: /nowhere: there is no such file")
        );
    }

    #[tokio::test]
    async fn every_check_of_the_folder_is_carried_out() {
        let mut look = look("/nowhere");
        let possible = look.possible();
        assert_eq!(possible.len(), ALL.iter().filter(|check| check.needs == Needs::Folder).count());
        for finding in look.at(&possible).await {
            assert!(!finding.message.contains("this version"), "{finding:?}");
        }
    }
}
