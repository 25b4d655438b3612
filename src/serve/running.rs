//! The tasks of the sources, as the configuration in force wants them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::board::Board;
use crate::client::Client;
use crate::config::Config;
use crate::health::Latest;
use crate::health::collector::Checks;
use crate::health::repair::Repair;
use crate::health::settings as checks;
use crate::sample::Limits;
use crate::source::broker::{self, Broker};
use crate::source::mock_signal::MockSignal;
use crate::source::postgres::{Database, Postgres};
use crate::source::postgrest::Postgrest;
use crate::source::probe::Probe;
use crate::source::sre_state::SreState;
use crate::source::{Source, SourceError, mock_signal, postgres, postgrest, probe, run, sre_state};
use crate::telemetry::Telemetry;

/// Every source's tasks, and the settings they were started with.
pub(crate) struct Sources {
    board: Arc<Board>,
    telemetry: Arc<Telemetry>,
    /// Where the checks tell what they found; None when sources are polled once, and somebody else looks.
    latest: Option<Arc<Latest>>,
    /// Made for the first source that needs it: certificates take memory.
    client: Option<Client>,
    database: Option<Database>,
    postgres: Option<Running<postgres::Settings>>,
    postgrest: Option<Running<(postgrest::Settings, Option<postgres::Settings>)>>,
    probes: Option<Running<Vec<probe::Settings>>>,
    sre: Option<Running<sre_state::Settings>>,
    checks: Option<Running<CheckSettings>>,
    mock_signal: Option<Running<mock_signal::Settings>>,
    /// Told of every mock signal that failed.
    mock_signal_failed: Arc<Notify>,
}

/// The checks, what may be repaired in the bot's folder, and the broker.
type CheckSettings = (checks::Settings, Option<Repair>, Option<broker::Settings>);

struct Running<T> {
    settings: T,
    limits: Limits,
    tasks: Vec<JoinHandle<()>>,
}

/// What is to run under one name.
struct Made<S> {
    /// Sources, and the time between two polls of each.
    sources: Vec<(S, Duration)>,
    /// The interval that is told of all of them.
    interval: Duration,
    stale_after: Duration,
}

impl<S> Made<S> {
    fn one(source: S, interval: Duration, stale_after: Duration) -> Self {
        Self { sources: vec![(source, interval)], interval, stale_after }
    }
}

impl Sources {
    /// No source yet.
    pub(super) fn new(board: Arc<Board>, telemetry: Arc<Telemetry>, latest: Arc<Latest>) -> Self {
        Self { latest: Some(latest), ..Self::once(board, telemetry) }
    }

    /// No source yet; each will be polled once.
    pub(crate) fn once(board: Arc<Board>, telemetry: Arc<Telemetry>) -> Self {
        Self {
            board,
            telemetry,
            latest: None,
            client: None,
            database: None,
            postgres: None,
            postgrest: None,
            probes: None,
            sre: None,
            checks: None,
            mock_signal: None,
            mock_signal_failed: Arc::default(),
        }
    }

