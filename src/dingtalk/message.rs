//! Alerts into one message of DingTalk's, within its length: whole alerts, the most urgent first, and how many more there are.

use serde::Serialize;

use super::config::Robot;
use super::entry;
use super::payload::{Alert, Rank};

/// The longest message, in bytes; DingTalk refuses a longer one.
pub const MAX_BYTES: usize = 20_000;
/// Up to so many alerts are shown whole, and more than that in a line each.
const MAX_WHOLE: usize = 10;
/// Between paragraphs.
const PARAGRAPH: &str = "\n\n";

/// A message, ready to be posted.
#[derive(Debug)]
pub struct Message {
    /// The body of the request.
    pub body: Vec<u8>,
    /// How many of the alerts are in it: the first ones.
    pub shown: usize,
}

/// The body of a request, by the type of message.
#[derive(Serialize)]
#[serde(tag = "msgtype", rename_all = "camelCase")]
enum Body<'a> {
    Markdown {
        markdown: Markdown<'a>,
        at: At<'a>,
    },
    ActionCard {
        #[serde(rename = "actionCard")]
        action_card: ActionCard<'a>,
    },
}

#[derive(Serialize)]
struct Markdown<'a> {
    title: &'a str,
    text: &'a str,
}

/// Who is mentioned; a number has to stand in the text too.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct At<'a> {
    at_mobiles: &'a [String],
    is_at_all: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionCard<'a> {
    title: &'a str,
    text: &'a str,
    btn_orientation: &'static str,
    btns: Vec<Button<'a>>,
}

#[derive(Serialize)]
struct Button<'a> {
    title: &'a str,
    #[serde(rename = "actionURL")]
    action_url: &'a str,
}

/// The message about `alerts`, which are sorted, and about `beyond` others that cannot be shown. What does not fit follows in another
/// message, unless this is the `last` one. There is one alert at least, and at least one is shown.
pub fn compose(robot: &Robot, alerts: &[&Alert], beyond: usize, last: bool) -> Message {
    let title = title(robot, alerts, beyond);
    let at = at(robot, alerts);
    let head = head(&title, &at, robot);
    // A card cannot mention anybody.
    if let ([alert], 0, false) = (alerts, beyond, at.is_at_all || !at.at_mobiles.is_empty()) {
        let btns: Vec<_> = entry::links(robot, alert).map(|(title, action_url)| Button { title, action_url }).collect();
        if !btns.is_empty() {
            let text = head + &entry::alone(robot, alert, false);
            // Two stand beside each other; more do not fit on a phone.
            let btn_orientation = if btns.len() > 2 { "0" } else { "1" };
            let action_card = ActionCard { title: &title, text: text.trim_end(), btn_orientation, btns };
            return Message { body: to_json(&Body::ActionCard { action_card }), shown: 1 };
        }
    }

    let most =
        robot.language.more(alerts.len() + beyond, true).len().max(robot.language.more(alerts.len() + beyond, false).len());
    let markdown = Markdown { title: &title, text: &head };
    let used = to_json(&Body::Markdown { markdown, at: At { ..at } }).len() + most;
    let (list, shown) = list(robot, alerts, MAX_BYTES.saturating_sub(used));
    let left = alerts.len() - shown;
    let mut text = head + &list;
    if left > 0 || beyond > 0 {
        text += &robot.language.more(left + beyond, left > 0 && !last);
    }
    let markdown = Markdown { title: &title, text: text.trim_end() };
    Message { body: to_json(&Body::Markdown { markdown, at }), shown }
}

/// As many of the alerts as `room` bytes have place for, and how many these are.
fn list(robot: &Robot, alerts: &[&Alert], room: usize) -> (String, usize) {
    let words = robot.language.words();
    let resolved = alerts.iter().filter(|alert| alert.rank == Rank::Resolved).count();
    let (mut text, mut used, mut shown, mut section) = (String::new(), 0, 0, None);
    for alert in alerts {
        let is_resolved = alert.rank == Rank::Resolved;
        let mut piece = String::new();
        if section != Some(is_resolved) && alerts.len() > 1 {
            let (word, count) = if is_resolved { (words.resolved, resolved) } else { (words.firing, alerts.len() - resolved) };
            piece = format!("**{word} ({count})**{PARAGRAPH}");
        }
        piece += &match alerts.len() {
            1 => entry::alone(robot, alert, true),
            ..=MAX_WHOLE => entry::whole(robot, alert),
            _ => entry::brief(robot, alert),
        };
        used += json_length(&piece);
        if used > room && shown > 0 {
            break;
        }
        section = Some(is_resolved);
        text += &piece;
        shown += 1;
    }
    (text, shown)
}

/// What the list of chats and a notification on a phone show.
fn title(robot: &Robot, alerts: &[&Alert], beyond: usize) -> String {
    let title = match alerts {
        [alert] if beyond == 0 => entry::title(robot, alert),
        _ => {
            let resolved = alerts.iter().filter(|alert| alert.rank == Rank::Resolved).count();
            let counts = robot.language.counts(alerts.len() - resolved + beyond, resolved);
            let worst = alerts.iter().map(|alert| alert.rank).min().unwrap_or(Rank::Other);
            let first = alerts.first().map(|alert| alert.name.as_str()).unwrap_or_default();
            let name = alerts.iter().all(|alert| alert.name == first).then(|| super::plain::plain(first, 100));
            let name = name.filter(|name| !name.is_empty()).map(|name| format!(": {name}")).unwrap_or_default();
            format!("{} {counts}{name}", entry::sign(worst).0)
        }
    };
    match &robot.keyword {
        Some(keyword) => format!("{keyword} {title}"),
        None => title,
    }
}

/// Whom a message mentions: nobody when it only tells that something has ended.
fn at<'a>(robot: &'a Robot, alerts: &[&Alert]) -> At<'a> {
    let firing = || alerts.iter().filter(|alert| alert.rank != Rank::Resolved);
    if firing().next().is_none() {
        return At::default();
    }
    At { at_mobiles: &robot.at_mobiles, is_at_all: firing().any(|alert| robot.at_all.contains(&alert.severity)) }
}

fn head(title: &str, at: &At<'_>, robot: &Robot) -> String {
    let everybody = at.is_at_all.then(|| robot.language.words().everybody.to_owned());
    let mentions: Vec<_> = at.at_mobiles.iter().map(|mobile| format!("@{mobile}")).chain(everybody).collect();
    let mut head = format!("### {title}{PARAGRAPH}");
    if !mentions.is_empty() {
        head += &mentions.join(" ");
        head += PARAGRAPH;
    }
    head
}

fn to_json(body: &Body<'_>) -> Vec<u8> {
    // Text and flags: there is nothing in it that JSON cannot hold.
    serde_json::to_vec(body).unwrap_or_default()
}

/// How long `text` is in JSON, without the quotes.
fn json_length(text: &str) -> usize {
    serde_json::to_string(text).map_or(usize::MAX, |json| json.len() - 2)
}
