//! Lines folded into a ledger without files or threads, and shown as a page.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sentinel_exporter::board::Board;
use sentinel_exporter::exposition;
use sentinel_exporter::family::Feed;
use sentinel_exporter::journal::ledger::{Format, Ledger};
use sentinel_exporter::sample::Limits;

use super::page::Page;

/// When lines without a time were read, in Unix seconds.
pub(crate) const READ_AT: f64 = 1_768_000_000.0;

/// A ledger that has counted `lines`.
pub(crate) fn ledger<L: AsRef<[u8]>>(lines: impl IntoIterator<Item = L>) -> Ledger {
    let mut ledger = Ledger::new(Limits::default());
    for line in lines {
        let _ = ledger.count(Format::Events, line.as_ref(), READ_AT);
    }
    ledger
}

/// What a scrape would show of it.
pub(crate) fn page(ledger: Ledger) -> Page {
    Page::parse(&text(ledger))
}

/// The same as it would come, with the counts of the bot's logs.
pub(crate) fn text(ledger: Ledger) -> String {
    let (board, mut text) = (Board::new(Arc::new(Mutex::new(ledger))), Vec::new());
    board.register("sre", Feed::SreState, Duration::MAX, Duration::MAX);
    exposition::render(&board.view(), &mut text);
    String::from_utf8(text).expect("a page of text")
}

/// The samples that `lines` change from what a new exporter shows, and their values, without the counts of events themselves;
/// a series that they take away has no value.
pub(crate) fn effects(lines: &[&str]) -> Vec<(String, Option<f64>)> {
    let (before, after) = (page(ledger::<&str>([])), page(ledger(lines)));
    let all = before.samples.keys().chain(after.samples.keys().filter(|series| before.value(series).is_none()));
    let changed = all.filter(|series| before.value(series) != after.value(series));
    let told = changed.filter(|series| !series.starts_with("sentinel_exporter_"));
    told.map(|series| (series.clone(), after.value(series))).collect()
}
