//! A session with the database: bounded statements, one at a time on one connection, whatever hangs.
//!
//! A statement is one simple message, which goes through transaction-mode poolers and leaves nothing behind on the connection.
//! One that outlives its deadline is cancelled, and the connection is kept until the server has answered; so is an attempt to
//! connect that the server does not answer. New ones beside them could pile up on a server that hangs already.

mod answer;
mod cancel;
mod connection;
mod task;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

pub(super) use answer::{Failure, Row};
pub(crate) use connection::closed;

use connection::Connection;
use task::Task;

/// How much longer than the server's own limit the exporter waits for the server to say so, and how long for the effect of a cancel.
const GRACE: Duration = Duration::from_millis(500);
/// The longest time between two attempts to connect.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// What to connect to.
struct Target {
    config: Config,
    tls: MakeRustlsConnect,
}

enum State {
    Closed,
    Opening(Task<Result<Connection, String>>),
    Open(Connection),
}

/// Why connecting failed, and until when it is not tried again.
struct BackOff {
    error: String,
    wait: Duration,
    until: Instant,
}

pub(super) struct Session {
    target: Arc<Target>,
    timeout: Duration,
    state: State,
    back_off: Option<BackOff>,
}

impl Session {
    pub(super) fn new(mut config: Config, tls: MakeRustlsConnect, timeout: Duration) -> Self {
        // A host that is not there holds nothing that could pile up.
        config.connect_timeout(timeout);
        Self { target: Arc::new(Target { config, tls }), timeout, state: State::Closed, back_off: None }
    }

    /// The rows of one SELECT, asked in a read-only transaction of its own.
    pub(super) async fn ask(&mut self, select: &str) -> Result<Vec<Row>, Failure> {
        self.run("SET TRANSACTION READ ONLY; ", select).await
    }

    /// Has one statement carried out, in a transaction of its own.
    pub(super) async fn order(&mut self, statement: &str) -> Result<(), Failure> {
        self.run("", statement).await.map(drop)
    }

    async fn run(&mut self, mode: &str, sql: &str) -> Result<Vec<Row>, Failure> {
        let limit = self.timeout + GRACE;
        if let State::Open(connection) = &mut self.state
            && !connection.settled(limit).await
        {
            return Err(Failure::Connection("no answer yet to an earlier query, which was cancelled".to_owned()));
        }
        let statement = self.timeout.as_millis();
        let lock = statement.div_ceil(2);
        let connection = self.open().await?;
        connection
            .ask(format!("{mode}SET LOCAL statement_timeout = '{statement}ms'; SET LOCAL lock_timeout = '{lock}ms'; {sql}"));
        match connection.answer(limit).await {
            Some(answer) => answer,
            None if connection.settled(GRACE).await => {
                Err(Failure::Query(format!("no answer within {limit:?}; the query was cancelled")))
            }
            None => Err(Failure::Connection(format!("no answer within {limit:?}, nor yet to the request to cancel the query"))),
        }
    }

    async fn open(&mut self) -> Result<&mut Connection, Failure> {
        if matches!(&self.state, State::Open(connection) if connection.is_over()) {
            self.state = State::Closed;
        }
        if matches!(self.state, State::Closed) {
            if let Some(back_off) = self.back_off.as_ref().filter(|back_off| Instant::now() < back_off.until) {
                return Err(Failure::Connection(back_off.error.clone()));
            }
            self.state = State::Opening(Task::spawn(Connection::open(self.target.clone())));
        }
        if let State::Opening(attempt) = &mut self.state {
            let Some(outcome) = attempt.within(self.timeout).await else {
                return Err(Failure::Connection(format!("no connection within {:?}", self.timeout)));
            };
            self.state = State::Closed;
            match outcome.unwrap_or_else(|given_up| Err(given_up.to_string())) {
                Ok(connection) => self.state = State::Open(connection),
                Err(error) => {
                    let last = self.back_off.take().map(|back_off| back_off.wait);
                    self.back_off = Some(BackOff::after(last, error.clone()));
                    return Err(Failure::Connection(error));
                }
            }
            self.back_off = None;
        }
        match &mut self.state {
            State::Open(connection) => Ok(connection),
            _ => Err(Failure::Connection("not connected".to_owned())),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let State::Open(connection) = std::mem::replace(&mut self.state, State::Closed)
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(connection.close());
        }
    }
}

impl BackOff {
    fn after(last: Option<Duration>, error: String) -> Self {
        let wait = last.map_or(Duration::from_secs(1), |last| (last * 2).min(LONGEST_BACK_OFF));
        // So that exporters that lost the database together do not come back together.
        let jittered = wait.mul_f64(0.5 + fastrand::f64() / 2.0);
        Self { error, wait, until: Instant::now() + jittered }
    }
}
