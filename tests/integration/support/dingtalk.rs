//! A stand-in for DingTalk's server: it takes messages of robots as the real one does, and refuses them with its words.

use std::{
    collections::{HashMap, VecDeque},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;
use serde_json::{Value, json};

use super::listener::{self, Request, listen};

const PATIENCE: Duration = Duration::from_secs(30);
/// Messages a minute; a robot that sends more is blocked.
const LIMIT: usize = 20;
const BLOCK: Duration = Duration::from_secs(600);
/// Bytes of a message.
const MAX_BYTES: usize = 20_000;
/// What stands behind the texts of 310000.
const MORE: &str = "more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]";

/// A message that was delivered.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) token: String,
    pub(crate) body: Value,
}

/// What the server does with the next message instead of judging it.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// HTTP 200 with this errcode and errmsg.
    Code(i64, &'static str),
    /// This status and body.
    Http(u16, &'static str),
    /// The message is delivered, and the answer comes so much later.
    Slow(Duration),
    /// The message is delivered, and the answer comes when the other end is dropped.
    Held(Arc<Mutex<Receiver<()>>>),
    /// The message is delivered, and the connection ends without an answer.
    Cut,
}

/// A robot of a group, as its settings are.
#[derive(Clone, Debug, Default)]
struct Robot {
    secret: Option<&'static str>,
    keyword: Option<&'static str>,
    sent: Vec<Instant>,
    blocked: Option<Instant>,
}

#[derive(Default)]
struct State {
    robots: HashMap<String, Robot>,
    messages: Vec<Message>,
    /// Requests, delivered or not.
    requests: usize,
    faults: VecDeque<Fault>,
}

pub(crate) struct DingTalk {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl DingTalk {
    /// With one robot whose token is `t0ken`, with a secret and a keyword.
    pub(crate) fn start() -> DingTalk {
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        let server = DingTalk { address: listen(move |stream| take(stream, &shared)), state };
        server.robot("t0ken", Some("SEC5ecret"), Some("Sentinel"));
        server
    }

    /// Adds a robot.
    pub(crate) fn robot(&self, token: &str, secret: Option<&'static str>, keyword: Option<&'static str>) {
        let robot = Robot { secret, keyword, ..Robot::default() };
        self.state.lock().unwrap().robots.insert(token.to_owned(), robot);
    }

    /// The URL of a robot.
    pub(crate) fn url(&self, token: &str) -> String {
        format!("http://{}/robot/send?access_token={token}", self.address)
    }

    /// What it does with the next messages, one each.
    pub(crate) fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().unwrap().faults.extend(faults);
    }

    /// Delivers the next message, and answers when what is returned is dropped.
    pub(crate) fn hold(&self) -> Sender<()> {
        let (held, answers) = channel();
        self.faults([Fault::Held(Arc::new(Mutex::new(answers)))]);
        held
    }

    /// What has been delivered so far.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.state.lock().unwrap().messages.clone()
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    /// Waits for so many messages; panics after half a minute.
    pub(crate) fn wait(&self, count: usize) -> Vec<Message> {
        let since = Instant::now();
        loop {
            let messages = self.messages();
            if messages.len() >= count {
                return messages;
            }
            assert!(since.elapsed() < PATIENCE, "{} of {count} messages came: {messages:#?}", messages.len());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Reads one request and answers it.
fn take(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let request = Request::read(&stream)?;
    state.lock().unwrap().requests += 1;
    let fault = state.lock().unwrap().faults.pop_front();
    let (status, answer) = match fault {
        Some(Fault::Code(code, text)) => (200, said(code, text)),
        Some(Fault::Http(status, body)) => (status, body.to_owned()),
        fault => {
            let answer = judge(state, &request);
            match fault {
                Some(Fault::Slow(delay)) => thread::sleep(delay),
                Some(Fault::Held(held)) => drop(held.lock().unwrap().recv_timeout(PATIENCE)),
                Some(Fault::Cut) => return None,
                _ => {}
            }
            (200, answer)
        }
    };
    listener::answer(&mut stream, status, "", &answer).ok()
}

/// Delivers a message, or says why not, with the words of the real server.
fn judge(state: &Mutex<State>, request: &Request) -> String {
    let Some(query) = request.head.strip_prefix("POST /robot/send?").and_then(|rest| rest.split(' ').next()) else {
        return said(404, "请求的URI地址不存在");
    };
    let parameters: HashMap<_, _> = query.split('&').filter_map(|parameter| parameter.split_once('=')).collect();
    let parameter = |name: &str| parameters.get(name).map(|value| decoded(value)).unwrap_or_default();
    let token = parameter("access_token");
    let mut state = state.lock().unwrap();
    let State { robots, messages, .. } = &mut *state;
    let Some(robot) = robots.get_mut(&token) else { return said(300_005, "token is not exist") };
    if !request.header("Content-Type").is_some_and(|kind| kind.starts_with("application/json")) {
        return said(43_004, "无效的HTTP HEADER Content-Type");
    }
    if let Some(secret) = robot.secret {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let timestamp = parameter("timestamp");
        if !timestamp.parse().is_ok_and(|at: u128| at.abs_diff(now) < 3_600_000) {
            return said(310_000, &format!("invalid timestamp, {MORE}"));
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = STANDARD.encode(hmac::sign(&key, format!("{timestamp}\n{secret}").as_bytes()));
        if parameter("sign") != signature {
            return said(310_000, &format!("sign not match, {MORE}"));
        }
    }
    if request.body.len() > MAX_BYTES {
        return said(460_101, "message too long, exceed 20000 bytes");
    }
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else { return said(40_035, "不合法的参数") };
    let content = match body["msgtype"].as_str() {
        Some("markdown") => &body["markdown"],
        Some("actionCard") => &body["actionCard"],
        _ => return said(400_105, "unsupported msgtype"),
    };
    let (Some(title), Some(text)) = (content["title"].as_str(), content["text"].as_str()) else {
        return said(40_035, "缺少参数 title or text");
    };
    // The real one is content with the keyword in either; the bridge promises both.
    if robot.keyword.is_some_and(|keyword| !title.contains(keyword) || !text.contains(keyword)) {
        return said(310_000, &format!("keywords not in content, {MORE}"));
    }
    let now = Instant::now();
    robot.sent.retain(|at| now - *at < Duration::from_secs(60));
    if robot.blocked.is_some_and(|since| now - since < BLOCK) || robot.sent.len() >= LIMIT {
        robot.blocked.get_or_insert(now);
        return said(130_101, "send too fast, exceed 20 times per minute");
    }
    robot.sent.push(now);
    messages.push(Message { token, body });
    said(0, "ok")
}

impl Message {
    /// Its title.
    pub(crate) fn title(&self) -> &str {
        self.content()["title"].as_str().unwrap()
    }

    /// Its text.
    pub(crate) fn text(&self) -> &str {
        self.content()["text"].as_str().unwrap()
    }

    fn content(&self) -> &Value {
        let kind = self.body["msgtype"].as_str().unwrap();
        &self.body[kind]
    }
}

fn said(code: i64, text: &str) -> String {
    json!({"errcode": code, "errmsg": text}).to_string()
}

/// A parameter of a query.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'%' => {
                let (digits, after) = rest.split_at(2);
                bytes.push(u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap());
                rest = after;
            }
            b'+' => bytes.push(b' '),
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}
