//! The whole metrics page after a fixed simulated day, as it has to be to the letter.
//!
//! `scripts/bless` makes tests/golden/metrics.txt anew; a page that promtool finds fault with is not taken.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use sentinel_exporter::catalogue;
use sentinel_exporter::family::Feed;

use crate::support::exporter::{Exporter, Setup};
use crate::support::page::Page;
use crate::support::postgres::Postgres;
use crate::support::stand_in::{Answer, StandIn};

/// Series whose values are of this run: clocks, the process, the folder. Their values are left out.
const VOLATILE: &[&str] = &[
    "process_",
    "sentinel_exporter_collector_duration_seconds",
    "sentinel_exporter_collector_last_success_timestamp_seconds",
    "sentinel_exporter_config_last_reload_success_timestamp_seconds",
    "sentinel_exporter_snapshot_last_success_timestamp_seconds",
    "sentinel_ops_error_last_seen_timestamp_seconds",
    "sentinel_ops_hour_start_timestamp_seconds",
    "sentinel_ops_pipeline_newest_timestamp_seconds",
    "sentinel_ops_pipeline_oldest_age_seconds",
    "sentinel_postgrest_probe_duration_seconds",
    "sentinel_probe_duration_seconds",
];

/// So are those of this family that the exporter itself has run; the others are of the simulated day.
const OWN_RUNS: (&str, &str) = ("sentinel_check_last_run_timestamp_seconds", "source=\"exporter\"}");

/// What promtool says of names that other systems depend on, and why we do not follow it.
const EXCEPTIONS: &[(&str, &str)] = &[(
    "sentinel_exporter_counter_reset_timestamp_seconds metric name should not include type 'counter'",
    "it is the time of a counter reset, which has no better name",
)];

/// Batches of one hour, so that the views show the same at any time of day, and errors in them.
const ROWS: &str = "
    INSERT INTO intake.simplicity_batches
    SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, status, date_trunc('hour', now() - interval '1 hour'), NULL, 1500, 2500 * n, 1000, 700, 250, 50
    FROM (VALUES (1, 'failed'), (2, 'staging'), (3, 'processing')) AS batch (n, status);
    INSERT INTO intake.row_errors (batch_id, error_code, created_at)
    SELECT '00000000-0000-0000-0000-000000000001', code, now() FROM (VALUES ('INVALID_DATE'), ('INVALID_DATE'), (NULL)) AS error (code);";

/// Completed after the exporter has begun to count.
const COMPLETED: &str = "
    INSERT INTO intake.simplicity_batches
    SELECT ('00000000-0000-0000-0000-00000000001' || n)::uuid, 'completed', (SELECT max(created_at) FROM intake.simplicity_batches), now(), 1000, 4000 * n, 1000, 800, 190, 10 * n
    FROM generate_series(0, 4) AS n;";

fn simulate(exporter: &Setup) {
    let folder = exporter.folder();
    let status = Command::new(env!("CARGO_BIN_EXE_sentinel-simulator"))
        .args(["--seed", "7", "--start", "2026-01-05T14:30:00Z", "--duration", "6h20m", "--speed", "max", "--journal"])
        .arg(folder.join("events.jsonl"))
        .arg("--sre-root")
        .arg(folder.join("bot"))
        .env_remove("SENTINEL_POSTGRES_URL")
        .status()
        .expect("the simulator starts");
    assert!(status.success());
}

fn page(exporter: &Exporter) -> String {
    let text = exporter.scrape_text().text().replace(&*exporter.path("").to_string_lossy(), "FOLDER/");
    let line = |line: &str| match line.rsplit_once(' ') {
        Some((series, _)) if series.starts_with("sentinel_exporter_build_info") => {
            format!("{} *\n", series.split('{').next().unwrap_or(series))
        }
        Some((series, _)) if VOLATILE.iter().any(|name| series.starts_with(name)) => format!("{series} *\n"),
        Some((series, _)) if series.starts_with(OWN_RUNS.0) && series.ends_with(OWN_RUNS.1) => format!("{series} *\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn the_page_after_a_fixed_day() {
    let postgres = Postgres::new();
    postgres.sql(ROWS);
    let server = StandIn::start(Answer::json(200, "[]"));
    let config = format!(
        "journals: [{{path: events.jsonl}}]\nsre: {{root: bot}}\nchecks: {{trade_cadence: {{enabled: false}}}}\npostgres: {{url: '{}', interval: 200ms}}\n\
         postgrest: {{url: '{}'}}\nprobes: [{{name: gateway, url: '{}'}}]",
        postgres.url("sentinel_exporter"),
        server.url("/rest/v1"),
        server.url("/health"),
    );
    let setup = Setup::new(config);
    simulate(&setup);
    let exporter = setup.start();
    exporter.eventually("the sources have been asked", |page| {
        page.family("sentinel_exporter_collector_success").iter().filter(|(_, success)| *success == 1.0).count() == 5
    });
    postgres.sql(COMPLETED);
    exporter.eventually("the batches have been counted", |page| {
        page.value("sentinel_ops_batch_duration_seconds_count") == Some(5.0)
            && page.value("sentinel_ops_hour_batches{status=\"completed\"}") == Some(5.0)
    });

    let text = exporter.scrape_text();
    check_with_promtool(text.text());
    let shown = Page::parse(text.text()).types;
    let absent = catalogue::ALL.iter().filter(|info| !shown.contains_key(info.name));
    let absent: Vec<_> = absent.filter(|info| info.feed != Feed::Bridge).map(|info| info.name).collect();
    assert_eq!(absent, [""; 0], "families that did not come");
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metrics.txt");
    let page = page(&exporter);
    if std::env::var_os("SENTINEL_BLESS").is_some() {
        std::fs::write(&golden, &page).expect("the golden page is written");
    }
    let expected = std::fs::read_to_string(&golden).expect("the golden page");
    for (at, (actual, expected)) in page.lines().zip(expected.lines()).enumerate() {
        assert_eq!(actual, expected, "line {} of {}", at + 1, golden.display());
    }
    assert_eq!(page.lines().count(), expected.lines().count());
}

fn check_with_promtool(page: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is there (Debian's package prometheus)");
    promtool.stdin.take().expect("its input").write_all(page.as_bytes()).expect("it reads the page");
    let output = promtool.wait_with_output().expect("it ends");
    let told = String::from_utf8(output.stderr).expect("text");
    let mut told: Vec<_> = told.lines().collect();
    for (exception, reason) in EXCEPTIONS {
        let at = told.iter().position(|line| line == exception);
        told.remove(at.unwrap_or_else(|| panic!("promtool no longer says {exception:?} ({reason}): {told:#?}")));
    }
    assert_eq!(told, [""; 0], "promtool check metrics");
}
