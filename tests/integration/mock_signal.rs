//! Mock signals: the real exporter injects them into a stand-in for the bot, keeps the bot's state file, and counts each outcome once.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sentinel_exporter::client::Client;
use sentinel_exporter::config::decode::Section;
use sentinel_exporter::config::{Config, Overrides, load};
use sentinel_exporter::sample::Limits;
use sentinel_exporter::source::Source;
use sentinel_exporter::source::mock_signal::MockSignal;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use crate::support::daemon::free_port;
use crate::support::exporter::{Exporter, Setup};
use crate::support::page::Page;
use crate::support::stand_in::{Answer, StandIn};
use crate::support::tempdir::TempDir;

const STATE: &str = "bot/state/sre_metrics.json";
const RATIO: &str = "sentinel_mock_signal_success_ratio";
const SUCCESS: &str = r#"sentinel_exporter_collector_success{collector="mock_signal"}"#;

fn config(url: &str, more: &str) -> String {
    format!("sre: {{root: bot, interval: 20ms}}\nmock_signal: {{url: {url:?}, interval: 200ms{more}}}\n")
}

fn scoring(score: f64) -> Answer {
    Answer::json(200, &format!("{{\"score\": {score}}}"))
}

/// An exporter with the bot's folder beside it.
fn start(config: &str) -> Exporter {
    let setup = Setup::new(config);
    fs::create_dir(setup.folder().join("bot")).unwrap();
    setup.start()
}

fn signals(page: &Page, result: &str) -> f64 {
    page.value(&format!("sentinel_mock_signals_total{{result=\"{result}\"}}")).unwrap()
}

fn state(exporter: &Exporter) -> Value {
    serde_json::from_slice(&fs::read(exporter.path(STATE)).unwrap()).unwrap()
}

