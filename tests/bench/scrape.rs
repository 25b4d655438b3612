//! GET of a page with 100,000 samples, over a connection that is kept where the server keeps it.

use std::fs;

use crate::client::Client;
use crate::harness::{Effort, Goal, Row, Unit, in_turn};
use crate::journal::write_wide;
use crate::process::{Server, child, recorder};
use crate::support::exporter::Setup;

const SAMPLES: usize = 100_000;

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let samples = effort.pick(SAMPLES, SAMPLES / 10);
    let setup = Setup::new(format!("journals: [{{path: wide.jsonl}}]\nlimits: {{series_per_family: {samples}}}"));
    write_wide(&setup.folder().join("wide.jsonl"), samples);
    let exporter = setup.start();
    let page = exporter.scrape_text().body;
    let file = exporter.path("page.txt");
    fs::write(&file, &page).expect("the page is written");
    let hyper = Server::start(|port| {
        let mut command = child("ready-made");
        command.arg(&file).arg(format!("127.0.0.1:{port}"));
        command
    });
    let python = Server::start(|port| {
        let mut command = recorder();
        command.arg("serve").arg(exporter.path("wide.jsonl")).arg(port.to_string());
        command
    });

    let (mut ours, mut ready_made, mut theirs) =
        (Client::new(exporter.address), Client::new(hyper.address), Client::new(python.address));
    let some = effort.pick(20, 5);
    let [exporter, ready_made, python] = in_turn(
        effort.pick(11, 2),
        [&mut || ours.scrapes(some, "").median(), &mut || ready_made.scrapes(some, "").median(), &mut || {
            theirs.scrapes(1, "").median()
        }],
    );
    // Its page has all of it, without what the exporter tells of itself.
    let (ours, theirs) = (count(ours.body()), count(theirs.body()));
    assert!(theirs > samples && ours - theirs < 300, "{ours} samples and {theirs}");
    let what = format!("GET /metrics, {ours} samples, {:.1} MB", page.len() as f64 / 1e6);
    vec![
        Row::new(&what, Unit::Seconds, &exporter, Some(("prometheus_client's server", &python)), Goal::Times(100.0)),
        Row::new(
            "the same",
            Unit::Seconds,
            &exporter,
            Some(("hyper, the same bytes ready made", &ready_made)),
            Goal::Within(2.5),
        ),
    ]
}

fn count(page: &[u8]) -> usize {
    page.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#")).count()
}
