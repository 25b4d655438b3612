//! A file that somebody else appends to, followed over rotation by rename, by copy-and-truncate, and deletion.
//!
//! Only whole lines are taken. A file that is no longer at its path is read on for a while, because its writer may not have
//! noticed yet; the one that took its place begins after it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::Crc;
use serde::{Deserialize, Serialize};

use super::ledger::Format;
use super::lines::{Chunk, MAX_LINE};

/// How long a file that left its path is read on after it last grew.
const LINGER: Duration = Duration::from_secs(60);
/// How much of the first line tells one file from another that took over its inode.
const HEAD: u64 = 1024;

/// What tells a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileId {
    dev: u64,
    inode: u64,
    /// Length and CRC-32 of the first line, or of its first KiB; None while it is not complete.
    head: Option<(u64, u32)>,
}

/// How far a file has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The path that its journal is configured with; the file may have been renamed since.
    pub path: PathBuf,
    /// Which file.
    pub file: FileId,
    /// The bytes whose lines have been counted.
    pub offset: u64,
}

/// One open file.
struct Reader {
    file: File,
    id: FileId,
    offset: u64,
    /// Bytes of an oversize line before `offset`.
    skipped: u64,
    /// The length at the last look.
    end: u64,
    drained: bool,
}

impl Reader {
    fn open(path: &Path) -> io::Result<Self> {
        // Opening a pipe would wait for its writer.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let file = File::open(path)?;
        let meta = file.metadata()?;
        let id = FileId { dev: meta.dev(), inode: meta.ino(), head: None };
        Ok(Self { file, id, offset: 0, skipped: 0, end: 0, drained: false })
    }

    fn is(&self, meta: &fs::Metadata) -> bool {
        (self.id.dev, self.id.inode) == (meta.dev(), meta.ino())
    }

    /// Fixes the end up to which to read now, and begins anew when the file was truncated. True when there is something to read.
    fn look(&mut self) -> io::Result<bool> {
        let len = self.file.metadata()?.len();
        if len < self.offset || (self.id.head.is_some() && self.head(len)? != self.id.head) {
            (self.offset, self.skipped, self.id.head) = (0, 0, None);
        }
        if self.id.head.is_none() {
            self.id.head = self.head(len)?;
        }
        let grown = len > self.end || self.offset == 0 && len > 0;
        (self.end, self.drained) = (len, len == self.offset);
        Ok(grown)
    }

    fn head(&self, len: u64) -> io::Result<Option<(u64, u32)>> {
        let mut head = [0; HEAD as usize];
        let read = read_at(&self.file, &mut head[..len.min(HEAD) as usize], 0)?;
        let line = match memchr::memchr(b'\n', &head[..read]) {
            Some(at) => &head[..=at],
            None if read == head.len() => &head[..],
            None => return Ok(None),
        };
        let mut crc = Crc::new();
        crc.update(line);
        Ok(Some((line.len() as u64, crc.sum())))
    }

    /// The next whole lines, at most a bufferful.
    fn next<'b>(&mut self, buffer: &'b mut [u8]) -> io::Result<Option<Chunk<'b>>> {
        let last = loop {
            let want = (self.end.saturating_sub(self.offset)).min(buffer.len() as u64) as usize;
            let read = read_at(&self.file, &mut buffer[..want], self.offset)?;
            if let Some(last) = memchr::memrchr(b'\n', &buffer[..read]) {
                break last;
            }
            if read == 0 || (self.skipped == 0 && read <= MAX_LINE) {
                self.drained = true;
                return Ok(None);
            }
            self.skipped += read as u64;
            self.offset += read as u64;
        };
        let oversize = std::mem::take(&mut self.skipped);
        let chunk = Chunk::new(&buffer[..=last], self.offset - oversize, oversize);
        self.offset += last as u64 + 1;
        Ok(Some(chunk))
    }

    fn lag(&self) -> u64 {
        if self.drained { 0 } else { self.end.saturating_sub(self.offset) }
    }
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// A path and the files that are or were there.
pub struct Tail {
    path: PathBuf,
    format: Format,
    current: Option<Reader>,
    /// Files that have left the path, oldest first, and when each last grew.
    left: Vec<(Reader, Instant)>,
    /// Why the file at the path cannot be read, and its length as far as it is known.
    error: Option<(String, u64)>,
}