#[test]
fn each_is_injected_kept_and_counted_once() {
    let bot = StandIn::start(scoring(4.5));
    let exporter = start(&config(&bot.url("/score"), ", headers: {Authorization: Bearer token-qzkw}"));
    let page = exporter.eventually("five outcomes", |page| signals(page, "pass") >= 5.0);
    let injected = bot.requests().len() as f64;
    assert!(signals(&page, "pass") <= injected, "{injected}");
    let counted = exporter.eventually("those too", |page| signals(page, "pass") >= injected);
    assert!(signals(&counted, "pass") <= bot.requests().len() as f64);
    assert_eq!((signals(&page, "fail"), page.value(SUCCESS)), (0.0, Some(1.0)));
    assert_eq!(page.value(r#"sentinel_exporter_collector_interval_seconds{collector="mock_signal"}"#), Some(0.2));
    let state = state(&exporter);
    assert_eq!((&state["mock_signal_success_pct"], &state["parser_health_index"]), (&100.0.into(), &100.0.into()));
    assert_eq!((&state["last_mock_signal_score"], &state["auto_fix_count"]), (&4.5.into(), &0.into()));
    assert_eq!(state["logic_heartbeat"], state["last_update"]);
    let request = bot.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /score HTTP/1.1\r\n") && head.contains("content-type: application/json"), "{head}");
    assert!(head.contains("authorization: Bearer token-qzkw"), "{head}");
    let signal: Value = serde_json::from_str(body).unwrap();
    assert_eq!((&signal["conviction"], &signal["symbol"]), (&0.95.into(), &"MOCK_SIGNAL_TEST".into()));
    assert!(!(exporter.log() + exporter.get("/").text()).contains("qzkw"));
}

#[test]
fn a_failure_is_kept_and_told() {
    let bot = StandIn::start(scoring(3.2));
    let exporter = start(&config(&bot.url("/score"), ", timeout: 1s"));
    let page = exporter.eventually("two failures", |page| signals(page, "fail") >= 2.0 && page.value(RATIO) <= Some(0.8));
    assert_eq!((signals(&page, "pass"), page.value(SUCCESS)), (0.0, Some(1.0)), "that it failed could be found out");
    assert_eq!(page.value("sentinel_mock_signal_last_score"), Some(3.2));
    assert_eq!(page.value("sentinel_parser_health_ratio"), Some(0.75));
    exporter.shows("a mock signal scored 3.2, expected at least 4");
    let no_score = "a mock signal has no score: ";
    for (answer, told) in [
        (Answer::json(500, "{}"), "answered 500"),
        (Answer::Whole(200, String::new(), "<html>".to_owned()), "expected a JSON object with a number under score"),
        (Answer::Nothing, "no answer within 1s"),
        (Answer::Slowly, "no answer within 1s"),
        (Answer::Bytes(b""), "connection closed before message completed"),
        (Answer::Whole(302, "Location: /elsewhere\r\n".to_owned(), String::new()), "answered 302"),
    ] {
        bot.answers(answer);
        exporter.shows(no_score);
        exporter.logged(told);
        exporter.eventually("no score is 0", |page| page.value("sentinel_mock_signal_last_score") == Some(0.0));
        bot.answers(Answer::json(200, r#"{"composite_score": 4.25}"#));
        let page = exporter.eventually("it passes", |page| page.value("sentinel_mock_signal_last_score") == Some(4.25));
        assert_eq!(page.value("sentinel_parser_health_ratio"), Some(1.0));
    }
    exporter.logged("what the collector looks at is well again");
}

#[test]
fn a_bot_that_is_not_there_fails() {
    let exporter = start(&config(&format!("http://127.0.0.1:{}/", free_port()), ""));
    exporter.eventually("a failure", |page| signals(page, "fail") >= 1.0);
    exporter.logged("Connection refused");
    assert_eq!(state(&exporter)["parser_health_index"], 25.0);
}

#[test]
fn what_others_keep_in_the_file_stays_there() {
    let bot = StandIn::start(scoring(4.5));
    let setup = Setup::new(config(&bot.url("/"), ""));
    fs::create_dir_all(setup.folder().join("bot/state")).unwrap();
    let before = r#"{"mock_signal_success_pct": 50.0, "auto_fix_count": 3, "note": {"by": "somebody"}}"#;
    fs::write(setup.folder().join(STATE), before).unwrap();
    let exporter = setup.start();
    exporter
        .eventually("an outcome, from what was there", |page| signals(page, "pass") >= 1.0 && page.value(RATIO) >= Some(0.51));
    let state = state(&exporter);
    assert_eq!((&state["auto_fix_count"], &state["note"]["by"]), (&3.into(), &"somebody".into()));
    assert!(!exporter.path("bot/state/sre_metrics.json.new").exists());
}

#[test]
fn a_damaged_file_is_put_aside() {
    let bot = StandIn::start(scoring(4.5));
    let setup = Setup::new(config(&bot.url("/"), ""));
    fs::create_dir_all(setup.folder().join("bot/state")).unwrap();
    fs::write(setup.folder().join(STATE), "{\"note\": \"half of i").unwrap();
    let exporter = setup.start();
    exporter.eventually("an outcome", |page| signals(page, "pass") >= 1.0 && page.value(SUCCESS) == Some(1.0));
    assert!(fs::read_to_string(exporter.path("bot/state/sre_metrics.json.damaged")).unwrap().contains("half of i"));
    exporter.logged("it is put aside and begun anew");
}

#[test]
fn no_link_in_the_bots_folder_leads_to_another_file() {
    let bot = StandIn::start(scoring(4.5));
    let victim = "sentinel-data/victim";
    // Beside the file: what is written first, what a damaged one is kept as. They are taken away.
    for name in ["sre_metrics.json.sentinel-new", "sre_metrics.json.new", "sre_metrics.json.damaged"] {
        let setup = Setup::new(config(&bot.url("/"), ""));
        let state = setup.folder().join("bot/state");
        ["bot/state", "sentinel-data"].iter().for_each(|name| fs::create_dir_all(setup.folder().join(name)).unwrap());
        fs::write(setup.folder().join(victim), "precious").unwrap();
        fs::write(state.join("sre_metrics.json"), "{\"half").unwrap();
        symlink("../../sentinel-data/victim", state.join(name)).unwrap();
        let exporter = setup.start();
        exporter.eventually("an outcome", |page| signals(page, "pass") >= 1.0 && page.value(SUCCESS) == Some(1.0));
        assert_eq!(fs::read_to_string(exporter.path(victim)).unwrap(), "precious", "{name}");
        assert!(exporter.path("bot/state/sre_metrics.json.damaged").symlink_metadata().unwrap().is_file(), "{name}");
    }
    // The file itself, and its folder: nothing is written.
    for (name, target, told) in [
        ("bot/state/sre_metrics.json", "../../sentinel-data/victim", "sre_metrics.json is a link, or no regular file"),
        ("bot/state", "../sentinel-data", "state is a link, or no folder: links are not followed"),
    ] {
        let setup = Setup::new(config(&bot.url("/"), ""));
        let link = setup.folder().join(name);
        fs::create_dir(setup.folder().join("sentinel-data")).unwrap();
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        fs::write(setup.folder().join(victim), "{\"precious\": true}").unwrap();
        symlink(target, link).unwrap();
        let exporter = setup.start();
        exporter.shows(told);
        exporter.eventually("it failed", |page| page.value(SUCCESS) == Some(0.0));
        assert_eq!(fs::read_to_string(exporter.path(victim)).unwrap(), "{\"precious\": true}", "{name}");
        let mut names: Vec<_> =
            fs::read_dir(exporter.path("sentinel-data")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.retain(|name| name.to_string_lossy().contains("sre_metrics"));
        assert!(names.is_empty(), "{names:?}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_a_failure_of_the_collector() {
    let bot = StandIn::start(scoring(4.5));
    let exporter = Exporter::start(config(&bot.url("/"), ""));
    exporter.eventually("it fails", |page| page.value(SUCCESS) == Some(0.0));
    exporter.shows("its folder cannot be made");
    fs::create_dir(exporter.path("bot")).unwrap();
    exporter.eventually("it is there", |page| page.value(SUCCESS) == Some(1.0) && signals(page, "pass") >= 1.0);
}

#[test]
fn the_least_score_can_be_another() {
    let bot = StandIn::start(scoring(4.5));
    let exporter = start(&config(&bot.url("/"), ", min_score: 4.6"));
    exporter.shows("a mock signal scored 4.5, expected at least 4.6");
    exporter.eventually("it falls", |page| page.value("sentinel_mock_signal_success_ratio") <= Some(0.9));
}

/// A source that injects into `bot` every `interval`, keeps what becomes of it in `folder` and tells `failed`.
fn source(folder: &TempDir, bot: &StandIn, interval: &str, failed: &Arc<Notify>) -> MockSignal {
    let text = config(&bot.url("/"), "").replace("200ms", interval).replace("root: bot", "root: .");
    let decode = |document: &mut Section<'_>| Config::decode(document, &Overrides::default());
    let settings = load::parse(&text, folder.path(), &|_| None, decode).unwrap().mock_signal.unwrap();
    MockSignal::new(&settings, Client::new().unwrap(), Limits::default(), failed.clone())
}

#[tokio::test]
async fn a_poll_injects_only_when_one_is_due() {
    let (folder, bot) = (TempDir::new("bot"), StandIn::start(scoring(4.5)));
    let mut source = source(&folder, &bot, "300ms", &Arc::default());
    let begun = Instant::now();
    while bot.requests().len() < 2 {
        source.poll().await;
        sleep(Duration::from_millis(5)).await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(600), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_failure_wakes_who_waits_for_it() {
    let (folder, failed, bot) = (TempDir::new("bot"), Arc::new(Notify::new()), StandIn::start(scoring(4.5)));
    let mut source = source(&folder, &bot, "20ms", &failed);
    let mut inject = async || {
        let before = bot.requests().len();
        while bot.requests().len() == before {
            source.poll().await;
            sleep(Duration::from_millis(5)).await;
        }
    };
    inject().await;
    assert!(timeout(Duration::from_millis(50), failed.notified()).await.is_err(), "it passed");
    bot.answers(scoring(1.0));
    inject().await;
    assert!(timeout(Duration::from_millis(50), failed.notified()).await.is_ok(), "it failed");
    assert!(Path::new(&folder.join("state/sre_metrics.json")).exists());
}
