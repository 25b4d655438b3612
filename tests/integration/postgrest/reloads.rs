//! A schema cache that is stale is reloaded: the real database notifies whoever listens as PostgREST does.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::{config, errors, good, later, stale_cache};
use crate::support::exporter::Exporter;
use crate::support::page::Page;
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::Postgres;
use crate::support::stand_in::StandIn;

/// A session that listens as PostgREST does: directly, with psql, which tells what came when it is asked something.
struct Listener {
    psql: Child,
    told: Receiver<String>,
}

impl Listener {
    fn start(postgres: &Postgres) -> Listener {
        let mut psql = Command::new("psql");
        psql.args(["-XqAt", &postgres.url("postgres")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut psql = psql.spawn().expect("run psql");
        let (tell, told) = channel();
        let lines = BufReader::new(psql.stdout.take().unwrap()).lines().map_while(Result::ok);
        thread::spawn(move || lines.for_each(|line| drop(tell.send(line))));
        let mut listener = Listener { psql, told };
        assert_eq!(listener.ask("LISTEN pgrst;"), [""; 0]);
        listener
    }

    /// Runs a statement; the notifications that had come by then.
    fn ask(&mut self, sql: &str) -> Vec<String> {
        writeln!(self.psql.stdin.as_mut().unwrap(), "{sql}\nSELECT 'done';\n\\echo end").unwrap();
        let mut lines = Vec::new();
        loop {
            match self.told.recv_timeout(Duration::from_secs(20)).expect("an answer of psql").as_str() {
                "end" => return lines,
                "done" => {}
                line => lines.push(line.to_owned()),
            }
        }
    }

    fn notifications(&mut self) -> Vec<String> {
        self.ask("SELECT 'done';")
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.psql.kill();
        let _ = self.psql.wait();
    }
}

fn reloading(database: &str, postgrest: &StandIn) -> Exporter {
    let postgrest = config(&postgrest.url("")).replace("interval", "reload_schema_cache: true, interval");
    Exporter::start(format!("postgres: {{url: {database:?}, interval: 100ms}}\n{postgrest}"))
}

fn reloads(page: &Page, result: &str) -> f64 {
    page.value(&format!("sentinel_schema_cache_reloads_total{{result=\"{result}\"}}")).unwrap()
}

/// One notification comes, and no second one while the cache stays stale.
fn is_reloaded_once(postgres: &Postgres, database: &str) {
    let mut listener = Listener::start(postgres);
    let postgrest = StandIn::start(good());
    let exporter = reloading(database, &postgrest);
    later(&exporter);
    assert_eq!(listener.notifications(), [""; 0], "no reload of what is not stale");
    postgrest.answers(stale_cache());
    exporter.eventually("the reload", |page| reloads(page, "success") == 1.0);
    let page = exporter.eventually("it stays stale", |page| errors(page, "PGRST002") >= 5.0);
    assert_eq!((reloads(&page, "success"), reloads(&page, "failed")), (1.0, 0.0));
    let came = listener.notifications();
    assert!(came.len() == 1 && came[0].contains("\"pgrst\" with payload \"reload schema\""), "{came:?}");
    exporter.logged("it was told over the database to reload it");

    // Nor after a restart, which remembers.
    let exporter = exporter.stop_and_restart();
    let before = errors(&exporter.scrape(), "PGRST002");
    let page = exporter.eventually("more errors", |page| errors(page, "PGRST002") >= before + 3.0);
    assert_eq!((reloads(&page, "success"), listener.notifications().len()), (1.0, 0));
}

#[test]
fn directly() {
    let postgres = Postgres::new();
    is_reloaded_once(&postgres, &postgres.url("sentinel_exporter"));
}

#[test]
fn through_a_transaction_pooler() {
    let postgres = Postgres::new();
    is_reloaded_once(&postgres, &PgBouncer::new(&postgres).url("sentinel_exporter"));
}

#[test]
fn over_the_one_connection() {
    let postgres = Postgres::new();
    let mut listener = Listener::start(&postgres);
    let postgrest = StandIn::start(stale_cache());
    let exporter = reloading(&postgres.url("sentinel_exporter"), &postgrest);
    exporter.eventually("the reload", |page| reloads(page, "success") == 1.0);
    assert_eq!(listener.notifications().len(), 1);
    assert_eq!(postgres.connections("sentinel-exporter"), 1);
}

#[test]
fn a_role_that_may_only_read_can_ask_for_it() {
    let postgres = Postgres::new();
    postgres.sql("alter role sentinel_exporter set default_transaction_read_only = on");
    is_reloaded_once(&postgres, &postgres.url("sentinel_exporter"));
}

#[test]
fn a_database_that_is_down_is_a_failure() {
    let mut postgres = Postgres::new();
    postgres.stop();
    let postgrest = StandIn::start(stale_cache());
    let exporter = reloading(&postgres.url("sentinel_exporter"), &postgrest);
    exporter.eventually("the failure", |page| reloads(page, "failed") == 1.0);
    exporter.logged("the database could not tell it to reload it");
    let page = exporter.eventually("it stays stale", |page| errors(page, "PGRST002") >= 5.0);
    assert_eq!((reloads(&page, "failed"), reloads(&page, "success")), (1.0, 0.0), "it is not tried all the time");
}

#[test]
fn it_is_off_unless_it_was_asked_for() {
    let postgres = Postgres::new();
    let mut listener = Listener::start(&postgres);
    let postgrest = StandIn::start(stale_cache());
    let database = format!("postgres: {{url: {:?}, interval: 100ms}}\n", postgres.url("sentinel_exporter"));
    let exporter = Exporter::start(database + &config(&postgrest.url("")));
    let page = exporter.eventually("errors", |page| errors(page, "PGRST002") >= 5.0);
    assert_eq!((reloads(&page, "success"), reloads(&page, "failed")), (0.0, 0.0));
    assert_eq!(listener.notifications(), [""; 0]);
}

#[test]
fn other_errors_are_not_cured_by_it() {
    let postgres = Postgres::new();
    let mut listener = Listener::start(&postgres);
    let other = r#"{"code":"PGRST001","details":null,"hint":null,"message":"Could not connect with the database"}"#;
    let postgrest = StandIn::start(crate::support::stand_in::Answer::json(503, other));
    let exporter = reloading(&postgres.url("sentinel_exporter"), &postgrest);
    let page = exporter.eventually("errors", |page| errors(page, "PGRST001") >= 5.0);
    assert_eq!((reloads(&page, "success"), listener.notifications().len()), (0.0, 0));
}

#[test]
fn new_database_settings_are_those_that_it_goes_over() {
    let (old, new) = (Postgres::new(), Postgres::new());
    let mut listener = Listener::start(&new);
    let postgrest = StandIn::start(good());
    let exporter = reloading(&old.url("sentinel_exporter"), &postgrest);
    later(&exporter);
    let text = std::fs::read_to_string(exporter.path("sentinel.yml")).unwrap();
    std::fs::write(exporter.path("sentinel.yml"), text.replace(&old.url("sentinel_exporter"), &new.url("sentinel_exporter")))
        .unwrap();
    exporter.signal("HUP");
    exporter.logged("the new configuration was taken");
    postgrest.answers(stale_cache());
    exporter.eventually("the reload", |page| reloads(page, "success") == 1.0);
    assert_eq!(listener.notifications().len(), 1);
}
