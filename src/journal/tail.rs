//! A file that somebody else appends to, followed over rotation by rename, by copy-and-truncate, and deletion.
//!
//! Only whole lines are taken. A file that is no longer at its path is read on for a while, because its writer may not have
//! noticed yet; the one that took its place begins after it.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::generations::Generations;
use super::ledger::Format;
use super::lines::Chunk;
use super::others::Others;
use super::own::OwnJournal;
use super::reader::{Looked, Mark, Reader, inode};

/// How long a file that left its path is read on after it last grew: one of several writers may have it open still, and write seldom.
const LINGER: Duration = Duration::from_mins(15);
/// The same of one that was deleted, whose room is not free before it is closed, and of the exporter's own, whose writer knows.
const SHORT_LINGER: Duration = Duration::from_mins(1);
/// How many of the files that are no longer read on are known, so that one with late lines is not taken for a new one, and one of the
/// own journal is deleted.
const FINISHED: usize = 64;

/// How far a file has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The path that its journal is configured with; the file may have been renamed since.
    pub path: PathBuf,
    /// How far, and in which file.
    pub mark: Mark,
    /// True when it left its path long ago: it is only known so that it is not taken for a new one.
    pub finished: bool,
}

/// A path and the files that are or were there.
pub struct Tail {
    path: PathBuf,
    format: Format,
    /// All paths that are followed.
    followed: Arc<[PathBuf]>,
    current: Option<Reader>,
    /// Files that have left the path, oldest first, and when each last grew.
    left: Vec<(Reader, Instant)>,
    /// The last ones that left for good.
    finished: VecDeque<Mark>,
    /// Files that were read before this process began and are gone: others may have come after them.
    gone: Vec<Mark>,
    /// Files that cannot be read, compressed ones among them, that the log knows of.
    told: Vec<PathBuf>,
    /// Why one of its files cannot be read, and the length of one that is not open, as far as it is known.
    error: Option<(String, u64)>,
    /// The error that the log knows of.
    logged: Option<String>,
    /// Set when it is the exporter's own journal.
    own: Option<Arc<OwnJournal>>,
}

impl Tail {
    /// Follows `path`, whether or not there is a file yet, from where it had been read up to by `positions`: in the same file, at its
    /// path or renamed, or in a copy of it, and from there on in those that came after it. Without positions, from the beginning.
    pub fn new(path: PathBuf, format: Format, followed: Arc<[PathBuf]>, positions: &[Position], now: Instant) -> Self {
        let mut tail = Self {
            path,
            format,
            followed,
            current: None,
            left: Vec::new(),
            finished: VecDeque::new(),
            gone: Vec::new(),
            told: Vec::new(),
            error: None,
            logged: None,
            own: None,
        };
        if positions.is_empty() {
            // Whatever comes from now on has to be counted, also what has left the path again before anybody looked.
            tail.finished.push_back(Mark::of_nothing(SystemTime::now()));
        }
        for position in positions {
            if position.finished {
                tail.finished.push_back(position.mark);
                continue;
            }
            match tail.generations().find(&position.mark) {
                Some((reader, true)) => tail.current = Some(reader),
                Some((reader, false)) => tail.left.push((reader, now)),
                None => {
                    tracing::warn!(journal = %tail.path.display(), offset = position.mark.offset,
                        "the file that was counted up to this offset is gone: what else it held is not counted");
                    tail.gone.push(position.mark);
                }
            }
        }
        tail
    }

    /// The same with other paths beside it.
    pub fn beside(mut self, followed: Arc<[PathBuf]>) -> Self {
        self.followed = followed;
        self
    }

    /// The same for the exporter's own journal.
    pub(super) fn of_own(mut self, own: Arc<OwnJournal>) -> Self {
        self.own = Some(own);
        self
    }

