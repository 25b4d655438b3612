//! The composition root: state folder, ledger, follower, sources and server put together, reloaded and stopped.

pub(crate) mod running;
pub(crate) mod service;
mod state_dir;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;

use running::Sources;
use service::Service;
pub use service::StartError;
use state_dir::StateDir;

use crate::access::{Access, Reading};
use crate::board::Board;
use crate::clock::unix_now;
use crate::config::{Config, Mistakes, Web};
use crate::health::Latest;
use crate::http::{Reload, Settings, Site};
use crate::journal::append::Appender;
use crate::journal::checkpoint::{Found, Snapshot};
use crate::journal::follow::{Followed, Follower};
use crate::journal::ledger::{Format, Ledger};
use crate::journal::own::OwnJournal;
use crate::telemetry::{Configured, Telemetry};

/// How long the journals may take to be read and saved when the exporter stops. A crash does no harm either.
const STOP_DEADLINE: Duration = Duration::from_millis(700);

/// Serves until SIGTERM or SIGINT; SIGHUP and POST /-/reload `load` the configuration again.
pub fn run(config: Config, load: impl Fn() -> Result<Config, Mistakes>) -> Result<(), StartError> {
    service::run(config, Exporter::start, load)
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
}

impl Service for Exporter {
    type Config = Config;
    type Site = Site;
    const EXIT_DEADLINE: Duration = Duration::from_millis(100);

    fn web(config: &Config) -> &Web {
        &config.web
    }

    fn site(&self) -> &Arc<Site> {
        &self.site
    }

    fn configured(&self) -> &Configured {
        &self.site.telemetry.config
    }

    fn fixed_differences(&self, config: &Config) -> Vec<&'static str> {
        self.config.fixed_differences(config)
    }

    async fn take(&mut self, config: Config) {
        self.site.set(Settings::from(&config));
        self.site.board.ledger().set_limits(config.limits);
        self.site.follower.follow(followed(&config, &self.state_dir));
        self.sources.update(&config).await;
        self.config = config;
    }

    /// Counts what is in the journals, saves, and ends everything; it takes no longer than a fraction of a second.
    async fn stop(mut self) {
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
