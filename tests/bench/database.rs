//! GET of the ordinary page with PostgreSQL behind it, beside Debian's sql_exporter with the same three views; and while the database hangs.

use std::cell::RefCell;
use std::fs;
use std::process::Command;

use crate::client::{AS_PROMETHEUS, Client};
use crate::day::Day;
use crate::harness::{Effort, Goal, Measured, Row, Unit, until};
use crate::process::Server;

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let requests = effort.pick(2_000, 200);
    let day = Day::new();
    let config = day.exporter.path("sql_exporter.yml");
    // Its driver has one of the two names alone.
    let url = day.postgres.url("sentinel_exporter").replace("postgresql://", "postgres://") + "?sslmode=disable";
    fs::write(&config, include_str!("baselines/sql_exporter.yml").replace("URL", &url)).expect("the configuration is written");
    let sql_exporter = Server::start(|port| {
        let mut command = Command::new("prometheus-sql-exporter");
        command.arg(format!("-config.file={}", config.display())).arg(format!("-web.listen-address=127.0.0.1:{port}"));
        command
    });
    let ours = RefCell::new(Client::new(day.exporter.address));
    let theirs = RefCell::new(Client::new(sql_exporter.address));
    let shows_all = || {
        theirs.borrow_mut().get("/metrics", "");
        let client = theirs.borrow();
        ["sql_ops_hour{", "sql_ops_errors{", "sql_ops_pipeline{"]
            .iter()
            .all(|sample| memchr::memmem::find(client.body(), sample.as_bytes()).is_some())
    };
    until("sql_exporter has asked the database", shows_all);

    let mut rows = Vec::new();
    for (page, headers) in [("", ""), (", gzip", AS_PROMETHEUS)] {
        let mut of = [const { Vec::new() }; 4];
        for _ in 0..effort.pick(9, 2) {
            for (at, hangs) in [(0, false), (2, true)] {
                if hangs {
                    day.postgres.pause();
                }
                of[at].push(ours.borrow_mut().scrapes(requests, headers));
                of[at + 1].push(theirs.borrow_mut().scrapes(requests, headers));
                if hangs {
                    day.postgres.resume();
                }
            }
        }
        for (name, share, times) in [("p50", 0.5, 6.0), ("p99", 0.99, 4.0)] {
            let of_rounds = |rounds: &Vec<Measured>| Measured::of(rounds.iter().map(|round| round.quantile(share)));
            let [exporter, theirs, hung, theirs_hung] = of.each_ref().map(of_rounds);
            let what = format!("GET /metrics with PostgreSQL{page}, {name}");
            let row = |what: &str, measured, against, baseline, goal| {
                Row::new(what, Unit::Seconds, measured, Some((against, baseline)), goal)
            };
            rows.push(row(&what, &exporter, "sql_exporter", &theirs, Goal::Times(times)));
            rows.push(row("while the database hangs", &hung, "the same otherwise", &exporter, Goal::Within(1.25)));
            rows.push(row("the same", &hung, "sql_exporter, hanging too", &theirs_hung, Goal::Told));
        }
    }
    rows
}
