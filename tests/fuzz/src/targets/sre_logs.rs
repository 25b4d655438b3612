//! A line of the bot's logs, taken for one of each: counted or rejected, once.

use sentinel_exporter::journal::ledger::{Format, Ledger};
use sentinel_exporter::sample::Limits;

use super::pages::{fresh, page, sum};
use crate::support::folded::READ_AT;

pub(super) fn check(line: &[u8]) {
    for format in [Format::RcaSessions, Format::CriticalChecks] {
        let mut ledger = Ledger::new(Limits::default());
        let counted = ledger.count(format, line, READ_AT);
        let after = page(&ledger);
        assert_eq!(sum(&after, "sentinel_exporter_events_rejected_total"), f64::from(u8::from(counted.is_err())));
        let rca = sum(&after, "sentinel_rca_sessions_total") - sum(fresh(), "sentinel_rca_sessions_total");
        assert_eq!(rca, f64::from(u8::from(counted.is_ok() && format == Format::RcaSessions)));
        if let Err(rejection) = counted {
            let told = rejection.to_string();
            assert!(told.starts_with("expected ") && told.len() < 1000 && !told.contains(char::is_control), "{told:?}");
        }
    }
}
