//! Judgements over what the broker answered.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::finding::Finding;
use super::settings::Settings;
use crate::source::broker::BrokerError;

/// How many symbols a message names.
const NAMED: usize = 8;

/// The broker's time to answer; without it the bot trades late or not at all.
pub(super) fn alpaca_latency(account: &Result<Duration, BrokerError>, settings: &Settings) -> Finding {
    let (warning, critical) = (settings.latency_warning, settings.latency_critical);
    let threshold = format!(
        "less than {}, and {} at the very most",
        humantime::format_duration(warning),
        humantime::format_duration(critical)
    );
    let finding = match account {
        Err(BrokerError::NoCredentials) => Finding::unknown(&BrokerError::NoCredentials),
        Err(why) => Finding::critical(format!("the broker's account cannot be read: {why}")),
        Ok(took) => {
            let message = format!("the broker answered within {} ms", took.as_millis());
            let finding = match *took {
                took if took >= critical => Finding::critical(message),
                took if took >= warning => Finding::warning(message),
                _ => Finding::ok(message),
            };
            finding.value(took.as_secs_f64())
        }
    };
    finding.threshold(threshold)
}

/// The bot's books against the broker's: what only one of them knows is not watched, or not there.
pub(super) fn position_tracking(
    broker: &Result<BTreeSet<String>, BrokerError>,
    bot: &Result<BTreeSet<String>, String>,
) -> Finding {
    let (broker, bot) = match (broker, bot) {
        (Ok(broker), Ok(bot)) => (broker, bot),
        (Err(why), _) => return Finding::unknown(format!("the broker's positions: {why}")),
        (_, Err(why)) => return Finding::unknown(format!("the bot's positions: {why}")),
    };
    let unknown_to_bot: Vec<_> = broker.difference(bot).cloned().collect();
    let unknown_to_broker: Vec<_> = bot.difference(broker).cloned().collect();
    if unknown_to_bot.is_empty() && unknown_to_broker.is_empty() {
        return Finding::ok(format!("bot and broker have the same {} positions", bot.len())).value(bot.len());
    }
    let named = |symbols: &[String]| match symbols {
        [] => "none".to_owned(),
        all if all.len() <= NAMED => all.join(", "),
        all => format!("{} and {} more", all[..NAMED].join(", "), all.len() - NAMED),
    };
    let message = format!("only at the broker: {}; only in the bot: {}", named(&unknown_to_bot), named(&unknown_to_broker));
    let value = json!({"only_broker": unknown_to_bot, "only_bot": unknown_to_broker});
    Finding::critical(message).value(value).threshold("the same symbols")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level::{Critical, Ok as Fine, Warning};
    use super::super::settings;
    use super::*;

    #[test]
    fn latency() {
        let settings = settings::tests::defaults();
        for (millis, level) in [(0, Fine), (499, Fine), (500, Warning), (1999, Warning), (2000, Critical)] {
            assert_eq!(alpaca_latency(&Ok(Duration::from_millis(millis)), &settings).level, level, "{millis}");
        }
        let finding = alpaca_latency(&Err(BrokerError::Failed("HTTP 500".to_owned())), &settings);
        assert_eq!((finding.level, finding.message.as_str()), (Critical, "the broker's account cannot be read: HTTP 500"));
        let finding = alpaca_latency(&Err(BrokerError::NoCredentials), &settings);
        assert_eq!((finding.level, finding.message.as_str()), (Warning, "cannot be checked: no credentials are configured"));
    }

    #[test]
    fn positions() {
        fn set(symbols: &[&str]) -> BTreeSet<String> {
            symbols.iter().map(|symbol| (*symbol).to_owned()).collect()
        }
        let judged = |broker: &[&str], bot: &[&str]| position_tracking(&Ok(set(broker)), &Ok(set(bot)));
        assert_eq!(judged(&["A", "B"], &["B", "A"]).level, Fine);
        assert_eq!(judged(&[], &[]).level, Fine);
        let finding = judged(&["A", "B"], &["B", "C"]);
        assert_eq!((finding.level, finding.message.as_str()), (Critical, "only at the broker: A; only in the bot: C"));
        let many: Vec<_> = (0..20).map(|number| format!("S{number:02}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(judged(&many, &[]).message.contains("S07 and 12 more; "));

        let finding = position_tracking(&Err(BrokerError::Failed("refused".to_owned())), &Ok(set(&[])));
        let why = "cannot be checked: the broker's positions: refused";
        assert_eq!((finding.level, finding.message.as_str()), (Warning, why));
        let finding = position_tracking(&Ok(set(&[])), &Err("not there".to_owned()));
        let why = "cannot be checked: the bot's positions: not there";
        assert_eq!((finding.level, finding.message.as_str()), (Warning, why));
    }
}
