//! What is read, and how that goes: sources with their parts, journals, the checkpoint.

use super::words::ago;
use super::{Input, State};
use crate::board::SourceStatus;
use crate::journal::follow::Status;
use crate::part::by_reason;

/// A row a source, in the order in which they come.
pub(super) fn sources(sources: &[(&'static str, SourceStatus)], now: f64) -> Vec<Input> {
    let input = |(name, status): &(&'static str, SourceStatus)| {
        let (state, word) = match status.took {
            None => (State::Unknown, "waiting"),
            Some(_) if !status.errors.is_empty() => (State::Bad, "failing"),
            Some(_) if !status.troubles.is_empty() => (State::Warning, "sees trouble"),
            Some(_) => (State::Good, "ok"),
        };
        let wrong = by_reason(status.errors.iter().chain(&status.troubles)).into_iter();
        let wrong = wrong.map(|(parts, why)| format!("{parts}: {why}")).collect();
        Input { name: (*name).to_owned(), state, word, good: ago(status.last_success, now), wrong }
    };
    sources.iter().map(input).collect()
}

/// A row a journal and log, and one for the checkpoint.
pub(super) fn files(status: &Status, now: f64) -> Vec<Input> {
    let mut inputs: Vec<Input> = status
        .files
        .iter()
        .map(|file| {
            let (state, word) = match (&file.error, file.offset) {
                (Some(_), _) => (State::Bad, "failing"),
                (None, None) => (State::Unknown, "waiting"),
                (None, Some(_)) => (State::Good, "ok"),
            };
            let good = match (file.offset, &file.error) {
                (Some(offset), _) => format!("{offset} bytes read, {} to read", file.lag),
                (None, Some(_)) => "never".to_owned(),
                (None, None) => "there is no such file yet".to_owned(),
            };
            Input { name: file.path.display().to_string(), state, word, good, wrong: file.error.iter().cloned().collect() }
        })
        .collect();
    let (state, word) = match (&status.save_error, status.saved_at) {
        (Some(_), _) => (State::Bad, "failing"),
        (None, 0.0) => (State::Unknown, "waiting"),
        (None, _) => (State::Good, "ok"),
    };
    let good = if status.saved_at > 0.0 { ago(status.saved_at, now) } else { "not yet".to_owned() };
    inputs.push(Input { name: "checkpoint".to_owned(), state, word, good, wrong: status.save_error.iter().cloned().collect() });
    inputs
}
