//! Lines for journals.

use std::sync::atomic::{AtomicU64, Ordering};

/// What [`cycles`] raises.
pub(crate) const CYCLES: &str = "sentinel_trading_cycles_total";

/// Lines of which no two are the same, as time goes on.
pub(crate) fn cycles(count: usize) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1_768_000_000);
    let line = |_| format!("{{\"event\":\"cycle\",\"ts\":{},\"seconds\":1}}\n", NEXT.fetch_add(1, Ordering::Relaxed));
    (0..count).map(line).collect()
}
