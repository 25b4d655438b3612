//! The checks as a source among the others: each on its interval, with its level and the time it ran as samples.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::catalogue::CheckInfo;
use super::look::Look;
use super::report::Latest;
use super::settings::Settings;
use crate::board::Board;
use crate::catalogue as family;
use crate::family::Feed;
use crate::sample::{Limits, SampleSet};
use crate::source::{Part, Source};

/// How long the first look waits for the other sources, so that a start is not taken for a failure of all of them.
const FIRST_ANSWERS: Duration = Duration::from_secs(10);
/// The alert on checks that no longer run looks for results that are an hour old, so they have to be shown for longer.
const SHOWN: Duration = Duration::from_hours(2);

/// The source.
pub struct Checks {
    look: Look,
    board: Arc<Board>,
    latest: Arc<Latest>,
    settings: Settings,
    limits: Limits,
    ran: BTreeMap<&'static str, Instant>,
}

impl Checks {
    /// Checks of what `board` shows and of the files below `root`; what they find is told to `latest`.
    pub fn new(board: Arc<Board>, root: PathBuf, settings: &Settings, limits: Limits, latest: Arc<Latest>) -> Self {
        latest.clear();
        let look = Look::new(board.clone(), Some(root), settings.clone());
        Self { look, board, latest, settings: settings.clone(), limits, ran: BTreeMap::new() }
    }

    /// The time between two polls, and how long samples are shown.
    pub fn pace(settings: &Settings) -> (Duration, Duration) {
        let intervals = || settings.on.iter().map(|(_, interval)| *interval);
        let longest = intervals().max().unwrap_or(SHOWN);
        (intervals().min().unwrap_or(SHOWN), SHOWN.max(3 * longest))
    }

    /// The checks whose time has come. Polls come on the shortest interval; a check is due at the poll that is nearest to its time.
    fn due(&self, now: Instant) -> Vec<&'static CheckInfo> {
        let slack = Self::pace(&self.settings).0 / 2;
        let due = |check: &&CheckInfo| {
            let interval = self.settings.interval(check.name).unwrap_or(SHOWN);
            self.ran.get(check.name).is_none_or(|ran| now.duration_since(*ran) + slack >= interval)
        };
        self.look.possible().into_iter().filter(due).collect()
    }

    async fn others_answered(&self) {
        while self.board.sources().iter().any(|(name, status)| *name != Self::NAME && status.took.is_none()) {
            sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Source for Checks {
    const NAME: &'static str = "checks";
    const FEED: Feed = Feed::SreState;

    async fn poll(&mut self) -> Vec<Part> {
        if self.ran.is_empty() {
            let _ = timeout(FIRST_ANSWERS, self.others_answered()).await;
        }
        let now = Instant::now();
        let due = self.due(now);
        let found = self.look.at(&due).await;
        self.ran.extend(due.iter().map(|check| (check.name, now)));
        self.latest.put(&found);
        let part = |finding: &super::Finding| {
            let mut samples = SampleSet::new(self.limits);
            let labels = [finding.check, "exporter"];
            samples.set(&family::CHECK_STATUS, labels, f64::from(finding.level as u8));
            samples.set(&family::CHECK_LAST_RUN_TIMESTAMP, labels, finding.at);
            Part::new(finding.check, Ok(samples))
        };
        found.iter().map(part).collect()
    }
}