impl Tail {
    /// Follows `path`, whether or not there is a file yet, from its beginning.
    pub fn new(path: PathBuf, format: Format) -> Self {
        Self { path, format, current: None, left: Vec::new(), error: None }
    }

    /// Follows `path` from where it had been read up to: in the same file, or in one beside it that it was renamed to (`NAME.*`),
    /// and from there on in those that came after it.
    pub fn resume(path: PathBuf, format: Format, positions: &[Position], now: Instant) -> Self {
        let mut tail = Self::new(path, format);
        for position in positions.iter().filter(|position| position.path == tail.path) {
            let Some((at, mut reader)) = find(&tail.path, position) else {
                tracing::warn!(journal = %tail.path.display(), offset = position.offset,
                    "a file that was read before is neither at its path nor beside it: what it held beyond this offset is not counted");
                continue;
            };
            reader.offset = position.offset;
            reader.id.head = position.file.head;
            if at == tail.path {
                tail.current = Some(reader);
            } else {
                tail.left.push((reader, now));
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
        readers.map(|reader| Position { path: self.path.clone(), file: reader.id, offset: reader.offset - reader.skipped })
    }

    /// Bytes that the last look found and that are not read, and all of a file that cannot be read.
    pub fn lag(&self) -> u64 {
        let open: u64 = self.left.iter().map(|(reader, _)| reader.lag()).chain(self.current.iter().map(Reader::lag)).sum();
        open + self.error.as_ref().map_or(0, |(_, len)| *len)
    }

    /// Bytes counted of the file at the path; None while there is none.
    pub fn offset(&self) -> Option<u64> {
        self.current.as_ref().map(|reader| reader.offset)
    }

    /// Why the file at the path cannot be read.
    pub fn error(&self) -> Option<&str> {
        self.error.as_ref().map(|(error, _)| error.as_str())
    }

    /// Follows what happened to the files, and fixes the ends up to which [`Self::next_chunk`] reads.
    pub fn look(&mut self, now: Instant) {
        self.error = None;
        match fs::metadata(&self.path) {
            Ok(meta) => {
                if !self.current.as_ref().is_some_and(|reader| reader.is(&meta)) {
                    self.leave(now);
                    self.arrive(&meta);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.leave(now),
            Err(error) => self.fail(&error, 0),
        }
        if let Some(Err(error)) = self.current.as_mut().map(Reader::look) {
            self.fail(&error, 0);
        }
        self.left.retain_mut(|(reader, grew)| {
            let unread = reader.lag() > 0;
            match reader.look() {
                Ok(true) => {
                    *grew = now;
                    true
                }
                Ok(false) => unread || now.duration_since(*grew) < LINGER,
                Err(error) => {
                    tracing::warn!(journal = %self.path.display(), %error, "a rotated file cannot be read on");
                    false
                }
            }
        });
    }

    fn leave(&mut self, now: Instant) {
        self.left.extend(self.current.take().map(|reader| (reader, now)));
    }

    /// Takes up the file that `meta` was found for: a new one, or one that left and came back.
    fn arrive(&mut self, meta: &fs::Metadata) {
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
        let reader = readers.find(|reader| !reader.drained)?;
        match reader.next(buffer) {
            Ok(Some(chunk)) => return Some(chunk),
            Ok(None) => {}
            Err(error) => {
                reader.drained = true;
                let unread = reader.end.saturating_sub(reader.offset);
                self.error = Some((error.to_string(), unread));
            }
        }
        // The next file, with the buffer that this one did not fill.
        Some(Chunk::empty())
    }
}

/// The file that `position` was taken in, at `path` or beside it.
fn find(path: &Path, position: &Position) -> Option<(PathBuf, Reader)> {
    let name = path.file_name()?.to_str()?;
    let beside = fs::read_dir(path.parent()?).into_iter().flatten().flatten().map(|entry| entry.path());
    let generations = beside.filter(|path| {
        let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        file_name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
    });
    [path.to_owned()].into_iter().chain(generations).find_map(|candidate| {
        let reader = Reader::open(&candidate).ok()?;
        let len = reader.file.metadata().ok()?.len();
        let same = reader.id.inode == position.file.inode && reader.id.dev == position.file.dev;
        let head = position.file.head.is_none() || reader.head(len).ok()? == position.file.head;
        (same && head && len >= position.offset).then_some((candidate, reader))
    })
}
