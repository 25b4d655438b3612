//! A body of POST /v1/events: what the client is told is what is counted, now and when the line in the exporter's own journal
//! is read again. And a line of that journal, whoever wrote it.

use sentinel_exporter::journal::keys::Key;
use sentinel_exporter::journal::ledger::{Format, Ledger};
use sentinel_exporter::journal::post::Post;
use sentinel_exporter::sample::Limits;

use super::pages::{page, sum};
use crate::support::folded::READ_AT;

pub(super) fn check(body: &[u8]) {
    let receipt = Post::read(body, READ_AT, None).receipt();
    let rejected = receipt.rejected.len() as u64 + receipt.rejected_not_listed.unwrap_or_default();
    let numbers: Vec<_> = receipt.rejected.iter().map(|rejected| rejected.line).collect();
    assert!(numbers.iter().all(|number| *number > 0) && numbers.is_sorted(), "{numbers:?}");
    for key in [None, Some(Key::new(b"key", body))] {
        let mut line = Vec::new();
        Post::read(body, READ_AT, key).write(&mut line).expect("memory takes it");
        let line = line.strip_suffix(b"\n").expect("a line end");
        assert!(!line.contains(&b'\n'), "it is more than one line");
        let mut ledger = Ledger::new(Limits::default());
        for times in [1.0, if key.is_some() { 1.0 } else { 2.0 }] {
            // Read later, it is the same as when it came.
            assert_eq!(ledger.count(Format::Posts, line, READ_AT + 60.0), Ok(()));
            let page = page(&ledger);
            assert_eq!(sum(&page, "sentinel_exporter_events_total"), times * receipt.accepted as f64);
            assert_eq!(sum(&page, "sentinel_exporter_events_rejected_total"), times * rejected as f64);
        }
    }
    if !body.trim_ascii_start().starts_with(b"[") {
        let mut ledger = Ledger::new(Limits::default());
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let counted = lines.filter(|line| ledger.count(Format::Events, line, READ_AT).is_ok()).count();
        assert_eq!(counted, receipt.accepted, "a journal's lines and a post's do not count the same");
    }
    let mut ledger = Ledger::new(Limits::default());
    let _ = ledger.count(Format::Posts, body, READ_AT);
    page(&ledger);
}
