//! One file that is read line by line as it grows.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::SystemTime;

use flate2::Crc;
use serde::{Deserialize, Serialize};

use super::lines::{Chunk, MAX_LINE};
use super::tail::Position;

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

/// An open file and how far it has been read.
pub(super) struct Reader {
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
    /// Opens the file at `path`, to be read from its beginning.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // Opening a pipe would wait for its writer.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let file = File::open(path)?;
        let meta = file.metadata()?;
        let id = FileId { dev: meta.dev(), inode: meta.ino(), head: None };
        Ok(Self { file, id, offset: 0, skipped: 0, end: 0, drained: false })
    }

    /// Opens the file at `path` if it is the one that `position` was taken in, to be read from there on.
    pub(super) fn reopen(path: &Path, position: &Position) -> Option<Self> {
        let mut reader = Self::open(path).ok()?;
        let FileId { dev, inode, head } = position.file;
        let len = reader.file.metadata().ok()?.len();
        let same = (reader.id.dev, reader.id.inode) == (dev, inode) && len >= position.offset;
        let same = same && (head.is_none() || reader.head(len).ok()? == head);
        (reader.offset, reader.id.head) = (position.offset, head);
        same.then_some(reader)
    }

    /// True when `meta` is of this file.
    pub(super) fn is(&self, meta: &fs::Metadata) -> bool {
        (self.id.dev, self.id.inode) == (meta.dev(), meta.ino())
    }

    /// When it was last written.
    pub(super) fn written(&self) -> io::Result<SystemTime> {
        self.file.metadata()?.modified()
    }

    /// Which file it is, and how many of its bytes have been counted.
    pub(super) fn position(&self) -> (FileId, u64) {
        (self.id, self.offset - self.skipped)
    }

    /// True when all was read that the last look found.
    pub(super) fn drained(&self) -> bool {
        self.drained
    }

    /// Gives up what the last look found; returns how many bytes those are.
    pub(super) fn give_up(&mut self) -> u64 {
        self.drained = true;
        self.end.saturating_sub(self.offset)
    }

    /// Fixes the end up to which to read now, and begins anew when the file was truncated. True when there is something to read.
    pub(super) fn look(&mut self) -> io::Result<bool> {
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
    pub(super) fn next<'b>(&mut self, buffer: &'b mut [u8]) -> io::Result<Option<Chunk<'b>>> {
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

    /// Bytes that the last look found and that are not read.
    pub(super) fn lag(&self) -> u64 {
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
