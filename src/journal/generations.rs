//! The files beside a journal that it was rotated to: `NAME.1`, `NAME.2026-01-05` and the like.

use std::fs;
use std::path::{Path, PathBuf};

use super::reader::{Counted, FileId, Reader};
use super::tail::Position;

/// Endings of files that hold no lines any more.
const COMPRESSED: [&str; 6] = ["gz", "bz2", "xz", "zst", "lz4", "Z"];

fn beside(path: &Path) -> impl Iterator<Item = PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(move |path| {
        let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        file_name.strip_prefix(&name).is_some_and(|rest| rest.starts_with('.'))
    })
}

fn is_compressed(path: &Path) -> bool {
    path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| COMPRESSED.contains(&ending))
}

/// The file that `position` was taken in, at its path or beside it, and whether it is at its path.
pub(super) fn find(position: &Position) -> Option<(Reader, bool)> {
    let path = &position.path;
    let at_path = Reader::reopen(path, position).map(|reader| (reader, true));
    let renamed = || beside(path).find_map(|file| Reader::reopen(&file, position));
    let copied = || copy(path, &position.counted);
    at_path.or_else(|| Some((renamed().or_else(copied)?, false)))
}

/// The copy beside `path` that was made before it was truncated.
pub(super) fn copy(path: &Path, counted: &Counted) -> Option<Reader> {
    let copy = beside(path).filter(|file| !is_compressed(file)).find_map(|file| Reader::open_copy(&file, counted))?;
    copy.looked().ok()
}

/// The files beside `path` that were written no earlier than the last of `counted`, oldest first: what was rotated away unseen
/// since then. A copy of one of `counted` is read on from there; files that are
/// `open` or `finished` are passed over.
pub(super) fn newer(path: &Path, counted: &[Counted], open: impl Fn(&fs::Metadata) -> bool, finished: &[FileId]) -> Vec<Reader> {
    let Some(since) = counted.last().map(|counted| counted.written) else { return Vec::new() };
    let mut found = Vec::new();
    for file in beside(path) {
        let Ok(meta) = fs::metadata(&file) else { continue };
        let Ok(written) = meta.modified() else { continue };
        if !meta.is_file() || written < since || open(&meta) {
            continue;
        }
        if is_compressed(&file) {
            tracing::warn!(journal = %path.display(), file = %file.display(),
                "a file was rotated and compressed before it was read: its lines are not counted");
            continue;
        }
        let copy = counted.iter().find_map(|counted| Reader::open_copy(&file, counted));
        match copy.map_or_else(|| Reader::open(&file), Ok).and_then(Reader::looked) {
            Ok(reader) if finished.contains(&reader.id()) => {}
            Ok(reader) => found.push((written, reader)),
            Err(error) => {
                tracing::warn!(journal = %path.display(), file = %file.display(), %error, "a rotated file cannot be read");
            }
        }
    }
    found.sort_by_key(|(written, _)| *written);
    found.into_iter().map(|(_, reader)| reader).collect()
}
