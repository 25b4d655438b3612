//! Whether the stock market is open: Monday to Friday from 9:30 to 16:00 in New York, unless the daemon says that it is closed.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::board::View;
use crate::catalogue as family;
use crate::sample::Value;

/// Minutes of the day, in New York.
const HOURS: std::ops::Range<u16> = 9 * 60 + 30..16 * 60;

/// Whether the market is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Market {
    /// It is.
    Open,
    /// It is not, and why.
    Closed(String),
    /// It cannot be said, and why.
    Unknown(String),
}

impl Market {
    /// By the clock, and by the trading daemon's regime as far as it is known: on a holiday that alone tells.
    pub(super) fn at(unix: f64, closed_by_daemon: bool) -> Self {
        if closed_by_daemon {
            return Self::Closed("the trading daemon says that the market is closed".to_owned());
        }
        let zone = TimeZone::get("America/New_York").map_err(|error| format!("{error}; the package tzdata has it"));
        let time = Timestamp::from_second(unix as i64).map_err(|error| error.to_string());
        let (zone, time) = match (zone, time) {
            (Ok(zone), Ok(time)) => (zone, time),
            (Err(why), _) | (_, Err(why)) => return Self::Unknown(format!("the time in New York is not known: {why}")),
        };
        let local = time.to_zoned(zone);
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        match local.weekday() {
            Weekday::Saturday | Weekday::Sunday => Self::Closed("it is the weekend in New York".to_owned()),
            _ if HOURS.contains(&minute) => Self::Open,
            _ => Self::Closed(format!("it is {:02}:{:02} in New York", local.hour(), local.minute())),
        }
    }
}

/// Whether the trading daemon's regime says that the market is closed.
pub(super) fn closed_by_daemon(view: &View<'_>) -> bool {
    view.series(family::MARKET_REGIME.info())
        .any(|series| series.key() == "regime=\"closed\"" && *series.value() == Value::Gauge(1.0))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::board::Board;
    use crate::journal::ledger::{Format, Ledger};
    use crate::sample::Limits;

    #[test]
    fn the_daemons_last_word_counts() {
        let board = Board::new(Arc::new(Mutex::new(Ledger::new(Limits::default()))));
        assert!(!closed_by_daemon(&board.view()));
        for (regime, closed) in [("closed", true), ("trending", false), ("closed", true)] {
            let line = format!("{{\"event\": \"regime\", \"regime\": \"{regime}\"}}");
            board.ledger().count(Format::Events, line.as_bytes(), 1.0).unwrap();
            assert_eq!(closed_by_daemon(&board.view()), closed, "{regime}");
        }
    }

    #[test]
    fn hours_are_those_of_new_york_in_winter_and_in_summer() {
        for (time, open) in [
            ("2026-01-05T14:29:59Z", false),
            ("2026-01-05T14:30:00Z", true),
            ("2026-01-05T20:59:59Z", true),
            ("2026-01-05T21:00:00Z", false),
            // Daylight saving begins on 8 March.
            ("2026-03-06T13:30:00Z", false),
            ("2026-03-09T13:30:00Z", true),
            ("2026-03-09T20:00:00Z", false),
            ("2026-07-06T13:29:59Z", false),
            // A Saturday, and a Sunday.
            ("2026-01-10T16:00:00Z", false),
            ("2026-01-11T16:00:00Z", false),
        ] {
            let unix = time.parse::<Timestamp>().unwrap().as_second() as f64;
            assert_eq!(Market::at(unix, false) == Market::Open, open, "{time}");
            assert!(matches!(Market::at(unix, true), Market::Closed(_)));
        }
    }
}
