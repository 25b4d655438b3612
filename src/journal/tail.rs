//! A file that somebody else appends to, followed over rotation by rename, by copy-and-truncate, and deletion.
//!
//! Only whole lines are taken. A file that is no longer at its path is read on for a while, because its writer may not have
//! noticed yet; the one that took its place begins after it.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::generations;
use super::ledger::Format;
use super::lines::Chunk;
use super::reader::{Counted, FileId, Looked, Reader};

/// How long a file that left its path is read on after it last grew.
const LINGER: Duration = Duration::from_secs(60);
/// How many of the files that are no longer read on are known, so that one with late lines is not taken for a new one.
const FINISHED: usize = 16;
/// How far a file has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The path that its journal is configured with; the file may have been renamed since.
    pub path: PathBuf,
    /// Which file.
    pub file: FileId,
    /// How far.
    pub counted: Counted,
}

/// A path and the files that are or were there.
pub struct Tail {
    path: PathBuf,
    format: Format,
    current: Option<Reader>,
    /// Files that have left the path, oldest first, and when each last grew.
    left: Vec<(Reader, Instant)>,
    /// The last ones that left for good.
    finished: VecDeque<FileId>,
    /// Why the file at the path cannot be read, and its length as far as it is known.
    error: Option<(String, u64)>,
    /// The error that the log knows of.
    logged: Option<String>,
}

impl Tail {
    /// Follows `path`, whether or not there is a file yet, from its beginning.
    pub fn new(path: PathBuf, format: Format) -> Self {
        Self { path, format, current: None, left: Vec::new(), finished: VecDeque::new(), error: None, logged: None }
    }

    /// Follows `path` from where it had been read up to: in the same file, or in one beside it that it was renamed to (`NAME.*`),
    /// and from there on in those that came after it.
    pub fn resume(path: PathBuf, format: Format, positions: &[Position], now: Instant) -> Self {
        let mut tail = Self::new(path, format);
        for position in positions.iter().filter(|position| position.path == tail.path) {
            match generations::find(position) {
                Some((reader, true)) => tail.current = Some(reader),
                Some((reader, false)) => tail.left.push((reader, now)),
                None => tracing::warn!(journal = %tail.path.display(), offset = position.counted.offset,
                    "the file that was read up to this offset is gone or was truncated: what else it held is not counted"),
            }
        }
        tail
    }

    /// The path as configured.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What its lines are.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How far each of its files has been read.
    pub fn positions(&self) -> impl Iterator<Item = Position> {
        let readers = self.left.iter().map(|(reader, _)| reader).chain(&self.current);
        readers.map(|reader| Position { path: self.path.clone(), file: reader.id(), counted: reader.counted() })
    }

    /// Bytes that the last look found and that are not read, and all of a file that cannot be read.
    pub fn lag(&self) -> u64 {
        let open: u64 = self.left.iter().map(|(reader, _)| reader.lag()).chain(self.current.iter().map(Reader::lag)).sum();
        open + self.error.as_ref().map_or(0, |(_, len)| *len)
    }

    /// Bytes counted of the file at the path; None while there is none.
    pub fn offset(&self) -> Option<u64> {
        self.current.as_ref().map(|reader| reader.counted().offset)
    }

    /// Why the file at the path cannot be read.
    pub fn error(&self) -> Option<&str> {
        self.error.as_ref().map(|(error, _)| error.as_str())
    }

    /// Logs that reading began or ceased to fail since the last call.
    pub fn log_change(&mut self) {
        if self.logged.as_deref() == self.error() {
            return;
        }
        let journal = self.path.display();
        match &self.error {
            Some((error, _)) => tracing::warn!(%journal, error, "a file cannot be read"),
            None => tracing::info!(%journal, "the file can be read again"),
        }
        self.logged = self.error.as_ref().map(|(error, _)| error.clone());
    }

