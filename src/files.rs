//! Reading files that somebody else writes: any may be missing, half-written, truncated, huge, or no file at all.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A document is read whole; what is larger is not the file that it should be.
pub(crate) const MAX_DOCUMENT: u64 = 16 << 20;
/// The same of a document of some lines, as people write it.
pub(crate) const MAX_SMALL_DOCUMENT: u64 = 1 << 20;
/// What is read of a log at most, from its end.
const MAX_TAIL: u64 = 4 << 20;
/// What is read of a log at first.
const FIRST_TAIL: u64 = 64 << 10;

/// Why a file says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// There is none.
    Missing,
    /// Anything else.
    Other(String),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such file"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            _ => Self::Other(error.to_string()),
        }
    }
}

/// Opens a regular file. Opening a pipe would wait for somebody who writes to it.
fn open(path: &Path) -> Result<(File, Metadata), Unreadable> {
    if !fs::metadata(path)?.is_file() {
        return Err(Unreadable::Other("not a regular file".to_owned()));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

/// All of a document of `limit` bytes at most.
pub(crate) fn document(path: &Path, limit: u64) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    open(path)?.0.take(limit + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        false => Ok(bytes),
        true => Err(Unreadable::Other(format!("expected at most {limit} bytes"))),
    }
}

/// The last whole lines of a log, oldest first: `lines` of them or a few more, if they are in its last 4 MiB. A line without its end is not there yet.
pub(crate) fn tail(path: &Path, lines: usize) -> Result<Vec<u8>, Unreadable> {
    let (mut file, metadata) = open(path)?;
    let len = metadata.len();
    let mut wanted = FIRST_TAIL;
    loop {
        let start = len.saturating_sub(wanted);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.by_ref().take(len - start).read_to_end(&mut bytes)?;
        bytes.truncate(memchr::memrchr(b'\n', &bytes).map_or(0, |end| end + 1));
        let ends = memchr::memchr_iter(b'\n', &bytes).take(lines.saturating_add(1)).count();
        if start == 0 {
            return Ok(bytes);
        }
        if ends > lines || wanted >= MAX_TAIL {
            // The first line began before.
            let begins = memchr::memchr(b'\n', &bytes).map_or(bytes.len(), |end| end + 1);
            return Ok(bytes.split_off(begins));
        }
        wanted = (wanted * 4).min(MAX_TAIL);
    }
}

/// How long ago a file was last written.
pub(crate) fn age(path: &Path, now: SystemTime) -> Result<Duration, Unreadable> {
    let modified = fs::metadata(path)?.modified()?;
    Ok(now.duration_since(modified).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("sentinel-files-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_tail_is_whole_lines_of_the_end() {
        let folder = folder("tail");
        let path = folder.join("log");
        for (text, lines, expected) in [("", 3, ""), ("a", 3, ""), ("a\nb\nc", 3, "a\nb\n"), ("a\nb\n", 1, "a\nb\n")] {
            fs::write(&path, text).unwrap();
            assert_eq!(tail(&path, lines), Ok(expected.as_bytes().to_vec()), "{text:?}");
        }
        let mut text = String::new();
        (0..200_000).for_each(|number| writeln!(text, "line {number:07}").unwrap());
        fs::write(&path, &text).unwrap();
        for lines in [1, 30, 20_000] {
            let tail = String::from_utf8(tail(&path, lines).unwrap()).unwrap();
            assert!(tail.lines().count() >= lines && text.ends_with(&tail) && tail.starts_with("line "), "{lines}");
        }
        assert!(tail(&path, 30).unwrap().len() <= FIRST_TAIL as usize);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_of_any_size_costs_its_tail() {
        let folder = folder("huge");
        let path = folder.join("log");
        let mut file = File::create(&path).unwrap();
        // A hole, as long as a disk, and then a line.
        file.seek(SeekFrom::Start(1 << 40)).unwrap();
        io::Write::write_all(&mut file, b"\nlast\n").unwrap();
        assert_eq!(tail(&path, 1), Ok(b"last\n".to_vec()));
        let whole = tail(&path, 30).unwrap();
        assert!(whole.len() as u64 <= MAX_TAIL);
        assert_eq!(document(&path, MAX_DOCUMENT), Err(Unreadable::Other(format!("expected at most {MAX_DOCUMENT} bytes"))));
        fs::write(&path, "{}\n").unwrap();
        assert_eq!(document(&path, 3), Ok(b"{}\n".to_vec()));
        assert_eq!(document(&path, 2), Err(Unreadable::Other("expected at most 2 bytes".to_owned())));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_file_is_told() {
        let folder = folder("none");
        assert_eq!(document(&folder.join("x"), 1), Err(Unreadable::Missing));
        assert_eq!(tail(&folder, 1), Err(Unreadable::Other("not a regular file".to_owned())));
        assert_eq!(age(&folder.join("x"), SystemTime::now()), Err(Unreadable::Missing));
        fs::remove_dir_all(folder).unwrap();
    }
}
