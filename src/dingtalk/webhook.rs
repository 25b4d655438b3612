//! The JSON that Alertmanager posts, and whatever a newer release adds to it.
//!
//! What no message shows is forgotten while it is read: a body of 8 MiB has room for half a million alerts, or labels of one, and each
//! would take many times its bytes. What is null is as good as not there.

use std::borrow::Cow;
use std::fmt;

use ring::digest::{Context, Digest, SHA256, digest};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::payload::Rank;

/// Alerts of one notification that are kept; those beyond are only counted. A message holds about a hundred.
const MAX_ALERTS: usize = 1000;
/// Bytes that are kept of a text; a message shows less of it.
const MAX_TEXT: usize = 4096;
/// Labels that are kept of those that have no place of their own.
const MAX_LABELS: usize = 8;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Webhook {
    pub(super) version: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) group_key: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) truncated_alerts: u64,
    #[serde(default, rename = "externalURL", deserialize_with = "or_default")]
    pub(super) external_url: String,
    pub(super) alerts: RawAlerts,
}

/// The most urgent alerts first, and how many there are besides.
#[derive(Default)]
pub(super) struct RawAlerts {
    pub(super) kept: Vec<RawAlert>,
    pub(super) beyond: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawAlert {
    pub(super) status: Text,
    #[serde(default)]
    pub(super) labels: Labels,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) annotations: Annotations,
    #[serde(default)]
    pub(super) starts_at: Text,
    #[serde(default)]
    pub(super) ends_at: Text,
    #[serde(default, rename = "generatorURL")]
    pub(super) generator_url: Text,
}

/// Labels, but for those that are the same for all alerts of a robot.
pub(super) struct Labels {
    pub(super) name: String,
    pub(super) severity: String,
    pub(super) instance: String,
    pub(super) others: Vec<(String, String)>,
    /// Of all labels, in the order that they came in, which is always that of their names.
    pub(super) digest: Digest,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Annotations {
    pub(super) description: Text,
    pub(super) summary: Text,
    pub(super) message: Text,
    pub(super) value: Text,
    pub(super) runbook_url: Text,
    pub(super) dashboard_url: Text,
}

/// The beginning of a text.
#[derive(Default)]
pub(super) struct Text(pub(super) String);

impl RawAlert {
    pub(super) fn rank(&self) -> Rank {
        match self.labels.severity.as_str() {
            _ if self.status.0 == "resolved" => Rank::Resolved,
            "critical" => Rank::Critical,
            "warning" => Rank::Warning,
            _ => Rank::Other,
        }
    }
}

impl RawAlerts {
    fn keep_most_urgent(&mut self) {
        self.kept.sort_by_key(RawAlert::rank);
        self.beyond += self.kept.len().saturating_sub(MAX_ALERTS);
        self.kept.truncate(MAX_ALERTS);
    }
}

impl Default for Labels {
    fn default() -> Self {
        let [name, severity, instance] = Default::default();
        Self { name, severity, instance, others: Vec::new(), digest: digest(&SHA256, &[]) }
    }
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

pub(super) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl Visitor<'_> for Texts {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(cut(text, MAX_TEXT).to_owned()))
            }

            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text::default())
            }
        }

        deserializer.deserialize_any(Texts)
    }
}

impl<'de> Deserialize<'de> for RawAlerts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lists;

        impl<'de> Visitor<'de> for Lists {
            type Value = RawAlerts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of alerts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RawAlerts, A::Error> {
                let mut alerts = RawAlerts::default();
                while let Some(alert) = list.next_element()? {
                    alerts.kept.push(alert);
                    if alerts.kept.len() == 2 * MAX_ALERTS {
                        alerts.keep_most_urgent();
                    }
                }
                alerts.keep_most_urgent();
                Ok(alerts)
            }

            fn visit_unit<E>(self) -> Result<RawAlerts, E> {
                Ok(RawAlerts::default())
            }
        }

        deserializer.deserialize_any(Lists)
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Maps;

        impl<'de> Visitor<'de> for Maps {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let (mut labels, mut context) = (Labels::default(), Context::new(&SHA256));
                while let Some((name, value)) = map.next_entry::<Cow<'de, str>, Option<Cow<'de, str>>>()? {
                    let value = value.unwrap_or_default();
                    for part in [&name, &value] {
                        context.update(&part.len().to_le_bytes());
                        context.update(part.as_bytes());
                    }
                    let value = cut(&value, MAX_TEXT).to_owned();
                    match &*name {
                        "alertname" => labels.name = value,
                        "severity" => labels.severity = value,
                        "instance" => labels.instance = value,
                        "team" | "job" => {}
                        name if labels.others.len() < MAX_LABELS => labels.others.push((cut(name, MAX_TEXT).to_owned(), value)),
                        _ => {}
                    }
                }
                labels.digest = context.finish();
                Ok(labels)
            }

            fn visit_unit<E>(self) -> Result<Labels, E> {
                Ok(Labels::default())
            }
        }

        deserializer.deserialize_any(Maps)
    }
}
