//! The tasks of the sources, as the configuration in force wants them.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::board::Board;
use crate::config::Config;
use crate::sample::Limits;
use crate::source::postgres::Postgres;
use crate::source::sre_state::SreState;
use crate::source::{Source, SourceError, postgres, run, sre_state};
use crate::telemetry::Telemetry;

/// Every source's task, and the settings it was started with.
pub(super) struct Sources {
    board: Arc<Board>,
    telemetry: Arc<Telemetry>,
    postgres: Option<Running<postgres::Settings>>,
    sre: Option<Running<sre_state::Settings>>,
}

struct Running<T> {
    settings: T,
    limits: Limits,
    task: JoinHandle<()>,
}

impl Sources {
    /// No source yet.
    pub(super) fn new(board: Arc<Board>, telemetry: Arc<Telemetry>) -> Self {
        Self { board, telemetry, postgres: None, sre: None }
    }

    /// Starts, restarts and stops what differs from `config`. A source whose settings are the same goes on undisturbed.
    pub(super) fn update(&mut self, config: &Config) {
        let (board, telemetry, limits) = (&self.board, &self.telemetry, config.limits);
        let starter = Starter { board, telemetry, limits };
        starter.update(&mut self.postgres, config.postgres.as_ref(), |settings| {
            Ok((Postgres::new(settings, limits, board.clone())?, settings.interval, settings.stale_after))
        });
        starter.update(&mut self.sre, config.sre.as_ref(), |settings| {
            Ok((SreState::new(settings, limits, board.clone()), settings.interval, settings.stale_after))
        });
    }

    /// Stops all of them. The database is told, so that it does not go on with a query that nobody waits for.
    pub(super) async fn stop(&mut self) {
        let tasks = [self.postgres.take().map(|running| running.task), self.sre.take().map(|running| running.task)];
        for task in tasks.into_iter().flatten() {
            task.abort();
            let _ = task.await;
        }
        postgres::closed().await;
    }
}

struct Starter<'a> {
    board: &'a Arc<Board>,
    telemetry: &'a Arc<Telemetry>,
    limits: Limits,
}

impl Starter<'_> {
    fn update<S: Source, T: Clone + PartialEq>(
        &self,
        slot: &mut Option<Running<T>>,
        wanted: Option<&T>,
        make: impl FnOnce(&T) -> Result<(S, Duration, Duration), SourceError>,
    ) {
        if let Some(running) = slot {
            if wanted == Some(&running.settings) && running.limits == self.limits {
                return;
            }
            running.task.abort();
            *slot = None;
            self.board.unregister(S::NAME);
            self.telemetry.collector_removed(S::NAME);
        }
        let Some(settings) = wanted else { return };
        match make(settings) {
            Ok((source, interval, stale_after)) => {
                let status = self.board.register(S::NAME, S::FEED, interval, stale_after);
                self.telemetry.collector_added(S::NAME, &status);
                let task = tokio::spawn(run(source, interval, self.board.clone(), self.telemetry.clone()));
                *slot = Some(Running { settings: settings.clone(), limits: self.limits, task });
            }
            Err(error) => tracing::error!(collector = S::NAME, %error, "a collector cannot start"),
        }
    }
}
