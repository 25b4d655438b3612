//! The one thread that writes the exporter's own journal. Posts that wait while the disk is busy are written together: one flush is
//! enough for all of them, and none is acknowledged before it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::keys::{Keys, Known};
use super::ledger::Ledger;
use super::own::OwnJournal;
use super::post::{MAX_POST, Post};
use crate::locked;

/// The length from which on another file is begun.
const ROTATE: u64 = 64 * 1024 * 1024;
/// How many bytes are written at once, but for the post that goes beyond.
const BATCH: usize = 4 * 1024 * 1024;
/// Bytes of all posts that are being received or wait to be written.
const IN_FLIGHT: usize = 16 * 1024 * 1024;

/// Why a post is not in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its key was used for another body.
    KeyOfAnother,
    /// It could not be written.
    NotWritten,
}

/// A part of the bytes that may be in flight; it is given back when it is dropped.
pub type Reserved = OwnedSemaphorePermit;

struct Request {
    post: Post,
    _reserved: Reserved,
    answer: oneshot::Sender<Result<(), Refusal>>,
}

/// The handle to the thread, which ends with it. It may end at any time: what is not acknowledged need not be there.
pub struct Appender {
    requests: mpsc::Sender<Request>,
    in_flight: Arc<Semaphore>,
}

impl Appender {
    /// Starts the thread. `ledger` has to have counted all of the journal before the first post is appended.
    pub fn start(journal: Arc<OwnJournal>, ledger: Arc<Mutex<Ledger>>) -> io::Result<Self> {
        let (requests, inbox) = mpsc::channel();
        let worker = Worker { journal, ledger, keys: None, open: None, buffer: Vec::new(), failing: false };
        thread::Builder::new().name("append".to_owned()).spawn(move || worker.run(&inbox))?;
        Ok(Self { requests, in_flight: Arc::new(Semaphore::new(IN_FLIGHT)) })
    }

    /// Asks for `bytes` of those that all posts together may hold, from their first byte until they are on the disk. None
    /// when there are too many: the disk does not keep up.
    pub fn reserve(&self, bytes: usize) -> Option<Reserved> {
        self.in_flight.clone().try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }

    /// Appends a post, unless one with its key is there already; returns when it is on the disk.
    pub async fn append(&self, post: Post, reserved: Reserved) -> Result<(), Refusal> {
        let (answer, receiver) = oneshot::channel();
        // A thread that is gone drops the sender.
        let _ = self.requests.send(Request { post, _reserved: reserved, answer });
        receiver.await.unwrap_or(Err(Refusal::NotWritten))
    }
}

struct Worker {
    journal: Arc<OwnJournal>,
    ledger: Arc<Mutex<Ledger>>,
    /// The keys of the posts in the journal, also of those that are not counted yet.
    keys: Option<Keys>,
    open: Option<Open>,
    buffer: Vec<u8>,
    failing: bool,
}

/// The file that is appended to.
struct Open {
    file: File,
    inode: (u64, u64),
    /// All before it is on the disk.
    len: u64,
    /// True while there may be something after it.
    torn: bool,
    /// The length from which on it should be rotated.
    rotate_at: u64,
}

impl Worker {
    fn run(mut self, inbox: &mpsc::Receiver<Request>) {
        while let Ok(request) = inbox.recv() {
            let mut size = request.post.size();
            let mut batch = vec![request];
            while size < BATCH
                && let Ok(request) = inbox.try_recv()
            {
                size += request.post.size();
                batch.push(request);
            }
            self.append(batch);
        }
    }

    fn append(&mut self, batch: Vec<Request>) {
        let keys = self.keys.get_or_insert_with(|| locked(&self.ledger).keys().clone());
        let (mut waiting, mut new) = (Vec::with_capacity(batch.len()), 0);
        self.buffer.clear();
        for Request { post, _reserved, answer } in batch {
            match post.key().map_or(Known::New, |key| keys.known(key)) {
                Known::New => {
                    let before = self.buffer.len();
                    if post.write(&mut self.buffer).is_err() {
                        self.buffer.truncate(before);
                        let _ = answer.send(Err(Refusal::NotWritten));
                        continue;
                    }
                    if let Some(key) = post.key() {
                        keys.insert(key);
                        new += 1;
                    }
                    waiting.push(answer);
                }
                // It is in the journal already, or in this batch.
                Known::Again => waiting.push(answer),
                Known::Other => drop(answer.send(Err(Refusal::KeyOfAnother))),
            }
        }
        let result = if self.buffer.is_empty() { Ok(()) } else { self.write() };
        if let (Err(_), Some(keys)) = (&result, &mut self.keys) {
            keys.forget_newest(new);
        }
        self.log_change(result.as_ref().err());
        let result = result.map_err(|_| Refusal::NotWritten);
        for answer in waiting {
            let _ = answer.send(result);
        }
        self.rotate_when_due();
    }