    /// Starts, restarts and stops what differs from `config`. A source whose settings are the same goes on undisturbed.
    pub(crate) async fn update(&mut self, config: &Config) {
        let (board, telemetry, limits) = (&self.board, &self.telemetry, config.limits);
        let starter = Starter { board, telemetry, limits, repeat: self.latest.is_some() };
        let database = &mut self.database;
        let make_postgres = |settings: &postgres::Settings| {
            let source = Postgres::new(settings, limits, board.clone())?;
            *database = Some(source.database());
            Ok(Made::one(source, settings.interval, settings.stale_after))
        };
        starter.update(&mut self.postgres, config.postgres.as_ref(), make_postgres).await;

        let client = &mut self.client;
        let database = self.database.clone();
        let make_postgrest = |(settings, _): &(postgrest::Settings, _)| {
            let source = Postgrest::new(settings, shared(client)?, limits, board.clone(), database);
            Ok(Made::one(source, settings.interval, settings.stale_after))
        };
        // It speaks over the connection of these settings.
        let over = |settings: &postgrest::Settings| config.postgres.clone().filter(|_| settings.reload_schema_cache);
        let wanted =
            config.postgrest.clone().map(|settings| (over(&settings), settings)).map(|(over, settings)| (settings, over));
        starter.update(&mut self.postgrest, wanted.as_ref(), make_postgrest).await;

        let make_probes = |settings: &Vec<probe::Settings>| {
            let client = shared(client)?;
            let probe = |settings: &probe::Settings| (Probe::new(settings, client.clone(), limits), settings.interval);
            let interval = settings.iter().map(|settings| settings.interval).min().unwrap_or_default();
            let stale_after = settings.iter().map(probe::Settings::stale_after).max().unwrap_or_default();
            Ok(Made { sources: settings.iter().map(probe).collect(), interval, stale_after })
        };
        starter.update(&mut self.probes, Some(&config.probes).filter(|probes| !probes.is_empty()), make_probes).await;

        let make_sre = |settings: &sre_state::Settings| {
            Ok(Made::one(SreState::new(settings, limits, board.clone()), settings.interval, settings.stale_after))
        };
        starter.update(&mut self.sre, config.sre.as_ref(), make_sre).await;
        // Whoever polls once checks by itself, and injects nothing.
        let Some(latest) = &self.latest else { return };
        let failed = &self.mock_signal_failed;
        let make_checks = |(settings, repair, broker): &CheckSettings| {
            let (interval, stale_after) = Checks::pace(settings);
            let (board, settings, repair, broker) =
                (board.clone(), settings.clone(), repair.clone(), made(client, broker.as_ref())?);
            let checks = Checks::new(board, settings, repair, broker, limits, latest.clone(), failed.clone());
            Ok(Made::one(checks, interval, stale_after))
        };
        // Where there is a source there is something to check: how the source itself is doing.
        let sources = self.board.sources().iter().any(|(name, _)| *name != Checks::NAME);
        let wanted = sources.then(|| (config.checks.clone(), Repair::new(config), config.broker.clone()));
        starter.update(&mut self.checks, wanted.as_ref(), make_checks).await;

        let make_mock_signal = |settings: &mock_signal::Settings| {
            let sources = vec![(MockSignal::new(settings, shared(client)?, limits, failed.clone()), settings.tick())];
            Ok(Made { sources, interval: settings.interval, stale_after: settings.stale_after() })
        };
        starter.update(&mut self.mock_signal, config.mock_signal.as_ref(), make_mock_signal).await;
    }

    /// The broker, for whoever asks it without the checks.
    pub(crate) fn broker(&mut self, settings: Option<&broker::Settings>) -> Result<Option<Broker>, SourceError> {
        made(&mut self.client, settings)
    }

    /// Waits until all have answered that are polled once. Whoever does not wait to the end may stop them.
    pub(crate) async fn answered(&mut self) {
        for (_, tasks) in self.tasks() {
            while let Some(task) = tasks.last_mut() {
                let _ = task.await;
                tasks.pop();
            }
        }
    }

