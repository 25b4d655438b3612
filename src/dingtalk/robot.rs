//! A robot at work: one message at a time, no faster than DingTalk takes them, and an answer for everybody who waits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::config;
use super::limit::Bucket;
use super::payload::Notification;
use super::post::Courier;
use super::queue::{Batch, Queue};
use super::verdict::{Delivery, Reason};
use crate::locked;
use crate::secret::Secret;
use crate::telemetry::bridge::Telemetry;

/// How long a notification may wait for its answer. Alertmanager gives up after its group interval, and never before 10 s; an answer in time
/// is one that it acts on.
pub(super) const ANSWER_DEADLINE: Duration = Duration::from_secs(8);
/// How long a robot rests that DingTalk calls too fast. It blocks one for 10 minutes; one message after each rest shows when that is over.
/// Not a whole minute: Alertmanager gives up after its group interval, and an answer that comes in that moment is lost.
const REST: Duration = Duration::from_secs(65);

/// A robot, or several in turn, and what waits for it.
pub(super) struct Robot<C> {
    courier: C,
    telemetry: Arc<Telemetry>,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    settings: config::Robot,
    /// How each webhook is doing.
    webhooks: Vec<Pace>,
    queue: Queue,
    /// Whether it takes no more notifications.
    ended: bool,
}

/// How a webhook is doing.
struct Pace {
    bucket: Bucket,
    /// Why its last message was not delivered.
    failing: Option<Reason>,
}

impl Pace {
    fn new(messages_per_minute: usize) -> Self {
        Self { bucket: Bucket::new(messages_per_minute, Instant::now()), failing: None }
    }
}

/// What to do next.
enum Step {
    Wait(Option<Instant>),
    Send(Box<Batch>),
    End,
}

impl<C: Courier> Robot<C> {
    /// A robot that has sent nothing yet.
    pub(super) fn new(settings: config::Robot, courier: C, telemetry: Arc<Telemetry>) -> Self {
        telemetry.robot_added(&settings.name);
        let webhooks = settings.webhooks.iter().map(|_| Pace::new(settings.messages_per_minute)).collect();
        let state = State { settings, webhooks, queue: Queue::default(), ended: false };
        Self { courier, telemetry, state: Mutex::new(state), changed: Notify::new() }
    }

    /// Takes new settings. What waits goes on waiting, and a webhook that stays keeps its pace.
    pub(super) fn set(&self, settings: config::Robot) {
        let mut state = locked(&self.state);
        let State { settings: old, webhooks, .. } = &mut *state;
        let same_pace = old.messages_per_minute == settings.messages_per_minute;
        let mut known: Vec<_> = old.webhooks.iter().zip(webhooks.drain(..)).collect();
        let kept: Vec<_> = settings
            .webhooks
            .iter()
            .map(|webhook| {
                let at = known.iter().position(|(old, _)| same_pace && old.url == webhook.url);
                at.map_or_else(|| Pace::new(settings.messages_per_minute), |at| known.swap_remove(at).1)
            })
            .collect();
        webhooks.extend(kept);
        *old = settings;
        self.changed.notify_one();
    }

    /// Takes no more notifications, and answers those that wait; a message that is on its way goes on.
    pub(super) fn end(&self) {
        let mut state = locked(&self.state);
        state.ended = true;
        state.queue.refuse(Delivery::Later(Reason::Stopping));
        self.changed.notify_one();
    }

    /// Has a notification delivered that came at this time, and waits for the outcome, but no longer than it makes sense.
    pub(super) async fn deliver(&self, notification: Notification, came: Instant) -> Delivery {
        let (answer, mut outcome) = oneshot::channel();
        {
            let mut state = locked(&self.state);
            if state.ended {
                return Delivery::Later(Reason::Stopping);
            }
            state.queue.push(notification, answer);
            self.telemetry.waiting(&state.settings.name, state.queue.len());
        }
        self.changed.notify_one();
        match timeout_at(came + ANSWER_DEADLINE, &mut outcome).await {
            Ok(outcome) => outcome.unwrap_or(Delivery::Later(Reason::Stopping)),
            Err(_) => {
                // From here on its sender counts as one who was not told; the outcome may have come in between.
                outcome.close();
                self.changed.notify_one();
                outcome.try_recv().unwrap_or(Delivery::Later(Reason::Queue))
            }
        }
    }

