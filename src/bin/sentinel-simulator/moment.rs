//! Simulated time: whole milliseconds since the Unix epoch. Integers order totally and add up without rounding errors, so
//! the same arguments print the same digits on every machine; the contract's notations of a time are made here and nowhere else.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// A simulated moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    millis: i64,
}

impl Moment {
    /// The Unix epoch, the first moment that an event may carry.
    pub(crate) const FIRST: Self = Self { millis: 0 };

    /// The last moment that an event may carry: readers take anything above for milliseconds and reject it.
    pub(crate) const LAST: Self = Self { millis: 4_102_444_800_000 };

    /// Reads `now` or an RFC 3339 time such as `2026-01-05T14:30:00Z`. The error says what was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let moment = if text == "now" {
            Self::now()
        } else {
            let time: Timestamp =
                text.parse().map_err(|error| format!("expected now or a time like 2026-01-05T14:30:00Z: {error}"))?;
            Self { millis: time.as_millisecond() }
        };
        if (Self::FIRST..Self::LAST).contains(&moment) { Ok(moment) } else { Err("expected a time from 1970 to 2099".to_owned()) }
    }

    fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { millis: i64::try_from(since.as_millis()).unwrap_or(i64::MAX) }
    }

    /// Whole milliseconds since the epoch.
    pub(crate) fn millis(self) -> i64 {
        self.millis
    }

    /// Unix seconds, with at most three digits behind the point when printed.
    pub(crate) fn seconds(self) -> f64 {
        self.millis as f64 / 1000.0
    }

    /// The moment `seconds` later, or earlier if negative, to the nearest millisecond.
    pub(crate) fn plus(self, seconds: f64) -> Self {
        Self { millis: self.millis.saturating_add((seconds * 1000.0).round() as i64) }
    }

    /// Seconds from `earlier` to this moment, negative if it is later.
    pub(crate) fn since(self, earlier: Self) -> f64 {
        (self.millis - earlier.millis) as f64 / 1000.0
    }

    /// Whole minutes past the full hour, 0 to 59.
    pub(crate) fn minute(self) -> i64 {
        self.millis.div_euclid(60_000).rem_euclid(60)
    }

    /// `2026-01-05T22:30:00Z`
    pub(crate) fn zulu(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%SZ")
    }

    /// `2026-01-05T22:30:00+00:00`
    pub(crate) fn with_offset(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%S+00:00")
    }

    /// `2026-01-05T22:30:00.123456+00:00`
    pub(crate) fn with_micros(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%S%.6f+00:00")
    }

    /// `2026-01-05 22:30:00`
    pub(crate) fn plain(self) -> String {
        self.format("%Y-%m-%d %H:%M:%S")
    }

    fn format(self, notation: &str) -> String {
        // Out of range only millennia after LAST, which ends every day.
        let time = Timestamp::from_millisecond(self.millis).unwrap_or(Timestamp::UNIX_EPOCH);
        time.strftime(notation).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn prints_the_notations_of_the_contract() -> Result<(), String> {
        let moment = Moment::parse("2026-01-05T22:30:00.123Z")?;
        assert_eq!(moment.zulu(), "2026-01-05T22:30:00Z");
        assert_eq!(moment.with_offset(), "2026-01-05T22:30:00+00:00");
        assert_eq!(moment.with_micros(), "2026-01-05T22:30:00.123000+00:00");
        assert_eq!(moment.plain(), "2026-01-05 22:30:00");
        assert_eq!(moment.seconds().to_string(), "1767652200.123");
        Ok(())
    }

    #[test]
    fn refuses_what_readers_would_refuse() {
        assert!(Moment::parse("1969-12-31T23:59:59Z").is_err());
        assert!(Moment::parse("2100-01-01T00:00:00Z").is_err());
        assert!(Moment::parse("yesterday").is_err_and(|error| error.contains("2026-01-05T14")));
    }
}
