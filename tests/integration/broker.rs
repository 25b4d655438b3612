//! The broker, asked as Alpaca is: a stand-in answers, well and badly.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use sentinel_exporter::client::Client;
use sentinel_exporter::config::decode::Section;
use sentinel_exporter::config::{Config, Overrides, load};
use sentinel_exporter::source::broker::{Broker, BrokerError, BrokerFound};

use crate::support::certs::Certs;
use crate::support::daemon::free_port;
use crate::support::stand_in::{Answer, StandIn};

const KEYS: &str = "key_id: id-6620, secret_key: secret-6620";

fn broker(url: &str, keys: &str) -> Broker {
    let text = format!("broker: {{url: {url:?}, {keys}}}");
    let decode = |document: &mut Section<'_>| Config::decode(document, &Overrides::default());
    let config = load::parse(&text, Path::new(""), &|_| None, decode).unwrap();
    assert!(!format!("{config:?}").contains("6620"));
    Broker::new(&config.broker.unwrap(), Client::new().unwrap())
}

fn positions(symbols: &[&str]) -> Answer {
    let position = |symbol: &&str| format!(r#"{{"asset_id":"904837e3","symbol":"{symbol}","qty":"5","side":"long"}}"#);
    Answer::json(200, &format!("[{}]", symbols.iter().map(position).collect::<Vec<_>>().join(",")))
}

fn failed(error: &BrokerError) -> &str {
    match error {
        BrokerError::Failed(text) => text,
        BrokerError::NoCredentials => panic!("there are credentials"),
    }
}

/// The errors of a broker that answers this, whatever it is asked; `more` are further settings.
async fn errors(answer: Answer, more: &str) -> (String, String) {
    let alpaca = StandIn::start(answer);
    let BrokerFound { account, positions } = broker(&alpaca.url(""), &format!("{KEYS}{more}")).ask().await;
    (failed(&account.unwrap_err()).to_owned(), failed(&positions.unwrap_err()).to_owned())
}

#[tokio::test]
async fn account_and_positions() {
    let account = Answer::After(Duration::from_millis(50), r#"{"id":"e6fe16f3","status":"ACTIVE"}"#.to_owned());
    let alpaca = StandIn::start(Answer::At(vec![("/v2/account", account), ("/v2/positions", positions(&["AAPL", "BTC/USD"]))]));
    let found = broker(&alpaca.url("/"), KEYS).ask().await;
    let took = found.account.unwrap();
    assert!(took >= Duration::from_millis(50), "{took:?}");
    assert_eq!(found.positions.unwrap(), BTreeSet::from(["AAPL".to_owned(), "BTC/USD".to_owned()]));
    let mut requests = alpaca.requests();
    requests.sort();
    let lines: Vec<_> = requests.iter().map(|request| request.lines().next().unwrap()).collect();
    assert_eq!(lines, ["GET /v2/account HTTP/1.1", "GET /v2/positions HTTP/1.1"]);
    for request in requests {
        assert!(
            request.contains("apca-api-key-id: id-6620\r\n") && request.contains("apca-api-secret-key: secret-6620\r\n"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn one_can_fail_without_the_other() {
    let account = Answer::json(200, "{}");
    let alpaca = StandIn::start(Answer::At(vec![("/v2/account", account), ("/v2/positions", Answer::json(500, "{}"))]));
    let found = broker(&alpaca.url(""), KEYS).ask().await;
    assert!(found.account.is_ok());
    assert_eq!(failed(&found.positions.unwrap_err()), "answered 500");
}

#[tokio::test]
async fn no_positions_are_none() {
    let alpaca = StandIn::start(positions(&[]));
    assert_eq!(broker(&alpaca.url(""), KEYS).ask().await.positions, Ok(BTreeSet::new()));
}

#[tokio::test]
async fn without_credentials_nobody_is_asked() {
    let alpaca = StandIn::start(positions(&[]));
    let found = broker(&alpaca.url(""), "").ask().await;
    assert_eq!((found.account, found.positions), (Err(BrokerError::NoCredentials), Err(BrokerError::NoCredentials)));
    assert_eq!(alpaca.requests(), [""; 0]);
    // Any header may be what says who asks.
    assert!(broker(&alpaca.url(""), "headers: {Authorization: Bearer x}").ask().await.account.is_ok());
}

#[tokio::test]
async fn bad_answers_say_what_is_wrong() {
    let refused = |message: &str| Answer::json(403, &format!(r#"{{"code":40310000,"message":"{message}"}}"#));
    let (account, of_positions) = errors(refused("forbidden."), "").await;
    assert_eq!((account.as_str(), of_positions.as_str()), ("answered 403: forbidden.", "answered 403: forbidden."));
    let (account, _) = errors(refused("no such key id-6620"), "").await;
    assert_eq!(account, "answered 403: no such key <secret>");
    let (account, _) = errors(Answer::Whole(502, String::new(), "<html>".to_owned()), "").await;
    assert_eq!(account, "answered 502");
    let elsewhere = StandIn::start(positions(&[]));
    let (account, _) = errors(Answer::Whole(301, format!("Location: {}\r\n", elsewhere.url("/")), String::new()), "").await;
    assert_eq!((account.as_str(), elsewhere.requests().len()), ("answered 301", 0));
    let alpaca = StandIn::start(Answer::json(200, r#"[{"symbol":1}]"#));
    let error = broker(&alpaca.url(""), KEYS).ask().await.positions.unwrap_err();
    assert!(failed(&error).starts_with("expected the positions as a JSON array"), "{error}");
}

#[tokio::test]
async fn it_ends_whatever_hangs() {
    for answer in [Answer::Nothing, Answer::Slowly] {
        let begun = Instant::now();
        let (account, positions) = errors(answer, ", timeout: 1s").await;
        assert_eq!((account.as_str(), positions.as_str()), ("no answer within 1s", "no answer within 1s"));
        assert!(begun.elapsed() < Duration::from_secs(2), "both are asked at once: {:?}", begun.elapsed());
    }
    let (account, _) = errors(Answer::Endless, "").await;
    assert_eq!(account, "an answer of more than 4194304 bytes");
}

#[tokio::test]
async fn nobody_there_and_impostors() {
    let found = broker(&format!("http://127.0.0.1:{}", free_port()), KEYS).ask().await;
    assert!(failed(&found.account.unwrap_err()).contains("Connection refused"));
    let impostor = StandIn::start_tls(positions(&[]), &Certs::new().localhost);
    let found = broker(&impostor.url(""), KEYS).ask().await;
    assert!(failed(&found.account.unwrap_err()).contains("invalid peer certificate"), "the system does not trust it");
    assert_eq!(impostor.requests(), [""; 0]);
}
