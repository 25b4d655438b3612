//! Judgements over files that are read whole: weights, thresholds, the bot's code, the cache of flows.

use std::collections::BTreeSet;

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::finding::Finding;
use super::settings::Settings;
use crate::files::Unreadable;
use crate::told::told_briefly;

type Read = Result<Vec<u8>, Unreadable>;

/// Missing or empty weights make the bot fall back to its own; what is no JSON object may stop it.
pub(super) fn weights_file(read: &Read) -> Finding {
    const EXPECTED: &str = "a JSON object that is not empty";
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(Unreadable::Missing) => {
            return Finding::warning("the weights are missing: the bot takes its own").threshold(EXPECTED).mendable();
        }
        Err(why) => return Finding::unknown(why),
    };
    if bytes.trim_ascii().is_empty() {
        return Finding::warning("the file of the weights is empty: the bot takes its own").threshold(EXPECTED).mendable();
    }
    let mut weights = 0;
    match keys(bytes, |_| weights += 1) {
        Err(error) => Finding::critical(format!("the weights are no JSON object: {error}")).threshold(EXPECTED).mendable(),
        Ok(()) if weights == 0 => Finding::warning("there is no weight in the file").threshold(EXPECTED).mendable(),
        Ok(()) => Finding::ok(format!("{weights} weights")).value(weights),
    }
}

/// Tells `each` the keys of a JSON object. Values are passed over: kept, they could take a hundred times as much memory as the file.
fn keys(bytes: &[u8], each: impl FnMut(String)) -> Result<(), String> {
    struct Keys<F>(F);
    impl<'de, F: FnMut(String)> Visitor<'de> for Keys<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
            while let Some((key, IgnoredAny)) = object.next_entry()? {
                self.0(key);
            }
            Ok(())
        }
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    json.deserialize_map(Keys(each)).and_then(|()| json.end()).map_err(brief)
}

/// An error may quote a text of any length.
fn brief(error: serde_json::Error) -> String {
    told_briefly(&error.to_string())
}

/// Only the base is judged: too high a threshold keeps every trade out.
pub(super) fn entry_thresholds(read: &Read, settings: &Settings) -> Finding {
    let (warning, critical) = (settings.entry_thresholds_warning, settings.entry_thresholds_critical);
    let threshold = format!("base at most {warning}, and {critical} at the very most");
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(why) => {
            let finding = Finding::unknown(why).threshold(threshold);
            return if *why == Unreadable::Missing { finding.mendable() } else { finding };
        }
    };
    #[derive(Deserialize)]
    struct Thresholds {
        base: f64,
    }
    // A struct would be read from an array too.
    match keys(bytes, |_| ()).and_then(|()| serde_json::from_slice(bytes).map_err(brief)) {
        Err(why) => Finding::unknown(why).threshold(threshold).mendable(),
        Ok(Thresholds { base }) => {
            let message = format!("the base threshold is {base}");
            let finding = match base {
                base if base > critical => Finding::critical(message).mendable(),
                base if base > warning => Finding::warning(message).mendable(),
                _ => Finding::ok(message),
            };
            finding.value(base).threshold(threshold)
        }
    }
}

/// The parser of flows has to know the fields that the source sends.
pub(super) fn uw_parser_integrity(read: &Read) -> Finding {
    const PARTS: [&[&str]; 3] = [&["flow_conv", "flow_conviction"], &["signal_type"], &["def _normalize_flow_trade"]];
    let code = match read {
        Ok(code) => code,
        Err(Unreadable::Missing) => return Finding::critical("the bot's program is not there"),
        Err(why) => return Finding::unknown(why),
    };
    let has = |part: &&str| memchr::memmem::find(code, part.as_bytes()).is_some();
    let missing: Vec<_> = PARTS.iter().filter(|names| !names.iter().any(has)).map(|names| names.join(" or ")).collect();
    match missing.is_empty() {
        true => Finding::ok("the parser knows its fields"),
        false => Finding::warning(format!("the parser lacks {}", missing.join(", "))).value(missing).threshold("none missing"),
    }
}

/// A signal without these fields is scored as if nothing were known of it.
pub(super) fn enrich_signal_fields(read: &Read) -> Finding {
    let code = match read {
        Ok(code) => String::from_utf8_lossy(code),
        Err(why) => return Finding::unknown(why),
    };
    let missing: Vec<_> = ["sentiment", "conviction"].into_iter().filter(|field| !assigns(&code, field)).collect();
    match missing.is_empty() {
        true => Finding::ok("signals get their sentiment and conviction"),
        false => {
            let message = format!("signals do not get their {}", missing.join(" and "));
            Finding::critical(message).value(missing).threshold("both assigned to enriched_symbol")
        }
    }
}

/// Whether a line of Python, which is no comment, assigns to that key of `enriched_symbol`.
fn assigns(code: &str, field: &str) -> bool {
    let targets = ['"', '\''].map(|quote| format!("enriched_symbol[{quote}{field}{quote}]"));
    code.lines().filter(|line| !line.trim_start().starts_with('#')).any(|line| {
        targets.iter().any(|target| {
            let after = line.match_indices(target.as_str()).map(|(at, _)| line[at + target.len()..].trim_start());
            after.into_iter().any(|rest| rest.starts_with('=') && !rest.starts_with("=="))
        })
    })
}

/// A watched symbol that is not in the cache gets no signal.
pub(super) fn uw_cache_freshness(read: &Read, settings: &Settings) -> Finding {
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(why) => return Finding::unknown(why),
    };
    let mut missing = settings.symbols.clone();
    if let Err(error) = keys(bytes, |key| missing.retain(|symbol| *symbol != key)) {
        return Finding::critical(format!("the cache is no JSON object: {error}")).threshold("a JSON object");
    }
    match missing.is_empty() {
        true => Finding::ok(format!("all {} watched symbols are in the cache", settings.symbols.len())),
        false => {
            let message = format!("not in the cache: {}", missing.join(", "));
            Finding::warning(message).value(missing).threshold("every watched symbol")
        }
    }
}

