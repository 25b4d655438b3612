//! Numbers and times as people read them.

use jiff::Timestamp;

/// A span in its greatest unit: "40 s", "5 min", "3 h", "2 days".
pub(super) fn span(seconds: f64) -> String {
    // A negative one is the difference of two clocks.
    let seconds = seconds.max(0.0);
    let (length, unit) = match seconds {
        ..120.0 => (seconds, "s"),
        ..7_200.0 => (seconds / 60.0, "min"),
        ..172_800.0 => (seconds / 3_600.0, "h"),
        _ => (seconds / 86_400.0, "days"),
    };
    format!("{:.0} {unit}", length.floor())
}

/// How long ago a Unix time was; 0 is never.
pub(super) fn ago(at: f64, now: f64) -> String {
    if at > 0.0 { format!("{} ago", span(now - at)) } else { "never".to_owned() }
}

/// A Unix time in UTC, to the second.
pub(super) fn moment(at: f64) -> String {
    let time = Timestamp::from_second(at as i64);
    time.map_or_else(|_| "an impossible time".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// A share in percent.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_times() {
        let spans = [-5.0, 0.0, 119.9, 120.0, 7_199.0, 7_200.0, 172_799.0, 172_800.0].map(span);
        assert_eq!(spans, ["0 s", "0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days"]);
        assert_eq!((ago(0.0, 9.0), ago(4.0, 9.0)), ("never".to_owned(), "5 s ago".to_owned()));
        assert_eq!(moment(1_736_116_800.9), "2025-01-05 22:40:00");
        assert_eq!(moment(f64::INFINITY), "an impossible time");
        assert_eq!(percent(0.123_45), "12.3 %");
    }
}
