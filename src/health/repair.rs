//! Repairs: what may be done about a finding, when it is switched on by name, at most so often, by one process at a time.
//!
//! Everything is done under a lock on the folder of the log of repairs: what is wrong is looked at again, mended, looked at once more, and
//! logged with what that second look saw. Whoever comes second finds it mended, or within its cool-down.

mod session;
pub mod settings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use session::{History, Log};
pub use settings::{Fix, Settings};

use super::finding::{Finding, Level};
use super::look;
use super::market::Market;
use super::settings as checks;
use crate::clock::unix_now;
use crate::config::Config;
use crate::files;
use crate::folder::{self, Folder};

/// How long a file that is to be replaced has to stay as it is: its writer may be in the middle of it.
const SETTLED: Duration = Duration::from_millis(200);
/// `max_per_hour` is counted over this time, in seconds.
const HOUR: f64 = 3600.0;

/// Why there was a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A mock signal failed.
    MockSignalFailure,
    /// The time had come.
    Scheduled,
    /// Somebody asked on the command line.
    Manual,
}

impl Trigger {
    fn as_str(self) -> &'static str {
        match self {
            Self::MockSignalFailure => "mock_signal_failure",
            Self::Scheduled => "scheduled",
            Self::Manual => "manual",
        }
    }
}

/// What became of a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The second look found it well.
    Success,
    /// It could not be carried out, or did not help.
    Failed,
    /// It was not tried.
    Skipped,
    /// It would have been tried.
    Planned,
}

impl Outcome {
    fn tried(self) -> bool {
        matches!(self, Self::Success | Self::Failed)
    }

    /// The word of reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Planned => "planned",
        }
    }
}

/// A fix and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// The fix.
    pub fix: Fix,
    /// What became of it.
    pub outcome: Outcome,
    /// The same for people.
    pub message: String,
}

impl Attempt {
    fn new(fix: Fix, outcome: Outcome, message: impl Into<String>) -> Self {
        Self { fix, outcome, message: message.into() }
    }

    /// The attempt for programs.
    pub fn json(&self) -> Value {
        json!({"fix": self.fix.name(), "check": self.fix.check(), "result": self.outcome.as_str(), "message": self.message})
    }
}

/// What repairing needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Repair {
    /// The bot's folder.
    pub root: PathBuf,
    /// What may be done.
    pub settings: Settings,
    /// What the checks are judged by.
    pub checks: Arc<checks::Settings>,
}

/// What repairing changed.
#[derive(Debug, Default)]
pub struct Repaired {
    /// What was tried, and what was not and why.
    pub attempts: Vec<Attempt>,
    /// What the second look saw.
    pub after: Vec<Finding>,
}

impl Repair {
    /// What `config` says, if it has a bot.
    pub fn new(config: &Config) -> Option<Self> {
        let root = config.sre.as_ref()?.root.clone();
        Some(Self { root, settings: config.remediation.clone(), checks: Arc::new(config.checks.clone()) })
    }

    /// Mends what `findings` tell and the settings allow. It reads and writes files, which may hang.
    pub fn mend(&self, findings: &[Finding], trigger: Trigger) -> Repaired {
        let wanted = self.wanted(findings);
        if !wanted.iter().any(|fix| self.switched_off(*fix).is_none()) && trigger != Trigger::MockSignalFailure {
            let skipped = |fix: &Fix| Some(Attempt::new(*fix, Outcome::Skipped, self.switched_off(*fix)?));
            return Repaired { attempts: wanted.iter().filter_map(skipped).collect(), after: Vec::new() };
        }
        match self.locked(|log, history| self.mend_all(&wanted, findings, trigger, log, history)) {
            Ok(repaired) => repaired,
            Err(why) => {
                tracing::warn!(why, "nothing is repaired");
                Repaired { attempts: skipped(&wanted, &why), after: Vec::new() }
            }
        }
    }

