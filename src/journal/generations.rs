//! The files beside a journal that it was rotated to: `NAME.1`, `NAME.2026-01-05`, `NAME-20260105` and the like.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::others::Others;
use super::own::OwnJournal;
use super::reader::{Mark, Reader, inode, written};

/// Endings of files that hold no lines any more.
const COMPRESSED: [&str; 6] = ["gz", "bz2", "xz", "zst", "lz4", "Z"];

/// A journal's path, and the paths beside it that are no generations of it because they are followed themselves.
pub(super) struct Generations<'a> {
    pub(super) path: &'a Path,
    pub(super) followed: &'a [PathBuf],
    pub(super) own: Option<&'a OwnJournal>,
}

impl Generations<'_> {
    /// Files whose names begin with the journal's, as a part of it.
    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        files.filter(|path| self.rest(path).is_some_and(|rest| rest.starts_with(['.', '-'])) && !self.followed.contains(path))
    }

    /// What a file's name has after the journal's.
    fn rest<'f>(&self, file: &'f Path) -> Option<&'f str> {
        file.file_name()?.to_str()?.strip_prefix(self.path.file_name()?.to_str()?)
    }

    /// The file that `mark` was taken of, or else one that begins with all that was counted of it; and whether it is at the path.
    pub(super) fn find(&self, mark: &Mark) -> Option<(Reader, bool)> {
        let there = |reader| (reader, true);
        let beside = |reader| (reader, false);
        let renamed = || self.files().find_map(|file| Reader::reopen(&file, mark));
        let replaced = || Reader::open_copy(self.path, mark);
        let copied = || self.files().filter(|file| !is_compressed(file)).find_map(|file| Reader::open_copy(&file, mark));
        Reader::reopen(self.path, mark)
            .map(there)
            .or_else(|| renamed().map(beside))
            .or_else(|| replaced().map(there))
            .or_else(|| copied().map(beside))
    }

    /// The files that were written at `since` or later, oldest first, but for those that are `open` and copies of these, and those that the
    /// `others` read. What begins with all that was counted by one of `marks` is a copy, and read on from there; anything else is only
    /// taken up if it was read before or its name is that of a rotated file. What cannot be read is told of once: `told` remembers it.
    pub(super) fn newer(
        &self,
        since: SystemTime,
        open: &[&Reader],
        marks: &[Mark],
        others: Others<'_>,
        told: &mut Vec<PathBuf>,
    ) -> Vec<Reader> {
        let mut found = Vec::new();
        let mut is_news = |file: &PathBuf| {
            let news = !told.contains(file);
            told.extend(news.then(|| file.clone()));
            news
        };
        for file in self.files() {
            let Ok(meta) = fs::metadata(&file) else { continue };
            let Ok(written) = written(&meta) else { continue };
            if !meta.is_file() || written < since || open.iter().any(|reader| reader.is(&meta)) {
                continue;
            }
            if others.reading(inode(&meta)).is_some() {
                continue;
            }
            let (journal, shown) = (self.path.display(), file.display());
            let rotated = self.rest(&file).is_some_and(is_rotated) || marks.iter().any(|mark| mark.is_of(&meta));
            if is_compressed(&file) {
                if rotated && is_news(&file) {
                    tracing::warn!(%journal, file = %shown,
                        "a file was rotated and compressed before it was seen: lines in it that were not read are not counted");
                }
                continue;
            }
            let elsewhere = others.finished().filter(|mark| mark.is_of(&meta));
            let copies = marks.iter().chain(elsewhere).filter_map(|mark| Reader::open_copy(&file, mark));
            let copy = copies.max_by_key(|copy| copy.mark().offset);
            if copy.is_none() && !rotated {
                continue;
            }
            match copy.map_or_else(|| Reader::open(&file), Ok).and_then(|reader| reader.looked(self.own)) {
                // It may be about to be truncated, or somebody keeps it besides.
                Ok(reader) if open.iter().any(|open| open.begins_with(&reader)) => {}
                Ok(reader) => found.push((written, file, reader)),
                Err(error) if is_news(&file) => tracing::warn!(%journal, file = %shown, %error, "a rotated file cannot be read"),
                Err(_) => {}
            }
        }
        told.retain(|told| !found.iter().any(|(_, file, _)| file == told));
        found.sort_by_key(|(written, ..)| *written);
        without_copies(found.into_iter().map(|(_, _, reader)| reader))
    }
}

/// True for the rest of a name that whoever rotates files gives them, such as `.1`, `-20260105` and `.2.gz`. Others keep files of their own
/// beside a journal, such as `.bak` and `.offset`.
fn is_rotated(rest: &str) -> bool {
    rest.get(1..).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// Of files of which one begins with all of the other, and which are to be read from the same place, the longer one; of equal ones
/// the first.
fn without_copies(found: impl Iterator<Item = Reader>) -> Vec<Reader> {
    let copy = |of: &Reader, reader: &Reader| of.mark().offset == reader.mark().offset && of.begins_with(reader);
    let mut kept: Vec<Reader> = Vec::new();
    for reader in found {
        if kept.iter().any(|other| copy(other, &reader)) {
            continue;
        }
        kept.retain(|other| !copy(&reader, other));
        kept.push(reader);
    }
    kept
}

fn is_compressed(path: &Path) -> bool {
    path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| COMPRESSED.contains(&ending))
}
