//! The connection, with at most one query on it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::answer::{Failure, Row, describe, failure, rows};
use super::task::Task;
use super::{GRACE, Target, cancel};

/// Whoever has it may connect. The process has one, so that new settings wait until the connection of the old ones is closed.
static TURN: Semaphore = Semaphore::const_new(1);

pub(super) struct Connection {
    target: Arc<Target>,
    client: Arc<Client>,
    driver: Task<()>,
    /// The query that the server has not answered yet.
    query: Option<Task<Result<Vec<SimpleQueryMessage>, Error>>>,
    /// The request to cancel it.
    cancel: Option<Task<()>>,
    /// The server has said that it ends the connection.
    ended: bool,
    turn: SemaphorePermit<'static>,
}

impl Connection {
    pub(super) async fn open(target: Arc<Target>) -> Result<Self, String> {
        let turn = TURN.acquire().await.map_err(|error| error.to_string())?;
        let (client, driver) = target.config.connect(target.tls.clone()).await.map_err(|error| describe(&error))?;
        let driver = Task::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(error = describe(&error), "the database connection ended");
            }
        });
        Ok(Self { target, client: client.into(), driver, query: None, cancel: None, ended: false, turn })
    }

    pub(super) fn is_over(&self) -> bool {
        self.ended || self.client.is_closed()
    }

    /// Sends a query. The one before has to be settled.
    pub(super) fn ask(&mut self, sql: String) {
        let client = self.client.clone();
        self.query = Some(Task::spawn(async move { client.simple_query(&sql).await }));
    }

    /// The answer to the query. Without one within `limit` the query is cancelled; whether that helps shows when it is settled.
    pub(super) async fn answer(&mut self, limit: Duration) -> Option<Result<Vec<Row>, Failure>> {
        let query = self.query.as_mut()?;
        let Some(answer) = query.within(limit).await else {
            self.cancel();
            return None;
        };
        self.query = None;
        if let Some(mut cancel) = self.cancel.take() {
            // One that is still under way could hit the next query.
            cancel.within(GRACE).await;
        }
        let answer = match answer {
            Ok(Ok(messages)) => Ok(rows(messages)),
            Ok(Err(error)) => Err(failure(&error)),
            Err(given_up) => Err(Failure::Connection(given_up.to_string())),
        };
        self.ended = matches!(answer, Err(Failure::Connection(_)));
        Some(answer)
    }

    /// Waits for the end of a query that nobody wants the answer of; true when there is none any more.
    pub(super) async fn settled(&mut self, limit: Duration) -> bool {
        self.query.is_none() || self.answer(limit).await.is_some()
    }

    /// One request at a time: on a server that hangs they would pile up, too.
    fn cancel(&mut self) {
        if self.cancel.as_ref().is_none_or(Task::is_finished) {
            let request = cancel::send(self.client.cancel_token(), self.target.clone());
            self.cancel = Some(Task::spawn(async move {
                if let Err(error) = request.await {
                    tracing::debug!(error, "a query could not be cancelled");
                }
            }));
        }
    }

    /// Ends what runs on the connection, and it with a word to the server.
    pub(super) async fn close(mut self) {
        if self.query.is_some() {
            self.cancel();
            self.settled(GRACE).await;
        }
        let Self { client, mut driver, query, turn, .. } = self;
        drop((client, query));
        driver.within(GRACE).await;
        drop(turn);
    }
}

/// Returns when the process has no connection, and none on the way.
pub(crate) async fn closed() {
    drop(TURN.acquire().await);
}
