//! The life of a journal, from bytes that say what happens to it next: every line that was written is read once, in whatever
//! pieces it came, and counted or rejected once.

use sentinel_exporter::journal::ledger::{Format, Ledger};
use sentinel_exporter::journal::rejection::Reason;
use sentinel_exporter::sample::Limits;

use super::pages::{page, sum};
use crate::support::folded::READ_AT;
use crate::support::life::{Life, Step};

/// More would tell no more, and take its time.
const MOST_STEPS: usize = 64;

pub(super) fn check(input: &[u8]) {
    let (written, read) = Life::lived(&steps(input));
    assert!(written == read, "written {}\nread {}", shown(&written), shown(&read));
    let mut ledger = Ledger::new(Limits::default());
    for line in &read {
        match line {
            Ok(line) => drop(ledger.count(Format::Events, line, READ_AT)),
            Err(_) => ledger.reject(Reason::Oversize),
        }
    }
    let page = page(&ledger);
    let counted = sum(&page, "sentinel_exporter_events_total") + sum(&page, "sentinel_exporter_events_rejected_total");
    assert_eq!(counted, written.len() as f64);
}

/// Letters stand for what others do to the file, and a number of a line that is about too long; all else is what the writer writes,
/// up to the next `|`.
fn steps(input: &[u8]) -> Vec<Step> {
    let words = input.split(|byte| *byte == b'|').take(MOST_STEPS);
    let step = |word: &[u8]| match word {
        b"rename" => Step::Rename,
        b"truncate" => Step::Truncate,
        b"overwrite" => Step::Overwrite,
        b"delete" => Step::Delete,
        b"replace" => Step::Replace,
        b"wait" => Step::Wait,
        b"look" => Step::Look,
        b"restart" => Step::Restart,
        [b's', b't', b'r', b'a', b'y', number] => Step::Stray(usize::from(*number)),
        [b'l', b'o', b'n', b'g', number] => Step::Append(vec![b'x'; 65_536 - 128 + usize::from(*number)]),
        text => Step::Append(text.to_vec()),
    };
    words.map(step).collect()
}

fn shown(lines: &[Result<Vec<u8>, u64>]) -> String {
    let line = |line: &Result<Vec<u8>, u64>| match line {
        Ok(line) => format!("{}…", line[..line.len().min(60)].escape_ascii()),
        Err(length) => format!("{length} bytes"),
    };
    lines.iter().map(line).collect::<Vec<_>>().join(" | ")
}
