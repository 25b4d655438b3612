//! `sentinel-exporter check`: one look at everything, for cron, a terminal and a pipeline.
//!
//! It needs no running exporter, takes no folder and counts nothing: every source is polled once, for a board of its own.

use std::io::{IsTerminal, Write, stdout};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, timeout};

use crate::board::Board;
use crate::config::Config;
use crate::health::repair::{Attempt, Repair, Repaired, Trigger};
use crate::health::{self, CheckInfo, Finding, Level, Look, Needs, Report};
use crate::journal::ledger::Ledger;
use crate::part::{Part, SourceError};
use crate::serve::running::Sources;
use crate::telemetry::Telemetry;

/// How long the database may take to end a query that nobody waits for, and a thread that hangs in the file system to be left behind.
const END: Duration = Duration::from_millis(300);
/// How long files are waited for; no longer than all of it may take.
const FILES: Duration = Duration::from_secs(5);

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The names of the checks to carry out; all of them when there is none.
    pub only: Vec<String>,
    /// Whether the report is for programs.
    pub json: bool,
    /// The time between two looks; None for one look.
    pub every: Option<Duration>,
    /// How long a look may take.
    pub timeout: Duration,
    /// What to do about what is found.
    pub fix: Fixing,
}

/// What to do about what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixing {
    /// Nothing.
    No,
    /// Say what would be repaired.
    DryRun,
    /// Repair what the configuration allows.
    Yes,
}

/// Looks, and prints what was found. The level is that of the last look; the error says why it could not look.
pub fn run(mut config: Config, request: &Request) -> Result<Level, String> {
    let only = request.only.iter().map(|name| {
        let names = || health::ALL.iter().map(|check| check.name).collect::<Vec<_>>().join(", ");
        health::ALL
            .iter()
            .find(|check| check.name == *name)
            .ok_or_else(|| format!("there is no check {name}; there are {}", names()))
    });
    let only = only.collect::<Result<Vec<_>, _>>()?;
    restrict(&mut config, &only, request.timeout);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| format!("the runtime cannot start: {error}"))?;
    let level = runtime.block_on(looks(&config, &only, request));
    runtime.shutdown_timeout(END);
    level
}

/// Leaves out the sources that nobody asks for, and what would take longer or change anything.
fn restrict(config: &mut Config, only: &[&CheckInfo], limit: Duration) {
    let asked = |source| {
        let needs =
            |check: &&CheckInfo| check.needs == Needs::Source(source) || (check.needs == Needs::Itself && check.name == source);
        only.is_empty() || only.iter().any(needs)
    };
    config.postgres.take_if(|_| !asked("postgres"));
    config.postgrest.take_if(|_| !asked("postgrest"));
    config.probes.retain(|_| asked("probe"));
    // Whatever hangs.
    if let Some(broker) = &mut config.broker {
        broker.timeout = broker.timeout.min(limit);
    }
    // It only looks.
    if let Some(postgrest) = &mut config.postgrest {
        postgrest.reload_schema_cache = false;
    }
}

async fn looks(config: &Config, only: &[&CheckInfo], request: &Request) -> Result<Level, String> {
    let mut ticks = tokio::time::interval(request.every.unwrap_or(Duration::from_hours(24)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let report = look(config, only, request).await?;
        // A reader who has seen enough closes the pipe.
        if print(&report, request.json).is_err() || request.every.is_none() {
            return Ok(report.level());
        }
    }
}

/// Polls every source once and looks at everything.
async fn look(config: &Config, only: &[&CheckInfo], request: &Request) -> Result<Report, String> {
    let board = Arc::new(Board::new(Arc::new(Mutex::new(Ledger::new(config.limits)))));
    let telemetry = Telemetry::new().map_err(|error| format!("the metrics cannot be made: {error}"))?;
    let mut sources = Sources::once(board.clone(), Arc::new(telemetry));
    sources.update(config).await;
    let root = config.sre.as_ref().map(|sre| sre.root.clone());
    let broker = sources.broker(config.broker.as_ref()).map_err(|error| error.to_string())?;
    let mut look = Look::new(board.clone(), root, broker, config.checks.clone()).within(request.timeout.min(FILES));
    let possible = look.possible();
    let wanted: Vec<_> = match only {
        [] => possible,
        only => only.iter().filter_map(|only| possible.iter().copied().find(|check| check.name == only.name)).collect(),
    };
    if wanted.is_empty() || wanted.len() < only.len() {
        let lacking: Vec<_> =
            only.iter().filter(|only| !wanted.iter().any(|check| check.name == only.name)).map(|check| check.name).collect();
        return Err(match lacking.is_empty() {
            true => "there is nothing to check: the configuration has none of sre, postgres, postgrest and probes".to_owned(),
            false => format!("{}: turned off, or the configuration lacks what is checked", lacking.join(", ")),
        });
    }
    // The files need not wait for the sources.
    let (own, polled): (Vec<_>, Vec<_>) = wanted.iter().partition(|check| check.is_of_bot());
    let (mut findings, _) = tokio::join!(look.at(&own), timeout(request.timeout, sources.answered()));
    give_up(&board, &sources.silent(), request.timeout);
    findings.extend(look.at(&polled).await);
    findings.sort_by_key(|finding| health::ALL.iter().position(|check| check.name == finding.check));
    let _ = timeout(END, sources.stop()).await;
    let fixes = mend(config, request, &mut findings).await;
    Ok(Report::new(&config.environment, findings, fixes))
}

/// Repairs as it is asked for; the findings are then those of the second look.
async fn mend(config: &Config, request: &Request, findings: &mut [Finding]) -> Vec<Attempt> {
    let Some(repair) = Repair::new(config).filter(|_| request.fix != Fixing::No) else { return Vec::new() };
    let (found, dry_run) = (findings.to_vec(), request.fix == Fixing::DryRun);
    let work = tokio::task::spawn_blocking(move || match dry_run {
        true => Repaired { attempts: repair.plan(&found), after: Vec::new() },
        false => repair.mend(&found, Trigger::Manual),
    });
    let Ok(Ok(Repaired { attempts, after })) = timeout(FILES, work).await else {
        tracing::error!("a repair hangs in the file system");
        return Vec::new();
    };
    for after in after {
        findings.iter_mut().filter(|found| found.check == after.check).for_each(|found| *found = after.clone());
    }
    attempts
}

/// Says of the sources that have not answered that they have not.
fn give_up(board: &Board, silent: &[&'static str], limit: Duration) {
    for name in silent {
        let error = SourceError(format!("no answer within {}", humantime::format_duration(limit)));
        board.publish(name, vec![Part::new(*name, Err(error))], limit);
    }
}

fn print(report: &Report, json: bool) -> std::io::Result<()> {
    let mut out = stdout().lock();
    if json {
        writeln!(out, "{}", report.json())?;
    } else {
        // As https://no-color.org says: whatever its value, if it is not empty.
        let colours = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        out.write_all(report.text(colours).as_bytes())?;
    }
    out.flush()
}