    fn generations(&self) -> Generations<'_> {
        Generations { path: &self.path, followed: &self.followed, own: self.own.as_deref() }
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
        let open = self.left.iter().map(|(reader, _)| reader).chain(&self.current);
        let position = |mark, finished| Position { path: self.path.clone(), mark, finished };
        let finished = self.finished.iter().chain(&self.gone).map(move |mark| position(*mark, true));
        open.map(move |reader| position(reader.mark(), false)).chain(finished)
    }

    /// Bytes that the last look found and that are not read, and all of a file that cannot be read.
    pub fn lag(&self) -> u64 {
        let open: u64 = self.left.iter().map(|(reader, _)| reader.lag()).chain(self.current.iter().map(Reader::lag)).sum();
        open + self.error.as_ref().map_or(0, |(_, len)| *len)
    }

    /// Bytes counted of the file at the path; None while there is none.
    pub fn offset(&self) -> Option<u64> {
        self.current.as_ref().map(|reader| reader.mark().offset)
    }

    /// Why one of its files cannot be read.
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

    /// True when it reads the file with this device and inode, at the path or not.
    pub(super) fn reads(&self, inode: (u64, u64)) -> bool {
        self.left.iter().map(|(reader, _)| reader).chain(&self.current).any(|reader| reader.inode() == inode)
    }

    /// How far it has read files that it no longer reads.
    pub(super) fn finished(&self) -> impl Iterator<Item = &Mark> {
        self.finished.iter().chain(&self.gone)
    }

    /// Follows what happened to the files, and fixes the ends up to which [`Self::next_chunk`] reads. What the `others` read is left to them.
    pub fn look(&mut self, now: Instant, others: Others<'_>) {
        self.error = None;
        match fs::metadata(&self.path) {
            Ok(meta) if self.current.as_ref().is_some_and(|reader| reader.is(&meta)) => {}
            Ok(meta) => match others.reading(inode(&meta)) {
                None => {
                    self.leave(now);
                    self.arrive(&meta, now, others);
                }
                Some(other) => {
                    self.vacate(now, others);
                    self.fail(format_args!("it is the same file as {}, and is read as that", other.display()), 0);
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.vacate(now, others),
            Err(error) => self.fail(error, 0),
        }
        let mut truncated = Vec::new();
        if let Some(current) = &mut self.current {
            match current.look(self.own.as_deref()) {
                Ok(Looked::Truncated(mark)) => truncated.push(mark),
                Ok(Looked::Same | Looked::Grown) => {}
                Err(error) => {
                    current.give_up();
                    self.fail(error, 0);
                }
            }
        }
        let mut left = std::mem::take(&mut self.left);
        left.retain_mut(|(reader, grew)| {
            let behind = reader.is_behind();
            match reader.look(self.own.as_deref()) {
                Ok(Looked::Same) if !behind => {
                    let kept = self.lingers(reader, now.duration_since(*grew));
                    if !kept {
                        self.let_go(reader);
                    }
                    return kept;
                }
                Ok(Looked::Truncated(mark)) => {
                    // What is in it now may be a copy of another one.
                    truncated.push(mark);
                    return false;
                }
                Ok(Looked::Same | Looked::Grown) => {}
                Err(error) => {
                    reader.give_up();
                    self.fail(format_args!("a file that was rotated: {error}"), 0);
                }
            }
            *grew = now;
            true
        });
        self.left = left;
        if !truncated.is_empty() {
            // What was written between the last look and the truncation is in the copy alone.
            self.take_unseen(None, &truncated, now, others);
        }
    }

    /// True when a file that left the path and did not grow for the time `still` is read on. As long as nothing is in the one that took its
    /// place, its writer has not noticed.
    fn lingers(&self, reader: &Reader, still: Duration) -> bool {
        let short = self.format == Format::Posts || reader.is_deleted();
        let unnoticed = self.current.as_ref().is_none_or(Reader::is_empty);
        still < SHORT_LINGER || (!short && (still < LINGER || unnoticed))
    }

    fn let_go(&mut self, reader: &Reader) {
        let mark = reader.mark();
        tracing::info!(journal = %self.path.display(), inode = reader.inode().1, offset = mark.offset,
            "a file that left its path has not grown for a while, and is no longer read on");
        self.finished.retain(|mark| !reader.has(mark));
        self.finished.truncate(FINISHED - 1);
        self.finished.push_front(mark);
    }

    fn leave(&mut self, now: Instant) {
        self.left.extend(self.current.take().map(|reader| (reader, now)));
    }

    /// Has nothing at the path any more.
    fn vacate(&mut self, now: Instant, others: Others<'_>) {
        if self.current.is_some() {
            self.leave(now);
            self.take_unseen(None, &[], now, others);
        }
    }

    /// Takes up files that came to the path and left it between two looks, and copies of those `truncated`; `arrived` is at the path,
    /// unless the current one is.
    fn take_unseen(&mut self, arrived: Option<&Reader>, truncated: &[Mark], now: Instant, others: Others<'_>) {
        let left = self.left.iter().map(|(reader, _)| reader.mark());
        let mut marks: Vec<_> = left.chain(truncated.iter().copied()).chain(self.gone.iter().copied()).collect();
        let oldest = marks.iter().map(|mark| mark.written).min();
        let Some(since) = oldest.or(self.finished.front().map(|mark| mark.written)) else { return };
        marks.extend(self.finished.iter().copied().chain(self.current.as_ref().map(Reader::mark)));
        let open: Vec<_> = self.left.iter().map(|(reader, _)| reader).chain(&self.current).chain(arrived).collect();
        let mut told = std::mem::take(&mut self.told);
        let unseen = self.generations().newer(since, &open, &marks, others, &mut told);
        self.told = told;
        self.left.extend(unseen.into_iter().map(|reader| (reader, now)));
        // They may come back, or be found by another path.
        self.finished.extend(self.gone.drain(..));
        self.finished.truncate(FINISHED);
    }

    /// Takes up the file at the path, of which `meta` is: one that left and came back, one that replaced an equal one, or a new one.
    fn arrive(&mut self, meta: &fs::Metadata, now: Instant, others: Others<'_>) {
        let marks = self.finished().chain(others.finished()).filter(|mark| mark.is_of(meta));
        let known = marks.filter_map(|mark| Reader::open_copy(&self.path, mark)).next();
        let opened = known.map_or_else(|| Reader::open(&self.path), Ok).and_then(|reader| reader.looked(self.own.as_deref()));
        self.take_unseen(opened.as_ref().ok(), &[], now, others);
        let opened = match opened {
            // It took the place of the one that was there a moment ago; the next look tells.
            Ok(opened) if others.reading(opened.inode()).is_some() => return,
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.fail(error, meta.len()),
        };
        let (path, left) = (&self.path, &self.left);
        if let Some(at) = left.iter().position(|(reader, _)| reader.inode() == opened.inode()) {
            self.current = Some(self.left.remove(at).0);
            return;
        }
        let replaced = left.iter().enumerate().filter(|(_, (reader, _))| reader.is_deleted());
        let replaced = replaced.filter_map(|(at, (reader, _))| Some((at, Reader::open_copy(path, &reader.mark())?))).next();
        self.current = Some(match replaced {
            Some((at, reader)) => {
                self.left.remove(at);
                reader
            }
            None => opened,
        });
    }

    /// Notes why something cannot be read, the first reason there is, and the bytes of it that no reader knows of.
    fn fail(&mut self, error: impl fmt::Display, unread: u64) {
        self.error.get_or_insert_with(|| (error.to_string(), 0)).1 += unread;
    }

    /// The next whole lines, older files first; None when all was read that the last look found.
    pub fn next_chunk<'b>(&mut self, buffer: &'b mut Vec<u8>) -> Option<Chunk<'b>> {
        let mut readers = self.left.iter_mut().map(|(reader, _)| reader).chain(&mut self.current);
        let reader = readers.find(|reader| !reader.drained())?;
        match reader.next(buffer, self.format.longest_line()) {
            Ok(Some(chunk)) => return Some(chunk),
            Ok(None) => {}
            Err(error) => {
                reader.give_up();
                self.fail(error, 0);
            }
        }
        // The next file, with the buffer that this one did not fill.
        Some(Chunk::empty())
    }
}