    /// Those that have not answered.
    pub(crate) fn silent(&mut self) -> Vec<&'static str> {
        let silent = |tasks: &[JoinHandle<()>]| tasks.iter().any(|task| !task.is_finished());
        self.tasks().into_iter().filter_map(|(name, tasks)| silent(tasks).then_some(name)).collect()
    }

    /// The tasks under each name.
    fn tasks(&mut self) -> Vec<(&'static str, &mut Vec<JoinHandle<()>>)> {
        [
            // First, so that they do not look at sources that stop.
            self.checks.as_mut().map(|running| (Checks::NAME, &mut running.tasks)),
            self.postgres.as_mut().map(|running| (Postgres::NAME, &mut running.tasks)),
            self.postgrest.as_mut().map(|running| (Postgrest::NAME, &mut running.tasks)),
            self.probes.as_mut().map(|running| (Probe::NAME, &mut running.tasks)),
            self.sre.as_mut().map(|running| (SreState::NAME, &mut running.tasks)),
            self.mock_signal.as_mut().map(|running| (MockSignal::NAME, &mut running.tasks)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Stops all of them. The database is told, so that it does not go on with a query that nobody waits for.
    pub(crate) async fn stop(&mut self) {
        let tasks = self.tasks().into_iter().flat_map(|(_, tasks)| std::mem::take(tasks)).collect();
        ended(tasks).await;
        postgres::closed().await;
    }
}

/// The one client, for whoever makes requests.
fn shared(slot: &mut Option<Client>) -> Result<Client, SourceError> {
    if let Some(client) = slot {
        return Ok(client.clone());
    }
    let client = Client::new().map_err(|error| SourceError(error.to_string()))?;
    Ok(slot.insert(client).clone())
}

fn made(client: &mut Option<Client>, broker: Option<&broker::Settings>) -> Result<Option<Broker>, SourceError> {
    broker.map(|settings| Ok(Broker::new(settings, shared(client)?))).transpose()
}

/// Ends a source's tasks, and waits until they have: a poll that was about to publish must not do so after this.
async fn ended(tasks: Vec<JoinHandle<()>>) {
    tasks.iter().for_each(JoinHandle::abort);
    for task in tasks {
        let _ = task.await;
    }
}

struct Starter<'a> {
    board: &'a Arc<Board>,
    telemetry: &'a Arc<Telemetry>,
    limits: Limits,
    repeat: bool,
}

impl Starter<'_> {
    async fn update<S: Source, T: Clone + PartialEq>(
        &self,
        slot: &mut Option<Running<T>>,
        wanted: Option<&T>,
        make: impl FnOnce(&T) -> Result<Made<S>, SourceError>,
    ) {
        if let Some(running) = slot.take_if(|running| wanted != Some(&running.settings) || running.limits != self.limits) {
            ended(running.tasks).await;
            self.telemetry.collector_removed(S::NAME);
        }
        if slot.is_some() {
            return;
        }
        let made = wanted.map(|settings| make(settings).map(|made| (settings, made)));
        match made {
            None => self.board.unregister(S::NAME),
            Some(Ok((settings, Made { sources, interval, stale_after }))) => {
                let status = self.board.register(S::NAME, S::FEED, interval, stale_after);
                self.telemetry.collector_added(S::NAME, &status);
                let start = |(source, interval)| {
                    let every = self.repeat.then_some(interval);
                    tokio::spawn(run(source, every, self.board.clone(), self.telemetry.clone()))
                };
                let tasks = sources.into_iter().map(start).collect();
                *slot = Some(Running { settings: settings.clone(), limits: self.limits, tasks });
            }
            Some(Err(error)) => {
                self.board.unregister(S::NAME);
                tracing::error!(collector = S::NAME, %error, "a collector cannot start");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;
    use crate::family::Feed;
    use crate::journal::ledger::Ledger;
    use crate::part::Part;

    /// A source that holds its thread during a poll, as between two steps at which its task can end.
    struct Held {
        _lives: Sender<()>,
        begun: tokio::sync::mpsc::UnboundedSender<()>,
        go_on: Receiver<()>,
    }

    impl Source for Held {
        const NAME: &'static str = "held";
        const FEED: Feed = Feed::SreState;

        async fn poll(&mut self) -> Vec<Part> {
            let _ = self.begun.send(());
            let _ = self.go_on.recv();
            Vec::new()
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 3)]
    async fn a_poll_of_the_old_source_is_not_published_as_the_new_ones() {
        let limits = Limits::default();
        let board = Arc::new(Board::new(Arc::new(Mutex::new(Ledger::new(limits)))));
        let telemetry = Arc::new(Telemetry::new().unwrap());
        let starter = Starter { board: &board, telemetry: &telemetry, limits, repeat: true };
        let mut slot = None;
        let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let held = || {
            let ((lives, ended), (release, go_on)) = (channel(), channel());
            let source = Held { _lives: lives, begun: begun.clone(), go_on };
            (Ok(Made::one(source, Duration::from_millis(1), Duration::from_secs(1))), ended, release)
        };
        let (old, old_ended, release_old) = held();
        starter.update(&mut slot, Some(&"old"), |_| old).await;
        begins.recv().await.unwrap();

        let (new, _new_ended, _release_new) = held();
        let mut update = pin!(starter.update(&mut slot, Some(&"new"), |_| new));
        let done = tokio::select! {
            biased;
            () = &mut update => true,
            () = std::future::ready(()) => false,
        };
        drop(release_old);
        if !done {
            update.await;
        }
        assert!(old_ended.recv().is_err());
        assert_eq!(board.sources()[0].1.took, None, "the new source has published nothing yet");
    }
}
