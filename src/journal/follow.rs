//! The one thread that reads files and counts: it follows every journal, drains them when a scrape asks, and saves the checkpoint.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::checkpoint::{Checkpoint, SavedLedger, Snapshot, encode};
use super::ledger::{Format, Ledger};
use super::lines::Line;
use super::rejection::{Reason, Rejection};
use super::reports::Reports;
use super::tail::{Position, Tail};
use crate::clock::unix_now;
use crate::locked;

/// How often files are looked at when no scrape asks.
const LOOK: Duration = Duration::from_millis(500);
/// How often the checkpoint is saved, if anything changed.
const SAVE: Duration = Duration::from_secs(5);
/// Bytes read at a time: about 2,000 events, which hold the ledger's lock for about a millisecond.
const BUFFER: usize = 256 * 1024;

/// A file to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Where it is.
    pub path: PathBuf,
    /// What its lines are.
    pub format: Format,
}

/// What is known of a followed file.
#[derive(Clone, Debug)]
pub struct FileStatus {
    /// The path as configured.
    pub path: PathBuf,
    /// What its lines are.
    pub format: Format,
    /// Bytes counted of the file at the path; None while there is none.
    pub offset: Option<u64>,
    /// Bytes not yet read.
    pub lag: u64,
    /// Why it cannot be read.
    pub error: Option<String>,
}

/// What is known of the follower's work.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Every followed file.
    pub files: Vec<FileStatus>,
    /// When the checkpoint was last saved or found to need no saving, in Unix seconds; 0 until then.
    pub saved_at: f64,
    /// Attempts to save it that failed.
    pub save_failures: u64,
    /// Why the last one did.
    pub save_error: Option<String>,
}

enum Command {
    Drain(oneshot::Sender<()>),
    Follow(Vec<Followed>),
    Stop,
}

/// The handle to the thread.
pub struct Follower {
    commands: mpsc::Sender<Command>,
    status: Arc<Mutex<Status>>,
    caught_up: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Follower {
    /// Starts the thread: `ledger` is what `positions` led to, `files` what is followed from there on.
    pub fn start(
        ledger: Arc<Mutex<Ledger>>,
        positions: Vec<Position>,
        files: Vec<Followed>,
        checkpoint: Checkpoint,
    ) -> std::io::Result<Self> {
        let (commands, inbox) = mpsc::channel();
        let status = Arc::new(Mutex::new(Status::default()));
        let caught_up = Arc::new(AtomicBool::new(false));
        let mut worker = Worker {
            ledger,
            tails: Vec::new(),
            resting: positions,
            buffer: vec![0; BUFFER].into(),
            status: status.clone(),
            caught_up: caught_up.clone(),
            reports: Reports::default(),
            checkpoint,
            saving: None,
            saved: None,
            save_at: Instant::now() + SAVE,
        };
        worker.follow(files);
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(move || worker.run(&inbox))?;
        Ok(Self { commands, status, caught_up, thread: Mutex::new(Some(thread)) })
    }

    /// True once everything has been counted that was there at the start.
    pub fn caught_up(&self) -> bool {
        self.caught_up.load(Ordering::Acquire)
    }

    /// Counts every line that is in the files now. Done when the receiver gets its answer; whoever does not wait so long loses nothing.
    pub fn drain(&self) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        // A thread that is gone drops the sender, which the receiver sees.
        let _ = self.commands.send(Command::Drain(done));
        receiver
    }

    /// Follows these files from now on; those that were followed already go on where they are.
    pub fn follow(&self, files: Vec<Followed>) {
        let _ = self.commands.send(Command::Follow(files));
    }

    /// What is known now.
    pub fn status(&self) -> Status {
        locked(&self.status).clone()
    }

