//! A line of a journal: counted or rejected, once, and nothing else happens to it.

use allocation_counter::measure;
use sentinel_exporter::journal::event::Line;
use sentinel_exporter::journal::ledger::{Format, Ledger};
use sentinel_exporter::sample::Limits;
use serde::de::IgnoredAny;

use super::pages::{fresh, page, sum};
use crate::support::folded::READ_AT;

pub(super) fn check(line: &[u8]) {
    let mut ledger = Ledger::new(Limits::default());
    let counted = ledger.count(Format::Events, line, READ_AT);
    let after = page(&ledger);
    let counts = ["sentinel_exporter_events_total", "sentinel_exporter_events_rejected_total"].map(|name| sum(&after, name));
    assert_eq!(counts, if counted.is_ok() { [1.0, 0.0] } else { [0.0, 1.0] }, "{counted:?}");

    // The strings of a line, some of them twice while an escape is read, and what tells a rejection.
    let allocated = measure(|| drop(Line::parse(line).map(|line| line.event(READ_AT).map(drop)))).bytes_max;
    assert!(allocated <= 4 * line.len() as u64 + 1024, "{allocated} bytes for a line of {}", line.len());

    match counted {
        Ok(()) => {
            assert!(serde_json::from_slice::<IgnoredAny>(line).is_ok(), "it is no JSON");
            let at = after.value("sentinel_exporter_last_event_timestamp_seconds");
            assert!(at.is_some_and(|at| (0.0..=4_102_444_800.0).contains(&at)), "{at:?}");
        }
        Err(rejection) => {
            let told = rejection.to_string();
            assert!(told.starts_with("expected ") && told.len() < 1000 && !told.contains(char::is_control), "{told:?}");
            let mut others = after.samples;
            others.retain(|series, value| fresh().samples.get(series) != Some(value));
            assert_eq!(others.len(), 1, "a rejected line changes {others:?}");
        }
    }
}
