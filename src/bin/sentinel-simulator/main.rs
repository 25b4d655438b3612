//! `sentinel-simulator`: a seeded trading day at any speed, for demos, tests and drills. The day itself is pure (`day`); this
//! file lets its actions happen at their time (`pace`), hands them to what they are written to (`sink`), and stops cleanly
//! when it is asked to (`stop`).

mod arguments;
mod day;
mod faults;
mod moment;
mod pace;
mod sink;
mod span;
mod stop;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::arguments::Arguments;
use crate::day::Day;
use crate::faults::Fault;
use crate::pace::Pace;
use crate::sink::Sinks;
use crate::stop::Stop;

// One worker beside the main thread, so that a signal is seen while the day runs without ever waiting.
#[tokio::main(worker_threads = 1)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = if arguments.list_faults {
        list_faults().map_err(|error| format!("stdout: cannot print the faults: {error}").into())
    } else {
        run(&arguments).await
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&sink::with_sources(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Runs the day to its end or until it is stopped, and says what was written.
async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let plan = arguments.plan()?;
    let mut stop = Stop::listen()?;
    let mut sinks = Sinks::open(arguments).await?;
    let mut pace = Pace::new(arguments.speed, plan.start);

    let mut day = Day::new(plan);
    while let Some((at, action)) = day.next() {
        let due = pace.due(at);
        if stop.requested_before(due).await {
            break;
        }
        sinks.take(day.stamp(at), &action).await?;
        // Who watches a paced day sees each line at its time; one without waiting is written in larger pieces.
        if due.is_some() {
            sinks.flush()?;
        }
    }
    sinks.flush()?;
    say(&sinks.summary());
    Ok(())
}

/// Prints every fault with its description.
fn list_faults() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for fault in Fault::value_variants() {
        writeln!(out, "{:<26}{}", fault.name(), fault.about())?;
    }
    out.flush()
}

/// One line on stderr. When even that cannot be written, there is nobody left to tell.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "sentinel-simulator: {text}");
}