    /// Counts what is there, saves the checkpoint and ends the thread. It takes as long as that takes.
    pub fn stop(&self) {
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = locked(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    ledger: Arc<Mutex<Ledger>>,
    tails: Vec<Tail>,
    /// How far files were read that nobody wants followed now; one that is wanted again goes on from there.
    resting: Vec<Position>,
    buffer: Box<[u8]>,
    status: Arc<Mutex<Status>>,
    caught_up: Arc<AtomicBool>,
    reports: Reports,
    checkpoint: Checkpoint,
    /// The checkpoint that is being written beside the counting, and what it holds.
    saving: Option<(JoinHandle<std::io::Result<()>>, Saved)>,
    saved: Option<Saved>,
    save_at: Instant,
}

/// What a checkpoint holds, as far as it tells whether there is something new to save.
#[derive(Clone, PartialEq)]
struct Saved {
    changes: u64,
    positions: Vec<Position>,
}

impl Worker {
    fn run(mut self, inbox: &mpsc::Receiver<Command>) {
        let mut waiting = Vec::new();
        let mut stop = self.pass(inbox, &mut waiting);
        self.caught_up.store(true, Ordering::Release);
        while !stop {
            let first = if waiting.is_empty() { inbox.recv_timeout(LOOK) } else { Err(RecvTimeoutError::Timeout) };
            match first {
                Ok(command) => stop = self.take(command, &mut waiting),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => stop = true,
            }
            let asked = std::mem::take(&mut waiting);
            stop |= self.pass(inbox, &mut waiting);
            for done in asked {
                let _ = done.send(());
            }
            self.save_when_due();
        }
        self.save_last();
    }

    fn take(&mut self, command: Command, waiting: &mut Vec<oneshot::Sender<()>>) -> bool {
        match command {
            Command::Drain(done) => waiting.push(done),
            Command::Follow(files) => self.follow(files),
            Command::Stop => return true,
        }
        false
    }

    fn follow(&mut self, files: Vec<Followed>) {
        let now = Instant::now();
        let mut old = std::mem::take(&mut self.tails);
        for file in files {
            let same = |tail: &Tail| (tail.path(), tail.format()) == (&*file.path, file.format);
            self.tails.push(match old.iter().position(same) {
                Some(at) => old.swap_remove(at),
                None => {
                    let rested = self.resting.extract_if(.., |position| position.path == file.path).collect::<Vec<_>>();
                    Tail::resume(file.path, file.format, &rested, now)
                }
            });
        }
        self.resting.extend(old.iter().flat_map(Tail::positions));
    }

    /// Reads every file up to its end as of now. What is asked meanwhile is kept for the next pass; true when it is to stop.
    fn pass(&mut self, inbox: &mpsc::Receiver<Command>, waiting: &mut Vec<oneshot::Sender<()>>) -> bool {
        let now = Instant::now();
        for tail in &mut self.tails {
            tail.look(now);
        }
        let mut stop = false;
        'tails: for at in 0..self.tails.len() {
            while let Some(chunk) = self.tails[at].next_chunk(&mut self.buffer) {
                let tail = &self.tails[at];
                count(&mut locked(&self.ledger), tail, chunk.lines(), &mut self.reports);
                self.publish();
                match inbox.try_recv() {
                    Ok(Command::Drain(done)) => waiting.push(done),
                    Ok(Command::Stop) | Err(TryRecvError::Disconnected) => {
                        stop = true;
                        break 'tails;
                    }
                    Ok(command @ Command::Follow(_)) => {
                        self.take(command, waiting);
                        break 'tails;
                    }
                    Err(TryRecvError::Empty) => {}
                }
                self.save_when_due();
            }
        }
        self.tails.iter_mut().for_each(Tail::log_change);
        self.reports.flush(now);
        self.publish();
        stop
    }

    fn publish(&self) {
        let files = self.tails.iter().map(|tail| FileStatus {
            path: tail.path().to_owned(),
            format: tail.format(),
            offset: tail.offset(),
            lag: tail.lag(),
            error: tail.error().map(str::to_owned),
        });
        locked(&self.status).files = files.collect();
    }

    fn save_when_due(&mut self) {
        if self.saving.as_ref().is_some_and(|(thread, _)| thread.is_finished()) {
            self.finish_saving();
        }
        let now = Instant::now();
        if now < self.save_at || self.saving.is_some() {
            return;
        }
        self.save_at = now + SAVE;
        let (saved, bytes) = self.snapshot();
        let Some(bytes) = bytes else {
            locked(&self.status).saved_at = unix_now();
            return;
        };
        let checkpoint = self.checkpoint.clone();
        let thread = thread::Builder::new().name("checkpoint".to_owned()).spawn(move || checkpoint.save(&bytes?));
        match thread {
            Ok(thread) => self.saving = Some((thread, saved)),
            Err(error) => self.saving_ended(Err(error), saved),
        }
    }

    fn save_last(&mut self) {
        self.finish_saving();
        let (saved, bytes) = self.snapshot();
        if let Some(bytes) = bytes {
            let result = bytes.and_then(|bytes| self.checkpoint.save(&bytes));
            self.saving_ended(result, saved);
        }
    }

    /// What there is to save; no bytes when nothing has changed since the last time.
    fn snapshot(&self) -> (Saved, Option<std::io::Result<Vec<u8>>>) {
        let ledger = locked(&self.ledger);
        let positions = self.tails.iter().flat_map(Tail::positions).chain(self.resting.iter().cloned());
        let saved = Saved { changes: ledger.changes(), positions: positions.collect() };
        if self.saved.as_ref() == Some(&saved) {
            return (saved, None);
        }
        let snapshot = Snapshot::V1 { positions: saved.positions.clone(), ledger: SavedLedger::of(&ledger) };
        drop(ledger);
        (saved, Some(encode(&snapshot).map_err(std::io::Error::from)))
    }

    fn finish_saving(&mut self) {
        if let Some((thread, saved)) = self.saving.take() {
            let result = thread.join().unwrap_or_else(|_| Err(std::io::Error::other("the thread that saves it panicked")));
            self.saving_ended(result, saved);
        }
    }

    fn saving_ended(&mut self, result: std::io::Result<()>, saved: Saved) {
        let mut status = locked(&self.status);
        match result {
            Ok(()) => {
                if status.save_error.take().is_some() {
                    tracing::info!("the checkpoint is saved again");
                }
                status.saved_at = unix_now();
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

fn count<'a>(
    ledger: &mut MutexGuard<'_, Ledger>,
    tail: &Tail,
    lines: impl Iterator<Item = (u64, Line<'a>)>,
    reports: &mut Reports,
) {
    let read_at = unix_now();
    for (offset, line) in lines {
        let result = match line {
            Line::Whole(line) => ledger.count(tail.format(), line, read_at),
            Line::Oversize(length) => {
                ledger.reject(Reason::Oversize);
                Err(Rejection::new(Reason::Oversize, format!("at most 64 KiB a line, but found {length} bytes")))
            }
        };
        if let Err(rejection) = result {
            reports.rejected(tail.path(), offset, &rejection);
        }
    }
}
