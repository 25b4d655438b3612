//! What Alertmanager tells: the alerts of version 4 of its webhook, as far as a message may show them.

use std::fmt::Write;

use jiff::Timestamp;
use ring::digest::{Context, SHA256};

use super::plain::is_link;
use super::webhook::{RawAlert, RawAlerts, Text, Webhook, cut};
use crate::told::told_briefly;

/// The longest value that a silence is asked for with: one that was cut would match nothing.
const MAX_MATCHED: usize = 200;

/// One notification: the news of a group of alerts.
#[derive(Debug)]
pub struct Notification {
    /// Its alerts, the most urgent first.
    pub alerts: Vec<Alert>,
    /// Alerts that it has besides.
    pub truncated: usize,
    /// Bytes of memory that it takes at most.
    pub(super) size: usize,
}

/// How urgent an alert is; what comes first is told first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Firing and critical.
    Critical,
    /// Firing, a warning.
    Warning,
    /// Firing, anything else.
    Other,
    /// It has ended.
    Resolved,
}

/// An alert as far as a message may show it. Texts are as they came, but no longer than that; links are good ones.
#[derive(Debug)]
pub struct Alert {
    /// The same for the same news of the same alert in the same group, and for nothing else.
    pub key: u64,
    /// How urgent it is.
    pub rank: Rank,
    /// Its labels `alertname`, `severity` and `instance`, empty without.
    pub name: String,
    /// See [`Self::name`].
    pub severity: String,
    /// See [`Self::name`].
    pub instance: String,
    /// Its other labels.
    pub labels: Vec<(String, String)>,
    /// What it is about: its annotation `description`, else `summary` or `message`.
    pub description: String,
    /// Its annotation `value`.
    pub value: String,
    /// When it began.
    pub starts: Option<Timestamp>,
    /// When it ended, if it has.
    pub ends: Option<Timestamp>,
    /// Where to read what to do: a link, or the path of a file.
    pub runbook: String,
    /// Links to the graphs, the expression and a new silence.
    pub dashboard: Option<String>,
    /// See [`Self::dashboard`].
    pub query: Option<String>,
    /// See [`Self::dashboard`].
    pub silence: Option<String>,
}

impl Notification {
    /// Reads a body; the error is what was expected.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let Webhook { version, group_key, truncated_alerts, external_url, alerts } =
            serde_json::from_slice(body).map_err(|error| told_briefly(&format!("Alertmanager's webhook, but {error}")))?;
        if version != "4" {
            return Err(format!("version 4 of Alertmanager's webhook, found {:?}", cut(&version, 20)));
        }
        let RawAlerts { kept, beyond } = alerts;
        let alerts: Vec<_> = kept.into_iter().map(|alert| Alert::of(alert, &group_key, &external_url)).collect();
        let size = body.len() + alerts.len() * size_of::<Alert>();
        // So many that every sum of them is one, and more than there ever are.
        let truncated = usize::try_from(truncated_alerts.min(u32::MAX.into())).unwrap_or_default();
        Ok(Self { alerts, truncated: beyond.saturating_add(truncated), size })
    }
}

impl Alert {
    fn of(alert: RawAlert, group: &str, external_url: &str) -> Self {
        let (key, rank) = (key(group, &alert), alert.rank());
        let RawAlert { labels, annotations, starts_at, ends_at, generator_url, .. } = alert;
        let link = |text: Text| Some(text.0).filter(|url| is_link(url));
        let descriptions = [annotations.description, annotations.summary, annotations.message].map(|text| text.0);
        let resolved = rank == Rank::Resolved;
        Self {
            key,
            rank,
            silence: link(Text(silence(external_url, &labels.name, &labels.instance))).filter(|_| !resolved),
            name: labels.name,
            severity: labels.severity,
            instance: labels.instance,
            labels: labels.others,
            description: descriptions.into_iter().find(|text| !text.trim().is_empty()).unwrap_or_default(),
            value: annotations.value.0,
            starts: starts_at.0.parse().ok(),
            ends: ends_at.0.parse().ok().filter(|_| resolved),
            runbook: annotations.runbook_url.0,
            dashboard: link(annotations.dashboard_url),
            query: link(generator_url),
        }
    }
}

/// What tells one piece of news from another. An alert that fires anew begins anew.
fn key(group: &str, alert: &RawAlert) -> u64 {
    let mut context = Context::new(&SHA256);
    for part in [group.as_bytes(), alert.status.0.as_bytes(), alert.starts_at.0.as_bytes(), alert.labels.digest.as_ref()] {
        context.update(&part.len().to_le_bytes());
        context.update(part);
    }
    let digest = context.finish();
    digest.as_ref().iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}

/// The page of Alertmanager that silences an alert of a host; empty when it cannot be named exactly.
fn silence(external_url: &str, name: &str, instance: &str) -> String {
    if name.is_empty() || name.len() > MAX_MATCHED || instance.len() > MAX_MATCHED {
        return String::new();
    }
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut filter = format!("{{alertname=\"{}\"", quoted(name));
    if !instance.is_empty() {
        let _ = write!(filter, ", instance=\"{}\"", quoted(instance));
    }
    filter.push('}');
    let mut url = format!("{}/#/silences/new?filter=", external_url.trim_end_matches('/'));
    for byte in filter.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}
