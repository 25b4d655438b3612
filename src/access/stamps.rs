//! Which files were read, and what tells that one is another now.

use std::cell::RefCell;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::load::read_file;

/// What changes with a file: device, inode, length, and the times of its content and of itself, in nanoseconds. None: it is not there.
type Stamp = Option<[i128; 5]>;

/// Files that were read.
#[derive(Default)]
pub(super) struct Stamps(RefCell<Vec<(PathBuf, Stamp)>>);

impl Stamps {
    /// Reads a file, and remembers it.
    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        // Before it is read: what is written in between is a change.
        self.0.borrow_mut().push((path.to_owned(), stamp(path)));
        read_file(path)
    }

    /// Whether all of them are as they were.
    pub(super) fn are_current(&self) -> bool {
        self.0.borrow().iter().all(|(path, then)| stamp(path) == *then)
    }
}

fn stamp(path: &Path) -> Stamp {
    let time = |seconds: i64, nanoseconds: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    let of = |file: Metadata| {
        [
            file.dev().into(),
            file.ino().into(),
            file.len().into(),
            time(file.mtime(), file.mtime_nsec()),
            time(file.ctime(), file.ctime_nsec()),
        ]
    };
    fs::metadata(path).ok().map(of)
}
