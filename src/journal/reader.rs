//! One file that is read line by line as it grows.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::SystemTime;

use crc32fast::Hasher;
use serde::{Deserialize, Serialize};

use super::lines::{Chunk, MAX_LINE};
use super::tail::Position;

/// What has been counted of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The bytes whose lines have been counted.
    pub offset: u64,
    /// The CRC-32 of those bytes, by which a copy of the file is known.
    checksum: u32,
    /// When the file was last written, as of the last look: a copy that holds more was written no earlier.
    pub(super) written: SystemTime,
}

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

/// What a look found.
pub(super) enum Looked {
    /// Nothing new.
    Same,
    /// More of it.
    Grown,
    /// It was truncated, after this had been counted.
    Truncated(Counted),
}

/// An open file and how far it has been read.
pub(super) struct Reader {
    file: File,
    id: FileId,
    /// Whole lines before it have been counted.
    offset: u64,
    /// The checksum of all bytes before `offset`.
    checksum: Hasher,
    /// An oversize line that has not ended: its bytes from `offset` on that were passed over, and the checksum up to there.
    oversize: Option<(u64, Hasher)>,
    /// The length at the last look, and when it had been written.
    end: u64,
    written: SystemTime,
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
        Ok(Self {
            file,
            id,
            offset: 0,
            checksum: Hasher::new(),
            oversize: None,
            end: 0,
            written: SystemTime::UNIX_EPOCH,
            drained: false,
        })
    }

    /// Opens the file at `path` if it is the one that `position` was taken in, to be read from there on.
    pub(super) fn reopen(path: &Path, position: &Position) -> Option<Self> {
        let mut reader = Self::open(path).ok()?;
        let FileId { dev, inode, head } = position.file;
        let len = reader.file.metadata().ok()?.len();
        let same = (reader.id.dev, reader.id.inode) == (dev, inode) && len >= position.counted.offset;
        let same = same && (head.is_none() || reader.head(len).ok()? == head);
        reader.id.head = head;
        reader.go_on(&position.counted);
        same.then_some(reader)
    }

    /// Opens the file at `path` if it begins with what was counted of another and was written no earlier, to be read from there on.
    pub(super) fn open_copy(path: &Path, counted: &Counted) -> Option<Self> {
        let mut reader = Self::open(path).ok()?;
        let meta = reader.file.metadata().ok()?;
        // Any file begins with nothing.
        if counted.offset == 0 || meta.len() < counted.offset || meta.modified().ok()? < counted.written {
            return None;
        }
        let (mut buffer, mut hasher, mut at) = (vec![0; 64 * 1024], Hasher::new(), 0);
        while at < counted.offset {
            let want = (counted.offset - at).min(buffer.len() as u64) as usize;
            let read = read_at(&reader.file, &mut buffer[..want], at).ok().filter(|read| *read > 0)?;
            hasher.update(&buffer[..read]);
            at += read as u64;
        }
        reader.go_on(counted);
        (hasher.finalize() == counted.checksum).then_some(reader)
    }

    fn go_on(&mut self, counted: &Counted) {
        self.offset = counted.offset;
        self.checksum = Hasher::new_with_initial_len(counted.checksum, counted.offset);
        self.written = counted.written;
    }

    /// True when `meta` is of this file.
    pub(super) fn is(&self, meta: &fs::Metadata) -> bool {
        (self.id.dev, self.id.inode) == (meta.dev(), meta.ino())
    }

    /// Which file it is.
    pub(super) fn id(&self) -> FileId {
        self.id
    }

    /// What has been counted of it.
    pub(super) fn counted(&self) -> Counted {
        Counted { offset: self.offset, checksum: self.checksum.clone().finalize(), written: self.written }
    }

    /// True when all was read that the last look found.
    pub(super) fn drained(&self) -> bool {
        self.drained
    }

    /// Gives up what the last look found; returns how many bytes those are.
    pub(super) fn give_up(&mut self) -> u64 {
        self.drained = true;
        self.end.saturating_sub(self.at())
    }

    /// Where to read next.
    fn at(&self) -> u64 {
        self.offset + self.oversize.as_ref().map_or(0, |(bytes, _)| *bytes)
    }

    /// Fixes the end up to which to read now, and begins anew when the file was truncated.
    pub(super) fn look(&mut self) -> io::Result<Looked> {
        let meta = self.file.metadata()?;
        let len = meta.len();
        let mut looked = if len > self.end { Looked::Grown } else { Looked::Same };
        if len < self.at() || (self.id.head.is_some() && self.head(len)? != self.id.head) {
            looked = Looked::Truncated(self.counted());
            (self.offset, self.checksum, self.oversize, self.id.head) = (0, Hasher::new(), None, None);
        }
        if self.id.head.is_none() {
            self.id.head = self.head(len)?;
        }
        (self.end, self.written, self.drained) = (len, meta.modified()?, len == self.at());
        Ok(looked)
    }

    /// The same after a first look.
    pub(super) fn looked(mut self) -> io::Result<Self> {
        self.look()?;
        Ok(self)
    }

    fn head(&self, len: u64) -> io::Result<Option<(u64, u32)>> {
        let mut head = [0; HEAD as usize];
        let read = read_at(&self.file, &mut head[..len.min(HEAD) as usize], 0)?;
        let line = match memchr::memchr(b'\n', &head[..read]) {
            Some(at) => &head[..=at],
            None if read == head.len() => &head[..],
            None => return Ok(None),
        };
        Ok(Some((line.len() as u64, crc32fast::hash(line))))
    }

    /// The next whole lines, at most a bufferful.
    pub(super) fn next<'b>(&mut self, buffer: &'b mut [u8]) -> io::Result<Option<Chunk<'b>>> {
        let last = loop {
            let want = (self.end.saturating_sub(self.at())).min(buffer.len() as u64) as usize;
            let read = read_at(&self.file, &mut buffer[..want], self.at())?;
            if let Some(last) = memchr::memrchr(b'\n', &buffer[..read]) {
                break last;
            }
            if read == 0 || (self.oversize.is_none() && read <= MAX_LINE) {
                self.drained = true;
                return Ok(None);
            }
            let (bytes, checksum) = self.oversize.get_or_insert_with(|| (0, self.checksum.clone()));
            *bytes += read as u64;
            checksum.update(&buffer[..read]);
        };
        let lines = &buffer[..=last];
        let (passed, checksum) = self.oversize.take().unwrap_or_else(|| (0, self.checksum.clone()));
        let chunk = Chunk::new(lines, self.offset, passed);
        self.offset += passed + lines.len() as u64;
        self.checksum = checksum;
        self.checksum.update(lines);
        Ok(Some(chunk))
    }

    /// Bytes that the last look found and that are not read.
    pub(super) fn lag(&self) -> u64 {
        if self.drained { 0 } else { self.end.saturating_sub(self.at()) }
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
