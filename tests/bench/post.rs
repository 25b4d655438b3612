//! Durable posts of 100 events by eight clients at once, beside a disk that flushes each of them by itself.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::harness::{Effort, Goal, Row, Unit, in_turn};
use crate::journal::seeded;
use crate::restart::EVENTS;
use crate::support::exporter::Setup;

const CLIENTS: usize = 8;
/// Events a body.
const EVENTS_A_BODY: usize = 100;

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let setup = Setup::new("");
    let lines = fs::read_to_string(seeded(setup.folder(), CLIENTS * EVENTS_A_BODY)).expect("the lines");
    let lines: Vec<_> = lines.lines().collect();
    let bodies: Vec<_> = lines.chunks(EVENTS_A_BODY).map(|events| events.join("\n") + "\n").collect();
    let exporter = setup.start();
    exporter.scrape();
    let mut clients = [(); CLIENTS].map(|()| Client::new(exporter.address));
    let requests: Vec<_> = bodies.iter().map(|body| request(body)).collect();

    let span = Duration::from_secs(effort.pick(3, 1));
    let mut posted = 0;
    let [posts, flushes] = in_turn(
        effort.pick(7, 2),
        [
            &mut || {
                let begun = Instant::now();
                let posts: usize = thread::scope(|scope| {
                    let each = clients.iter_mut().zip(&requests);
                    let threads: Vec<_> = each.map(|(client, request)| scope.spawn(|| post(client, request, span))).collect();
                    threads.into_iter().map(|thread| thread.join().expect("a client ends")).sum()
                });
                posted += posts;
                (posts * EVENTS_A_BODY) as f64 / begun.elapsed().as_secs_f64()
            },
            &mut || flush(&exporter.path("flushed"), bodies[0].as_bytes(), span) * EVENTS_A_BODY as f64,
        ],
    );
    let counted: f64 = exporter.scrape().family(EVENTS).iter().map(|(_, count)| count).sum();
    assert_eq!(counted, (posted * EVENTS_A_BODY) as f64);
    let what = format!("POST of {EVENTS_A_BODY} events, {:.0} KB, {CLIENTS} clients, durable", bodies[0].len() as f64 / 1e3);
    let against = Some(("a flush of the disk for each body", &flushes));
    vec![Row::new(&what, Unit::Rate("events"), &posts, against, Goal::Times(3.0))]
}

fn request(body: &str) -> Vec<u8> {
    let length = body.len();
    let head = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n";
    format!("{head}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Posts the same again and again; returns how often.
fn post(client: &mut Client, request: &[u8], span: Duration) -> usize {
    let begun = Instant::now();
    let mut posts = 0;
    while begun.elapsed() < span {
        client.send(request);
        posts += 1;
    }
    posts
}

/// How often a second a body can be appended to a file of the same disk and flushed.
fn flush(path: &Path, body: &[u8], span: Duration) -> f64 {
    let mut file = File::options().create(true).append(true).open(path).expect("a file");
    let begun = Instant::now();
    let mut flushes = 0;
    while begun.elapsed() < span {
        file.write_all(body).expect("a body is written");
        file.sync_data().expect("the disk flushes");
        flushes += 1;
    }
    f64::from(flushes) / begun.elapsed().as_secs_f64()
}
