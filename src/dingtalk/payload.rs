//! What Alertmanager sends: version 4 of its webhook, and whatever a newer release adds to it.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;
use ring::digest::{Context, SHA256};
use serde::Deserialize;

use super::plain::is_link;
use crate::told::told_briefly;

/// Alerts of one notification that are kept; those beyond are only counted. A message holds about a hundred.
const MAX_ALERTS: usize = 1000;
/// Bytes that are kept of a text; a message shows less of it.
const MAX_TEXT: usize = 4096;
/// The longest value that a silence is asked for with: one that was cut would match nothing.
const MAX_MATCHED: usize = 200;
/// Labels that a message shows of their own accord, or that are the same for all alerts of a robot.
const KNOWN_LABELS: [&str; 5] = ["alertname", "instance", "severity", "team", "job"];
/// Other labels that are kept.
const MAX_LABELS: usize = 8;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    version: String,
    #[serde(default)]
    group_key: String,
    #[serde(default)]
    truncated_alerts: u64,
    #[serde(default, rename = "externalURL")]
    external_url: String,
    alerts: Vec<RawAlert>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAlert {
    status: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    starts_at: String,
    #[serde(default)]
    ends_at: String,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
}

/// One notification: the news of a group of alerts.
#[derive(Debug)]
pub struct Notification {
    /// Its alerts, the most urgent first.
    pub alerts: Vec<Alert>,
    /// Alerts that it has besides.
    pub truncated: usize,
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
        let raw: Raw =
            serde_json::from_slice(body).map_err(|error| told_briefly(&format!("Alertmanager's webhook, but {error}")))?;
        if raw.version != "4" {
            return Err(format!("version 4 of Alertmanager's webhook, found {:?}", cut(&raw.version, 20)));
        }
        let mut alerts: Vec<_> = raw.alerts.iter().map(|alert| Alert::of(alert, &raw)).collect();
        alerts.sort_by_key(|alert| alert.rank);
        let beyond = alerts.len().saturating_sub(MAX_ALERTS);
        alerts.truncate(MAX_ALERTS);
        // So many that every sum of them is one, and more than there ever are.
        let truncated = usize::try_from(raw.truncated_alerts.min(u32::MAX.into())).unwrap_or_default();
        Ok(Self { alerts, truncated: beyond.saturating_add(truncated) })
    }
}

impl Alert {
    fn of(alert: &RawAlert, raw: &Raw) -> Self {
        let label = |name| alert.labels.get(name).map(String::as_str).unwrap_or_default();
        let annotation = |name| alert.annotations.get(name).map(String::as_str).unwrap_or_default();
        let text = |text: &str| cut(text, MAX_TEXT).to_owned();
        let link = |url: &str| is_link(url).then(|| url.to_owned());
        let resolved = alert.status == "resolved";
        let descriptions = ["description", "summary", "message"].map(annotation);
        let others = alert.labels.iter().filter(|(name, _)| !KNOWN_LABELS.contains(&name.as_str()));
        Self {
            key: key(&raw.group_key, alert),
            rank: match label("severity") {
                _ if resolved => Rank::Resolved,
                "critical" => Rank::Critical,
                "warning" => Rank::Warning,
                _ => Rank::Other,
            },
            name: text(label("alertname")),
            severity: text(label("severity")),
            instance: text(label("instance")),
            labels: others.take(MAX_LABELS).map(|(name, value)| (text(name), text(value))).collect(),
            description: text(descriptions.into_iter().find(|text| !text.trim().is_empty()).unwrap_or_default()),
            value: text(annotation("value")),
            starts: alert.starts_at.parse().ok(),
            ends: alert.ends_at.parse().ok().filter(|_| resolved),
            runbook: text(annotation("runbook_url")),
            dashboard: link(annotation("dashboard_url")),
            query: link(&alert.generator_url),
            silence: link(&silence(&raw.external_url, label("alertname"), label("instance"))).filter(|_| !resolved),
        }
    }
}

/// What tells one piece of news from another. An alert that fires anew begins anew.
fn key(group: &str, alert: &RawAlert) -> u64 {
    let mut context = Context::new(&SHA256);
    let parts = [group, &alert.status, &alert.starts_at];
    let labels = alert.labels.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    for part in parts.into_iter().chain(labels) {
        context.update(&part.len().to_le_bytes());
        context.update(part.as_bytes());
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

fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
