//! A file of JSON lines that is appended to. A reader may look at any time and others may append too, so a line reaches the file
//! whole: the buffer only ever holds complete lines and goes out in one write.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::SinkError;

/// Bytes that may wait before they are written without being asked for.
const BUFFER: usize = 64 * 1024;

/// An open file of lines.
pub(crate) struct LineFile {
    /// For errors: the kind of the file and its path.
    name: String,
    file: File,
    waiting: Vec<u8>,
}

impl LineFile {
    /// Opens `path`, creating it if need be; `kind` is what errors call it.
    pub(crate) fn open(kind: &str, path: &Path) -> Result<Self, SinkError> {
        let name = format!("{kind} {}", path.display());
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| SinkError::new(&name, "open it for appending", error))?;
        Ok(Self { name, file, waiting: Vec::new() })
    }

    /// Appends `value` as a line of JSON.
    pub(crate) fn append(&mut self, value: &impl Serialize) -> Result<(), SinkError> {
        serde_json::to_writer(&mut self.waiting, value)
            .map_err(|error| SinkError::new(&self.name, "put a line into JSON", error))?;
        self.end_line()
    }

    /// Appends `text` as a line as it is.
    pub(crate) fn append_text(&mut self, text: &str) -> Result<(), SinkError> {
        self.waiting.extend_from_slice(text.as_bytes());
        self.end_line()
    }

    /// Writes all lines that wait.
    pub(crate) fn flush(&mut self) -> Result<(), SinkError> {
        if !self.waiting.is_empty() {
            self.file.write_all(&self.waiting).map_err(|error| SinkError::new(&self.name, "append to it", error))?;
            self.waiting.clear();
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), SinkError> {
        self.waiting.push(b'\n');
        if self.waiting.len() >= BUFFER {
            self.flush()?;
        }
        Ok(())
    }
}
