//! `sentinel-exporter dingtalk`: the bridge, and a test of a robot.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{checked, served};
use crate::config::Overrides;
use crate::dingtalk::config::{Config, Robot};
use crate::dingtalk::{serve, trial};

/// What the bridge is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send a sample message by every webhook of a robot
    Test {
        /// The robot's name in the configuration
        robot: String,
        /// Print the message instead of sending it
        #[arg(long)]
        dry_run: bool,
    },
}

impl Arguments {
    /// Does what they say with the configuration in `file`, or only checks it; `init_log` begins the log of a server.
    pub(super) fn run(self, file: PathBuf, overrides: Overrides, only_check: bool, init_log: impl FnOnce()) -> ExitCode {
        let load = || Config::load(&file, &overrides);
        match self.command {
            _ if only_check => checked(load()),
            None => {
                init_log();
                served(load, serve::run)
            }
            Some(Command::Test { robot, dry_run }) => match load() {
                Ok(config) => test(&config, &robot, dry_run),
                refused => checked(refused),
            },
        }
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the command line")]
fn test(config: &Config, name: &str, dry_run: bool) -> ExitCode {
    let Some(robot) = config.robots.iter().find(|robot| robot.name == name) else {
        let names = config.robots.iter().map(|robot| robot.name.as_str()).collect::<Vec<_>>().join(", ");
        eprintln!("No robot is called {name}; there are {names}.");
        return ExitCode::FAILURE;
    };
    let told = if dry_run {
        trial::sample(robot, Timestamp::now()).map(|message| format!("{}\n", String::from_utf8_lossy(&message.body)))
    } else {
        sent(robot)
    };
    match told {
        Ok(told) => {
            print!("{told}");
            ExitCode::SUCCESS
        }
        Err(told) => {
            eprint!("{told}");
            ExitCode::FAILURE
        }
    }
}

fn sent(robot: &Robot) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("The runtime cannot start: {error}\n"))?.block_on(trial::send(robot))
}
