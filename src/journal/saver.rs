//! When the checkpoint is saved, and what becomes of it when that fails: counting goes on, and the next attempt mends it.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, SavedLedger, Snapshot, encode};
use super::follow::Status;
use super::ledger::Ledger;
use super::own::OwnJournal;
use super::tail::Position;
use crate::clock::unix_now;
use crate::locked;

/// How often it is saved, if anything changed.
const INTERVAL: Duration = Duration::from_secs(5);

/// What a checkpoint holds, as far as it tells whether there is something new to save.
#[derive(PartialEq)]
struct Saved {
    changes: u64,
    positions: Vec<Position>,
}

pub(super) struct Saver {
    checkpoint: Checkpoint,
    status: Arc<Mutex<Status>>,
    due: Instant,
    /// The checkpoint that is being written, beside the counting: a slow disk delays no scrape.
    writing: Option<(JoinHandle<io::Result<()>>, Saved)>,
    saved: Option<Saved>,
    own: Arc<OwnJournal>,
}

impl Saver {
    pub(super) fn new(checkpoint: Checkpoint, status: Arc<Mutex<Status>>, own: Arc<OwnJournal>) -> Self {
        Self { checkpoint, status, due: Instant::now() + INTERVAL, writing: None, saved: None, own }
    }

    /// Begins to save what there is, if it is time, and notes how the last attempt went.
    pub(super) fn save_when_due(&mut self, ledger: &Mutex<Ledger>, positions: impl FnOnce() -> Vec<Position>) {
        if self.writing.as_ref().is_some_and(|(thread, _)| thread.is_finished()) {
            self.written();
        }
        let now = Instant::now();
        if now < self.due || self.writing.is_some() {
            return;
        }
        self.due = now + INTERVAL;
        let (saved, bytes) = self.snapshot(ledger, positions());
        let Some(bytes) = bytes else {
            locked(&self.status).saved_at = unix_now();
            return;
        };
        let checkpoint = self.checkpoint.clone();
        let thread = thread::Builder::new().name("checkpoint".to_owned()).spawn(move || checkpoint.save(&bytes?));
        match thread {
            Ok(thread) => self.writing = Some((thread, saved)),
            Err(error) => self.ended(Err(error), saved),
        }
    }

    /// Saves what there is and returns when that is done.
    pub(super) fn save_now(&mut self, ledger: &Mutex<Ledger>, positions: Vec<Position>) {
        self.written();
        let (saved, bytes) = self.snapshot(ledger, positions);
        if let Some(bytes) = bytes {
            let result = bytes.and_then(|bytes| self.checkpoint.save(&bytes));
            self.ended(result, saved);
        }
    }

    /// What there is to save; no bytes when nothing has changed since the last time.
    fn snapshot(&self, ledger: &Mutex<Ledger>, positions: Vec<Position>) -> (Saved, Option<io::Result<Vec<u8>>>) {
        let ledger = locked(ledger);
        let saved = Saved { changes: ledger.changes(), positions };
        if self.saved.as_ref() == Some(&saved) {
            return (saved, None);
        }
        let snapshot = Snapshot::V1 { positions: saved.positions.clone(), ledger: SavedLedger::of(&ledger) };
        drop(ledger);
        (saved, Some(encode(&snapshot).map_err(io::Error::from)))
    }

    /// Waits for the checkpoint that is being written.
    fn written(&mut self) {
        if let Some((thread, saved)) = self.writing.take() {
            let result = thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that saves it panicked")));
            self.ended(result, saved);
        }
    }

    fn ended(&mut self, result: io::Result<()>, saved: Saved) {
        let mut status = locked(&self.status);
        match result {
            Ok(()) => {
                if status.save_error.take().is_some() {
                    tracing::info!("the checkpoint is saved again");
                }
                status.saved_at = unix_now();
                drop(status);
                if let Some(previous) = &self.saved {
                    let both = saved.positions.iter().filter(|position| previous.positions.contains(position));
                    self.own.delete_finished(both);
                }
                self.saved = Some(saved);
            }
            Err(error) => {
                status.save_failures += 1;
                if status.save_error.replace(error.to_string()).is_none() {
                    tracing::error!(%error, "the checkpoint cannot be saved; counting goes on");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::journal::ledger::Format;
    use crate::journal::others::Others;
    use crate::journal::tail::Tail;
    use crate::sample::Limits;

    #[test]
    fn a_rotated_file_of_the_own_journal_is_deleted_when_both_checkpoints_are_past_it() {
        let folder = std::env::temp_dir().join(format!("sentinel-saver-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let (path, rotated) = (folder.join("events.jsonl"), folder.join("events.jsonl.000001"));
        let begin = Instant::now();
        let mut tail = Tail::new(path.clone(), Format::Posts, [].into(), &[], begin);
        let mut read = |seconds| {
            tail.look(begin + Duration::from_secs(seconds), Others::default());
            while tail.next_chunk(&mut vec![0; 64]).is_some() {}
            tail.positions().collect::<Vec<_>>()
        };
        let ledger = Mutex::new(Ledger::new(Limits::default()));
        let own = Arc::new(OwnJournal::new(path.clone()));
        let mut saver = Saver::new(Checkpoint::new(&folder), Arc::default(), own);
        fs::write(&path, "a line\n").unwrap();
        let before = read(0);
        fs::rename(&path, &rotated).unwrap();
        read(1);
        let after = read(100);
        for (positions, there) in [(before, true), (after.clone(), true), (after, false)] {
            locked(&ledger).counter_reset(1.0);
            saver.save_now(&ledger, positions);
            assert_eq!(rotated.exists(), there);
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