    /// What [`Self::mend`] would try. It changes nothing.
    pub fn plan(&self, findings: &[Finding]) -> Vec<Attempt> {
        let wanted = self.wanted(findings);
        let history = match History::read(&self.root, unix_now()) {
            Ok(history) => history,
            Err(why) => return skipped(&wanted, &format!("{}: {why}", session::LOG)),
        };
        let mut planned = 0;
        let plan = |fix: &Fix| {
            let refused = self.refusal(*fix, &history, planned).or_else(|| self.outside(*fix));
            planned += usize::from(refused.is_none());
            match refused {
                Some(why) => Attempt::new(*fix, Outcome::Skipped, why),
                None => Attempt::new(*fix, Outcome::Planned, self.intent(*fix)),
            }
        };
        wanted.iter().map(plan).collect()
    }

    /// The fixes of what is wrong.
    fn wanted(&self, findings: &[Finding]) -> Vec<Fix> {
        let wrong = |fix: &Fix| {
            findings.iter().any(|finding| finding.check == fix.check() && finding.level > Level::Ok && finding.mendable)
        };
        Fix::ALL.into_iter().filter(wrong).collect()
    }

    /// Calls `work` while no other process repairs, with the log open: a repair that cannot be logged is not made.
    fn locked(&self, work: impl FnOnce(&mut Log, &History) -> Repaired) -> Result<Repaired, String> {
        let (state, name) = Folder::holding(&self.root, Path::new(session::LOG)).map_err(|error| format!("state: {error}"))?;
        // Whoever repairs in this bot's folder takes it, whatever its own folders are.
        match state.try_lock() {
            Ok(true) => {}
            Ok(false) => return Err("another process repairs at this moment".to_owned()),
            Err(error) => return Err(format!("state cannot be locked: {error}")),
        }
        let mut log = Log::open(&state, &name)
            .map_err(|error| format!("{}: {error}; what cannot be logged is not repaired", session::LOG))?;
        let history = History::read(&self.root, unix_now()).map_err(|why| format!("{}: {why}", session::LOG))?;
        Ok(work(&mut log, &history))
    }

    fn mend_all(&self, wanted: &[Fix], findings: &[Finding], trigger: Trigger, log: &mut Log, history: &History) -> Repaired {
        let mut repaired = Repaired::default();
        for fix in wanted {
            let tried = repaired.attempts.iter().filter(|attempt: &&Attempt| attempt.outcome.tried()).count();
            let attempt = match self.refusal(*fix, history, tried) {
                Some(why) => Attempt::new(*fix, Outcome::Skipped, why),
                None => {
                    let (attempt, after) = self.mend_one(*fix);
                    repaired.after.push(after);
                    attempt
                }
            };
            if attempt.outcome.tried() {
                let (fix, result) = (fix.name(), attempt.outcome.as_str());
                tracing::warn!(fix, result, message = attempt.message, "a repair was tried");
            }
            repaired.attempts.push(attempt);
        }
        let tried = repaired.attempts.iter().any(|attempt| attempt.outcome.tried());
        if tried || trigger == Trigger::MockSignalFailure {
            let session = session::session(trigger, findings, &repaired.attempts, &repaired.after, unix_now());
            if let Err(error) = log.append(&session) {
                tracing::error!(%error, "a session of repairs cannot be logged");
            }
        }
        repaired
    }

    /// Looks again, mends, and looks once more.
    fn mend_one(&self, fix: Fix) -> (Attempt, Finding) {
        std::thread::sleep(SETTLED);
        let before = self.look(fix);
        if before.level == Level::Ok || !before.mendable {
            return (Attempt::new(fix, Outcome::Skipped, format!("not needed any more: {}", before.message)), before);
        }
        let result = self.carry_out(fix);
        let after = self.look(fix);
        let attempt = match result {
            Err(why) => Attempt::new(fix, Outcome::Failed, why),
            Ok(done) if after.level == Level::Ok => Attempt::new(fix, Outcome::Success, done),
            Ok(done) => Attempt::new(fix, Outcome::Failed, format!("{done}, and it did not help: {}", after.message)),
        };
        (attempt, after)
    }

