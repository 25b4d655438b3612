//! Events that came by POST: what is good of a body, and the one line that keeps it in the exporter's own journal.
//!
//! A post is one line, so that it is there whole or not at all: a header, and then the events as they were sent, each after a
//! record separator, which no JSON text holds: `{"at":1768137395.12,"key":[…]}␞{"event":…}␞{"event":…}`. An event without a
//! time has the header's, so that reading the line again gives the same.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::event;
use super::keys::Key;
use super::lines::MAX_LINE;
use super::rejection::{Reason, Rejection};

/// The longest body, in bytes: about 8,000 events.
pub const MAX_BODY: usize = 1024 * 1024;
/// The longest line of the own journal: a body, and a header of three numbers and four counts.
pub const MAX_POST: usize = MAX_BODY + 4096;
/// How many rejected lines an answer lists.
const LISTED: usize = 100;
/// Stands before every event of a line: ASCII's record separator, as in RFC 7464.
const SEPARATOR: u8 = 0x1e;

/// What stands before the events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// When it came, in Unix seconds: the time of events that have none.
    pub at: f64,
    /// What the client calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// How many events were not good, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rejected: BTreeMap<Reason, u64>,
}

/// What a body holds.
pub struct Post {
    header: Header,
    /// The good events, each after a separator.
    events: Vec<u8>,
    accepted: usize,
    /// The first of those that are not good: the number of the line or element, from 1, and what was expected.
    listed: Vec<(usize, Rejection)>,
}

/// What a client is told.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Events that are or will be counted.
    pub accepted: usize,
    /// Events that never will be, at most a hundred of them.
    pub rejected: Vec<RejectedLine>,
    /// How many more of these there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected_not_listed: Option<u64>,
}

/// See [`Receipt`].
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct RejectedLine {
    /// The number of the line, or of the array's element, from 1.
    pub line: usize,
    /// What was expected.
    pub reason: String,
}

impl Post {
    /// Judges a body, which came at `at` (Unix seconds): JSON lines, or a JSON array of events.
    pub fn read(body: &[u8], at: f64, key: Option<Key>) -> Self {
        let header = Header { at, key, rejected: BTreeMap::new() };
        let mut post = Self { header, events: Vec::with_capacity(body.len() + 64), accepted: 0, listed: Vec::new() };
        if body.trim_ascii_start().starts_with(b"[") {
            match serde_json::from_slice::<Vec<&RawValue>>(body) {
                Ok(elements) => {
                    elements.iter().zip(1..).for_each(|(element, number)| post.take(number, element.get().as_bytes()));
                }
                Err(error) => post.reject(error.line(), Rejection::new(Reason::Json, format!("a JSON array: {error}"))),
            }
        } else {
            let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).zip(1..);
            lines.filter(|(line, _)| !line.is_empty()).for_each(|(line, number)| post.take(number, line));
        }
        post
    }

    fn take(&mut self, number: usize, event: &[u8]) {
        match verdict(event, self.header.at) {
            Ok(()) => {
                self.events.push(SEPARATOR);
                let start = self.events.len();
                self.events.extend_from_slice(event);
                // Between the tokens of an array's element there may be line ends; in its strings there are none.
                self.events[start..].iter_mut().for_each(|byte| *byte = if *byte == b'\n' { b' ' } else { *byte });
                self.accepted += 1;
            }
            Err(rejection) => self.reject(number, rejection),
        }
    }

    fn reject(&mut self, number: usize, rejection: Rejection) {
        *self.header.rejected.entry(rejection.reason).or_default() += 1;
        if self.listed.len() < LISTED {
            self.listed.push((number, rejection));
        }
    }

    /// True when the body held nothing at all.
    pub fn is_empty(&self) -> bool {
        self.accepted == 0 && self.listed.is_empty()
    }

    /// What the client calls it.
    pub fn key(&self) -> Option<Key> {
        self.header.key
    }

    /// About how long its line is.
    pub fn size(&self) -> usize {
        self.events.len()
    }

    /// Appends the line, with its line end.
    pub fn write(&self, out: &mut Vec<u8>) -> io::Result<()> {
        serde_json::to_writer(&mut *out, &self.header)?;
        if self.events.is_empty() {
            out.push(SEPARATOR);
        }
        out.extend_from_slice(&self.events);
        out.push(b'\n');
        Ok(())
    }

    /// What the client is told.
    pub fn receipt(&self) -> Receipt {
        let rejected: u64 = self.header.rejected.values().sum();
        let line = |(line, rejection): &(usize, Rejection)| RejectedLine { line: *line, reason: rejection.to_string() };
        Receipt {
            accepted: self.accepted,
            rejected: self.listed.iter().map(line).collect(),
            rejected_not_listed: Some(rejected - self.listed.len() as u64).filter(|more| *more > 0),
        }
    }
}

/// Whether an event of a body is good: the ledger will say the same when it counts it.
fn verdict(event: &[u8], at: f64) -> Result<(), Rejection> {
    if event.len() > MAX_LINE {
        return Err(Rejection::new(Reason::Oversize, format!("at most 64 KiB an event, but found {} bytes", event.len())));
    }
    event::Line::parse(event)?.event(at).map(|_| ())
}

/// The header and the events of a line that [`Post::write`] wrote; None for any other line, such as an event by itself.
pub fn parts(line: &[u8]) -> Option<Result<(Header, impl Iterator<Item = &[u8]>), Rejection>> {
    let end = memchr::memchr(SEPARATOR, line)?;
    let header = serde_json::from_slice(&line[..end]).map_err(|error| Rejection::from_json(&error));
    let events = line[end + 1..].split(|byte| *byte == SEPARATOR).filter(|event| !event.is_empty());
    Some(header.map(|header| (header, events)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let (time, key) = (1_768_137_395.123_456_7, Key::new(b"a", b"b"));
        let body = b"{\"event\":\"cycle\",\"seconds\":1}\nx\n{\"event\":\"uptime\",\"seconds\":2}";
        let mut line = Vec::new();
        Post::read(body, time, Some(key)).write(&mut line).unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let (header, events) = parts(line.strip_suffix(b"\n").unwrap()).unwrap().unwrap();
        assert_eq!((header.at, header.key), (time, Some(key)));
        assert_eq!(header.rejected, BTreeMap::from([(Reason::Json, 1)]));
        assert_eq!(events.collect::<Vec<_>>(), [&body[..29], &body[32..]]);
    }

    #[test]
    fn a_post_without_a_good_event_is_a_line_too() {
        let mut line = Vec::new();
        Post::read(b"x", 1.0, None).write(&mut line).unwrap();
        assert_eq!(line, b"{\"at\":1.0,\"rejected\":{\"json\":1}}\x1e\n");
        assert_eq!(parts(&line[..line.len() - 1]).unwrap().unwrap().1.count(), 0);
    }

    #[test]
    fn the_longest_body_makes_a_line_that_is_read() {
        let event = b"{\"event\":\"cycle\",\"seconds\":1}\n";
        let body: Vec<u8> = event.iter().copied().cycle().take(MAX_BODY).collect();
        let mut line = Vec::new();
        Post::read(&body, 1_768_137_395.123_456_7, Some(Key::new(b"a", b"b"))).write(&mut line).unwrap();
        assert!(line.len() <= MAX_POST);
    }

    #[test]
    fn an_event_by_itself_is_no_post() {
        assert!(parts(b"{\"event\":\"cycle\",\"seconds\":1}").is_none());
        assert!(parts(b"no header\x1e{}").unwrap().is_err());
    }
}