    /// Sends what waits until the robot is ended and all is answered.
    pub(super) async fn run(&self) {
        loop {
            match self.step() {
                Step::Wait(None) => self.changed.notified().await,
                Step::Wait(Some(until)) => {
                    tokio::select! {
                        () = self.changed.notified() => {}
                        () = sleep_until(until) => {}
                    }
                }
                Step::Send(batch) => self.send(*batch).await,
                Step::End => return,
            }
        }
    }

    fn step(&self) -> Step {
        let now = Instant::now();
        let mut state = locked(&self.state);
        let State { settings, webhooks, queue, ended } = &mut *state;
        if *ended {
            queue.refuse(Delivery::Later(Reason::Stopping));
        }
        let waiting = queue.waiting(now);
        if !*ended {
            self.telemetry.waiting(&settings.name, waiting);
        }
        if waiting == 0 {
            return if *ended { Step::End } else { Step::Wait(None) };
        }
        match webhooks.iter().map(|webhook| webhook.bucket.ready_at()).min() {
            Some(at) if at <= now => Step::Send(Box::new(queue.compose(settings))),
            at => Step::Wait(at),
        }
    }

    /// Sends a message by the first webhook that may be used, and by the next one when the first has certainly not delivered it.
    async fn send(&self, batch: Batch) {
        let mut tried = Vec::new();
        let mut delivery = Delivery::Later(Reason::Queue);
        while let Some(webhook) = self.take(&tried) {
            let begun = Instant::now();
            let verdict = self.courier.post(&webhook, batch.message.body.clone()).await;
            self.note(&webhook, verdict.delivery, &verdict.said, begun.elapsed());
            // What one of them may do later is not beyond hope because another one never can.
            let keep =
                matches!(delivery, Delivery::Later(_)) && matches!(verdict.delivery, Delivery::Rejected(_)) && !tried.is_empty();
            delivery = if keep { delivery } else { verdict.delivery };
            let may_have_come =
                matches!(delivery, Delivery::Later(Reason::Timeout | Reason::Server | Reason::Unclear | Reason::Unknown));
            if delivery == Delivery::Sent || may_have_come {
                break;
            }
            tried.push(webhook.url);
        }
        let mut state = locked(&self.state);
        if let (Delivery::Rejected(reason), true) = (delivery, tried.len() < state.settings.webhooks.len()) {
            delivery = Delivery::Later(reason);
        }
        if delivery == Delivery::Sent {
            self.telemetry.omitted(&state.settings.name, batch.omitted);
        }
        state.queue.settle(&batch, delivery, Instant::now());
    }

    /// The webhook that has been ready for longest, of those that were not tried.
    fn take(&self, tried: &[Secret]) -> Option<config::Webhook> {
        let now = Instant::now();
        let mut state = locked(&self.state);
        let State { settings, webhooks, .. } = &mut *state;
        let untried = settings.webhooks.iter().zip(webhooks).filter(|(webhook, _)| !tried.contains(&webhook.url));
        let ready = untried.map(|(webhook, pace)| (webhook, &mut pace.bucket)).filter(|(_, bucket)| bucket.ready_at() <= now);
        let (webhook, bucket) = ready.min_by_key(|(_, bucket)| bucket.ready_at())?;
        bucket.take(now);
        Some(webhook.clone())
    }

    /// Shows how an attempt went, and logs it when that has changed.
    fn note(&self, webhook: &config::Webhook, delivery: Delivery, said: &str, took: Duration) {
        let mut state = locked(&self.state);
        let State { settings, webhooks, ended, .. } = &mut *state;
        let robot = &settings.name;
        // One that is ended is shown no longer.
        if !*ended {
            self.telemetry.message(robot, delivery, took);
        }
        // A reload may have taken it away.
        let Some(at) = settings.webhooks.iter().position(|other| other.url == webhook.url) else { return };
        let Pace { bucket, failing } = &mut webhooks[at];
        if delivery.reason() == Some(Reason::Rate) {
            bucket.rest(Instant::now(), REST);
        }
        let before = std::mem::replace(failing, delivery.reason());
        match delivery.reason() {
            None if before.is_some() => tracing::info!(robot, webhook = at, "messages are delivered again"),
            Some(reason) if before != Some(reason) => {
                let (answer, reason, mend) = (delivery.as_str(), reason.as_str(), reason.advice());
                tracing::error!(robot, webhook = at, answer, reason, said, mend, "a message was not delivered");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
