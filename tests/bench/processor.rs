//! The processor's time for a scrape of the ordinary page, beside that for the least answer that there is.

use crate::client::Client;
use crate::day::Day;
use crate::harness::{Effort, Goal, Row, Unit, in_turn};
use crate::process::processor;

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    // Enough for the kernel's clock of processor time.
    let requests = effort.pick(10_000, 1_000);
    let day = Day::new();
    let mut client = Client::new(day.exporter.address);
    let pid = day.exporter.pid();
    let mut cost = |path, headers| {
        let before = processor(pid);
        for _ in 0..requests {
            client.get(path, headers);
        }
        (processor(pid) - before) / f64::from(requests)
    };
    let cost = std::cell::RefCell::new(&mut cost);
    let [plain, gzip, empty] = in_turn(
        effort.pick(7, 2),
        [
            &mut || cost.borrow_mut()("/metrics", ""),
            &mut || cost.borrow_mut()("/metrics", "Accept-Encoding: gzip\r\n"),
            &mut || cost.borrow_mut()("/health", ""),
        ],
    );
    let row = |what, measured| Row::new(what, Unit::Seconds, measured, Some(("GET /health", &empty)), Goal::Told);
    vec![row("processor time, GET /metrics, the ordinary page", &plain), row("the same with gzip", &gzip)]
}
