//! A server that answers what a test has put there: it stands for what cannot be had here, such as Grafana, and for servers at fault.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::listener::{self, Request, listen};

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    body: String,
    after: Duration,
    authorization: Option<String>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Answer {
        Answer { status, body: body.into(), after: Duration::ZERO, authorization: None }
    }

    /// After so much time.
    pub(crate) fn after(self, after: Duration) -> Answer {
        Answer { after, ..self }
    }

    /// Only for those with this in their `Authorization`; others get 401.
    pub(crate) fn only_for(self, authorization: &str) -> Answer {
        Answer { authorization: Some(authorization.to_owned()), ..self }
    }

    /// The same with every `from` replaced; panics when there is none.
    pub(crate) fn replace(&self, from: &str, to: &str) -> Answer {
        assert!(self.body.contains(from), "{from:?} is not in {}", self.body);
        Answer { body: self.body.replace(from, to), ..self.clone() }
    }

    /// The line of a series in a page of metrics.
    fn line(&self, series: &str) -> String {
        let mut lines = self.body.lines();
        lines
            .find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))
            .expect("the series is there")
            .to_owned()
    }

    /// A page of metrics with another value of a series.
    pub(crate) fn with_value(&self, series: &str, value: &str) -> Answer {
        self.replace(&self.line(series), &format!("{series} {value}"))
    }
}

pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    answers: Arc<Mutex<BTreeMap<String, Answer>>>,
}

impl Site {
    /// Answers 404 until it is told otherwise.
    pub(crate) fn start() -> Site {
        let answers = Arc::new(Mutex::new(BTreeMap::new()));
        let shared = answers.clone();
        let address = listen(move |stream| take(stream, &shared));
        Site { address, answers }
    }

    /// Answers this to requests for a path, whatever follows it after a question mark.
    pub(crate) fn set(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Answers 200 with this text.
    pub(crate) fn page(&self, path: &str, body: impl Into<String>) {
        self.set(path, Answer::new(200, body));
    }

    /// What it answers to a path now.
    pub(crate) fn at(&self, path: &str) -> Answer {
        self.answers.lock().unwrap()[path].clone()
    }

    /// Has the answer to a path changed for as long as `during` runs.
    pub(crate) fn with<T>(&self, path: &str, answer: Answer, during: impl FnOnce() -> T) -> T {
        let before = self.at(path);
        self.set(path, answer);
        let result = during();
        self.set(path, before);
        result
    }
}

/// Reads one request and answers it.
fn take(mut stream: TcpStream, answers: &Mutex<BTreeMap<String, Answer>>) -> Option<()> {
    let request = Request::read(&stream)?;
    let path = request.path().split('?').next()?;
    let unknown = Answer::new(404, "");
    let answer = answers.lock().unwrap().get(path).cloned().unwrap_or(unknown);
    let answer = match &answer.authorization {
        Some(needed) if request.header("Authorization") != Some(needed) => Answer::new(401, ""),
        _ => answer,
    };
    thread::sleep(answer.after);
    listener::answer(&mut stream, answer.status, "", &answer.body).ok()
}
