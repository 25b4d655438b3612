//! The composition root: state folder, ledger, follower, sources and server put together, reloaded and stopped.

pub(crate) mod running;
mod state_dir;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use running::Sources;
use state_dir::StateDir;

use crate::access::{Access, Reading};
use crate::board::Board;
use crate::clock::unix_now;
use crate::config::{Config, Mistakes, Overrides};
use crate::health::Latest;
use crate::http::{self, Handler, Reload, Settings, Site};
use crate::journal::append::Appender;
use crate::journal::checkpoint::{Found, Snapshot};
use crate::journal::follow::{Followed, Follower};
use crate::journal::ledger::{Format, Ledger};
use crate::journal::own::OwnJournal;
use crate::telemetry::Telemetry;

/// How long the journals may take to be read and saved when the exporter stops. A crash does no harm either.
const STOP_DEADLINE: Duration = Duration::from_millis(700);
/// How long a thread that hangs in the file system may hold up the end of the process.
const EXIT_DEADLINE: Duration = Duration::from_millis(100);

/// Why the exporter could not start.
#[derive(Debug)]
pub struct StartError(String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

impl StartError {
    /// What could not be done, and why.
    pub fn new(what: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

/// Serves until SIGTERM or SIGINT; SIGHUP and POST /-/reload read `file` again.
pub fn run(config: Config, file: Option<PathBuf>, overrides: Overrides) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| StartError(format!("the runtime cannot start: {error}")))?;
    let result = runtime.block_on(async {
        let address = &config.web.listen_address;
        let listener = http::listen(address)
            .await
            .map_err(|error| StartError(format!("cannot listen on {address}: {error}; --web.listen-address names another")))?;
        let (reloads, mut inbox) = mpsc::channel(4);
        let mut exporter = Exporter::start(config, reloads).await?;
        let signals = |kind| signal(kind).map_err(|error| StartError(format!("signals cannot be received: {error}")));
        let mut hangup = signals(SignalKind::hangup())?;
        let (mut terminate, mut interrupt) = (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
        let address = listener.local_addr().map_err(|error| StartError(format!("the listener has no address: {error}")))?;
        tracing::info!(%address, version = crate::telemetry::VERSION, "serving");
        let server = tokio::spawn(http::serve(listener, exporter.site.clone()));
        loop {
            let reload = || Config::load(file.as_deref(), &overrides);
            tokio::select! {
                _ = hangup.recv() => drop(exporter.reload(reload()).await),
                Some(done) = inbox.recv() => drop(done.send(exporter.reload(reload()).await)),
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        tracing::info!("stopping");
        server.abort();
        exporter.stop().await;
        Ok(())
    });
    runtime.shutdown_timeout(EXIT_DEADLINE);
    result
}

/// A running exporter without its listener and signals.
pub struct Exporter {
    /// What HTTP requests are answered from.
    pub site: Arc<Site>,
    config: Config,
    sources: Sources,
    state_dir: StateDir,
}

impl Exporter {
    /// Takes the state folder, reads what was saved in it, and starts the follower and the sources.
    pub async fn start(config: Config, reloads: mpsc::Sender<Reload>) -> Result<Self, StartError> {
        let access =
            Access::new(Reading::new(config.web.config_file.as_deref())).map_err(|error| StartError(error.to_string()))?;
        let telemetry = Arc::new(Telemetry::new().map_err(|error| StartError(format!("the metrics cannot be made: {error}")))?);
        let state_dir = StateDir::take(&config.state_dir)?;
        let found = state_dir.checkpoint.load().map_err(|error| StartError(format!("the checkpoint cannot be read: {error}")))?;
        let (ledger, positions) = match found {
            Found::Snapshot(snapshot) => {
                let Snapshot::V1 { positions, ledger } = *snapshot;
                (ledger.into_ledger(config.limits), positions)
            }
            Found::Nothing if !state_dir.used => (Ledger::new(config.limits), Vec::new()),
            Found::Nothing | Found::Damaged => {
                tracing::error!("there is no good checkpoint: the counters begin anew with what the journals still hold");
                let mut ledger = Ledger::new(config.limits);
                ledger.counter_reset(unix_now());
                (ledger, Vec::new())
            }
        };
        let ledger = Arc::new(Mutex::new(ledger));
        let journal = Arc::new(OwnJournal::new(state_dir.journal.clone()));
        journal.sync().map_err(|error| StartError(format!("{}: cannot be flushed: {error}", state_dir.journal.display())))?;
        let files = followed(&config, &state_dir);
        let follower = Follower::start(ledger.clone(), positions, files, state_dir.checkpoint.clone(), journal.clone())
            .map_err(|error| StartError(format!("the thread that reads journals cannot start: {error}")))?;
        let appender = Appender::start(journal, ledger.clone())
            .map_err(|error| StartError(format!("the thread that writes posts cannot start: {error}")))?;
        let board = Arc::new(Board::new(ledger));
        let latest = Arc::new(Latest::default());
        let sources = Sources::new(board.clone(), telemetry.clone(), latest.clone());
        let site = Site::new(board, Arc::new(follower), telemetry, appender, access, latest, Settings::from(&config), reloads);
        let site = Arc::new(site);
        let mut exporter = Self { site, config, sources, state_dir };
        exporter.sources.update(&exporter.config).await;
        Ok(exporter)
    }

    /// Takes a new configuration whole, or refuses it and goes on with the old one.
    pub async fn reload(&mut self, config: Result<Config, Mistakes>) -> Result<(), Mistakes> {
        let config = config.and_then(|config| match self.config.fixed_differences(&config) {
            keys if keys.is_empty() => Ok(config),
            keys => Err(Mistakes(keys.iter().map(|key| format!("{key}: cannot change without a restart")).collect())),
        });
        // Nothing else is taken if this is refused: the file may have changed since it was checked.
        let config = match config {
            Ok(config) => {
                let reading = Reading::new(config.web.config_file.as_deref());
                self.site.access().set(reading).await.map(|()| config)
            }
            refused => refused,
        };
        match config {
            Ok(config) => {
                self.site.set(Settings::from(&config));
                self.site.board.ledger().set_limits(config.limits);
                self.site.follower.follow(followed(&config, &self.state_dir));
                self.sources.update(&config).await;
                self.config = config;
                self.site.telemetry.config.taken();
                tracing::info!("the new configuration was taken");
                Ok(())
            }
            Err(mistakes) => {
                self.site.telemetry.config.refused();
                for mistake in &mistakes.0 {
                    tracing::error!(mistake, "the new configuration was refused, the old one is in force");
                }
                Err(mistakes)
            }
        }
    }

    /// Counts what is in the journals, saves, and ends everything; it takes no longer than a fraction of a second.
    pub async fn stop(mut self) {
        let follower = self.site.follower.clone();
        let stopped = tokio::task::spawn_blocking(move || follower.stop());
        let closed = tokio::time::timeout(STOP_DEADLINE, self.sources.stop());
        let (stopped, _) = tokio::join!(tokio::time::timeout(STOP_DEADLINE, stopped), closed);
        if stopped.is_err() {
            tracing::warn!("the last checkpoint could not be saved in time; the next start reads on from the one before");
        }
    }
}

/// The files that a configuration has read line by line, the exporter's own journal first.
fn followed(config: &Config, state_dir: &StateDir) -> Vec<Followed> {
    let own = Followed { path: state_dir.journal.clone(), format: Format::Posts };
    let journals = config.journals.iter().map(|path| Followed { path: path.clone(), format: Format::Events });
    [own].into_iter().chain(journals).chain(config.sre.iter().flat_map(|sre| sre.logs())).collect()
}
