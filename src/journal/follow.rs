//! The one thread that reads files and counts: it follows every journal, drains them when a scrape asks, and saves the checkpoint.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::checkpoint::Checkpoint;
use super::ledger::{Format, Ledger};
use super::lines::Line;
use super::others::Others;
use super::own::OwnJournal;
use super::progress::Progress;
use super::reader::Reader;
use super::rejection::{Reason, Rejection};
use super::reports::Reports;
use super::saver::Saver;
use super::tail::{Position, Tail};
use crate::clock::unix_now;
use crate::locked;

/// How often files are looked at when no scrape asks.
const LOOK: Duration = Duration::from_millis(500);
/// How often while lines come, so that a scrape finds little left to do; after each look that found none, half as often as before.
const BUSY_LOOK: Duration = Duration::from_millis(10);
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
        own: Arc<OwnJournal>,
    ) -> std::io::Result<Self> {
        let (commands, inbox) = mpsc::channel();
        let status = Arc::new(Mutex::new(Status::default()));
        let caught_up = Arc::new(AtomicBool::new(false));
        let mut worker = Worker {
            ledger,
            tails: Vec::new(),
            resting: positions,
            buffer: vec![0; BUFFER],
            status: status.clone(),
            caught_up: caught_up.clone(),
            reports: Reports::default(),
            saver: Saver::new(checkpoint, status.clone(), own.clone()),
            own,
            progress: Progress::default(),
            pause: LOOK,
        };
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(move || {
            // What was read is looked for in copies, too: that takes as long as reading them.
            worker.follow(files);
            worker.run(&inbox);
        })?;
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
    buffer: Vec<u8>,
    status: Arc<Mutex<Status>>,
    caught_up: Arc<AtomicBool>,
    reports: Reports,
    saver: Saver,
    own: Arc<OwnJournal>,
    progress: Progress,
    /// How long after the last pass the next one is.
    pause: Duration,
}

/// How a pass over all files ended.
enum Pass {
    /// All was read that was there.
    Whole,
    /// There are other files to follow now.
    Interrupted,
    /// It is time to stop.
    Stopped,
}

impl Worker {
    fn run(mut self, inbox: &mpsc::Receiver<Command>) {
        let mut waiting = Vec::new();
        loop {
            let asked = std::mem::take(&mut waiting);
            match self.pass(inbox, &mut waiting) {
                Pass::Whole => {
                    for done in asked {
                        let _ = done.send(());
                    }
                }
                Pass::Interrupted => waiting.extend(asked),
                Pass::Stopped => break,
            }
            self.saver.save_when_due(&self.ledger, || positions(&self.tails, &self.resting));
            let idle = if !waiting.is_empty() || !self.caught_up.load(Ordering::Acquire) {
                // What was asked during a pass does not wait.
                Duration::ZERO
            } else {
                self.pause
            };
            match inbox.recv_timeout(idle) {
                Ok(Command::Drain(done)) => waiting.push(done),
                Ok(Command::Follow(files)) => self.follow(files),
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    self.pass(inbox, &mut waiting);
                    break;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        self.saver.save_now(&self.ledger, positions(&self.tails, &self.resting));
    }

    fn follow(&mut self, files: Vec<Followed>) {
        let now = Instant::now();
        let followed: Arc<[PathBuf]> = files.iter().map(|file| file.path.clone()).collect();
        let mut old = std::mem::take(&mut self.tails);
        for Followed { path, format } in files {
            let same = |tail: &Tail| (tail.path(), tail.format()) == (&*path, format);
            self.tails.push(match old.iter().position(same) {
                Some(at) => old.swap_remove(at).beside(followed.clone()),
                None => {
                    // By its path, or the same file under a path that was written otherwise.
                    let known = self.resting.iter().any(|position| position.path == path);
                    let wanted = |position: &mut Position| {
                        if known { position.path == path } else { Reader::reopen(&path, &position.mark).is_some() }
                    };
                    let rested = self.resting.extract_if(.., wanted).collect::<Vec<_>>();
                    let tail = Tail::new(path, format, followed.clone(), &rested, now);
                    if format == Format::Posts { tail.of_own(self.own.clone()) } else { tail }
                }
            });
        }
        self.resting.extend(old.iter().flat_map(Tail::positions));
    }

    /// Reads every file up to its end as of now. What is asked meanwhile is kept for the next pass.
    fn pass(&mut self, inbox: &mpsc::Receiver<Command>, waiting: &mut Vec<oneshot::Sender<()>>) -> Pass {
        let now = Instant::now();
        for at in 0..self.tails.len() {
            if let Some((tail, others)) = Others::of(&mut self.tails, at) {
                tail.look(now, others);
            }
        }
        self.pause = longer(self.pause);
        for at in 0..self.tails.len() {
            while let Some(chunk) = self.tails[at].next_chunk(&mut self.buffer) {
                let tail = &self.tails[at];
                self.pause = BUSY_LOOK;
                count(&mut locked(&self.ledger), tail, chunk.lines(), &mut self.reports);
                self.publish();
                if !self.caught_up.load(Ordering::Acquire) {
                    self.progress.report(&self.tails);
                }
                match inbox.try_recv() {
                    Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return Pass::Stopped,
                    Ok(Command::Drain(done)) => waiting.push(done),
                    Ok(Command::Follow(files)) => {
                        self.follow(files);
                        return Pass::Interrupted;
                    }
                    Err(TryRecvError::Empty) => {}
                }
                self.saver.save_when_due(&self.ledger, || positions(&self.tails, &self.resting));
            }
        }
        if !self.caught_up.load(Ordering::Acquire) {
            // From now on a checkpoint is expected.
            self.saver.save_now(&self.ledger, positions(&self.tails, &self.resting));
            self.caught_up.store(true, Ordering::Release);
            self.progress.ended();
        }
        self.tails.iter_mut().for_each(Tail::log_change);
        self.reports.flush(now);
        self.publish();
        Pass::Whole
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
}

/// The pause after a pass that found nothing, when the one before it was `pause`.
fn longer(pause: Duration) -> Duration {
    LOOK.min(pause * 2)
}

fn positions(tails: &[Tail], resting: &[Position]) -> Vec<Position> {
    tails.iter().flat_map(Tail::positions).chain(resting.iter().cloned()).collect()
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
                Err(Rejection::new(
                    Reason::Oversize,
                    format!("at most {} bytes a line, but found {length}", tail.format().longest_line()),
                ))
            }
        };
        if let Err(rejection) = result {
            reports.rejected(tail.path(), offset, &rejection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_look_too_early_is_soon_followed_by_another() {
        let after = |empty| (0..empty).fold(BUSY_LOOK, |pause, _| longer(pause)).as_millis();
        assert_eq!([after(0), after(1), after(2), after(6), after(7)], [10, 20, 40, 500, 500]);
    }
}