    fn look(&self, fix: Fix) -> Finding {
        let found = look::read(fix.check(), &self.root, &self.checks, &Market::Open, SystemTime::now());
        found.of(fix.check(), unix_now())
    }

    fn switched_off(&self, fix: Fix) -> Option<&'static str> {
        match &self.settings {
            settings if !settings.enabled => Some("remediation.enabled is false"),
            settings if !settings.fixes.contains(&fix) => Some("it is not among remediation.fixes"),
            _ => None,
        }
    }

    /// Why a fix may not be tried now. `tried` are those of this very session.
    fn refusal(&self, fix: Fix, history: &History, tried: usize) -> Option<String> {
        let Settings { cooldown, max_per_hour, .. } = &self.settings;
        let now = unix_now();
        let ago = history.last(fix.name()).map(|last| (now - last).max(0.0)).filter(|ago| *ago < cooldown.as_secs_f64());
        match (self.switched_off(fix), ago) {
            (Some(why), _) => Some(why.to_owned()),
            (_, Some(ago)) => {
                Some(format!("it was tried {ago:.0} s ago, its cool-down is {}", humantime::format_duration(*cooldown)))
            }
            _ if history.since(now - HOUR) + tried >= *max_per_hour => {
                Some(format!("{max_per_hour} fixes were tried within the last hour, which is the limit"))
            }
            _ => None,
        }
    }

    /// Why a fix would have to leave the bot's folder.
    fn outside(&self, fix: Fix) -> Option<String> {
        let looked = self.paths(fix).into_iter().map(|path| {
            let looked = Folder::holding(&self.root, path).and_then(|(folder, name)| folder.look(&name));
            looked.map_err(|error| told(path, &error))
        });
        looked.collect::<Result<Vec<_>, _>>().err()
    }

    /// The files that a fix changes: of the locks, those that are stale.
    fn paths(&self, fix: Fix) -> Vec<&Path> {
        let checks = &self.checks;
        match fix {
            Fix::CreateWeightsFile => vec![&checks.weights_file],
            Fix::ResetEntryThresholds => vec![&checks.entry_thresholds],
            Fix::ClearCacheLock => {
                let stale = |path: &&PathBuf| {
                    files::age(&self.root.join(path), SystemTime::now()).is_ok_and(|age| age > checks.cache_lock_after)
                };
                checks.cache_locks.iter().filter(stale).map(PathBuf::as_path).collect()
            }
        }
    }

    fn carry_out(&self, fix: Fix) -> Result<String, String> {
        let done = self.intent(fix);
        for path in self.paths(fix) {
            self.change(fix, path).map_err(|error| told(path, &error))?;
        }
        Ok(done)
    }

    fn change(&self, fix: Fix, path: &Path) -> io::Result<()> {
        let (folder, name) = Folder::holding(&self.root, path)?;
        let kept = folder::with_suffix(&name, &format!(".before-fix-{:.0}", unix_now()));
        match fix {
            Fix::ClearCacheLock => folder.take_lock(&name, self.checks.cache_lock_after, &kept),
            Fix::CreateWeightsFile => folder.replace(&name, &text(&json!(self.settings.weights)), Some(&kept)),
            Fix::ResetEntryThresholds => folder.replace(&name, &text(&json!(BTreeMap::from(settings::THRESHOLDS))), Some(&kept)),
        }
    }

    /// What a fix does, for people.
    fn intent(&self, fix: Fix) -> String {
        let paths = self.paths(fix).into_iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        match fix {
            Fix::CreateWeightsFile => format!("{paths}: the configured weights are written"),
            Fix::ResetEntryThresholds => format!("{paths}: 2.7 / 2.9 / 3.2 are written"),
            Fix::ClearCacheLock => format!("{paths}: removed"),
        }
    }
}

fn told(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn skipped(fixes: &[Fix], why: &str) -> Vec<Attempt> {
    fixes.iter().map(|fix| Attempt::new(*fix, Outcome::Skipped, why)).collect()
}

/// A document, as people write it.
fn text(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}
