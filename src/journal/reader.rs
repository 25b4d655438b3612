//! One file that is read line by line as it grows.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crc32fast::Hasher;
use serde::{Deserialize, Serialize};

use super::lines::Chunk;
use super::own::OwnJournal;

/// How much of the first line tells one file from another that took over its inode.
const HEAD: u64 = 1024;

/// How far the kernel's clock for files may be behind that for everybody.
const TICK: Duration = Duration::from_millis(20);
/// Two writes further apart than this have different times, whatever the file system's clock.
const CLOCK: Duration = Duration::from_secs(2);

/// How far a file has been counted, and what it is known by: as itself, under whatever name, or in a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    dev: u64,
    inode: u64,
    /// Length and CRC-32 of the first line, or of its first KiB; None while it is not complete.
    head: Option<(u64, u32)>,
    /// The bytes whose lines have been counted.
    pub offset: u64,
    /// The CRC-32 of those bytes.
    checksum: u32,
    /// When the file was last written, as of the last look: a copy that holds more was written no earlier.
    pub(super) written: SystemTime,
}

impl Mark {
    /// The mark of no file: only what is written from `now` on comes after it.
    pub(super) fn of_nothing(now: SystemTime) -> Self {
        // The clock of a file system may be a tick behind.
        Self { dev: 0, inode: 0, head: None, offset: 0, checksum: 0, written: representable(now - TICK) }
    }

    /// True when it was taken of the file with this device and inode, which may be another one by now.
    pub(super) fn is_of(&self, meta: &fs::Metadata) -> bool {
        inode(meta) == (self.dev, self.inode)
    }
}

