//! One alert in a message: whole, or in one line when there are many.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::config::Robot;
use super::payload::{Alert, Rank};
use super::plain::{is_link, is_path, plain};

/// Between paragraphs, and between lines of one.
const PARAGRAPH: &str = "\n\n";
const LINE: &str = "  \n> ";

/// A sign for how urgent it is, which a list of chats shows too, and the colour of its word.
pub(super) fn sign(rank: Rank) -> (&'static str, &'static str) {
    match rank {
        Rank::Critical => ("🔴", "#D93026"),
        Rank::Warning => ("🟠", "#E37400"),
        Rank::Other => ("🔵", "#1A73E8"),
        Rank::Resolved => ("✅", "#188038"),
    }
}

/// The severity, or that the alert has ended.
fn state(robot: &Robot, alert: &Alert) -> String {
    let words = robot.language.words();
    match (alert.rank, words.severity(&alert.severity)) {
        (Rank::Resolved, _) => words.resolved.to_owned(),
        (_, Some(severity)) => severity.to_owned(),
        (_, None) if alert.severity.trim().is_empty() => words.firing.to_owned(),
        (_, None) => plain(&alert.severity, 20),
    }
}

/// Its name and host.
pub(super) fn subject(robot: &Robot, alert: &Alert) -> String {
    let name = plain(&alert.name, 100);
    let name = if name.is_empty() { "?".to_owned() } else { name };
    match plain(&alert.instance, 80) {
        instance if instance.is_empty() => name,
        instance => format!("{name} {} {instance}", robot.language.words().on),
    }
}

/// State, name and host, for a title.
pub(super) fn title(robot: &Robot, alert: &Alert) -> String {
    format!("{} {}: {}", sign(alert.rank).0, state(robot, alert), subject(robot, alert))
}

/// Everything that is known of it, below a heading of its own.
pub(super) fn whole(robot: &Robot, alert: &Alert) -> String {
    let (sign, colour) = sign(alert.rank);
    let heading = format!("#### {sign} <font color={colour}>{}</font> {}", state(robot, alert), subject(robot, alert));
    format!("{heading}{PARAGRAPH}> {}{PARAGRAPH}", details(robot, alert, true).join(LINE))
}

/// What a message about this alert alone says below its title; links may be its buttons instead.
pub(super) fn alone(robot: &Robot, alert: &Alert, links: bool) -> String {
    format!("> {}{PARAGRAPH}", details(robot, alert, links).join(LINE))
}

/// The most important of it in one line.
pub(super) fn brief(robot: &Robot, alert: &Alert) -> String {
    let words = robot.language.words();
    let (sign, colour) = sign(alert.rank);
    let mut line = format!("- {sign} <font color={colour}>{}</font> {}", state(robot, alert), subject(robot, alert));
    let description = plain(&alert.description, 120);
    if !description.is_empty() {
        line += &format!(" · {description}");
    }
    if let Some(starts) = alert.starts {
        line += &format!(" ({} {})", words.since, time(starts, &robot.zone));
    }
    if is_link(&alert.runbook) {
        line += &format!(" [{}]({})", words.runbook, alert.runbook);
    }
    line + PARAGRAPH
}

fn details(robot: &Robot, alert: &Alert, links: bool) -> Vec<String> {
    let words = robot.language.words();
    let labels = alert.labels.iter().map(|(name, value)| format!("{}={}", plain(name, 40), plain(value, 60)));
    let mut details = vec![plain(&alert.description, 500), labels.collect::<Vec<_>>().join(", ")];
    let value = plain(&alert.value, 60);
    if !value.is_empty() {
        details.push(format!("{}: {value}", words.value));
    }
    details.push(times(robot, alert));
    if is_path(&alert.runbook) {
        details.push(format!("{}: {}", words.runbook, alert.runbook));
    }
    if links {
        let links = self::links(robot, alert).map(|(name, url)| format!("[{name}]({url})"));
        details.push(links.collect::<Vec<_>>().join(" · "));
    }
    details.retain(|detail| !detail.is_empty());
    details
}

/// Its links, each with its name.
pub(super) fn links<'a>(robot: &Robot, alert: &'a Alert) -> impl Iterator<Item = (&'static str, &'a str)> {
    let words = robot.language.words();
    let runbook = Some(alert.runbook.as_str()).filter(|url| is_link(url));
    let links = [
        (words.runbook, runbook),
        (words.dashboard, alert.dashboard.as_deref()),
        (words.query, alert.query.as_deref()),
        (words.silence, alert.silence.as_deref()),
    ];
    links.into_iter().filter_map(|(name, url)| Some((name, url?)))
}

fn times(robot: &Robot, alert: &Alert) -> String {
    let Some(starts) = alert.starts else { return String::new() };
    let starts = time(starts, &robot.zone);
    match alert.ends {
        Some(ends) => format!("{starts} – {}", time(ends, &robot.zone)),
        None => format!("{} {starts}", robot.language.words().since),
    }
}

/// In the robot's zone, whose offset it names.
fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}