    /// Writes the buffer and flushes it; after an error nothing of it is there.
    fn write(&mut self) -> io::Result<()> {
        self.open()?;
        let Some(open) = &mut self.open else { return Err(io::ErrorKind::NotFound.into()) };
        self.journal.writing(&open.file, open.len)?;
        open.torn = true;
        open.file.write_all(&self.buffer).and_then(|()| open.file.sync_data()).inspect_err(|_| {
            // If that fails too, it is tried again before the next post.
            let _ = open.mend(&self.journal);
        })?;
        open.len += self.buffer.len() as u64;
        open.torn = false;
        self.journal.settled();
        Ok(())
    }

    /// Makes sure that there is a file, the one at the path, and that it ends with a whole line.
    fn open(&mut self) -> io::Result<()> {
        let path = self.journal.path();
        if let Some(open) = &mut self.open {
            if open.torn {
                open.mend(&self.journal)?;
            }
            if fs::metadata(path).is_ok_and(|meta| open.inode == (meta.dev(), meta.ino())) {
                return Ok(());
            }
        }
        let file = File::options().read(true).append(true).create(true).open(path)?;
        let meta = file.metadata()?;
        let len = whole_lines(&file, meta.len())?;
        let mut open = Open { file, inode: (meta.dev(), meta.ino()), len, torn: len < meta.len(), rotate_at: ROTATE };
        if meta.len() - len > MAX_POST as u64 {
            // Not what a crash of ours leaves. The tail may be in the middle of it: it must not become shorter.
            self.journal.rotate()?;
            return self.open();
        }
        if open.torn {
            open.mend(&self.journal)?;
        }
        self.journal.sync_folder()?;
        self.open = Some(open);
        Ok(())
    }

    fn rotate_when_due(&mut self) {
        let Some(open) = self.open.take_if(|open| open.len >= open.rotate_at && !open.torn) else { return };
        if let Err(error) = self.journal.rotate() {
            tracing::warn!(file = %self.journal.path().display(), %error, "the exporter's own journal cannot be rotated");
            self.open = Some(Open { rotate_at: open.len + ROTATE, ..open });
        }
    }

    fn log_change(&mut self, error: Option<&io::Error>) {
        let journal = self.journal.path().display();
        match error {
            Some(error) if !self.failing => tracing::error!(%journal, %error, "posts cannot be written and are refused"),
            None if self.failing => tracing::info!(%journal, "posts are written again"),
            _ => {}
        }
        self.failing = error.is_some();
    }
}

impl Open {
    /// Cuts off what is after the last good line.
    fn mend(&mut self, journal: &OwnJournal) -> io::Result<()> {
        self.file.set_len(self.len)?;
        self.file.sync_data()?;
        self.torn = false;
        journal.settled();
        Ok(())
    }
}

/// How many of the first `len` bytes are whole lines.
fn whole_lines(file: &File, len: u64) -> io::Result<u64> {
    let (mut buffer, mut end) = (vec![0; 64 * 1024], len);
    while end > 0 {
        let from = end.saturating_sub(buffer.len() as u64);
        let part = &mut buffer[..(end - from) as usize];
        file.read_exact_at(part, from)?;
        if let Some(at) = memchr::memrchr(b'\n', part) {
            return Ok(from + at as u64 + 1);
        }
        end = from;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::sample::Limits;

    #[test]
    fn what_is_being_written_is_not_there_for_readers() {
        let path = std::env::temp_dir().join(format!("sentinel-append-{}", std::process::id()));
        let journal = Arc::new(OwnJournal::new(path.clone()));
        let ledger = Arc::new(Mutex::new(Ledger::new(Limits::default())));
        let appender = Appender::start(journal.clone(), ledger).unwrap();
        let body = b"{\"event\":\"cycle\",\"seconds\":1}\n".repeat(30_000);
        let append = || {
            let post = Post::read(&body, 1.0, None);
            tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap()
                .block_on(appender.append(post, appender.reserve(1).unwrap()))
                .unwrap();
        };
        append();
        let length = fs::metadata(&path).unwrap().len();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let file = File::open(&path).unwrap();
                while !done.load(Ordering::Acquire) {
                    let (_, synced) = journal.synced(&file).unwrap();
                    assert_eq!(synced % length, 0, "it grows by whole posts");
                }
            });
            (0..10).for_each(|_| append());
            done.store(true, Ordering::Release);
        });
        assert_eq!(fs::metadata(&path).unwrap().len(), 11 * length);
        fs::remove_file(path).unwrap();
    }
}