/// The symbols that the bot holds, by its own books.
pub(super) fn held(read: &Read) -> Result<BTreeSet<String>, String> {
    let bytes = read.as_ref().map_err(ToString::to_string)?;
    let mut held = BTreeSet::new();
    let hold = |key: String| {
        if !key.starts_with('_') {
            held.insert(key);
        }
    };
    keys(bytes, hold).map_err(|error| format!("not a JSON object: {error}"))?;
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level::{self, Critical, Ok as Fine, Warning};
    use super::super::settings;
    use super::*;

    fn read(text: &str) -> Read {
        Ok(text.as_bytes().to_vec())
    }

    fn denied() -> Read {
        Err(Unreadable::Other("Permission denied".to_owned()))
    }

    /// Each text with the level it should have and whether a fix could mend it.
    fn judged(check: impl Fn(&Read) -> Finding, cases: &[(Read, Level, bool)]) {
        for (read, level, mendable) in cases {
            let finding = check(read);
            assert_eq!((finding.level, finding.mendable), (*level, *mendable), "{read:?}: {}", finding.message);
        }
        let finding = check(&denied());
        assert_eq!((finding.level, finding.message.as_str()), (Warning, "cannot be checked: Permission denied"));
        assert!(!finding.mendable);
    }

    #[test]
    fn weights() {
        judged(
            weights_file,
            &[
                (read(r#"{"flow": 2.4}"#), Fine, false),
                (read("{}"), Warning, true),
                (read(" \n"), Warning, true),
                (Err(Unreadable::Missing), Warning, true),
                (read("{\"flow\": 2."), Critical, true),
                (read("[1]"), Critical, true),
            ],
        );
    }

    #[test]
    fn thresholds() {
        let settings = settings::tests::defaults();
        judged(
            |read| entry_thresholds(read, &settings),
            &[
                (read(r#"{"base": 2.7, "canary": 9, "champion": 9}"#), Fine, false),
                (read(r#"{"base": 2.8}"#), Fine, false),
                (read(r#"{"base": 2.81}"#), Warning, true),
                (read(r#"{"base": 3.0}"#), Warning, true),
                (read(r#"{"base": 3.01}"#), Critical, true),
                (read(r#"{"base": "2.7"}"#), Warning, true),
                (read("[2.7]"), Warning, true),
                (read("{"), Warning, true),
                (Err(Unreadable::Missing), Warning, true),
            ],
        );
    }

    #[test]
    fn a_message_quotes_the_beginning_alone() {
        let long = "é".repeat(100_000);
        for (finding, begins) in [
            (weights_file(&read(&format!("\"{long}\""))), "the weights are no JSON object: invalid type: string \"éé"),
            (
                entry_thresholds(&read(&format!("{{\"base\": \"{long}\"}}")), &settings::tests::defaults()),
                "cannot be checked: invalid type: string \"éé",
            ),
        ] {
            assert!(finding.message.starts_with(begins) && finding.message.len() < 1000, "{}", finding.message.len());
        }
    }

    #[test]
    fn parser() {
        let whole = "def _normalize_flow_trade(x):\n    return x['flow_conv'], x['signal_type']\n";
        judged(
            uw_parser_integrity,
            &[
                (read(whole), Fine, false),
                (read(&whole.replace("flow_conv", "flow_conviction")), Fine, false),
                (read(&whole.replace("flow_conv", "conv")), Warning, false),
                (read(&whole.replace("signal_type", "type")), Warning, false),
                (read(&whole.replace("def _normalize", "def normalize")), Warning, false),
                (Err(Unreadable::Missing), Critical, false),
            ],
        );
    }

    #[test]
    fn enrichment() {
        let whole = "enriched_symbol[\"sentiment\"] = s\n    enriched_symbol['conviction']=c\n";
        judged(
            enrich_signal_fields,
            &[
                (read(whole), Fine, false),
                (read(&whole.replace("sentiment", "mood")), Critical, false),
                (read(&whole.replace("    enriched", "    # enriched")), Critical, false),
                (read(&whole.replace("]=c", "]==c")), Critical, false),
                (read(&whole.replace("]=c", "]")), Critical, false),
                (Err(Unreadable::Missing), Warning, false),
            ],
        );
    }

    #[test]
    fn cache() {
        let settings = settings::tests::defaults();
        let whole = r#"{"AAPL": {}, "MSFT": [1], "NVDA": 1, "QQQ": null, "SPY": {}, "TSLA": {"x": {}}, "_meta": 1}"#;
        judged(
            |read| uw_cache_freshness(read, &settings),
            &[
                (read(whole), Fine, false),
                (read(&whole.replace("QQQ", "IWM")), Warning, false),
                (read("{\"AAPL\": {"), Critical, false),
                (read("[]"), Critical, false),
                (Err(Unreadable::Missing), Warning, false),
            ],
        );
        assert_eq!(uw_cache_freshness(&read("{\"AAPL\": 1}"), &settings).message, "not in the cache: MSFT, NVDA, QQQ, SPY, TSLA");
    }

    #[test]
    fn what_begins_with_an_underscore_is_no_symbol() {
        assert_eq!(held(&read(r#"{"AAPL": {"qty": 1}, "_updated": 5}"#)), Ok(BTreeSet::from(["AAPL".to_owned()])));
        assert!(held(&read("[]")).unwrap_err().starts_with("not a JSON object"));
        assert_eq!(held(&Err(Unreadable::Missing)), Err("there is no such file".to_owned()));
    }
}
