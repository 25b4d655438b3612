//! The metrics of the bridge to DingTalk.

use std::time::Duration;

use prometheus::process_collector::ProcessCollector;
use prometheus::{GaugeVec, HistogramVec, IntCounterVec, Registry};

use super::{BUILD, Configured, counters, gauge, histogram, text_of};
use crate::catalogue as family;
use crate::clock::unix_now;
use crate::dingtalk::verdict::{Delivery, Reason};

/// The registry and what is set in it.
pub struct Telemetry {
    registry: Registry,
    notifications: IntCounterVec,
    messages: IntCounterVec,
    duration: HistogramVec,
    omitted: IntCounterVec,
    queue: GaugeVec,
    last_success: GaugeVec,
    /// Whether the configuration in force is the one that was last given.
    pub config: Configured,
}

impl Telemetry {
    /// Registers everything.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        gauge(&registry, &family::DINGTALK_BUILD_INFO)?.with_label_values(&BUILD).set(1.0);
        Ok(Self {
            notifications: counters(&registry, &family::DINGTALK_NOTIFICATIONS)?,
            messages: counters(&registry, &family::DINGTALK_MESSAGES)?,
            duration: histogram(&registry, &family::DINGTALK_MESSAGE_DURATION)?,
            omitted: counters(&registry, &family::DINGTALK_ALERTS_OMITTED)?,
            queue: gauge(&registry, &family::DINGTALK_QUEUE)?,
            last_success: gauge(&registry, &family::DINGTALK_LAST_SUCCESS_TIMESTAMP)?,
            config: Configured::new(
                &registry,
                &family::DINGTALK_CONFIG_LAST_RELOAD_SUCCESSFUL,
                &family::DINGTALK_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP,
            )?,
            registry,
        })
    }

    /// Shows a robot before its first message: a count that is born as 1 is an increase that nobody sees.
    pub fn robot_added(&self, robot: &str) {
        for outcome in ["delivered", "later", "rejected"] {
            self.notifications.with_label_values(&[robot, outcome]);
        }
        self.messages.with_label_values(&[robot, Delivery::Sent.as_str(), ""]);
        for reason in Reason::ALL {
            self.messages.with_label_values(&[robot, reason.delivery().as_str(), reason.as_str()]);
        }
        self.duration.with_label_values(&[robot]);
        self.omitted.with_label_values(&[robot]);
        self.queue.with_label_values(&[robot]);
        self.last_success.with_label_values(&[robot]);
    }

    /// Shows a robot no longer.
    pub fn robot_removed(&self, robot: &str) {
        // What never had a value has none to take away.
        for outcome in ["delivered", "later", "rejected"] {
            let _ = self.notifications.remove_label_values(&[robot, outcome]);
        }
        let _ = self.messages.remove_label_values(&[robot, Delivery::Sent.as_str(), ""]);
        for reason in Reason::ALL {
            let _ = self.messages.remove_label_values(&[robot, reason.delivery().as_str(), reason.as_str()]);
        }
        let _ = self.duration.remove_label_values(&[robot]);
        let _ = self.omitted.remove_label_values(&[robot]);
        let _ = self.queue.remove_label_values(&[robot]);
        let _ = self.last_success.remove_label_values(&[robot]);
    }

    /// A notification was answered.
    pub fn notification(&self, robot: &str, delivery: Delivery) {
        self.notifications.with_label_values(&[robot, delivery.as_str()]).inc();
    }

    /// A message was posted.
    pub fn message(&self, robot: &str, delivery: Delivery, took: Duration) {
        let reason = delivery.reason().map(Reason::as_str).unwrap_or_default();
        self.messages.with_label_values(&[robot, delivery.as_str(), reason]).inc();
        self.duration.with_label_values(&[robot]).observe(took.as_secs_f64());
        if delivery == Delivery::Sent {
            self.last_success.with_label_values(&[robot]).set(unix_now());
        }
    }

    /// So many alerts were only counted in a message.
    pub fn omitted(&self, robot: &str, alerts: usize) {
        self.omitted.with_label_values(&[robot]).inc_by(alerts as u64);
    }

    /// So many notifications wait.
    pub fn waiting(&self, robot: &str, notifications: usize) {
        self.queue.with_label_values(&[robot]).set(notifications as f64);
    }

    /// Everything in the text format.
    pub fn render(&self) -> String {
        text_of(&self.registry)
    }
}
