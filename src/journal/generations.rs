//! The files beside a journal that it was rotated to: `NAME.1`, `NAME.2026-01-05` and the like.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::reader::Reader;
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
    let at_path = Reader::reopen(&position.path, position).map(|reader| (reader, true));
    at_path.or_else(|| beside(&position.path).find_map(|path| Some((Reader::reopen(&path, position)?, false))))
}

/// The files beside `path` that were last written at `since` or later, oldest first: what was rotated away unseen since then.
/// `known` are passed over, and so is whatever is at the path itself.
pub(super) fn newer(path: &Path, since: SystemTime, known: impl Fn(&fs::Metadata) -> bool) -> Vec<Reader> {
    let mut found = Vec::new();
    for file in beside(path) {
        let Ok(meta) = fs::metadata(&file) else { continue };
        let Ok(written) = meta.modified() else { continue };
        if !meta.is_file() || written < since || known(&meta) {
            continue;
        }
        if is_compressed(&file) {
            tracing::warn!(journal = %path.display(), file = %file.display(),
                "a file was rotated and compressed before it was read: its lines are not counted");
            continue;
        }
        match Reader::open(&file) {
            Ok(reader) => found.push((written, reader)),
            Err(error) => {
                tracing::warn!(journal = %path.display(), file = %file.display(), %error, "a rotated file cannot be read");
            }
        }
    }
    found.sort_by_key(|(written, _)| *written);
    found.into_iter().map(|(_, reader)| reader).collect()
}
