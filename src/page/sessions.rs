//! The last root-cause analyses, from the end of their log.

use serde::Deserialize;

use super::words::moment;
use super::{Session, State};
use crate::source::sre_state::SESSIONS_SHOWN;

/// The most checks or fixes of one that are shown, and the most characters of a text: what a bot writes does not fill the page.
const PARTS: usize = 20;
const CHARACTERS: usize = 300;

#[derive(Deserialize)]
struct Line {
    timestamp: f64,
    trigger: String,
    overall_status: String,
    #[serde(default)]
    checks: Vec<Check>,
    #[serde(default)]
    fixes_applied: Vec<String>,
}

#[derive(Deserialize)]
struct Check {
    check_name: String,
    status: String,
    #[serde(default)]
    message: String,
    fix_applied: Option<String>,
    #[serde(default)]
    fix_success: bool,
}

/// The last ones of a log's `lines`, the newest first. What is no session is passed over: it is counted and logged where the log is followed.
pub(super) fn last(lines: &str) -> Vec<Session> {
    lines.lines().rev().filter_map(|line| serde_json::from_str(line).ok()).map(session).take(SESSIONS_SHOWN).collect()
}

/// The last ones of a log's `lines` as they are, the oldest first.
pub(super) fn raw(lines: &str) -> Vec<serde_json::Value> {
    let mut sessions: Vec<_> =
        lines.lines().rev().filter_map(|line| serde_json::from_str(line).ok()).take(SESSIONS_SHOWN).collect();
    sessions.reverse();
    sessions
}

fn state(status: &str) -> State {
    match status {
        "OK" => State::Good,
        "WARNING" => State::Warning,
        "FAIL" => State::Bad,
        _ => State::Unknown,
    }
}

/// The beginning of a text that may be of any length.
fn short(text: String) -> String {
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn session(line: Line) -> Session {
    let found = |check: Check| {
        let fix = match check.fix_applied {
            Some(fix) if check.fix_success => format!(" ({fix} helped)"),
            Some(fix) => format!(" ({fix} did not help)"),
            None => String::new(),
        };
        (state(&check.status), short(check.check_name), short(check.message) + &short(fix))
    };
    Session {
        id: format!("session-{}", line.timestamp as i64),
        at: moment(line.timestamp),
        trigger: short(line.trigger),
        state: state(&line.overall_status),
        word: short(line.overall_status),
        fixes: line.fixes_applied.into_iter().take(PARTS).map(short).collect(),
        checks: line.checks.into_iter().take(PARTS).map(found).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: &str =
        r#"{"check_name":"cache_lock","status":"FAIL","message":"stale","fix_applied":"clear_cache_lock","fix_success":true}"#;

    fn line(at: u32) -> String {
        format!(
            r#"{{"timestamp":{at}.5,"trigger":"manual","overall_status":"WARNING","checks":[{CHECK}],"fixes_applied":["clear_cache_lock (success)"]}}"#
        )
    }

    #[test]
    fn the_newest_come_first_and_what_is_none_is_passed_over() {
        let lines = (1..=7).map(line).collect::<Vec<_>>().join("\nno session\n");
        let sessions = last(&lines);
        assert_eq!(
            sessions.iter().map(|session| session.id.as_str()).collect::<Vec<_>>(),
            ["session-7", "session-6", "session-5", "session-4", "session-3"]
        );
        let newest = &sessions[0];
        assert_eq!((newest.state, newest.word.as_str(), newest.at.as_str()), (State::Warning, "WARNING", "1970-01-01 00:00:07"));
        assert_eq!(newest.fixes, ["clear_cache_lock (success)"]);
        assert_eq!(newest.checks, [(State::Bad, "cache_lock".to_owned(), "stale (clear_cache_lock helped)".to_owned())]);
        assert_eq!(
            raw(&lines).iter().map(|raw| raw["timestamp"].as_f64().unwrap()).collect::<Vec<_>>(),
            [3.5, 4.5, 5.5, 6.5, 7.5]
        );
    }

    #[test]
    fn a_status_that_nobody_knows_is_shown_as_it_is() {
        let session = last(r#"{"timestamp":1,"trigger":"t","overall_status":"<b>"}"#).remove(0);
        assert_eq!((session.state, session.word.as_str()), (State::Unknown, "<b>"));
    }
}
