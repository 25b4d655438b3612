//! The files of the exporter's own journal: how much of the one that is written is safe on the disk, and which of the rotated ones
//! nobody needs any more.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::reader::Reader;
use super::tail::Position;
use crate::locked;

/// See the module.
pub struct OwnJournal {
    path: PathBuf,
    /// The file that is being written, as device and inode, and its length before that.
    writing: Mutex<Option<((u64, u64), u64)>>,
}

impl OwnJournal {
    /// Its newest file is at `path`; rotated ones are beside it.
    pub fn new(path: PathBuf) -> Self {
        Self { path, writing: Mutex::default() }
    }

    /// The path of its newest file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes safe what a process that was killed has written and not flushed: it will be counted, and acknowledged to a client that asks again.
    pub fn sync(&self) -> io::Result<()> {
        match File::open(&self.path) {
            Ok(file) => file.sync_data(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// From now on nothing after `len` is read of the file, because it may have to be taken back.
    pub(super) fn writing(&self, file: &File, len: u64) -> io::Result<()> {
        let meta = file.metadata()?;
        *locked(&self.writing) = Some(((meta.dev(), meta.ino()), len));
        Ok(())
    }

    /// What was written is safe, or has been taken back.
    pub(super) fn settled(&self) {
        *locked(&self.writing) = None;
    }

    /// What is known of one of its files, and how much of that is safe.
    pub(super) fn synced(&self, file: &File) -> io::Result<(Metadata, u64)> {
        // The length is asked for under the lock: what is written after that is not in it, and what is being written is left out.
        let writing = locked(&self.writing);
        let meta = file.metadata()?;
        let len = match *writing {
            Some((inode, len)) if inode == (meta.dev(), meta.ino()) => len.min(meta.len()),
            _ => meta.len(),
        };
        Ok((meta, len))
    }

    /// Puts the newest file beside the others, so that the next one is begun.
    pub(super) fn rotate(&self) -> io::Result<()> {
        let newest = self.rotated()?.map(|(number, _)| number).max().unwrap_or(0);
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{:06}", newest + 1));
        fs::rename(&self.path, name)?;
        self.sync_folder()
    }

    /// Makes names of files safe.
    pub(super) fn sync_folder(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }

    /// Deletes the rotated files of which all was counted by one of `positions`.
    pub fn delete_finished<'p>(&self, positions: impl Iterator<Item = &'p Position>) {
        let finished: Vec<_> = positions.filter(|position| position.finished && position.path == self.path).collect();
        if finished.is_empty() {
            return;
        }
        for (_, file) in self.rotated().into_iter().flatten() {
            let mut marks = finished.iter().map(|position| &position.mark);
            let counted = marks.any(|mark| Reader::reopen(&file, mark).is_some_and(|reader| reader.is_at_end()));
            let deleted = if counted { fs::remove_file(&file) } else { Ok(()) };
            if let Err(error) = deleted {
                tracing::warn!(file = %file.display(), %error, "a file of the exporter's own journal cannot be deleted");
            }
        }
    }

    /// The rotated files and their numbers.
    fn rotated(&self) -> io::Result<impl Iterator<Item = (u64, PathBuf)>> {
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned() + ".").unwrap_or_default();
        let files = fs::read_dir(self.path.parent().unwrap_or(Path::new(".")))?.flatten();
        Ok(files.filter_map(move |file| {
            let number = file.file_name().to_str()?.strip_prefix(&name)?.parse().ok()?;
            Some((number, file.path()))
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// The bytes of whole lines that a reader finds new.
    fn read(reader: &mut Reader, own: &OwnJournal) -> u64 {
        reader.look(Some(own)).unwrap();
        let before = reader.mark().offset;
        let mut buffer = vec![0; 64];
        while !reader.drained() {
            reader.next(&mut buffer, 64).unwrap();
        }
        reader.mark().offset - before
    }

    #[test]
    fn what_may_be_taken_back_is_not_read() {
        let path = std::env::temp_dir().join(format!("sentinel-own-{}", std::process::id()));
        let own = OwnJournal::new(path.clone());
        let mut file = File::options().create(true).append(true).open(&path).unwrap();
        let other = File::open("/dev/null").unwrap();
        file.write_all(b"one\n").unwrap();
        let mut reader = Reader::open(&path).unwrap();
        own.writing(&file, 4).unwrap();
        file.write_all(b"two\n").unwrap();
        assert_eq!(read(&mut reader, &own), 4);
        assert_eq!(read(&mut reader, &own), 0);
        own.settled();
        assert_eq!(read(&mut reader, &own), 4);
        own.writing(&other, 0).unwrap();
        file.write_all(b"three\n").unwrap();
        assert_eq!(read(&mut reader, &own), 6, "it is another file that is being written");
        fs::remove_file(path).unwrap();
    }
}