/// Device and inode, which no other file has while this one is open.
pub(super) fn inode(meta: &fs::Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

/// When a file was last written, as a mark has it.
pub(super) fn written(meta: &fs::Metadata) -> io::Result<SystemTime> {
    meta.modified().map(representable)
}

/// `time` as a checkpoint can hold it: none of one before 1970 could be saved, and files may have any time, as a clock may.
fn representable(time: SystemTime) -> SystemTime {
    time.max(SystemTime::UNIX_EPOCH)
}

/// What a look found.
pub(super) enum Looked {
    /// Nothing new.
    Same,
    /// More of it.
    Grown,
    /// It was truncated, or may have been, after this had been counted.
    Truncated(Mark),
}

/// An open file and how far it has been read.
pub(super) struct Reader {
    file: File,
    dev: u64,
    inode: u64,
    head: Option<(u64, u32)>,
    /// Whole lines before it have been counted.
    offset: u64,
    /// The checksum of all bytes before `offset`.
    checksum: Hasher,
    /// An oversize line that has not ended: its bytes from `offset` on that were passed over, and the checksum up to there.
    oversize: Option<(u64, Hasher)>,
    /// The length at the last look, and when it had been written.
    end: u64,
    written: SystemTime,
    /// Whether what may have happened since the last look without a first line to tell it by would have changed that time.
    trusted: Trusted,
    drained: bool,
    /// True when the last attempt to read it failed: what is there is not known to be all.
    failed: bool,
}

/// How far the time at which a file was written tells whether it was truncated.
enum Trusted {
    /// There was no look yet: there is nothing to be missed.
    New,
    /// It had been written a while before the last look, at this time.
    At(SystemTime),
    /// It was being written at the last look.
    Not,
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
        Ok(Self {
            file,
            dev: meta.dev(),
            inode: meta.ino(),
            head: None,
            offset: 0,
            checksum: Hasher::new(),
            oversize: None,
            end: 0,
            written: SystemTime::UNIX_EPOCH,
            trusted: Trusted::New,
            drained: false,
            failed: false,
        })
    }

    /// Opens the file at `path` if it is the one that `mark` was taken of, to be read on from there.
    pub(super) fn reopen(path: &Path, mark: &Mark) -> Option<Self> {
        let reader = Self::open(path).ok()?;
        if reader.has(mark) { reader.resumed(mark) } else { None }
    }

    /// Opens the file at `path` if it begins with all that was counted by `mark`, to be read on from there.
    pub(super) fn open_copy(path: &Path, mark: &Mark) -> Option<Self> {
        // Any file begins with nothing.
        let reader = Self::open(path).ok()?.resumed(mark).filter(|_| mark.offset > 0)?;
        let (mut buffer, mut hasher, mut at) = (vec![0; 64 * 1024], Hasher::new(), 0);
        while at < mark.offset {
            let want = (mark.offset - at).min(buffer.len() as u64) as usize;
            let read = read_at(&reader.file, &mut buffer[..want], at).ok().filter(|read| *read > 0)?;
            hasher.update(&buffer[..read]);
            at += read as u64;
        }
        (hasher.finalize() == mark.checksum).then_some(reader)
    }

    /// The same at `mark`, if it is long enough and its first line that of the mark.
    fn resumed(mut self, mark: &Mark) -> Option<Self> {
        let len = self.file.metadata().ok()?.len();
        let fits = len >= mark.offset && (mark.head.is_none() || self.first_line(len).ok()? == mark.head);
        self.head = mark.head;
        self.offset = mark.offset;
        self.checksum = Hasher::new_with_initial_len(mark.checksum, mark.offset);
        self.written = mark.written;
        self.trusted = Trusted::Not;
        fits.then_some(self)
    }

    /// True when `meta` is of this file.
    pub(super) fn is(&self, meta: &fs::Metadata) -> bool {
        self.inode() == inode(meta)
    }

    /// True when `mark` was taken of this file.
    pub(super) fn has(&self, mark: &Mark) -> bool {
        self.inode() == (mark.dev, mark.inode)
    }

    /// See [`inode`].
    pub(super) fn inode(&self) -> (u64, u64) {
        (self.dev, self.inode)
    }

    /// True when the first bytes of this file are all those of `other`, which has some.
    pub(super) fn begins_with(&self, other: &Self) -> bool {
        if other.end == 0 || self.end < other.end || (other.head.is_some() && self.head != other.head) {
            return false;
        }
        let (mut mine, mut theirs, mut at) = (vec![0; 64 * 1024], vec![0; 64 * 1024], 0);
        while at < other.end {
            let want = (other.end - at).min(mine.len() as u64) as usize;
            let both = [(&self.file, &mut mine), (&other.file, &mut theirs)]
                .map(|(file, buffer)| read_at(file, &mut buffer[..want], at));
            if !both.iter().all(|read| matches!(read, Ok(read) if *read == want)) || mine[..want] != theirs[..want] {
                return false;
            }
            at += want as u64;
        }
        true
    }

    /// True when it has no name any more.
    pub(super) fn is_deleted(&self) -> bool {
        self.file.metadata().is_ok_and(|meta| meta.nlink() == 0)
    }

    /// Reads from `file` as if it were this one.
    #[cfg(test)]
    pub(super) fn swap(&mut self, file: &mut File) {
        std::mem::swap(&mut self.file, file);
    }

    /// How far it has been counted.
    pub(super) fn mark(&self) -> Mark {
        let Self { dev, inode, head, offset, written, .. } = *self;
        Mark { dev, inode, head, offset, checksum: self.checksum.clone().finalize(), written }
    }

    /// True when all was read that the last look found.
    pub(super) fn drained(&self) -> bool {
        self.drained
    }

    /// Reads no more of what the last look found, because that failed: the next look tries again.
    pub(super) fn give_up(&mut self) {
        (self.drained, self.failed) = (true, true);
    }

    /// Where to read next.
    fn at(&self) -> u64 {
        self.offset + self.oversize.as_ref().map_or(0, |(bytes, _)| *bytes)
    }

    /// Fixes the end up to which to read now, and begins anew when the file was truncated. Of the exporter's `own`
    /// journal, that end is before what may still be taken back.
    pub(super) fn look(&mut self, own: Option<&OwnJournal>) -> io::Result<Looked> {
        let (meta, len) = match own {
            Some(own) => own.synced(&self.file)?,
            None => {
                let meta = self.file.metadata()?;
                let len = meta.len();
                (meta, len)
            }
        };
        let written = written(&meta)?;
        let mut looked = if len > self.end { Looked::Grown } else { Looked::Same };
        // Also when it cannot be read: that much is waiting then.
        self.end = len;
        let another = match self.head {
            Some(_) => self.first_line(len)? != self.head,
            None => match self.trusted {
                Trusted::New => false,
                Trusted::At(trusted) => written != trusted,
                Trusted::Not => true,
            },
        };
        if len < self.at() || another {
            looked = Looked::Truncated(self.mark());
            (self.offset, self.checksum, self.oversize, self.head) = (0, Hasher::new(), None, None);
        }
        if self.head.is_none() {
            self.head = self.first_line(len)?;
        }
        let age = SystemTime::now().duration_since(written).unwrap_or_default();
        self.trusted = if age > CLOCK { Trusted::At(written) } else { Trusted::Not };
        (self.written, self.drained, self.failed) = (written, len == self.at(), false);
        Ok(looked)
    }

    /// The same after a first look.
    pub(super) fn looked(mut self, own: Option<&OwnJournal>) -> io::Result<Self> {
        self.look(own)?;
        Ok(self)
    }

    fn first_line(&self, len: u64) -> io::Result<Option<(u64, u32)>> {
        let mut head = [0; HEAD as usize];
        let read = read_at(&self.file, &mut head[..len.min(HEAD) as usize], 0)?;
        let line = match memchr::memchr(b'\n', &head[..read]) {
            Some(at) => &head[..=at],
            None if read == head.len() => &head[..],
            None => return Ok(None),
        };
        Ok(Some((line.len() as u64, crc32fast::hash(line))))
    }

    /// The next whole lines, at most a bufferful; none of them when a part of an oversize line was passed over. The buffer becomes
    /// larger for a line that needs it, of up to `longest` bytes.
    pub(super) fn next<'b>(&mut self, buffer: &'b mut Vec<u8>, longest: usize) -> io::Result<Option<Chunk<'b>>> {
        let want = (self.end.saturating_sub(self.at())).min(buffer.len() as u64) as usize;
        let read = read_at(&self.file, &mut buffer[..want], self.at())?;
        if self.first_line(self.end)? != self.head {
            // It was truncated since the last look: these may be the lines of its next life. The next look tells.
            self.drained = true;
            return Ok(None);
        }
        let Some(last) = memchr::memrchr(b'\n', &buffer[..read]) else {
            if read == 0 || (self.oversize.is_none() && read <= longest && read < buffer.len()) {
                self.drained = true;
                return Ok(None);
            }
            if self.oversize.is_none() && read <= longest {
                buffer.resize(longest + 1, 0);
            } else {
                let (bytes, checksum) = self.oversize.get_or_insert_with(|| (0, self.checksum.clone()));
                *bytes += read as u64;
                checksum.update(&buffer[..read]);
            }
            return Ok(Some(Chunk::empty()));
        };
        let lines = &buffer[..=last];
        let (passed, checksum) = self.oversize.take().unwrap_or_else(|| (0, self.checksum.clone()));
        let chunk = Chunk::new(lines, self.offset, passed, longest);
        self.offset += passed + lines.len() as u64;
        self.checksum = checksum;
        self.checksum.update(lines);
        Ok(Some(chunk))
    }

    /// True when nothing is left to be read of it.
    pub(super) fn is_at_end(&self) -> bool {
        self.file.metadata().is_ok_and(|meta| meta.len() == self.offset)
    }

    /// True when the last look found nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// True when not all was read that the last look found.
    pub(super) fn is_behind(&self) -> bool {
        self.failed || !self.drained
    }

    /// Bytes that the last look found and that are not read.
    pub(super) fn lag(&self) -> u64 {
        if self.is_behind() { self.end.saturating_sub(self.at()) } else { 0 }
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
