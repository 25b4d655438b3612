//! The checks as a source among the others: each on its interval, with its level and the time it ran as samples.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::finding::Finding;
use super::look::Look;
use super::repair::{Repair, Repaired, Trigger};
use super::report::Latest;
use super::settings::Settings;
use crate::board::Board;
use crate::catalogue as family;
use crate::family::Feed;
use crate::sample::{Limits, SampleSet};
use crate::source::broker::Broker;
use crate::source::{Part, Source};

/// How long the first look waits for the other sources, so that a start is not taken for a failure of all of them.
const FIRST_ANSWERS: Duration = Duration::from_secs(10);
/// How long a repair may take, for a network file system that hangs.
const REPAIR: Duration = Duration::from_secs(10);
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
    /// None without a bot.
    repair: Option<Repair>,
    /// A repair that is under way. One that hangs is waited for at the next poll too.
    repairing: Option<JoinHandle<Repaired>>,
    /// Told when a mock signal has failed.
    failed: Arc<Notify>,
    trigger: Trigger,
}

impl Checks {
    /// Checks of what `board` shows and, where there is a bot, of its files, which `repair` may mend; what they find is told to `latest`.
    /// They run at once when `failed` is told of a mock signal.
    pub fn new(
        board: Arc<Board>,
        settings: Settings,
        repair: Option<Repair>,
        broker: Option<Broker>,
        limits: Limits,
        latest: Arc<Latest>,
        failed: Arc<Notify>,
    ) -> Self {
        let root = repair.as_ref().map(|repair| repair.root.clone());
        let look = Look::new(board.clone(), root, broker, settings.clone());
        let (ran, repairing, trigger) = (BTreeMap::new(), None, Trigger::Scheduled);
        Self { look, board, latest, settings, limits, ran, repair, repairing, failed, trigger }
    }

    /// The time between two polls, and how long samples are shown.
    pub fn pace(settings: &Settings) -> (Duration, Duration) {
        let intervals = || settings.on.iter().map(|(_, interval)| *interval);
        let longest = intervals().max().unwrap_or(SHOWN);
        (intervals().min().unwrap_or(SHOWN), SHOWN.max(3 * longest))
    }

    /// Whether the time of a check has come. Polls come on the shortest interval; a check is due at the poll that is nearest to its time.
    fn is_due(&self, check: &str, now: Instant) -> bool {
        let slack = Self::pace(&self.settings).0 / 2;
        let interval = self.settings.interval(check).unwrap_or(SHOWN);
        self.trigger == Trigger::MockSignalFailure
            || self.ran.get(check).is_none_or(|ran| now.duration_since(*ran) + slack >= interval)
    }

    /// Forgets what was found by checks of which `keep` says that they cannot be carried out any more: a reload takes sources away.
    fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.ran.retain(|check, _| keep(check));
        self.latest.retain(&keep);
        self.board.retain(Self::NAME, &keep);
    }

    /// Mends what may be mended, and puts what the second look saw in the place of what the first one found.
    async fn mend(&mut self, found: &mut [Finding]) {
        let trigger = std::mem::replace(&mut self.trigger, Trigger::Scheduled);
        let wanted = |repair: &&Repair| repair.settings.enabled || trigger == Trigger::MockSignalFailure;
        let Some(repair) = self.repair.as_ref().filter(wanted) else { return };
        let repairing = self.repairing.get_or_insert_with(|| {
            let (repair, found) = (repair.clone(), found.to_vec());
            tokio::task::spawn_blocking(move || repair.mend(&found, trigger))
        });
        let Ok(ended) = timeout(REPAIR, repairing).await else {
            tracing::warn!("a repair hangs in the file system");
            return;
        };
        self.repairing = None;
        let Repaired { attempts, after } = ended.unwrap_or_default();
        for after in after {
            found.iter_mut().filter(|found| found.check == after.check).for_each(|found| *found = after.clone());
        }
        self.latest.put_fixes(attempts);
    }

    async fn others_answered(&self) {
        while self.board.sources().iter().any(|(name, status)| *name != Self::NAME && status.took.is_none()) {
            sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        // Nobody looks any more, or somebody with other settings.
        self.latest.clear();
    }
}

impl Source for Checks {
    const NAME: &'static str = "checks";
    /// The checks that a bot reports itself come with its folder.
    const FEED: Feed = Feed::Exporter;

    async fn wanted(&mut self) {
        self.failed.notified().await;
        self.trigger = Trigger::MockSignalFailure;
    }

    async fn poll(&mut self) -> Vec<Part> {
        if self.ran.is_empty() {
            let _ = timeout(FIRST_ANSWERS, self.others_answered()).await;
        }
        let now = Instant::now();
        let possible = self.look.possible();
        self.retain(|name| possible.iter().any(|check| check.name == name));
        let due: Vec<_> = possible.into_iter().filter(|check| self.is_due(check.name, now)).collect();
        let mut found = self.look.at(&due).await;
        self.mend(&mut found).await;
        self.ran.extend(due.iter().map(|check| (check.name, now)));
        self.latest.put(&found);
        let part = |finding: &Finding| {
            let mut samples = SampleSet::new(self.limits);
            let labels = [finding.check, "exporter"];
            samples.set(&family::CHECK_STATUS, labels, f64::from(finding.level as u8));
            samples.set(&family::CHECK_LAST_RUN_TIMESTAMP, labels, finding.at);
            Part::new(finding.check, Ok(samples))
        };
        found.iter().map(part).collect()
    }
}
