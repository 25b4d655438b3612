//! The ordinary case: a database with a day of batches, the bot's files, and a day of trading events that has been read.

use std::fs;

use crate::journal::simulate;
use crate::support::exporter::{Exporter, Setup};
use crate::support::postgres::Postgres;

pub(crate) struct Day {
    // Fields are dropped in this order: the exporter ends before its database.
    pub(crate) exporter: Exporter,
    pub(crate) postgres: Postgres,
}

impl Day {
    /// An exporter that has read all of it. It polls every second, more often than in earnest, and keeps what it found for long.
    pub(crate) fn new() -> Self {
        let postgres = Postgres::new();
        let setup = Setup::new(format!(
            "journals: [{{path: events.jsonl}}]\nsre: {{root: bot, interval: 1s}}\n\
             postgres: {{url: '{}', interval: 1s, timeout: 1s, stale_after: 1h}}",
            postgres.url("sentinel_exporter")
        ));
        let (journal, bot, url) = (setup.folder().join("events.jsonl"), setup.folder().join("bot"), setup.folder().join("url"));
        fs::write(&url, postgres.url("postgres")).expect("the URL is written");
        let (bot, url) = (bot.to_str().expect("a path of text"), url.to_str().expect("a path of text"));
        let day = ["--backfill", "6h30m", "--duration", "1s", "--sre-root", bot, "--postgres-url-file", url, "--journal"];
        simulate(&day, &journal);
        let exporter = setup.start();
        exporter.eventually("all sources succeed", |page| {
            let collectors = page.family("sentinel_exporter_collector_success");
            collectors.len() == 2 && collectors.iter().all(|(_, success)| *success == 1.0)
        });
        Self { exporter, postgres }
    }
}
