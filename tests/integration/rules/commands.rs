//! What the runbooks tell people to type works: each query in a private Prometheus, by the very lines that a shell is given.

use std::fs;
use std::process::{Command, Output};

use super::assert_check;
use super::bundle::{Bundle, ROOT};
use crate::support::prometheus::Prometheus;
use crate::support::tempdir::TempDir;

/// Counters that are born by their first event: the heading, and a series that its `ask` has to see.
const BORN: [(&str, &str); 11] = [
    ("SentinelDataFetchFailing", "sentinel_api_errors_total{endpoint='eodhd', error_code='503'}"),
    ("SentinelPredictionsFailing", "sentinel_api_errors_total{endpoint='hub', error_code='timeout'}"),
    ("SentinelApiErrorsHigh", "sentinel_api_errors_total{endpoint='alpaca', error_code='429'}"),
    ("SentinelTradingErrorsHigh", "sentinel_trading_errors_total{exported_component='order_router', error_type='timeout'}"),
    ("SentinelOrdersRejected", "sentinel_orders_total{symbol='EURUSD', side='buy', status='rejected'}"),
    ("SentinelSignalsNotExecuted", "sentinel_risk_checks_total{check='exposure', action='reject'}"),
    ("SentinelNoOrders", "sentinel_orders_total{symbol='EURUSD', side='buy', status='new'}"),
    ("SentinelSchemaCacheStale", "sentinel_postgrest_errors_total{code='PGRST002'}"),
    ("SentinelAutoFixFailed", "sentinel_auto_fixes_total{fix='clear_cache_lock', result='failed'}"),
    ("SentinelNotificationsFailing", "alertmanager_notifications_failed_total{integration='discord'}"),
    ("SentinelDingTalkFailing", "sentinel_dingtalk_messages_total{robot='risk', outcome='rejected', reason='keyword'}"),
];

/// The queries of `ask '…'`.
fn asked(text: &str) -> Vec<&str> {
    text.split("`ask '").skip(1).filter_map(|rest| rest.split_once("'`")).map(|(query, _)| query).collect()
}

/// The lines that a runbook has set once, with the address of a Prometheus in them.
fn settings(runbook: &str, prometheus: &Prometheus) -> String {
    let block = runbook.split("```").nth(1).unwrap_or_default();
    block.replace("http://localhost:9090", &format!("http://{}", prometheus.address))
}

fn shell(script: &str) -> Output {
    Command::new("bash").args(["-euc", script]).output().expect("bash runs")
}

/// A Prometheus with one target, at which nobody answers.
fn start() -> (Prometheus, TempDir) {
    let folder = TempDir::new("commands");
    let file = folder.join("prometheus.yml");
    let job =
        "{job_name: sentinel-metrics, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{targets: ['127.0.0.1:1']}]}";
    fs::write(&file, format!("scrape_configs: [{job}]\n")).unwrap();
    (Prometheus::start(&file), folder)
}

#[test]
fn every_query_of_a_runbook_can_be_asked() {
    let (prometheus, _folder) = start();
    let refused = |bundle: &Bundle| {
        let mut complaints = Vec::new();
        for (file, text) in &bundle.runbooks {
            let queries = asked(text);
            let tried = |query: &&str| format!("ask '{query}' > /dev/null || echo \"{file} asks what is refused\"");
            let script = queries.iter().map(tried).collect::<Vec<_>>().join("\n");
            let output = shell(&format!("{}\n{script}", settings(text, &prometheus)));
            complaints.extend(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned));
            if queries.len() < 4 || !output.status.success() {
                complaints.push(format!("{file}: {} queries, {}", queries.len(), String::from_utf8_lossy(&output.stderr)));
            }
        }
        complaints
    };
    let spoil = |bundle: &mut Bundle, from: &str, to: &str| {
        let page = bundle.runbooks.get_mut("risk.md").unwrap();
        assert!(page.contains(from));
        *page = page.replace(from, to);
    };
    assert_check(
        refused,
        &[
            // A query may begin with a minus.
            ("risk.md asks what is refused", &|bundle| spoil(bundle, "-- \"$1\"", "\"$1\"")),
            ("risk.md asks what is refused", &|bundle| spoil(bundle, "[1h])'", "[1h]'")),
            ("risk.md: 0 queries", &|bundle| spoil(bundle, "`ask '", "`query '")),
        ],
    );
}

#[test]
fn the_error_of_a_scrape_is_shown_to_its_end() {
    let (prometheus, _folder) = start();
    prometheus.finds("sentinel-metrics", |error| error.ends_with("connection refused"));
    let runbook = &Bundle::load().runbooks["sre.md"];
    let command = runbook.split('`').find(|part| part.starts_with("curl -s $HUB/api/v1/targets")).unwrap();
    let output = shell(&format!("{}\n{command}", settings(runbook, &prometheus)));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("\"lastError\":\"Get ") && said.trim_end().ends_with("connection refused\""), "{said}");
}

/// `increase()` sees nothing of a series that begins with the error that paged.
#[test]
fn what_is_looked_at_shows_the_first_error_of_all() {
    let bundle = Bundle::load();
    let text = bundle.runbooks.values().map(String::as_str).collect::<String>();
    let mut tests = String::new();
    for (heading, series) in BORN {
        let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
        let metric = series.split('{').next().unwrap();
        let queries = asked(section.split("\n## ").next().unwrap());
        let query =
            queries.iter().find(|query| query.contains(metric)).unwrap_or_else(|| panic!("{heading} asks for no {metric}"));
        for (values, expected) in [("_x99 3x20", "[{value: 1, labels: '{}'}]"), ("3x120", "[]")] {
            tests += &format!(
                "- {{interval: 1m, input_series: [{{series: \"{series}\", values: '{values}'}}], \
                 promql_expr_test: [{{expr: 'count({query})', eval_time: 101m, exp_samples: {expected}}}]}}\n"
            );
        }
    }
    let folder = TempDir::new("commands");
    let file = folder.join("born.yml");
    fs::write(&file, format!("tests:\n{tests}")).unwrap();
    let output = Command::new("promtool").args(["test", "rules"]).arg(&file).current_dir(ROOT).output().expect("promtool runs");
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}
