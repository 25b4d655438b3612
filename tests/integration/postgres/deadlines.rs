//! A query that takes too long is ended, by the server or, where that does not help, by the exporter, and the others still come.

use super::{NAME, OF_THE_PIPELINE, SUCCESS, busy, fails, make_errors_stubborn, polling, replace_view, succeeds, until};
use crate::support::certs::Certs;
use crate::support::exporter::Exporter;
use crate::support::postgres::{Options, Postgres};

/// What stands in its place when it is quick.
const QUICK: &str = "select 'E1' as error_code, 1::bigint as occurrence_count, 1::bigint as affected_batches, now() as last_seen_at, null::text as sample_message";

#[test]
fn the_server_ends_a_slow_view() {
    let postgres = Postgres::new();
    let exporter = polling(&postgres.url("sentinel_exporter"));
    let session = session(&postgres);
    replace_view(&postgres, "v_error_distribution", &format!("{QUICK} where pg_sleep(600) is not null"));
    fails(&exporter);
    exporter.logged("canceling statement due to statement timeout (SQLSTATE 57014)");
    postgres.sql("insert into intake.simplicity_batches (status) values ('staging')");
    exporter.eventually("the view after the slow one", |page| page.value(OF_THE_PIPELINE) == Some(1.0));
    replace_view(&postgres, "v_error_distribution", QUICK);
    succeeds(&exporter);
    assert_eq!(self::session(&postgres), session, "the connection is as good as before");
}

#[test]
fn the_exporter_ends_what_the_server_does_not() {
    let postgres = Postgres::new();
    let exporter = polling(&postgres.url("sentinel_exporter"));
    ends_a_stubborn_query(&postgres, &exporter);
}

#[test]
fn a_cancel_goes_through_tls() {
    let certs = Certs::new();
    let postgres = Postgres::with(&Options { tls: Some(&certs.localhost), ..Options::default() });
    let exporter = polling(&format!("{}?sslmode=require", postgres.url("sentinel_exporter")));
    ends_a_stubborn_query(&postgres, &exporter);
}

/// The view after it comes all the same, the connection is kept, the query is gone, and the polls after it succeed.
pub(super) fn ends_a_stubborn_query(postgres: &Postgres, exporter: &Exporter) {
    let session = session(postgres);
    make_errors_stubborn(postgres);
    fails(exporter);
    exporter.logged("no answer within 1s; the query was cancelled");
    postgres.sql("insert into intake.simplicity_batches (status) values ('staging')");
    exporter.eventually("the view after it", |page| page.value(OF_THE_PIPELINE) == Some(1.0) && page.value(SUCCESS) == Some(0.0));
    replace_view(postgres, "v_error_distribution", QUICK);
    until("the query has ended", || !busy(postgres));
    succeeds(exporter);
    assert_eq!(self::session(postgres), session, "the connection is kept");
}

/// The backend that serves the exporter.
fn session(postgres: &Postgres) -> String {
    postgres.sql(&format!("select pid from pg_stat_activity where application_name = '{NAME}'"))
}
