//! What Alertmanager sends to: one server that stands for Discord, PagerDuty, the bridge and every other webhook. It keeps what
//! came, and refuses what Discord refuses.

use std::{
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::listener::{self, Request, listen};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Value,
    pub(crate) came: Instant,
    /// What was answered.
    pub(crate) status: u16,
}

pub(crate) struct Webhooks {
    address: SocketAddr,
    messages: Arc<Mutex<Vec<Message>>>,
}

impl Webhooks {
    pub(crate) fn start() -> Webhooks {
        let messages = Arc::new(Mutex::new(Vec::new()));
        let kept = messages.clone();
        let address = listen(move |stream| take(stream, &kept));
        Webhooks { address, messages }
    }

    /// The address of a path there. Below `/api/webhooks/` it behaves as Discord does.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What has come so far for a path.
    pub(crate) fn at(&self, path: &str) -> Vec<Message> {
        self.messages.lock().unwrap().iter().filter(|message| message.path == path).cloned().collect()
    }

    /// What has come so far.
    pub(crate) fn all(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    /// Waits for so many messages at a path; panics after half a minute.
    pub(crate) fn wait(&self, path: &str, count: usize) -> Vec<Message> {
        let since = Instant::now();
        loop {
            let messages = self.at(path);
            if messages.len() >= count {
                return messages;
            }
            assert!(since.elapsed() < PATIENCE, "{} of {count} messages came to {path}: {:#?}", messages.len(), self.all());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Reads one request, keeps it and answers it: who has seen the answer counted finds the message.
fn take(mut stream: TcpStream, kept: &Mutex<Vec<Message>>) -> Option<()> {
    let request = Request::read(&stream)?;
    let path = request.path().to_owned();
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    let refused = path.starts_with("/api/webhooks/") && !discord_takes(&body);
    let (status, answer) = match () {
        () if refused => (400, "{\"embeds\": [\"0\"]}"),
        () if path.starts_with("/api/webhooks/") => (204, ""),
        () => (200, "{}"),
    };
    let authorization = request.header("Authorization").map(str::to_owned);
    kept.lock().unwrap().push(Message { path, authorization, body, came: Instant::now(), status });
    listener::answer(&mut stream, status, "", answer).ok()
}

/// The lengths that Discord allows, in UTF-16 units: of all the ways to count, the one that finds the most.
fn discord_takes(body: &Value) -> bool {
    let embeds = body["embeds"].as_array().map_or(&[][..], |embeds| embeds);
    let fits = |text: &Value, limit| text.as_str().is_some_and(|text| (1..=limit).contains(&text.encode_utf16().count()));
    (1..=10).contains(&embeds.len()) && embeds.iter().all(|embed| fits(&embed["title"], 256) && fits(&embed["description"], 4096))
}