    /// Follows what happened to the files, and fixes the ends up to which [`Self::next_chunk`] reads.
    pub fn look(&mut self, now: Instant) {
        self.error = None;
        let there = fs::metadata(&self.path);
        match &there {
            Ok(meta) => {
                if !self.current.as_ref().is_some_and(|reader| reader.is(meta)) {
                    self.leave(now);
                    self.arrive(meta, now);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.current.is_some() {
                    self.leave(now);
                    self.take_unseen(None, &[], now);
                }
            }
            Err(error) => self.fail(error, 0),
        }
        let mut truncated = Vec::new();
        match self.current.as_mut().map(Reader::look) {
            Some(Ok(Looked::Truncated(counted))) => truncated.push(counted),
            Some(Ok(Looked::Same | Looked::Grown)) | None => {}
            Some(Err(error)) => self.fail(&error, 0),
        }
        self.left.retain_mut(|(reader, grew)| {
            let unread = reader.lag() > 0;
            let looked = reader.look();
            match looked {
                Ok(Looked::Same) if unread || now.duration_since(*grew) < LINGER => return true,
                Ok(Looked::Same) => {
                    self.finished.truncate(FINISHED - 1);
                    self.finished.push_front(reader.id());
                    return false;
                }
                Ok(Looked::Grown) => {}
                Ok(Looked::Truncated(counted)) => truncated.push(counted),
                Err(error) => {
                    tracing::warn!(journal = %self.path.display(), %error, "a rotated file cannot be read on");
                    return false;
                }
            }
            *grew = now;
            true
        });
        if !truncated.is_empty() {
            // What was written between the last look and the truncation is in the copy alone.
            self.take_unseen(there.as_ref().ok(), &truncated, now);
        }
    }

    fn leave(&mut self, now: Instant) {
        self.left.extend(self.current.take().map(|reader| (reader, now)));
    }

    /// Takes up files that came to the path and left it between two looks, and copies of those `truncated`; `at_path` is there now.
    fn take_unseen(&mut self, at_path: Option<&fs::Metadata>, truncated: &[Counted], now: Instant) {
        let left = self.left.iter().map(|(reader, _)| reader.counted());
        let counted: Vec<_> = left.chain(truncated.iter().copied()).collect();
        let inode = |meta: &fs::Metadata| (meta.dev(), meta.ino());
        let open = |meta: &fs::Metadata| {
            at_path.is_some_and(|there| inode(there) == inode(meta)) || self.left.iter().any(|(reader, _)| reader.is(meta))
        };
        let unseen = generations::newer(&self.path, &counted, open, self.finished.make_contiguous());
        self.left.extend(unseen.into_iter().map(|reader| (reader, now)));
    }

    /// Takes up the file that `meta` was found for: a new one, or one that left and came back.
    fn arrive(&mut self, meta: &fs::Metadata, now: Instant) {
        self.take_unseen(Some(meta), &[], now);
        if let Some(at) = self.left.iter().position(|(reader, _)| reader.is(meta)) {
            self.current = Some(self.left.remove(at).0);
            return;
        }
        match Reader::open(&self.path) {
            Ok(reader) => self.current = Some(reader),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.fail(&error, meta.len()),
        }
    }

    fn fail(&mut self, error: &io::Error, unread: u64) {
        self.error = Some((error.to_string(), unread));
    }

    /// The next whole lines, older files first; None when all was read that the last look found.
    pub fn next_chunk<'b>(&mut self, buffer: &'b mut [u8]) -> Option<Chunk<'b>> {
        let mut readers = self.left.iter_mut().map(|(reader, _)| reader).chain(&mut self.current);
        let reader = readers.find(|reader| !reader.drained())?;
        match reader.next(buffer) {
            Ok(Some(chunk)) => return Some(chunk),
            Ok(None) => {}
            Err(error) => {
                let unread = reader.give_up();
                self.error = Some((error.to_string(), unread));
            }
        }
        // The next file, with the buffer that this one did not fill.
        Some(Chunk::empty())
    }
}
