//! The ops views of the ingestion pipeline, and its completed batches.
//!
//! Every view is a part that fails by itself. The text of a view's rows becomes samples in `views`, which knows no database;
//! `session` holds the one connection.

mod session;
mod tls;
mod views;

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Mutex;

pub(crate) use session::closed;
use session::{Failure, Session};

use super::{Part, Source, SourceError};
use crate::board::Board;
use crate::config::decode::Section;
use crate::config::load::read_file;
use crate::family::Feed;
use crate::journal::batches::Batch;
use crate::sample::{Limits, SampleSet};
use crate::secret::Secret;

/// The section `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    url: Secret,
    /// The certificates in `ca_file`, as PEM.
    ca: Option<Vec<u8>>,
    /// Time between polls.
    pub interval: Duration,
    /// How long one query may take.
    pub timeout: Duration,
    /// How long the last good answer of a view counts.
    pub stale_after: Duration,
}

impl Settings {
    /// Reads the section.
    pub fn decode(mut section: Section<'_>) -> Option<Self> {
        let url = section.required_secret("url", "url_file", "expected postgresql://user:password@host:port/database");
        let ca = section.file("ca_file", read_file);
        let interval = section.duration("interval", Duration::from_secs(15));
        let timeout = section.duration("timeout", Duration::from_secs(5));
        let stale_after = section.stale_after(interval, Duration::from_secs(60));
        if let Some((url_key, url)) = &url
            && let Err((key, expected)) = tls::target(url.expose(), ca.as_deref())
        {
            section.mistake(if key == "url" { url_key } else { key }, expected);
        }
        section.finish();
        Some(Self { url: url?.1, ca, interval, timeout, stale_after })
    }
}

/// The source.
pub struct Postgres {
    session: Arc<Mutex<Session>>,
    limits: Limits,
    board: Arc<Board>,
}

impl Postgres {
    /// Completed batches are counted in the ledger of `board`. `settings` were validated when they were read.
    pub fn new(settings: &Settings, limits: Limits, board: Arc<Board>) -> Result<Self, SourceError> {
        let (config, tls) = tls::target(settings.url.expose(), settings.ca.as_deref())
            .map_err(|(key, expected)| SourceError(format!("postgres.{key}: {expected}")))?;
        let session = Session::new(config, tls, settings.timeout);
        Ok(Self { session: Arc::new(Mutex::new(session)), limits, board })
    }

    /// Its connection, for what else is to be said over it while this source lives.
    pub fn database(&self) -> Database {
        Database(Arc::downgrade(&self.session))
    }

    async fn view(&mut self, view: &views::View) -> Result<SampleSet, Failure> {
        let rows = self.session.lock().await.ask(view.sql).await?;
        let mut samples = SampleSet::new(self.limits);
        (view.read)(&rows, &mut samples).map_err(Failure::Query)?;
        Ok(samples)
    }

    /// Counts the batches that were completed since the last poll. The very first poll only learns which there are.
    async fn batches(&mut self) -> Result<SampleSet, Failure> {
        let from = self.board.ledger().batches_from();
        let mut cursor = from.map(|micros| (micros, 0));
        let mut learnt: Vec<Batch> = Vec::new();
        loop {
            let rows = self.session.lock().await.ask(&views::batches_sql(cursor)).await?;
            let (now, page) = views::read_batches(&rows).map_err(Failure::Query)?;
            let last = page.last().map(|batch| (batch.completed_at, batch.id));
            let more = page.len() == views::BATCH_PAGE;
            learnt.extend(page);
            if from.is_some() || !more {
                self.board.ledger().batches(&learnt, now);
                learnt.clear();
            }
            if !more {
                return Ok(SampleSet::new(self.limits));
            }
            cursor = last;
        }
    }
}

impl Source for Postgres {
    const NAME: &'static str = "postgres";
    const FEED: Feed = Feed::Postgres;

    async fn poll(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut lost: Option<SourceError> = None;
        for view in views::ALL.iter().map(Some).chain([None]) {
            let name = view.map_or("intake.simplicity_batches", |view| view.name);
            let outcome = match (&lost, view) {
                // Without a connection the other views need not be tried.
                (Some(error), _) => Err(error.clone()),
                (None, Some(view)) => self.view(view).await.map_err(|failure| failure.remember(&mut lost)),
                (None, None) => self.batches().await.map_err(|failure| failure.remember(&mut lost)),
            };
            parts.push(Part::new(name, outcome));
        }
        parts
    }
}

/// The connection of a [`Postgres`].
#[derive(Clone)]
pub struct Database(Weak<Mutex<Session>>);

impl Database {
    /// Has the database tell PostgREST to load its schema cache anew. Whether PostgREST listens is not known here.
    pub async fn reload_schema_cache(&self) -> Result<(), SourceError> {
        let Some(session) = self.0.upgrade() else { return Err(SourceError("the database is no longer polled".to_owned())) };
        let ordered = session.lock().await.order("NOTIFY pgrst, 'reload schema'").await;
        ordered.map_err(|(Failure::Query(error) | Failure::Connection(error))| SourceError(error))
    }
}

impl Failure {
    /// The error; one of the connection is kept in `lost` for the parts that follow.
    fn remember(self, lost: &mut Option<SourceError>) -> SourceError {
        match self {
            Failure::Query(error) => SourceError(error),
            Failure::Connection(error) => lost.insert(SourceError(error)).clone(),
        }
    }
}
