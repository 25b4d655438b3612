//! PostgREST, probed by the real exporter: a stand-in that speaks its protocol, with all that can come instead of a good answer; and
//! the reload of its schema cache, over a real PostgreSQL.

mod answers;
mod reloads;

use crate::support::exporter::Exporter;
use crate::support::page::Page;
use crate::support::stand_in::{Answer, StandIn};

const UP: &str = "sentinel_postgrest_up";
const PROBES: &str = "sentinel_postgrest_probe_duration_seconds_count";
const KEY: &str = "a-key-of-its-own-5531";

/// As PostgREST answers when it could not load the database's schema.
fn stale_cache() -> Answer {
    let body = r#"{"code":"PGRST002","details":null,"hint":null,"message":"Could not query the database for the schema cache. Retrying."}"#;
    Answer::json(503, body)
}

fn good() -> Answer {
    Answer::json(200, r#"[{"id":"00000000-0000-0000-0000-00000000002a"}]"#)
}

fn config(url: &str) -> String {
    format!("postgrest: {{url: {url:?}, api_key: {KEY}, interval: 50ms, stale_after: 1m}}\n")
}

fn polling(postgrest: &StandIn) -> Exporter {
    Exporter::start(config(&postgrest.url("/rest/v1")))
}

fn errors(page: &Page, code: &str) -> f64 {
    page.value(&format!("sentinel_postgrest_errors_total{{code=\"{code}\"}}")).unwrap_or(0.0)
}

/// A page on which at least two more probes are counted than now.
fn later(exporter: &Exporter) -> Page {
    let now = exporter.value(PROBES).unwrap();
    exporter.eventually("more probes", |page| page.value(PROBES).unwrap() >= now + 2.0)
}
