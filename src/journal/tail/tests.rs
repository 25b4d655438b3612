//! Reads that fail for a while, which no disk does when it is asked to: the file is taken from under the reader.

use std::fs::File;
use std::io::Write;

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

/// A journal in a folder of its own, and whoever follows it.
struct Journal {
    folder: PathBuf,
    tail: Tail,
    now: Instant,
}

impl Drop for Journal {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Journal {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("sentinel-tail-{name}-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let now = Instant::now();
        Self { tail: Tail::new(folder.join("j"), Format::Events, [].into(), &[], now), folder, now }
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = File::options().create(true).append(true).open(self.folder.join(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.folder.join(from), self.folder.join(to)).unwrap();
    }

    /// The lines that are new a minute later.
    fn read(&mut self) -> String {
        self.now += MINUTE;
        self.tail.look(self.now, Others::default());
        let (mut buffer, mut lines) = (vec![0; 64], String::new());
        while let Some(chunk) = self.tail.next_chunk(&mut buffer) {
            for (_, line) in chunk.lines() {
                let super::super::lines::Line::Whole(line) = line else { panic!("too long") };
                lines += &format!("{} ", str::from_utf8(line).unwrap());
            }
        }
        lines
    }

    /// The same with the file `name` open for writing only in the place of the one that the tail has open.
    fn read_failing(&mut self, name: &str) -> String {
        let mut unreadable = File::options().append(true).open(self.folder.join(name)).unwrap();
        self.reader().swap(&mut unreadable);
        let lines = self.read();
        self.reader().swap(&mut unreadable);
        lines
    }

    /// The oldest.
    fn reader(&mut self) -> &mut Reader {
        self.tail.left.iter_mut().map(|(reader, _)| reader).chain(&mut self.tail.current).next().unwrap()
    }
}

#[test]
fn a_rotated_file_whose_reads_fail_is_read_on_from_where_it_was() {
    let mut journal = Journal::new("rotated");
    journal.append("j", "one\n");
    assert_eq!(journal.read(), "one ");
    journal.rename("j", "j.1");
    journal.append("j.1", "two\n");
    journal.append("j", "three\n");
    // Longer than a file that is read to its end is kept.
    for minute in 0..30 {
        assert_eq!(journal.read_failing("j.1"), if minute == 0 { "three " } else { "" });
        assert_eq!((journal.tail.lag(), journal.tail.error().is_some()), (4, true));
    }
    assert_eq!(journal.read(), "two ");
    assert_eq!((journal.tail.lag(), journal.tail.error()), (0, None));
    journal.rename("j.1", "j.2");
    journal.rename("j", "j.1");
    journal.append("j", "four\n");
    journal.append("j.2", "five\n");
    assert_eq!(journal.read(), "five four ");
}

#[test]
fn a_file_at_its_path_whose_reads_fail_shows_what_waits() {
    let mut journal = Journal::new("there");
    journal.append("j", "one\n");
    assert_eq!(journal.read(), "one ");
    journal.append("j", "two\n");
    assert_eq!(journal.read_failing("j"), "");
    assert_eq!((journal.tail.lag(), journal.tail.error().is_some()), (4, true));
    assert_eq!(journal.read(), "two ");
    assert_eq!((journal.tail.lag(), journal.tail.error()), (0, None));
}
