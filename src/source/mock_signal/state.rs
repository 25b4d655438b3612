//! The bot's state file, as the bot's own dashboard reads it. What is not about mock signals in it is kept as it is.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::OFlags;
use serde_json::{Map, Value};

use crate::folder::{self, Folder};
use crate::source::sre_state;

/// Where it is in the bot's folder.
pub(super) const FILE: &str = "state/sre_metrics.json";

/// What became of a mock signal.
pub(super) struct Outcome {
    /// Its score; 0 without one.
    pub(super) score: f64,
    pub(super) passed: bool,
    /// When, in Unix seconds.
    pub(super) at: f64,
}

/// The Unix time of the last outcome.
pub(super) fn last(root: &Path) -> Result<Option<f64>, String> {
    let state = match Folder::holding(root, Path::new(FILE)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        found => found.and_then(|(folder, name)| read(&folder, &name)).map_err(|error| error.to_string())?,
    };
    state?.get("last_mock_signal_time").and_then(Value::as_str).map(sre_state::unix_time).transpose()
}

/// Keeps an outcome.
pub(super) fn keep(root: &Path, outcome: &Outcome) -> Result<(), String> {
    make_folder(root).map_err(|error| format!("its folder cannot be made: {error}"))?;
    replace(root, outcome).map_err(|error| error.to_string())
}

fn make_folder(root: &Path) -> io::Result<()> {
    let state = Path::new(FILE).parent().unwrap_or(Path::new(""));
    Folder::open(root)?.make(state.as_os_str())
}

fn replace(root: &Path, outcome: &Outcome) -> io::Result<()> {
    let (folder, name) = Folder::holding(root, Path::new(FILE))?;
    let damaged = folder::with_suffix(&name, ".damaged");
    let (mut state, error) = match read(&folder, &name)? {
        Ok(state) => (state, None),
        Err(error) => (Map::new(), Some(error)),
    };
    update(&mut state, outcome);
    let text = serde_json::to_vec_pretty(&state)?;
    let Some(error) = error else { return folder.replace(&name, &text, None) };
    // A file that is no JSON serves nobody. Somebody may still want to look at it, and at the last one rather than an older one.
    folder.remove(&damaged)?;
    folder.replace(&name, &text, Some(&damaged))?;
    tracing::warn!(error, aside = %damaged.display(), "the bot's state file is damaged; it is put aside and begun anew");
    Ok(())
}

/// The object in the file, or what is wrong with its text; an empty one when there is no file yet.
fn read(folder: &Folder, name: &OsStr) -> io::Result<Result<Map<String, Value>, String>> {
    let file = match folder.file(name, OFlags::RDONLY) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Ok(Map::new())),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(sre_state::MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes).map_err(|error| format!("expected a JSON object: {error}")))
}

fn update(state: &mut Map<String, Value>, outcome: &Outcome) {
    let success = state.get("mock_signal_success_pct").and_then(Value::as_f64).unwrap_or(100.0);
    let success = if outcome.passed { success + 1.0 } else { success - 10.0 };
    let health = match outcome.score {
        score if score >= 4.0 => 100.0,
        score if score >= 3.0 => 75.0,
        score if score >= 2.0 => 50.0,
        _ => 25.0,
    };
    state.entry("auto_fix_count").or_insert(0.into());
    for (key, value) in [
        ("mock_signal_success_pct", success.clamp(0.0, 100.0).into()),
        ("parser_health_index", health.into()),
        ("last_mock_signal_score", outcome.score.into()),
        ("last_mock_signal_time", time(outcome.at).into()),
        ("logic_heartbeat", outcome.at.into()),
        ("last_update", outcome.at.into()),
    ] {
        state.insert(key.to_owned(), value);
    }
}

/// As the bot writes a time: `2026-01-05T22:30:00.123456+00:00`.
fn time(at: f64) -> String {
    let at = Timestamp::from_microsecond((at * 1e6) as i64).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::unix_now;

    fn updated(state: &str, score: f64, passed: bool) -> Map<String, Value> {
        let mut state = serde_json::from_str(state).unwrap();
        update(&mut state, &Outcome { score, passed, at: 1767652200.123456 });
        state
    }

    #[test]
    fn the_file_begins_like_the_bots() {
        let state = serde_json::to_string(&updated("{}", 4.5, true)).unwrap();
        assert_eq!(
            state,
            r#"{"auto_fix_count":0,"last_mock_signal_score":4.5,"last_mock_signal_time":"2026-01-05T22:30:00.123456+00:00","last_update":1767652200.123456,"logic_heartbeat":1767652200.123456,"mock_signal_success_pct":100.0,"parser_health_index":100.0}"#
        );
    }

    #[test]
    fn success_rises_by_one_and_falls_by_ten() {
        for (before, passed, after) in
            [(100.0, true, 100.0), (99.5, true, 100.0), (80.0, true, 81.0), (95.0, false, 85.0), (4.0, false, 0.0)]
        {
            let state = updated(&format!("{{\"mock_signal_success_pct\": {before}}}"), 4.0, passed);
            assert_eq!(state["mock_signal_success_pct"], after, "{before} {passed}");
        }
    }

    #[test]
    fn the_parsers_health_is_in_steps() {
        for (score, health) in
            [(5.0, 100.0), (4.0, 100.0), (3.99, 75.0), (3.0, 75.0), (2.99, 50.0), (2.0, 50.0), (1.99, 25.0), (0.0, 25.0)]
        {
            assert_eq!(updated("{}", score, score >= 4.0)["parser_health_index"], health, "{score}");
        }
    }

    #[test]
    fn what_is_not_about_mock_signals_is_kept() {
        let state = updated(r#"{"auto_fix_count": 7, "note": {"by": ["somebody"]}, "last_update": 1}"#, 4.5, true);
        assert_eq!((&state["auto_fix_count"], &state["note"]["by"][0]), (&7.into(), &"somebody".into()));
        assert_eq!(state["last_update"], 1767652200.123456);
    }

    #[test]
    fn its_time_is_read_back_by_who_counts() {
        for at in [1767652200.123456, 1767652200.0, unix_now()] {
            let read = sre_state::unix_time(&time(at)).unwrap();
            assert!((read - at).abs() < 2e-6, "{read} {at}");
        }
    }
}
