//! The notifications that wait for a robot, and what the next message is made of.
//!
//! All that waits goes into one message, whoever it came from, the most urgent first. What does not fit goes into the next one; after
//! [`MAX_MESSAGES`] in a row the rest is only counted, since nobody reads on, and newer alerts need the place.

use std::collections::HashSet;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::config::Robot;
use super::memory::Memory;
use super::message::{Message, compose};
use super::payload::{Alert, Notification};
use super::verdict::{Delivery, Reason};

/// Notifications that wait at the same time. Alertmanager waits with all that are beyond, and comes again.
const MAX_WAITING: usize = 100;
/// Bytes of all of them.
const MAX_WAITING_BYTES: usize = 32 * 1024 * 1024;
/// Messages in a row that continue each other.
const MAX_MESSAGES: u32 = 3;

/// A notification that waits.
struct Job {
    /// All that it told of, by their keys.
    keys: Vec<u64>,
    /// What of it is not delivered yet.
    pending: Vec<Alert>,
    /// How many alerts it told of without showing them.
    truncated: usize,
    /// How much memory it takes at most.
    size: usize,
    /// Whether it has to have a message of its own, because one that it shared was refused for its content.
    alone: bool,
    /// Whether it is in a message that is on its way.
    on_its_way: bool,
    answer: oneshot::Sender<Delivery>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Queue {
    jobs: Vec<Job>,
    delivered: Memory,
    /// How many messages were continued by the one after them.
    continued: u32,
}

/// A message, and what it settles.
pub(super) struct Batch {
    /// The message.
    pub(super) message: Message,
    /// The alerts that are delivered with it.
    keys: HashSet<u64>,
    /// Alerts that are only counted in it.
    pub(super) omitted: usize,
    /// Whether nothing of what waits is left for another one.
    last: bool,
}

impl Queue {
    /// Adds a notification; its outcome will be told to `answer`.
    pub(super) fn push(&mut self, notification: Notification, answer: oneshot::Sender<Delivery>) {
        let size = self.jobs.iter().map(|job| job.size).sum::<usize>() + notification.size;
        if self.jobs.len() >= MAX_WAITING || size > MAX_WAITING_BYTES {
            let _ = answer.send(Delivery::Later(Reason::Queue));
            return;
        }
        let Notification { alerts, truncated, size } = notification;
        let keys = alerts.iter().map(|alert| alert.key).collect();
        self.jobs.push(Job { keys, pending: alerts, truncated, size, alone: false, on_its_way: false, answer });
    }

    /// How many notifications wait, those in a message that is on its way among them.
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// How many notifications wait, once those are gone that nobody waits for, and those that were delivered before.
    pub(super) fn waiting(&mut self, now: Instant) -> usize {
        self.jobs.retain(|job| !job.answer.is_closed());
        for job in &mut self.jobs {
            job.pending.retain(|alert| !self.delivered.holds(alert.key, now));
        }
        self.answer_delivered(now);
        self.jobs.len()
    }

    /// The next message; there has to be something that waits.
    pub(super) fn compose(&mut self, robot: &Robot) -> Batch {
        let alone = self.jobs.iter().position(|job| job.alone);
        let jobs = match alone {
            Some(at) => &mut self.jobs[at..=at],
            None => &mut self.jobs[..],
        };
        let mut seen = HashSet::new();
        let mut alerts: Vec<_> = jobs.iter().flat_map(|job| &job.pending).filter(|alert| seen.insert(alert.key)).collect();
        alerts.sort_by_key(|alert| alert.rank);
        let truncated = jobs.iter().map(|job| job.truncated).fold(0, usize::saturating_add);
        let last = self.continued + 1 >= MAX_MESSAGES;
        let message = compose(robot, &alerts, truncated, last);
        let left = alerts.len() - message.shown;
        let told = if last { alerts.len() } else { message.shown };
        let keys: HashSet<_> = alerts[..told].iter().map(|alert| alert.key).collect();
        for job in jobs {
            job.on_its_way = job.pending.iter().any(|alert| keys.contains(&alert.key));
        }
        Batch { message, keys, omitted: truncated.saturating_add(if last { left } else { 0 }), last: last || left == 0 }
    }

    /// A message was delivered, or not: every notification in it is answered for which that is the whole answer.
    pub(super) fn settle(&mut self, batch: &Batch, delivery: Delivery, now: Instant) {
        let sent = delivery == Delivery::Sent;
        self.continued = if sent && !batch.last { self.continued + 1 } else { 0 };
        let refused = matches!(delivery, Delivery::Rejected(Reason::Content | Reason::Link | Reason::Length | Reason::Request));
        // One of several may be at fault; the others shall not suffer from it.
        let shared = refused && self.jobs.iter().filter(|job| job.on_its_way).count() > 1;
        let in_it = |job: &mut Job| std::mem::take(&mut job.on_its_way);
        if sent {
            batch.keys.iter().for_each(|key| self.delivered.remember(*key, now));
            for job in self.jobs.iter_mut() {
                if in_it(job) {
                    job.pending.retain(|alert| !batch.keys.contains(&alert.key));
                    job.truncated = 0;
                }
            }
            self.answer_delivered(now);
        } else if shared {
            for job in self.jobs.iter_mut() {
                job.alone = in_it(job) || job.alone;
            }
        } else {
            for job in self.jobs.extract_if(.., in_it) {
                let _ = job.answer.send(delivery);
            }
        }
    }

    /// Answers all that wait, but for those in a message that is on its way.
    pub(super) fn refuse(&mut self, delivery: Delivery) {
        for job in self.jobs.extract_if(.., |job| !job.on_its_way) {
            let _ = job.answer.send(delivery);
        }
    }

    /// Answers those of which nothing is left. What nobody was told of is remembered, for the notification that comes again.
    fn answer_delivered(&mut self, now: Instant) {
        for job in self.jobs.extract_if(.., |job| job.pending.is_empty()) {
            match job.answer.send(Delivery::Sent) {
                Ok(()) => job.keys.iter().for_each(|key| self.delivered.forget(*key)),
                Err(_) => job.keys.iter().for_each(|key| self.delivered.remember(*key, now)),
            }
        }
    }
}
