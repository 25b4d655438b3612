//! The trading bot's folder: two logs, a state file that is replaced as a whole, and what else the checks read.

use std::fs;
use std::path::{Path, PathBuf};

use super::SinkError;
use super::bot_files::BotFiles;
use super::lines::LineFile;
use crate::day::SreMetrics;
use crate::moment::Moment;

/// The open folder.
pub(crate) struct BotFolder {
    metrics: PathBuf,
    /// `state/sre_rca_fixes.jsonl`
    pub(crate) sessions: LineFile,
    /// `logs/critical_health_checks.jsonl`
    pub(crate) checks: LineFile,
    files: BotFiles,
}

impl BotFolder {
    /// Opens the folder, creating what is missing.
    pub(crate) fn open(root: &Path) -> Result<Self, SinkError> {
        let folder = |name| {
            let path = root.join(name);
            fs::create_dir_all(&path)
                .map_err(|error| SinkError::new(&format!("folder {}", path.display()), "create it", error))?;
            Ok(path)
        };
        let state = folder("state")?;
        let logs = folder("logs")?;
        Ok(Self {
            metrics: state.join("sre_metrics.json"),
            sessions: LineFile::open("RCA log", &state.join("sre_rca_fixes.jsonl"))?,
            checks: LineFile::open("check log", &logs.join("critical_health_checks.jsonl"))?,
            files: BotFiles::open(root)?,
        })
    }

    /// What the bot does all the time besides.
    pub(crate) fn live(&mut self, at: Moment) -> Result<(), SinkError> {
        self.files.refresh(at)
    }

    /// Replaces `state/sre_metrics.json`: written aside and renamed, so that a reader sees the old content or the new.
    pub(crate) fn replace_metrics(&self, metrics: &SreMetrics) -> Result<(), SinkError> {
        let failed = |error| {
            let name = format!("state file {}", self.metrics.display());
            SinkError::new(&name, "replace it", error)
        };
        let text = serde_json::to_string(metrics).map_err(|error| failed(error.into()))?;
        let aside = self.metrics.with_extension("json.tmp");
        fs::write(&aside, text).map_err(failed)?;
        fs::rename(&aside, &self.metrics).map_err(failed)
    }
}
