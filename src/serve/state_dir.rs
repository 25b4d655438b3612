//! The exporter's own folder, which only one process may use at a time.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::StartError;
use crate::config::OWN_JOURNAL;
use crate::journal::checkpoint::Checkpoint;

/// The folder, taken for as long as this value lives.
pub(super) struct StateDir {
    /// The exporter's own journal.
    pub(super) journal: PathBuf,
    /// The checkpoint.
    pub(super) checkpoint: Checkpoint,
    /// True when an exporter has used it before.
    pub(super) used: bool,
    /// Unlocked when it is closed, also by a crash.
    _lock: File,
}

impl StateDir {
    /// Makes the folder if it is not there, and takes it.
    pub(super) fn take(folder: &Path) -> Result<Self, StartError> {
        let failed = |what: &str, error: std::io::Error| {
            StartError(format!("state_dir {}: {what}: {error}; the exporter needs a folder to write to", folder.display()))
        };
        let journal = folder.join(OWN_JOURNAL);
        let used = journal.parent().is_some_and(Path::exists);
        fs::create_dir_all(journal.parent().unwrap_or(folder)).map_err(|error| failed("cannot be made", error))?;
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join("lock"))
            .map_err(|error| failed("its lock cannot be opened", error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let _ = lock.read_to_string(&mut owner);
                return Err(StartError(format!("state_dir {} is used by process {} already", folder.display(), owner.trim())));
            }
            Err(TryLockError::Error(error)) => return Err(failed("cannot be locked", error)),
        }
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(|error| failed("its lock cannot be written", error))?;
        Ok(Self { journal, checkpoint: Checkpoint::new(folder), used, _lock: lock })
    }
}
