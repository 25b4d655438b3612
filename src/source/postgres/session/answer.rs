//! What the server answers, as rows of text or as the text of an error.

use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::{Error, SimpleQueryMessage};

/// The text of a row's columns; None is NULL.
pub(in super::super) type Row = Vec<Option<String>>;

/// Why a query has no answer.
#[derive(Debug)]
pub(in super::super) enum Failure {
    /// The server refused it, or the answer is not what was expected: others may succeed.
    Query(String),
    /// There is no connection, or no answer on it.
    Connection(String),
}

pub(super) fn rows(messages: Vec<SimpleQueryMessage>) -> Vec<Row> {
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|at| row.try_get(at).ok().flatten().map(str::to_owned)).collect())
        }
        _ => None,
    };
    messages.into_iter().filter_map(row).collect()
}

/// An error that ends the session comes as an error of the query first.
pub(super) fn failure(error: &Error) -> Failure {
    match error.as_db_error() {
        Some(db) if !ends_the_session(db) => Failure::Query(describe(error)),
        _ => Failure::Connection(describe(error)),
    }
}

fn ends_the_session(error: &DbError) -> bool {
    // A server may speak any language, and a pooler may leave out the severity that is in none.
    match error.parsed_severity() {
        Some(severity) => matches!(severity, Severity::Fatal | Severity::Panic),
        None => matches!(error.severity(), "FATAL" | "PANIC"),
    }
}

/// An error with its causes: tokio-postgres itself says no more than "db error".
pub(super) fn describe(error: &Error) -> String {
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
