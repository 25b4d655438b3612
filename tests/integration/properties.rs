//! What has to hold for any input: the event parser takes any bytes, any cut of a byte stream gives the same counts, and a
//! checkpoint at any line changes nothing.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use sentinel_exporter::journal::checkpoint::SavedLedger;
use sentinel_exporter::journal::keys::Key;
use sentinel_exporter::journal::ledger::{Format, Ledger};
use sentinel_exporter::journal::post::Post;
use sentinel_exporter::sample::Limits;

use crate::support::folded::{READ_AT, ledger, page};
use crate::support::life::{Life, Step};

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
        let (written, read) = Life::lived(&steps);
        let text = |lines: &[Result<Vec<u8>, u64>]| -> Vec<String> {
            lines.iter().map(|line| line.as_ref().map_or_else(u64::to_string, |line| String::from_utf8_lossy(line).into_owned())).collect()
        };
        prop_assert_eq!(text(&read), text(&written));
    }
}

/// What happens next to a journal.
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
        1 => Just(Step::Overwrite),
        1 => Just(Step::Delete),
        1 => Just(Step::Replace),
        1 => any::<usize>().prop_map(Step::Stray),
        1 => Just(Step::Wait),
        3 => Just(Step::Look),
        1 => Just(Step::Restart),
    ]
}
