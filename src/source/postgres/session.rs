//! The one connection to the database: bounded, read-only queries, whatever hangs.
//!
//! A query is one simple message, which goes through transaction-mode poolers and leaves nothing behind on the connection.
//! One that outlives its deadline is cancelled, and the connection is kept until the server has answered: a new one beside it
//! could pile up on a server that hangs already.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, Client, Config, Error, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How much longer than the server's own limit the exporter waits for the server to say so.
const GRACE: Duration = Duration::from_millis(500);
/// The longest time between two attempts to connect.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// The text of a row's columns; None is NULL.
pub(super) type Row = Vec<Option<String>>;
type Answer = Result<Vec<SimpleQueryMessage>, Error>;

/// Why a query has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server refused it, or the answer is not what was expected: others may succeed.
    Query(String),
    /// There is no connection, or no answer on it.
    Connection(String),
}

struct Connection {
    client: std::sync::Arc<Client>,
    driver: JoinHandle<()>,
    /// A query that has outlived its deadline.
    late: Option<JoinHandle<Answer>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
        if let Some(late) = &self.late {
            late.abort();
        }
    }
}

pub(super) struct Session {
    config: Config,
    tls: MakeRustlsConnect,
    timeout: Duration,
    connection: Option<Connection>,
    /// When to try again after connecting failed, how long the wait is, and why it failed.
    retry: Option<(Instant, Duration, String)>,
}

impl Session {
    pub(super) fn new(config: Config, tls: MakeRustlsConnect, timeout: Duration) -> Self {
        Self { config, tls, timeout, connection: None, retry: None }
    }

    /// The rows of one SELECT, asked in a read-only transaction of its own.
    pub(super) async fn ask(&mut self, select: &str) -> Result<Vec<Row>, Failure> {
        let limit = self.timeout + GRACE;
        let connection = self.connected().await?;
        if let Some(late) = &mut connection.late {
            if timeout(limit, late).await.is_err() {
                self.cancel().await;
                return Err(Failure::Connection("no answer yet to an earlier query, which was cancelled".to_owned()));
            }
            connection.late = None;
        }
        let statement = self.timeout.as_millis();
        let lock = statement.div_ceil(2);
        let sql = format!(
            "SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '{statement}ms'; SET LOCAL lock_timeout = '{lock}ms'; {select}"
        );
        let connection = self.connected().await?;
        let client = connection.client.clone();
        let mut query = tokio::spawn(async move { client.simple_query(&sql).await });
        match timeout(limit, &mut query).await {
            Ok(Ok(Ok(messages))) => Ok(rows(messages)),
            Ok(Ok(Err(error))) => Err(self.failed(&error)),
            Ok(Err(_)) => Err(Failure::Connection("the query was given up".to_owned())),
            Err(_) => {
                connection.late = Some(query);
                self.cancel().await;
                Err(Failure::Connection(format!("no answer within {limit:?}; the query was cancelled")))
            }
        }
    }

    async fn connected(&mut self) -> Result<&mut Connection, Failure> {
        if self.connection.as_ref().is_some_and(|connection| connection.client.is_closed()) {
            self.connection = None;
        }
        match &mut self.connection {
            Some(_) => {}
            none => *none = Some(connect(&self.config, &self.tls, self.timeout, &mut self.retry).await?),
        }
        self.connection.as_mut().ok_or_else(|| Failure::Connection("not connected".to_owned()))
    }

    fn failed(&mut self, error: &Error) -> Failure {
        let text = describe(error);
        let connection = self.connection.as_ref();
        // An error that ends the session comes as an error of the query first.
        let fatal = error.as_db_error().is_none_or(|db| matches!(db.severity(), "FATAL" | "PANIC"));
        if fatal || connection.is_none_or(|connection| connection.client.is_closed()) {
            self.connection = None;
            return Failure::Connection(text);
        }
        Failure::Query(text)
    }

    /// Asks the server to end what runs on the connection. Whether it does shows on the connection itself.
    async fn cancel(&self) {
        let Some(connection) = &self.connection else { return };
        let result = timeout(GRACE, cancel(connection.client.cancel_token(), &self.config, &self.tls)).await;
        if let Ok(Err(error)) = result {
            tracing::debug!(error, "a query could not be cancelled");
        }
    }
}

async fn connect(
    config: &Config,
    tls: &MakeRustlsConnect,
    limit: Duration,
    retry: &mut Option<(Instant, Duration, String)>,
) -> Result<Connection, Failure> {
    if let Some((at, _, error)) = retry
        && Instant::now() < *at
    {
        let wait = at.duration_since(Instant::now()).as_secs_f64();
        return Err(Failure::Connection(format!("{error} (next attempt in {wait:.0} s)")));
    }
    let error = match timeout(limit, config.connect(tls.clone())).await {
        Ok(Ok((client, driver))) => {
            *retry = None;
            let driver = tokio::spawn(async move {
                if let Err(error) = driver.await {
                    tracing::debug!(error = describe(&error), "the database connection ended");
                }
            });
            return Ok(Connection { client: client.into(), driver, late: None });
        }
        Ok(Err(error)) => describe(&error),
        Err(_) => format!("no connection within {limit:?}"),
    };
    let back_off = retry.as_ref().map_or(Duration::from_secs(1), |(_, last, _)| (*last * 2).min(LONGEST_BACK_OFF));
    // So that exporters that lost the database together do not come back together.
    let jittered = back_off.mul_f64(0.5 + fastrand::f64() / 2.0);
    *retry = Some((Instant::now() + jittered, back_off, error.clone()));
    Err(Failure::Connection(error))
}

fn rows(messages: Vec<SimpleQueryMessage>) -> Vec<Row> {
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|at| row.try_get(at).ok().flatten().map(str::to_owned)).collect())
        }
        _ => None,
    };
    messages.into_iter().filter_map(row).collect()
}

/// An error with its causes: tokio-postgres itself says no more than "db error".
fn describe(error: &Error) -> String {
    if let Some(db) = error.as_db_error() {
        return format!("{}: {} (SQLSTATE {})", db.severity(), db.message(), db.code().code());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Sends the cancel request and waits until the server has taken it: a pooler loses one whose connection closes at once.
async fn cancel(token: CancelToken, config: &Config, tls: &MakeRustlsConnect) -> Result<(), String> {
    let Some(Host::Tcp(host)) = config.get_hosts().first() else {
        return Err("expected a host to connect to over TCP".to_owned());
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let text = |error: io::Error| error.to_string();
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(text)?.into_std().map_err(text)?;
    let mut kept = TcpStream::from_std(stream.try_clone().map_err(text)?).map_err(text)?;
    let sent = TcpStream::from_std(stream).map_err(text)?;
    let tls = MakeTlsConnect::<KeptOpen>::make_tls_connect(&mut tls.clone(), host).map_err(|error| error.to_string())?;
    token.cancel_query_raw(KeptOpen(sent), tls).await.map_err(|error| describe(&error))?;
    let _ = kept.read(&mut [0; 1]).await;
    Ok(())
}

/// A stream whose shutdown does nothing; the connection stays open as long as its clone.
struct KeptOpen(TcpStream);

impl AsyncRead for KeptOpen {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for KeptOpen {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
