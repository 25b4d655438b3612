//! A database in trouble is not given more of it: whatever hangs, it has one connection of the exporter, and for a query that has to
//! end a single request to cancel it.

use std::sync::mpsc::{self, TryRecvError};
use std::time::{Duration, Instant};

use super::{NAME, config, fails, fresh, make_errors_stubborn, polling, succeeds, until};
use crate::support::exporter::Exporter;
use crate::support::postgres::Postgres;

/// TCP connections that a server on 127.0.0.1 has, also those that it has not yet accepted or whose client has gone away. Only the
/// exporter comes over TCP.
pub(super) fn connections_over_tcp(port: u16) -> usize {
    const WITH_A_CLIENT: [&str; 3] =
        ["01" /* established */, "03" /* half open */, "08" /* the client has closed it */];
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let of_the_server = format!("0100007F:{port:04X}");
    let fields = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields.filter(|fields| fields[1] == of_the_server && WITH_A_CLIENT.contains(&fields[3])).count()
}

/// The most sessions of the exporter that the server shows while `act` runs.
pub(super) fn most_sessions(postgres: &Postgres, act: impl FnOnce()) -> usize {
    let (acting, act_ends) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let most = scope.spawn(move || {
            let mut most = 0;
            loop {
                // A failure of `act` closes the channel as well. The last look is after that.
                let ended = act_ends.try_recv() == Err(TryRecvError::Disconnected);
                most = most.max(postgres.connections(NAME));
                if ended {
                    return most;
                }
            }
        });
        act();
        drop(acting);
        most.join().unwrap()
    })
}

/// Scrapes for `span` while the server hangs: every one is answered at once. Returns the most connections that it saw.
fn scrape_for(span: Duration, exporter: &Exporter, postgres: &Postgres) -> usize {
    let (begun, mut most) = (Instant::now(), 0);
    while begun.elapsed() < span {
        let asked = Instant::now();
        exporter.scrape();
        assert!(asked.elapsed() < Duration::from_secs(1), "a scrape took {:?}", asked.elapsed());
        most = most.max(connections_over_tcp(postgres.port()));
    }
    most
}

#[test]
fn a_server_that_hangs() {
    let postgres = Postgres::new();
    let exporter = polling(&postgres.url("sentinel_exporter"));
    postgres.pause();
    fails(&exporter);
    let most = scrape_for(Duration::from_secs(5), &exporter, &postgres);
    assert!(most <= 2, "one, and the request to cancel: {most}");
    exporter.logged("no answer yet to an earlier query");
    postgres.resume();
    let most = most_sessions(&postgres, || drop(succeeds(&exporter)));
    fresh(&exporter);
    assert_eq!((most, connections_over_tcp(postgres.port())), (1, 1));
    let log = exporter.log();
    assert!(!log.contains("canceling statement due to user request"), "a late cancel hit another query:\n{log}");
}

#[test]
fn a_server_that_hangs_at_the_start() {
    let postgres = Postgres::new();
    postgres.pause();
    let exporter = Exporter::start(config(&postgres.url("sentinel_exporter")));
    exporter.logged("no connection within 500ms");
    let most = scrape_for(Duration::from_secs(5), &exporter, &postgres);
    assert_eq!(most, 1, "attempts are not piled up on a server that hangs");
    postgres.resume();
    let most = most_sessions(&postgres, || drop(succeeds(&exporter)));
    assert_eq!((most, connections_over_tcp(postgres.port())), (1, 1));
}

#[test]
fn queries_that_do_not_end() {
    let postgres = Postgres::new();
    let exporter = polling(&postgres.url("sentinel_exporter"));
    let most = most_sessions(&postgres, || {
        make_errors_stubborn(&postgres);
        let query = "select query_start from pg_stat_activity where query like '%v_error_distribution%' and application_name =";
        let running_since = || postgres.sql(&format!("{query} '{NAME}'"));
        for _ in 0..3 {
            let last = running_since();
            until("another query", || !["", &last].contains(&running_since().as_str()));
        }
        assert_eq!(postgres.terminate_backends(NAME), 1);
        until("a new session", || postgres.connections(NAME) == 1);
        fails(&exporter);
    });
    assert_eq!(most, 1);
}
