//! A journal's life: a writer, whoever rotates it, and a tail that follows; what was written to it and what was read of it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sentinel_exporter::journal::ledger::Format;
use sentinel_exporter::journal::lines::{Line, MAX_LINE};
use sentinel_exporter::journal::others::Others;
use sentinel_exporter::journal::tail::{Position, Tail};

use super::tempdir::TempDir;

/// What happens to a journal.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Its writer appends some bytes: lines, a part of one, or the rest of it.
    Append(Vec<u8>),
    /// It is renamed away, and its writer opens a new file.
    Rename,
    /// It is copied and truncated.
    Truncate,
    /// The same, after all of it was read, with a copy that overwrites the last one.
    Overwrite,
    /// It is deleted, after all of it was read.
    Delete,
    /// A file with the same bytes takes its place, after all of it was read.
    Replace,
    /// Somebody copies one of the files that were rotated away, after all of them were read.
    Stray(usize),
    /// A quarter of an hour and a bit goes by, in which the tail looks: files that left are no longer read on.
    Wait,
    /// The tail looks and reads.
    Look,
    /// The exporter ends and a new one goes on from the positions of the last look.
    Restart,
}

/// A line; an oversize one is known by its length.
pub(crate) type Seen = Result<Vec<u8>, u64>;

/// A journal, its tail, what was written to it and what was read.
pub(crate) struct Life {
    folder: TempDir,
    path: PathBuf,
    file: Option<File>,
    generation: usize,
    strays: usize,
    /// The line of the present file that has not ended.
    unfinished: Vec<u8>,
    written: Vec<Seen>,
    tail: Tail,
    read: Vec<Seen>,
    now: Instant,
}

impl Life {
    /// What was written and what was read when all `steps` have been taken and a last look; both sorted, because files that were
    /// written within one tick of the file system's clock may be read in either order.
    pub(crate) fn lived(steps: &[Step]) -> (Vec<Seen>, Vec<Seen>) {
        let mut life = Self::new();
        for step in steps {
            life.take(step);
        }
        life.take(&Step::Append(b"\n".to_vec()));
        life.take(&Step::Look);
        life.read.sort();
        life.written.sort();
        (life.written, life.read)
    }

    fn new() -> Self {
        let folder = TempDir::new("tail");
        let path = folder.join("journal");
        let now = Instant::now();
        let tail = Tail::new(path.clone(), Format::Events, [].into(), &[], now);
        let (unfinished, written, read) = (Vec::new(), Vec::new(), Vec::new());
        let mut life = Self { folder, path, file: None, generation: 0, strays: 0, unfinished, written, tail, read, now };
        life.begin();
        life
    }

    /// A new file that the tail has seen: what is rotated away before the first look at a journal is nobody's.
    fn begin(&mut self) {
        self.first_line();
        self.look();
    }

    /// As lines have their time in them, no two files begin alike.
    fn first_line(&mut self) {
        self.generation += 1;
        self.append(format!("file {}\n", self.generation).as_bytes());
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Append(bytes) => self.append(bytes),
            Step::Rename => {
                self.generation += 1;
                // The next writer may come later: there may be no file to rename.
                let _ = fs::rename(&self.path, self.folder.join(&format!("journal.{}", self.generation)));
                self.forget();
            }
            Step::Truncate => {
                self.generation += 1;
                // Between a rename and the next line there is no file.
                if let Some(file) = &self.file {
                    copy(&self.path, &self.folder.join(&format!("journal.{}", self.generation)));
                    file.set_len(0).unwrap();
                    self.unfinished.clear();
                    self.first_line();
                }
            }
            Step::Overwrite => {
                self.look();
                if let Some(file) = &self.file {
                    copy(&self.path, &self.folder.join("journal.1"));
                    file.set_len(0).unwrap();
                    self.unfinished.clear();
                    self.first_line();
                }
            }
            Step::Delete => {
                self.look();
                let _ = fs::remove_file(&self.path);
                self.forget();
                self.begin();
            }
            Step::Replace => {
                self.look();
                if self.file.is_some() {
                    let aside = self.folder.join("aside");
                    copy(&self.path, &aside);
                    fs::rename(&aside, &self.path).unwrap();
                    self.file = Some(OpenOptions::new().append(true).open(&self.path).unwrap());
                    self.look();
                }
            }
            Step::Stray(index) => {
                self.look();
                let from = self.folder.join(&format!("journal.{}", index % (self.generation + 1)));
                if let Ok(bytes) = fs::read(from) {
                    self.strays += 1;
                    fs::write(self.folder.join(&format!("journal.0{}", self.strays)), bytes).unwrap();
                }
            }
            Step::Wait => {
                self.look();
                self.now += Duration::from_secs(901);
                self.look();
            }
            Step::Look => self.look(),
            Step::Restart => {
                let positions: Vec<Position> = self.tail.positions().collect();
                self.tail = Tail::new(self.path.clone(), Format::Events, [].into(), &positions, self.now);
            }
        }
    }

    fn forget(&mut self) {
        self.file = None;
        self.unfinished.clear();
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.file.is_none() {
            self.file = Some(OpenOptions::new().create(true).append(true).open(&self.path).unwrap());
            self.first_line();
        }
        self.file.as_mut().unwrap().write_all(bytes).unwrap();
        self.unfinished.extend_from_slice(bytes);
        while let Some(end) = self.unfinished.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unfinished.drain(..=end).take(end).collect();
            if line.len() > MAX_LINE {
                self.written.push(Err(line.len() as u64));
            } else if !line.trim_ascii().is_empty() {
                self.written.push(Ok(line));
            }
        }
    }

    fn look(&mut self) {
        let mut buffer = vec![0; 100_000];
        self.tail.look(self.now, Others::default());
        while let Some(chunk) = self.tail.next_chunk(&mut buffer) {
            self.read.extend(chunk.lines().map(|(_, line)| match line {
                Line::Whole(line) => Ok(line.to_vec()),
                Line::Oversize(length) => Err(length),
            }));
        }
    }
}

/// What `fs::copy` does, which gives up at a signal: the fuzzer has a timer.
fn copy(from: &Path, to: &Path) {
    fs::write(to, fs::read(from).unwrap()).unwrap();
}
