//! A robot by a clock that the tests move, and a courier that does as it is told.

use std::collections::VecDeque;
use std::pin::pin;

use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;
use crate::dingtalk::verdict::Verdict;
use crate::dingtalk::words::Language;

/// What was posted: when, by which webhook, and the message.
type Posted = Vec<(Duration, String, String)>;

#[derive(Clone)]
struct Told {
    start: Instant,
    posted: Arc<Mutex<Posted>>,
    /// How long the next messages take, and how they go; the rest is delivered at once.
    next: Arc<Mutex<VecDeque<(u64, Delivery)>>>,
}

impl Courier for Told {
    async fn post(&self, webhook: &config::Webhook, body: Vec<u8>) -> Verdict {
        let text = String::from_utf8(body).unwrap();
        locked(&self.posted).push((self.start.elapsed(), webhook.url.expose().to_owned(), text));
        let (seconds, delivery) = locked(&self.next).pop_front().unwrap_or((0, Delivery::Sent));
        sleep(Duration::from_secs(seconds)).await;
        Verdict { delivery, said: String::new() }
    }
}

struct Rig {
    robot: Arc<Robot<Told>>,
    told: Told,
    task: JoinHandle<()>,
}

fn settings(urls: &[&str]) -> config::Robot {
    let webhook = |url: &&str| config::Webhook { url: Secret::new(*url), secret: None };
    config::Robot {
        name: "sre".to_owned(),
        webhooks: urls.iter().map(webhook).collect(),
        messages_per_minute: 18,
        keyword: None,
        language: Language::En,
        zone: jiff::tz::TimeZone::UTC,
        at_mobiles: Vec::new(),
        at_all: Vec::new(),
    }
}

fn rig(urls: &[&str], next: impl IntoIterator<Item = (u64, Delivery)>) -> Rig {
    let told = Told { start: Instant::now(), posted: Arc::default(), next: Arc::new(Mutex::new(next.into_iter().collect())) };
    let telemetry = Arc::new(Telemetry::new().unwrap());
    let robot = Arc::new(Robot::new(settings(urls), told.clone(), telemetry));
    let runs = robot.clone();
    let task = tokio::spawn(async move { runs.run().await });
    Rig { robot, told, task }
}

impl Rig {
    fn posted(&self) -> Posted {
        locked(&self.told.posted).clone()
    }

    /// When messages were posted, in whole seconds.
    fn seconds(&self) -> Vec<u64> {
        self.posted().iter().map(|(at, ..)| at.as_secs()).collect()
    }

    /// Posts alerts with these names.
    fn post(&self, names: &[&str]) -> JoinHandle<Delivery> {
        let (robot, notification) = (self.robot.clone(), notification(names));
        tokio::spawn(async move { robot.deliver(notification, Instant::now()).await })
    }
}

fn notification(names: &[&str]) -> Notification {
    let alert = |name: &&str| json!({"status": "firing", "labels": {"alertname": name}, "startsAt": "2026-11-22T06:00:00Z"});
    let alerts: Vec<_> = names.iter().map(alert).collect();
    Notification::parse(json!({"version": "4", "groupKey": names.concat(), "alerts": alerts}).to_string().as_bytes()).unwrap()
}

