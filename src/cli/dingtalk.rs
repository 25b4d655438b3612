//! `sentinel-exporter dingtalk`: the bridge, and a test of a robot.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{checked, ended, listen_address};
use crate::config::{ListenAddress, Overrides};
use crate::dingtalk::config::{Config, Robot};
use crate::dingtalk::{serve, trial};

/// What the bridge is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// The bridge's configuration, a YAML file such as dingtalk.yml
    #[arg(long = "config.file", value_name = "FILE", default_value = "dingtalk.yml", global = true)]
    config_file: PathBuf,

    /// Check the configuration and exit: 0 if it is valid, 1 if not
    #[arg(long = "config.check")]
    config_check: bool,

    /// Where to listen, such as :8060 or 127.0.0.1:8060, instead of web.listen_address
    #[arg(long = "web.listen-address", value_name = "ADDRESS", value_parser = listen_address)]
    listen_address: Option<ListenAddress>,

    /// The web configuration (TLS, users), in the format of Prometheus' exporter-toolkit, instead of web.config_file
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config_file: Option<PathBuf>,
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
    /// Does what they say; `init_log` begins the log of a server.
    pub(super) fn run(self, init_log: impl FnOnce()) -> ExitCode {
        let overrides =
            Overrides { listen_address: self.listen_address, telemetry_path: None, web_config_file: self.web_config_file };
        let config = Config::load(&self.config_file, &overrides);
        match (self.command, config) {
            (None, config) if self.config_check => checked(config),
            (None, config) => {
                init_log();
                ended(
                    config.map_err(|mistakes| mistakes.0).and_then(|config| {
                        serve::run(config, self.config_file, overrides).map_err(|error| vec![error.to_string()])
                    }),
                )
            }
            (Some(_), Err(mistakes)) => checked::<()>(Err(mistakes)),
            (Some(Command::Test { robot, dry_run }), Ok(config)) => test(&config, &robot, dry_run),
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
