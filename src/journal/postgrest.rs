//! What is counted of PostgREST, besides what files say: its answers, and the reloads of its schema cache.

use super::ledger::Ledger;
use crate::catalogue as family;

/// The least time between two reloads, in seconds: a cache that one did not mend is not mended by many.
const RELOAD_PAUSE: f64 = 300.0;

impl Ledger {
    /// Counts a probe that took `seconds`, and the code of the error that was answered.
    pub fn postgrest_probe(&mut self, seconds: f64, code: Option<&str>) {
        self.samples.observe(&family::POSTGREST_PROBE_DURATION, [], seconds);
        if let Some(code) = code {
            self.samples.inc(&family::POSTGREST_ERRORS, [code]);
        }
        self.changed();
    }

    /// Whether the schema cache may be reloaded at `now` (Unix seconds); if so, this is when it was reloaded last. A clock that was set
    /// back does not put it off.
    pub fn schema_cache_reload(&mut self, now: f64) -> bool {
        if self.schema_cache_reload.is_some_and(|last| (last..last + RELOAD_PAUSE).contains(&now)) {
            return false;
        }
        self.schema_cache_reload = Some(now);
        self.changed();
        true
    }

    /// Counts how a reload went.
    pub fn schema_cache_reloaded(&mut self, success: bool) {
        self.samples.inc(&family::SCHEMA_CACHE_RELOADS, [if success { "success" } else { "failed" }]);
        self.changed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Limits;

    #[test]
    fn a_reload_is_not_repeated_for_five_minutes() {
        let mut ledger = Ledger::new(Limits::default());
        let allowed = [1000.0, 1000.5, 1299.9, 1300.0, 1310.0, 900.0].map(|now| ledger.schema_cache_reload(now));
        assert_eq!(allowed, [true, false, false, true, false, true]);
    }
}
