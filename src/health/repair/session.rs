//! The log of repairs, which the bot's own analyses share: what was tried when, and a line for what is tried now.
//!
//! It is the only memory of repairs, so that everybody who repairs in the bot's folder keeps to the same cool-down.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use rustix::fs::{FallocateFlags, OFlags, fallocate};
use rustix::io::Errno;
use serde_json::{Value, json};

use super::super::catalogue::{self, CheckInfo};
use super::super::finding::{Finding, Level};
use super::super::report::timestamp;
use super::{Attempt, Outcome, Trigger};
use crate::files::{self, Unreadable};
use crate::folder::Folder;
use crate::journal::sre_log::{self, RcaSession};

/// The log, below the bot's folder.
pub(super) const LOG: &str = "state/sre_rca_fixes.jsonl";
/// Bytes of a message: a line has to stay well below the 64 KiB that are read of it.
const MESSAGE: usize = 500;
/// Bytes of the longest session.
const ROOM: u64 = 64 << 10;
/// A session that is this far ahead is of a broken clock.
const AHEAD: f64 = 24.0 * 3600.0;

/// What was tried, by fix and Unix time.
pub(super) struct History(Vec<(String, f64)>);

impl History {
    /// Reads the end of the log; when there is none, nothing was tried.
    pub(super) fn read(root: &Path, now: f64) -> Result<Self, Unreadable> {
        let lines = match files::tail(&root.join(LOG), usize::MAX) {
            Ok(lines) => lines,
            Err(Unreadable::Missing) => Vec::new(),
            Err(why) => return Err(why),
        };
        let sessions = lines.split(|byte| *byte == b'\n').filter_map(|line| sre_log::parse::<RcaSession>(line, 0.0).ok());
        let tried = sessions
            .filter(|(at, _)| *at <= now + AHEAD)
            .flat_map(|(at, session)| session.fixes_applied.into_iter().map(move |fix| (fix.name, at)).collect::<Vec<_>>());
        Ok(Self(tried.collect()))
    }

    /// When a fix was last tried.
    pub(super) fn last(&self, fix: &str) -> Option<f64> {
        self.0.iter().filter(|(name, _)| name == fix).map(|(_, at)| *at).reduce(f64::max)
    }

    /// How many fixes were tried since then.
    pub(super) fn since(&self, time: f64) -> usize {
        self.0.iter().filter(|(_, at)| *at > time).count()
    }
}

/// The log, open to be appended to.
pub(super) struct Log(File);

impl Log {
    /// Opens the file `name`, which is made if need be, so that the bot can go on with it.
    pub(super) fn open(state: &Folder, name: &OsStr) -> io::Result<Self> {
        if state.look(name)?.is_none() {
            match state.create(name, b"") {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                done => done?,
            }
        }
        let log = state.file(name, OFlags::RDWR | OFlags::APPEND)?;
        // Room for the line is taken first: a repair that is not logged would be made again and again. Not every file system can.
        match fallocate(&log, FallocateFlags::KEEP_SIZE, log.metadata()?.len(), ROOM) {
            Err(error) if ![Errno::OPNOTSUPP, Errno::NOSYS].contains(&error) => Err(error.into()),
            _ => Ok(Self(log)),
        }
    }

    /// Appends a session with one write.
    pub(super) fn append(&mut self, session: &Value) -> io::Result<()> {
        let mut line = Vec::new();
        // A line that its writer never ended is not to take this one with it.
        if self.0.seek(SeekFrom::End(0))? > 0 {
            self.0.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            self.0.read_exact(&mut last)?;
            if last != *b"\n" {
                line.push(b'\n');
            }
        }
        line.extend_from_slice(session.to_string().as_bytes());
        line.push(b'\n');
        self.0.write_all(&line)?;
        self.0.sync_data()
    }
}

/// A session in the log's form. `findings` are those of the first look, `after` those of the second look at what was repaired.
pub(super) fn session(trigger: Trigger, findings: &[Finding], attempts: &[Attempt], after: &[Finding], now: f64) -> Value {
    let tried = |check: &str| attempts.iter().find(|attempt| attempt.fix.check() == check && attempt.outcome.tried());
    // It is the bot that is analysed: sources have their own metrics.
    let of_bot = |finding: &&Finding| catalogue::find(finding.check).is_some_and(CheckInfo::is_of_bot);
    let findings: Vec<_> = findings.iter().filter(of_bot).collect();
    let checks = findings.iter().map(|finding| {
        let fix = tried(finding.check);
        json!({
            "check_name": finding.check,
            // What is worth a repair is a failure here: it counts as mended when the fix has helped.
            "status": if fix.is_some() { "FAIL" } else { word(finding.level) },
            "message": &finding.message[..finding.message.floor_char_boundary(MESSAGE)],
            "fix_applied": fix.map(|attempt| attempt.fix.name()),
            "fix_success": fix.is_some_and(|attempt| attempt.outcome == Outcome::Success),
        })
    });
    let tried_fixes = attempts.iter().filter(|attempt| attempt.outcome.tried());
    let results = tried_fixes.clone().map(|attempt| {
        let result = if attempt.outcome == Outcome::Success { "success" } else { "failed" };
        format!("{} ({result})", attempt.fix.name())
    });
    let now_is = |finding: &&Finding| after.iter().find(|after| after.check == finding.check).unwrap_or(finding).level;
    let failed = tried_fixes.clone().any(|attempt| attempt.outcome != Outcome::Success);
    let worst = findings.iter().map(now_is).max().unwrap_or(Level::Ok);
    json!({
        "timestamp": now,
        "trigger": trigger.as_str(),
        "overall_status": if failed { "FAIL" } else { word(worst) },
        "checks": checks.collect::<Vec<_>>(),
        "fixes_applied": results.collect::<Vec<_>>(),
        "time": timestamp(now),
    })
}

/// The log's word for a level.
fn word(level: Level) -> &'static str {
    match level {
        Level::Ok => "OK",
        Level::Warning => "WARNING",
        Level::Critical => "FAIL",
    }
}
