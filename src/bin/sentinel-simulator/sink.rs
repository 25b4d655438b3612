//! What a day is written to: the journal, the bot's folder, the database, each only if it was asked for. The first that
//! fails ends the simulation with an error that names it.

mod bot_files;
mod bot_folder;
mod database;
mod lines;

use std::error::Error;
use std::fmt;
use std::path::Path;

use serde::Serialize;

use self::bot_folder::BotFolder;
use self::database::Database;
use self::lines::LineFile;
use crate::arguments::Arguments;
use crate::day::{Action, Event};
use crate::moment::Moment;

/// All open sinks, and how much they were given.
pub(crate) struct Sinks {
    journal: Option<LineFile>,
    bot: Option<BotFolder>,
    database: Option<Database>,
    tally: Tally,
}

#[derive(Default)]
struct Tally {
    events: u64,
    batches: u64,
    sessions: u64,
}

/// A line of the journal.
#[derive(Serialize)]
struct JournalLine<'a> {
    ts: f64,
    #[serde(flatten)]
    event: &'a Event,
}

impl Sinks {
    /// Opens what the arguments name. An error if that is nothing, or if something cannot be opened.
    pub(crate) async fn open(arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let journal = arguments.journal.as_deref().map(open_journal).transpose()?;
        let bot = arguments.sre_root.as_deref().map(BotFolder::open).transpose()?;
        let database = match database::url(arguments.postgres_url_file.as_deref())? {
            Some(url) => Some(Database::connect(&url).await?),
            None => None,
        };
        if journal.is_none() && bot.is_none() && database.is_none() {
            return Err(
                "nothing to write to: expected --journal, --sre-root, --postgres-url-file or SENTINEL_POSTGRES_URL".into()
            );
        }
        Ok(Self { journal, bot, database, tally: Tally::default() })
    }

    /// Writes `action`, stamped `at`, to the sink that it is for, if that is open. Lines may wait for [`Self::flush`].
    pub(crate) async fn take(&mut self, at: Moment, action: &Action) -> Result<(), SinkError> {
        match action {
            Action::Event(event) => {
                if let Some(journal) = &mut self.journal {
                    let ts = at.seconds();
                    journal.append(&JournalLine { ts, event })?;
                    self.tally.events += 1;
                }
            }
            Action::BadLine(line) => {
                if let Some(journal) = &mut self.journal {
                    journal.append_text(line)?;
                }
            }
            Action::Metrics(metrics) => {
                if let Some(bot) = &self.bot {
                    bot.replace_metrics(metrics)?;
                }
            }
            Action::Session(session) => {
                if let Some(bot) = &mut self.bot {
                    bot.sessions.append(session)?;
                    self.tally.sessions += 1;
                }
            }
            Action::Check(check) => {
                if let Some(bot) = &mut self.bot {
                    bot.checks.append(check)?;
                    bot.live(at)?;
                }
            }
            Action::Batch(batch) => {
                if let Some(database) = &mut self.database {
                    database.put_batch(batch).await?;
                    self.tally.batches += u64::from(batch.created == at);
                }
            }
            Action::RowErrors(batch, errors) => {
                if let Some(database) = &mut self.database {
                    database.put_errors(at, batch, errors).await?;
                }
            }
        }
        Ok(())
    }

    /// Writes the lines that wait.
    pub(crate) fn flush(&mut self) -> Result<(), SinkError> {
        if let Some(journal) = &mut self.journal {
            journal.flush()?;
        }
        if let Some(bot) = &mut self.bot {
            bot.sessions.flush()?;
            bot.checks.flush()?;
        }
        Ok(())
    }

    /// What was written so far, in one line.
    pub(crate) fn summary(&self) -> String {
        let Tally { events, batches, sessions } = self.tally;
        format!("{events} events, {batches} batches, {sessions} RCA sessions written")
    }
}

fn open_journal(path: &Path) -> Result<LineFile, SinkError> {
    LineFile::open("journal", path)
}

/// Why a sink could not do its part.
#[derive(Debug)]
pub(crate) struct SinkError {
    /// The sink, such as `journal /tmp/journal.jsonl`.
    sink: String,
    attempt: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl SinkError {
    fn new(sink: &str, attempt: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { sink: sink.to_owned(), attempt, source: source.into() }
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: cannot {}", self.sink, self.attempt)
    }
}

impl Error for SinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// The error and all its sources in one line: many a library's own message is only "db error".
pub(crate) fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        // Some libraries put their source into their message as well.
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::JournalLine;
    use crate::day::Event;

    #[test]
    fn a_line_of_the_journal_is_flat_and_leaves_out_what_is_not_known() {
        let event = Event::Reconciliation { ok: false, drift_usd: None };
        let line = JournalLine { ts: 1_768_137_395.12, event: &event };
        let text = serde_json::to_string(&line).unwrap_or_default();
        assert_eq!(text, r#"{"ts":1768137395.12,"event":"reconciliation","ok":false}"#);
    }
}
