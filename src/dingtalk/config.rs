//! The bridge's own configuration: a robot for every group of people.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;

use hyper::Uri;
use jiff::tz::TimeZone;

use super::words::Language;
use crate::config::decode::Section;
use crate::config::{ListenAddress, Mistakes, Overrides, Web, bearer_token, load};
use crate::secret::Secret;

/// DingTalk's own limit is 20.
const MESSAGES_PER_MINUTE: usize = 18;
/// Numbers that a message mentions; they are in its length.
const MAX_MOBILES: usize = 50;
/// Bytes of a keyword, which is in every message twice.
const MAX_KEYWORD: usize = 64;

/// A validated configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How it is served.
    pub web: Web,
    /// What a notification's sender has to know; without it, it has to be on this host.
    pub token: Option<Secret>,
    /// The robots, each with a name of its own.
    pub robots: Vec<Robot>,
}

/// A group of people, and how they are told.
#[derive(Clone, Debug, PartialEq)]
pub struct Robot {
    /// Its name in the path that notifications are sent to.
    pub name: String,
    /// Robots of the same group in DingTalk, used in turn.
    pub webhooks: Vec<Webhook>,
    /// Messages a minute of each of them.
    pub messages_per_minute: usize,
    /// What stands in every title and text, because the group asks for it.
    pub keyword: Option<String>,
    /// The language of the words that are not the alert's own.
    pub language: Language,
    /// The zone of the times.
    pub zone: TimeZone,
    /// Whom a message about a firing alert mentions.
    pub at_mobiles: Vec<String>,
    /// The severities for which it mentions everybody.
    pub at_all: Vec<String>,
}

/// A robot in DingTalk.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Its URL, with its token.
    pub url: Secret,
    /// What requests to it are signed with, if it asks for that.
    pub secret: Option<Secret>,
}

impl Config {
    /// Reads the file.
    pub fn load(file: &Path, overrides: &Overrides) -> Result<Self, Mistakes> {
        load::load(Some(file), |document| Self::decode(document, overrides))
    }

    /// Reads the document; what the command line says is in force.
    pub fn decode(document: &mut Section<'_>, overrides: &Overrides) -> Self {
        let web = document.section_or_empty("web");
        let web = Web::decode(web, ListenAddress::All(8060), overrides);
        if web.telemetry_path.starts_with("/dingtalk/") {
            document.mistake("web.telemetry_path", "expected a path outside /dingtalk/, where notifications come");
        }
        let token = document.secret("token", "token_file").map(|token| bearer_token(document, "token", token));
        let mut robots: Vec<Robot> = Vec::new();
        let sections = document.list("robots");
        if sections.is_empty() {
            document.mistake("robots", "expected at least one robot");
        }
        for section in sections {
            robots.extend(robot(section, &robots));
        }
        Self { web, token, robots }
    }
}

fn robot(mut section: Section<'_>, before: &[Robot]) -> Option<Robot> {
    let name = section.checked("name", String::new(), |name| {
        let good = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !good {
            return Err("letters, digits, - and _ for the path /dingtalk/<name>/send".to_owned());
        }
        if before.iter().any(|robot| robot.name == name) {
            return Err("a name that no other robot has".to_owned());
        }
        Ok(name.to_owned())
    });
    if name.is_empty() {
        section.mistake("name", "expected a name for the path /dingtalk/<name>/send");
    }
    let sections = section.list("webhooks");
    if sections.is_empty() {
        section.mistake("webhooks", "expected the URL of at least one robot");
    }
    let webhooks: Vec<_> = sections.into_iter().filter_map(webhook).collect();
    let urls: HashSet<_> = webhooks.iter().map(|webhook| webhook.url.expose()).collect();
    if urls.len() < webhooks.len() {
        section.mistake("webhooks", "expected each URL once");
    }
    let robot = Robot {
        messages_per_minute: section.checked("messages_per_minute", MESSAGES_PER_MINUTE, |text| {
            let count = text.parse().ok().filter(|count| *count >= 2);
            count.ok_or_else(|| "a whole number of at least 2".to_owned())
        }),
        keyword: section.checked("keyword", None, |keyword| {
            let good =
                (1..=MAX_KEYWORD).contains(&keyword.len()) && !keyword.contains(|c: char| c.is_control() || "<>[]`".contains(c));
            if good { Ok(Some(keyword.to_owned())) } else { Err(format!("1 to {MAX_KEYWORD} bytes of plain text")) }
        }),
        language: section.checked("language", Language::En, str::parse),
        zone: section.checked("time_zone", TimeZone::UTC, |name| {
            let expected = "a time zone that this system knows (package tzdata), such as Asia/Singapore";
            // A system without tzdata knows no name, not even this.
            if name == "UTC" { Ok(TimeZone::UTC) } else { TimeZone::get(name).map_err(|_| expected.to_owned()) }
        }),
        at_mobiles: section.texts("at_mobiles", Vec::new(), mobile),
        at_all: section.texts("at_all", Vec::new(), |severity| match severity {
            "critical" | "warning" | "info" => Ok(severity.to_owned()),
            _ => Err("critical, warning or info".to_owned()),
        }),
        name,
        webhooks,
    };
    if robot.at_mobiles.len() > MAX_MOBILES {
        section.mistake("at_mobiles", format_args!("expected at most {MAX_MOBILES} numbers"));
    }
    section.finish();
    (!robot.name.is_empty() && !robot.webhooks.is_empty()).then_some(robot)
}

fn webhook(mut section: Section<'_>) -> Option<Webhook> {
    let found = section.required_secret("url", "url_file", "expected the URL that DingTalk shows for the robot");
    let secret = section.secret("secret", "secret_file");
    if secret.as_ref().is_some_and(|secret| secret.expose().is_empty() || secret.expose().contains(char::is_whitespace)) {
        section.mistake("secret", "expected the secret that DingTalk shows for the robot, without spaces");
    }
    let url = found.map(|(key, url)| {
        if !is_webhook_url(url.expose()) {
            section.mistake(key, "expected the URL that DingTalk shows for the robot: https, or http to this host alone");
        }
        url
    });
    section.finish();
    url.map(|url| Webhook { url, secret })
}

/// The token in the URL goes over the network in TLS alone.
fn is_webhook_url(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => local,
        _ => false,
    }
}

/// A number as it is mentioned.
fn mobile(number: &str) -> Result<String, String> {
    let digits = number.strip_prefix('+').unwrap_or(number);
    let good = (5..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if good { Ok(number.to_owned()) } else { Err("a mobile number such as \"13800000000\"".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_over_tls_or_not_off_this_host() {
        for good in [
            "https://oapi.dingtalk.com/robot/send?access_token=a",
            "http://127.0.0.1:1/a",
            "http://[::1]:1/a",
            "http://localhost/",
        ] {
            assert!(is_webhook_url(good), "{good}");
        }
        for bad in [
            "http://oapi.dingtalk.com/robot/send",
            "http://10.0.0.1/",
            "ftp://127.0.0.1/",
            "oapi.dingtalk.com",
            "/a",
            "",
            "https:///a",
            "https://a b/",
        ] {
            assert!(!is_webhook_url(bad), "{bad}");
        }
    }
}
