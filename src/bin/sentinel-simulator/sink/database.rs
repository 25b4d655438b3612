//! The intake tables of the pipeline, over one connection without TLS. Every statement may be repeated: batches are keyed by their
//! id, and a batch's errors are written only if it has none. Values stand in the statements as literals, which any pooler passes
//! on; they all come from the simulation, and the few texts among them are quoted.

use std::env::{self, VarError};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, Error, NoTls};

use super::SinkError;
use crate::day::{Batch, RowError};
use crate::moment::Moment;

const URL_VARIABLE: &str = "SENTINEL_POSTGRES_URL";

/// A database that takes longer than this for a row is as good as none.
const PATIENCE: Duration = Duration::from_secs(10);

/// The URL of the database, from `file` or else the environment; none if neither is given.
pub(crate) fn url(file: Option<&Path>) -> Result<Option<String>, SinkError> {
    let Some(path) = file else {
        return match env::var(URL_VARIABLE) {
            Ok(url) => Ok(Some(url).filter(|url| !url.is_empty())),
            Err(VarError::NotPresent) => Ok(None),
            // The variable's content stays out of the message: it holds a password.
            Err(VarError::NotUnicode(_)) => Err(SinkError::new(URL_VARIABLE, "read it", "it is not UTF-8")),
        };
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| SinkError::new(&format!("URL file {}", path.display()), "read it", error))?;
    Ok(Some(text.trim().to_owned()))
}

/// An open connection.
pub(crate) struct Database {
    client: Client,
    connection: Option<JoinHandle<Result<(), Error>>>,
}

impl Database {
    /// Connects to the database at `url`, of which no error shows a part.
    pub(crate) async fn connect(url: &str) -> Result<Self, SinkError> {
        let mut config: Config = url.parse().map_err(|_| {
            let expected = "expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, without verify-ca and verify-full";
            SinkError::new("database", "read its URL", expected)
        })?;
        config.application_name("sentinel-simulator").connect_timeout(PATIENCE);
        let (client, connection) = timeout(PATIENCE, config.connect(NoTls))
            .await
            .map_err(|_| SinkError::new("database", "connect", no_answer()))?
            .map_err(|error| SinkError::new("database", "connect", error))?;
        Ok(Self { client, connection: Some(tokio::spawn(connection)) })
    }

    /// Writes the batch as it is now.
    pub(crate) async fn put_batch(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let statement = format!(
            "INSERT INTO intake.simplicity_batches (id, status, created_at, completed_at, parse_duration_ms, db_duration_ms, \
             row_count_total, row_count_inserted, row_count_duplicate, row_count_invalid) \
             VALUES ('{}', '{}', '{}', {}, {}, {}, {}, {}, {}, {}) \
             ON CONFLICT (id) DO UPDATE SET status = excluded.status, completed_at = excluded.completed_at, \
             parse_duration_ms = excluded.parse_duration_ms, db_duration_ms = excluded.db_duration_ms, \
             row_count_total = excluded.row_count_total, row_count_inserted = excluded.row_count_inserted, \
             row_count_duplicate = excluded.row_count_duplicate, row_count_invalid = excluded.row_count_invalid",
            batch.id,
            batch.status,
            batch.created.with_micros(),
            or_null(batch.completed.map(|at| format!("'{}'", at.with_micros()))),
            or_null(batch.parse_millis.map(|millis| millis.to_string())),
            or_null(batch.database_millis.map(|millis| millis.to_string())),
            batch.total,
            batch.inserted,
            batch.duplicate,
            batch.invalid,
        );
        self.execute("write a batch to intake.simplicity_batches", &statement).await
    }

    /// Writes the errors of the batch with the id `batch`, found at `at`.
    pub(crate) async fn put_errors(&mut self, at: Moment, batch: &str, errors: &[RowError]) -> Result<(), SinkError> {
        let mut rows = String::new();
        for error in errors {
            let separator = if rows.is_empty() { "" } else { ", " };
            let code = or_null(error.code.map(quoted));
            // Writing to a String cannot fail.
            let _ = write!(rows, "{separator}({code}, {})", quoted(error.message));
        }
        // The casts give a column of NULLs its type.
        let statement = format!(
            "INSERT INTO intake.row_errors (batch_id, error_code, error_message, created_at) \
             SELECT '{batch}', code::text, message::text, '{}' FROM (VALUES {rows}) AS found (code, message) \
             WHERE NOT EXISTS (SELECT 1 FROM intake.row_errors WHERE batch_id = '{batch}')",
            at.with_micros(),
        );
        self.execute("write errors to intake.row_errors", &statement).await
    }

    async fn execute(&mut self, attempt: &'static str, statement: &str) -> Result<(), SinkError> {
        let Err(error) = timeout(PATIENCE, self.client.batch_execute(statement))
            .await
            .map_err(|_| SinkError::new("database", attempt, no_answer()))?
        else {
            return Ok(());
        };
        // "Connection closed" is all that the client knows; why it was closed, only the connection does.
        let reason = match self.connection.take().filter(|_| error.is_closed()) {
            Some(connection) => connection.await.ok().and_then(Result::err).unwrap_or(error),
            None => error,
        };
        Err(SinkError::new("database", attempt, reason))
    }
}

fn no_answer() -> String {
    format!("no answer within {} s", PATIENCE.as_secs())
}

fn or_null(value: Option<String>) -> String {
    value.unwrap_or_else(|| "NULL".to_owned())
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