const LATER: Delivery = Delivery::Later(Reason::Busy);

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_turn_is_one_message_and_all_are_answered() {
    let rig = rig(&["a"], []);
    assert_eq!(rig.post(&["First"]).await.unwrap(), Delivery::Sent);
    let waiting = ["B", "C", "D"].map(|name| rig.post(&[name]));
    for waits in waiting {
        assert_eq!(waits.await.unwrap(), Delivery::Sent);
    }
    assert_eq!(rig.seconds(), [0, 4]);
    let (_, _, text) = &rig.posted()[1];
    assert!(["B", "C", "D"].iter().all(|name| text.contains(&format!("</font> {name}"))), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_robot_is_never_faster_than_its_number() {
    let rig = rig(&["a"], []);
    for _ in 0..2_000 {
        rig.post(&["A"]);
        sleep(Duration::from_millis(100)).await;
    }
    let posted = rig.posted();
    for (from, ..) in &posted {
        let minute = posted.iter().filter(|(at, ..)| at >= from && *at < *from + Duration::from_secs(60)).count();
        assert!(minute <= 18, "{minute} messages in the minute from {from:?}");
    }
    assert!(posted.len() >= 45, "{} messages in 200 s", posted.len());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_too_long_is_told_so_and_nothing_is_sent() {
    let rig = rig(&["a"], [(5, Delivery::Later(Reason::Rate))]);
    assert_eq!(rig.post(&["A"]).await.unwrap(), Delivery::Later(Reason::Rate));
    let begun = Instant::now();
    assert_eq!(rig.post(&["B"]).await.unwrap(), Delivery::Later(Reason::Queue));
    assert_eq!(begun.elapsed(), ANSWER_DEADLINE);
    sleep(Duration::from_secs(300)).await;
    assert_eq!(rig.seconds(), [0], "it is Alertmanager's again");
}

#[tokio::test(start_paused = true)]
async fn a_robot_that_was_too_fast_rests_for_more_than_a_minute_and_others_stand_in() {
    let one = rig(&["a"], [(0, Delivery::Later(Reason::Rate))]);
    while one.post(&["A"]).await.unwrap() != Delivery::Sent {}
    assert_eq!(one.seconds(), [0, 65]);

    let two = rig(&["a", "b"], [(0, Delivery::Later(Reason::Rate))]);
    for _ in 0..3 {
        assert_eq!(two.post(&["A"]).await.unwrap(), Delivery::Sent);
    }
    let by: Vec<_> = two.posted().iter().map(|(_, url, _)| url.clone()).collect();
    assert_eq!(by, ["a", "b", "b", "b"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_delivered_after_its_sender_gave_up_is_not_sent_again() {
    let rig = rig(&["a"], [(20, Delivery::Sent)]);
    assert_eq!(rig.post(&["A"]).await.unwrap(), Delivery::Later(Reason::Queue));
    sleep(Duration::from_secs(20)).await;
    assert_eq!(rig.post(&["A"]).await.unwrap(), Delivery::Sent);
    assert_eq!(rig.seconds(), [0], "it had been delivered");
    assert_eq!(rig.post(&["A"]).await.unwrap(), Delivery::Sent);
    assert_eq!(rig.posted().len(), 2, "this time it is meant to come again");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_any_more_is_not_sent() {
    let rig = rig(&["a"], [(3, Delivery::Sent)]);
    let first = rig.post(&["First"]);
    sleep(Duration::from_secs(1)).await;
    let gone = rig.post(&["Gone"]);
    sleep(Duration::from_secs(1)).await;
    gone.abort();
    assert_eq!(first.await.unwrap(), Delivery::Sent);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.posted().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded() {
    let rig = rig(&["a"], [(3, Delivery::Sent)]);
    let first = rig.post(&["First"]);
    sleep(Duration::from_secs(1)).await;
    let waiting: Vec<_> = (0..99).map(|_| rig.post(&["Waits"])).collect();
    sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    assert_eq!(rig.post(&["Beyond"]).await.unwrap(), Delivery::Later(Reason::Queue));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(first.await.unwrap(), Delivery::Sent);
    for waits in waiting {
        assert_eq!(waits.await.unwrap(), Delivery::Sent);
    }
    let posted = rig.posted();
    assert_eq!(
        (posted.len(), posted[1].2.matches("Waits").count()),
        (2, 2),
        "once in the title and once in the text: {posted:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_three_messages_and_the_rest_is_counted() {
    let rig = rig(&["a"], []);
    sleep(Duration::from_secs(60)).await;
    let names: Vec<_> = (0..900).map(|number| format!("Alert{number:03}x{}", "y".repeat(50))).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert_eq!(rig.post(&names).await.unwrap(), Delivery::Sent);
    let posted = rig.posted();
    assert_eq!(posted.len(), 3);
    assert!(posted[0].2.contains("more in the next message") && posted[1].2.contains("more in the next message"));
    let told = posted.iter().map(|(.., text)| text.matches("- 🔵").count()).sum::<usize>();
    assert!(posted[2].2.contains(&format!("and {} more: see Alertmanager", 900 - told)), "{told}: {}", posted[2].2);
    // The next one begins anew.
    assert_eq!(rig.post(&names[..2]).await.unwrap(), Delivery::Sent);
    assert!(!rig.posted()[3].2.contains("more"));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_everybodys_who_is_in_the_message() {
    let rig = rig(&["a"], [(0, Delivery::Sent), (0, LATER)]);
    assert_eq!(rig.post(&["First"]).await.unwrap(), Delivery::Sent);
    for waits in ["B", "C"].map(|name| rig.post(&[name])) {
        assert_eq!(waits.await.unwrap(), LATER);
    }
    assert_eq!(rig.posted().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_one_robot_cannot_and_another_may_later_is_later() {
    let gone = Delivery::Rejected(Reason::Gone);
    for next in [[(0, LATER), (0, gone)], [(0, gone), (0, LATER)]] {
        assert_eq!(rig(&["a", "b"], next).post(&["A"]).await.unwrap(), LATER);
    }
    assert_eq!(rig(&["a", "b"], [(0, gone), (0, gone)]).post(&["A"]).await.unwrap(), gone);
    // The other one has no message left in this minute.
    let rig = rig(&["a", "b"], [(0, Delivery::Sent), (0, gone)]);
    assert_eq!(rig.post(&["A"]).await.unwrap(), Delivery::Sent);
    assert_eq!(rig.post(&["A"]).await.unwrap(), Delivery::Later(Reason::Gone));
}

#[tokio::test(start_paused = true)]
async fn at_the_end_what_is_on_its_way_is_finished_and_the_rest_is_alertmanagers() {
    let rig = rig(&["a"], [(3, Delivery::Sent)]);
    let on_its_way = rig.post(&["A"]);
    sleep(Duration::from_secs(1)).await;
    let waits = rig.post(&["B"]);
    sleep(Duration::from_secs(1)).await;
    rig.robot.end();
    assert_eq!(waits.await.unwrap(), Delivery::Later(Reason::Stopping));
    assert_eq!(rig.post(&["C"]).await.unwrap(), Delivery::Later(Reason::Stopping));
    assert_eq!(on_its_way.await.unwrap(), Delivery::Sent);
    rig.task.await.unwrap();
    assert_eq!(rig.robot.deliver(notification(&["D"]), Instant::now()).await, Delivery::Later(Reason::Stopping));
    assert_eq!(rig.told.start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn new_settings_keep_the_pace_of_a_webhook_that_stays() {
    let rig = rig(&["a"], []);
    assert_eq!(rig.post(&["A"]).await.unwrap(), Delivery::Sent);
    let mut waits = pin!(rig.post(&["B"]));
    sleep(Duration::from_secs(1)).await;
    let signed = config::Webhook { url: Secret::new("a"), secret: Some(Secret::new("s")) };
    rig.robot.set(config::Robot { webhooks: vec![signed], keyword: Some("K".to_owned()), ..settings(&["a"]) });
    assert_eq!(waits.as_mut().await.unwrap(), Delivery::Sent);
    assert_eq!(rig.seconds(), [0, 4]);
    assert!(rig.posted()[1].2.contains("K 🔵"), "what waits is told with the new settings");
    // Another one begins with one message of its own.
    rig.robot.set(settings(&["b"]));
    assert_eq!(rig.post(&["C"]).await.unwrap(), Delivery::Sent);
    assert_eq!(rig.seconds(), [0, 4, 4]);
}
