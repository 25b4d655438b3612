//! What the log says of notifications that are refused: anybody who reaches the port can send them, as fast as the network is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;

use crate::locked;

/// How long others of the same kind are only counted.
const QUIET: Duration = Duration::from_secs(60);

/// The robot, where its name is known to be one, and the status that was answered.
type Kind = (String, u16);

/// How many of each kind were left out since it was logged.
#[derive(Default)]
pub(super) struct Refusals(Arc<Mutex<BTreeMap<Kind, u64>>>);

impl Refusals {
    /// Whether to log a refusal now. Those that follow are counted, and their number is logged a minute later.
    pub(super) fn is_new(&self, robot: &str, status: u16) -> bool {
        let kind = (robot.to_owned(), status);
        let mut left_out = locked(&self.0);
        if let Some(count) = left_out.get_mut(&kind) {
            *count += 1;
            return false;
        }
        left_out.insert(kind.clone(), 0);
        let kinds = self.0.clone();
        tokio::spawn(async move {
            sleep(QUIET).await;
            if let Some(notifications @ 1..) = locked(&kinds).remove(&kind) {
                let (robot, status) = kind;
                tracing::warn!(robot, status, notifications, "more notifications were refused in the last minute");
            }
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_of_a_kind_is_told_in_a_minute() {
        let refusals = Refusals::default();
        let told = |robot, status, times: usize| (0..times).filter(|_| refusals.is_new(robot, status)).count();
        for _ in 0..2 {
            assert_eq!((told("", 401, 1000), told("", 404, 1000), told("sre", 400, 1000), told("data", 400, 1)), (1, 1, 1, 1));
            assert_eq!(locked(&refusals.0)[&(String::new(), 401)], 999);
            sleep(QUIET + Duration::from_millis(1)).await;
            assert!(locked(&refusals.0).is_empty());
        }
    }
}
