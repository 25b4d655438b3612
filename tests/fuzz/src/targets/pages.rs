//! A metrics page, held to the letter of the text format: `Page` of the tests takes a label for granted.

use std::sync::LazyLock;

use sentinel_exporter::journal::ledger::Ledger;
use sentinel_exporter::sample::Limits;

use crate::support::folded;
use crate::support::page::Page;

/// The longest label value, in bytes, as the default limits have it.
const LONGEST_VALUE: usize = 128;

/// The page of a ledger.
pub(crate) fn page(ledger: &Ledger) -> Page {
    read(&folded::text(ledger.clone()))
}

/// The page of a ledger that has counted nothing, which is the same for every input.
pub(crate) fn fresh() -> &'static Page {
    static FRESH: LazyLock<Page> = LazyLock::new(|| page(&Ledger::new(Limits::default())));
    &FRESH
}

/// Reads a page; panics when a line is not of the format.
pub(crate) fn read(text: &str) -> Page {
    assert!(text.ends_with('\n'), "the last line does not end");
    for line in text.split_terminator('\n') {
        let comment = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
        let good = comment.map_or_else(|| is_sample(line), |rest| rest.split_once(' ').is_some_and(|(name, _)| is_name(name)));
        assert!(good, "not a line of a page: {line:?}");
    }
    Page::parse(text)
}

/// The sum of a family's samples.
pub(crate) fn sum(page: &Page, family: &str) -> f64 {
    page.family(family).iter().map(|(_, value)| value).sum()
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `name value` or `name{label="value",label="value"} value`.
fn is_sample(line: &str) -> bool {
    let end = line.find(['{', ' ']).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let value = rest.strip_prefix('{').map_or(Some(rest), after_labels).and_then(|rest| rest.strip_prefix(' '));
    is_name(name) && value.is_some_and(|value| value.parse::<f64>().is_ok())
}

/// What stands behind the labels, if they are good.
fn after_labels(mut rest: &str) -> Option<&str> {
    loop {
        let (name, value) = rest.split_once("=\"")?;
        let (mut escaped, mut length) = (false, 0);
        let end = value.find(|c: char| {
            let ends = c == '"' && !escaped;
            let begins = c == '\\' && !escaped;
            length += if begins || ends { 0 } else { c.len_utf8() };
            escaped = begins;
            ends
        })?;
        // A backslash stands only before another, a quote, and the n of a line feed.
        let mut after = value[..end].split('\\').skip(1);
        let mut well_escaped = true;
        while let Some(text) = after.next() {
            well_escaped &= text.starts_with(['"', 'n']) || (text.is_empty() && after.next().is_some());
        }
        if !is_name(name) || !well_escaped || length > LONGEST_VALUE {
            return None;
        }
        rest = &value[end + 1..];
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return rest.strip_prefix('}'),
        }
    }
}
