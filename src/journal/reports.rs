//! What the log says of rejected lines: at most one report a reason and minute, with the number of those left out.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use super::rejection::{Reason, Rejection};

const QUIET: Duration = Duration::from_secs(60);

/// When each reason was last reported, and how many were left out since.
#[derive(Default)]
pub(super) struct Reports {
    reasons: BTreeMap<Reason, (Instant, u64)>,
}

impl Reports {
    /// Reports a rejected line, or counts it for a later report.
    pub(super) fn rejected(&mut self, path: &Path, offset: u64, rejection: &Rejection) {
        let now = Instant::now();
        if let Some((reported, left_out)) = self.reasons.get_mut(&rejection.reason)
            && now.duration_since(*reported) < QUIET
        {
            *left_out += 1;
            return;
        }
        self.flush(now);
        self.reasons.insert(rejection.reason, (now, 0));
        tracing::warn!(file = %path.display(), offset, reason = rejection.reason.as_str(), "a line was not counted: {rejection}");
    }

    /// Reports the numbers left out whose minute is over.
    pub(super) fn flush(&mut self, now: Instant) {
        self.reasons.retain(|reason, (reported, left_out)| {
            let over = now.duration_since(*reported) >= QUIET;
            if over && *left_out > 0 {
                tracing::warn!(reason = reason.as_str(), lines = *left_out, "more lines were not counted in the last minute");
            }
            !over
        });
    }
}
