//! What has to hold for any input: the event parser takes any bytes, any cut of a byte stream gives the same counts, and a
//! checkpoint at any line changes nothing.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use sentinel_exporter::journal::checkpoint::SavedLedger;
use sentinel_exporter::journal::keys::Key;
use sentinel_exporter::journal::ledger::{Format, Ledger};
use sentinel_exporter::journal::lines::Line;
use sentinel_exporter::journal::post::Post;
use sentinel_exporter::journal::tail::{Position, Tail};
use sentinel_exporter::sample::Limits;

use crate::support::folded::{READ_AT, ledger, page};
use crate::support::tempdir::TempDir;

/// One line that is an event, or nearly so.
fn line() -> impl Strategy<Value = String> {
    let number = prop_oneof![Just("0".to_owned()), Just("-1".to_owned()), Just("1e999".to_owned()), "[0-9]{1,3}\\.[0-9]{1,3}"];
    let name = prop_oneof!["[a-c]", Just("\\\"q\\\\\\n".to_owned()), Just("é".repeat(70))];
    prop_oneof![
        (number.clone(), any::<bool>()).prop_map(|(n, ok)| format!(r#"{{"event":"cycle","seconds":{n},"ok":{ok}}}"#)),
        number.clone().prop_map(|n| format!(r#"{{"event":"prediction","seconds":{n},"confidence":{n},"ts":{n}}}"#)),
        (name.clone(), number.clone()).prop_map(|(s, n)| format!(r#"{{"event":"position","symbol":"{s}","usd":{n}}}"#)),
        (name.clone(), name.clone()).prop_map(|(a, b)| format!(r#"{{"event":"api_error","endpoint":"{a}","error_code":"{b}"}}"#)),
        name.clone().prop_map(|r| format!(r#"{{"event":"regime","regime":"{r}"}}"#)),
        (name, number).prop_map(|(s, n)| {
            format!(r#"{{"event":"order","symbol":"{s}","side":"buy","status":"new","slippage_bps":{n}}}"#)
        }),
        (any::<bool>(), "[A-C]").prop_map(|(on, t)| format!(r#"{{"event":"kill_switch","active":{on},"trigger":"{t}"}}"#)),
        prop_oneof![Just("connected"), Just("disconnected"), Just("reconnected"), Just("lost")]
            .prop_map(|state| format!(r#"{{"event":"websocket","ts":1,"state":"{state}"}}"#)),
        "[ -~]{0,40}",
    ]
}

/// A ledger's every count and state.
fn whole(ledger: &Ledger) -> String {
    serde_json::to_string(&SavedLedger::of(ledger)).expect("a ledger can be saved")
}

/// What a page of it shows, but for the time since a disconnect, which goes on between two pages.
fn stable(ledger: Ledger) -> BTreeMap<String, f64> {
    let mut samples = page(ledger).samples;
    samples.retain(|series, _| !series.contains("downtime"));
    samples
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_counted_or_rejected(bytes in vec(any::<u8>(), 0..200)) {
        let mut ledger = Ledger::new(Limits::default());
        let counted = ledger.count(Format::Events, &bytes, READ_AT).is_ok();
        let page = page(ledger);
        let sum = |name| page.family(name).iter().map(|(_, count)| count).sum::<f64>();
        prop_assert_eq!(sum("sentinel_exporter_events_total"), f64::from(u8::from(counted)));
        prop_assert_eq!(sum("sentinel_exporter_events_rejected_total"), f64::from(u8::from(!counted)));
    }

    #[test]
    fn a_rejected_line_changes_nothing_else(lines in vec(line(), 0..30)) {
        let mut with = Ledger::new(Limits::default());
        let good: Vec<_> = lines.iter().filter(|line| with.count(Format::Events, line.as_bytes(), READ_AT).is_ok()).collect();
        let (mut all, mut without) = (stable(with), stable(ledger(&good)));
        for samples in [&mut all, &mut without] {
            samples.retain(|series, _| !series.contains("events_rejected_total"));
        }
        prop_assert!(all == without);
    }

    #[test]
    fn a_post_counts_what_its_lines_count(lines in vec(line(), 0..30), key in any::<Option<u8>>()) {
        // The first line makes it no array; blank ones are left out of both.
        let first = "{\"event\":\"uptime\",\"seconds\":1}".to_owned();
        let lines: Vec<_> = [first].into_iter().chain(lines).filter(|line| !line.trim().is_empty()).collect();
        let body = lines.join("\n");
        let key = key.map(|key| Key::new(&[key], body.as_bytes()));
        let post = Post::read(body.as_bytes(), READ_AT, key);
        let mut line = Vec::new();
        post.write(&mut line).unwrap();
        let line = line.strip_suffix(b"\n").unwrap();
        let mut posted = Ledger::new(Limits::default());
        prop_assert_eq!(posted.count(Format::Posts, line, 0.0), Ok(()));
        prop_assert_eq!(stable(posted.clone()), stable(ledger(&lines)));
        let once = whole(&posted);
        prop_assert_eq!(posted.count(Format::Posts, line, 0.0), Ok(()));
        prop_assert_eq!(whole(&posted) == once, key.is_some(), "with a key it counts once, without one twice");
    }

    #[test]
    fn a_checkpoint_at_any_line_changes_nothing(lines in vec(line(), 0..40), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(lines.len() + 1);
        let saved = serde_json::to_vec(&SavedLedger::of(&ledger(&lines[..cut]))).unwrap();
        let read: SavedLedger = serde_json::from_slice(&saved).unwrap();
        let mut resumed = read.into_ledger(Limits::default());
        for line in &lines[cut..] {
            let _ = resumed.count(Format::Events, line.as_bytes(), READ_AT);
        }
        prop_assert_eq!(whole(&resumed), whole(&ledger(&lines)));
    }

    #[test]
    fn any_cut_rotation_and_restart_gives_every_line_once(steps in vec(step(), 1..60)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        world.take(&Step::Append(b"\n".to_vec()));
        world.take(&Step::Look);
        // Files that were written within one tick of the file system's clock may be read in either order.
        world.read.sort();
        world.written.sort();
        let text = |lines: &[Result<Vec<u8>, u64>]| -> Vec<String> {
            lines.iter().map(|line| line.as_ref().map_or_else(u64::to_string, |line| String::from_utf8_lossy(line).into_owned())).collect()
        };
        prop_assert_eq!(text(&world.read), text(&world.written));
    }
}

/// What happens to a journal.
#[derive(Clone, Debug)]
enum Step {
    /// Its writer appends some bytes: lines, a part of one, or the rest of it.
    Append(Vec<u8>),
    /// It is renamed away, and its writer opens a new file.
    Rename,
    /// It is copied and truncated.
    Truncate,
    /// It is deleted, after all of it was read.
    Delete,
    /// A file with the same bytes takes its place, after all of it was read.
    Replace,
    /// Somebody copies one of the files that were rotated away, or touches it, after all of them were read.
    Stray(prop::sample::Index),
    /// A minute and a bit goes by, in which the tail looks: files that left are no longer read on.
    Wait,
    /// The tail looks and reads.
    Look,
    /// The exporter ends and a new one goes on from the positions of the last look.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = prop_oneof![
        4 => "[a-z]{1,9}\n[a-z]{1,9}",
        2 => "[a-z]{1,5}",
        1 => Just("\n\n".to_owned()),
        1 => (60_000..140_000_usize).prop_map(|n| "x".repeat(n)),
    ];
    prop_oneof![
        6 => bytes.prop_map(|text| Step::Append(text.into_bytes())),
        1 => Just(Step::Rename),
        1 => Just(Step::Truncate),
        1 => Just(Step::Delete),
        1 => Just(Step::Replace),
        1 => any::<prop::sample::Index>().prop_map(Step::Stray),
        1 => Just(Step::Wait),
        3 => Just(Step::Look),
        1 => Just(Step::Restart),
    ]
}

/// A journal, its tail, what was written to it and what was read.
struct World {
    folder: TempDir,
    path: PathBuf,
    file: Option<File>,
    generation: usize,
    strays: usize,
    /// The line of the present file that has not ended.
    unfinished: Vec<u8>,
    written: Vec<Result<Vec<u8>, u64>>,
    tail: Tail,
    read: Vec<Result<Vec<u8>, u64>>,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let folder = TempDir::new("tail");
        let path = folder.join("journal");
        let now = Instant::now();
        let tail = Tail::new(path.clone(), Format::Events, [].into(), &[], now);
        let (unfinished, written, read) = (Vec::new(), Vec::new(), Vec::new());
        let mut world = Self { folder, path, file: None, generation: 0, strays: 0, unfinished, written, tail, read, now };
        world.begin();
        world
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
                    fs::copy(&self.path, self.folder.join(&format!("journal.{}", self.generation))).unwrap();
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
                    fs::copy(&self.path, &aside).unwrap();
                    fs::rename(&aside, &self.path).unwrap();
                    self.file = Some(OpenOptions::new().append(true).open(&self.path).unwrap());
                    self.look();
                }
            }
            Step::Stray(index) => {
                self.look();
                let from = self.folder.join(&format!("journal.{}", index.index(self.generation + 1)));
                if let Ok(bytes) = fs::read(from) {
                    self.strays += 1;
                    fs::write(self.folder.join(&format!("journal.stray{}", self.strays)), bytes).unwrap();
                }
            }
            Step::Wait => {
                self.look();
                self.now += Duration::from_secs(61);
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
            match line.len() {
                0 => {}
                len if len > 65_536 => self.written.push(Err(len as u64)),
                _ => self.written.push(Ok(line)),
            }
        }
    }

    fn look(&mut self) {
        let mut buffer = vec![0; 100_000];
        self.tail.look(self.now);
        while let Some(chunk) = self.tail.next_chunk(&mut buffer) {
            self.read.extend(chunk.lines().map(|(_, line)| match line {
                Line::Whole(line) => Ok(line.to_vec()),
                Line::Oversize(length) => Err(length),
            }));
        }
    }
}
