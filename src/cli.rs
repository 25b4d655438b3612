//! The command line: flags as Prometheus' own programs have them.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use tracing::level_filters::LevelFilter;

use crate::config::{self, Config, ListenAddress, Overrides};
use crate::telemetry::{self, LogFormat, VERSION};
use crate::{document, serve};

/// Prometheus exporter for a trading daemon, its pipeline in PostgreSQL and its health checks.
///
/// Without a command it serves the metrics. Without a configuration it listens on :8000 and follows its own journal in ./sentinel-data.
#[derive(Debug, Parser)]
#[command(name = "sentinel-exporter", version = VERSION, disable_help_subcommand = true)]
pub struct Arguments {
    /// What to do instead of serving
    #[command(subcommand)]
    command: Option<Command>,

    /// The configuration, a YAML file such as sentinel.yml
    #[arg(long = "config.file", value_name = "FILE")]
    config_file: Option<PathBuf>,

    /// Check the configuration and exit: 0 if it is valid, 1 if not
    #[arg(long = "config.check", requires = "config_file")]
    config_check: bool,

    /// Where to listen, such as :8000 or 127.0.0.1:8000, instead of web.listen_address
    #[arg(long = "web.listen-address", value_name = "ADDRESS", value_parser = listen_address)]
    listen_address: Option<ListenAddress>,

    /// The path of the metrics, such as /metrics, instead of web.telemetry_path
    #[arg(long = "web.telemetry-path", value_name = "PATH", value_parser = telemetry_path)]
    telemetry_path: Option<String>,

    /// The lowest severity to log
    #[arg(long = "log.level", value_name = "LEVEL", value_enum, default_value_t = Level::Info)]
    log_level: Level,

    /// The format of the log
    #[arg(long = "log.format", value_name = "FORMAT", value_enum, default_value_t = Format::Logfmt)]
    log_format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the table of all metrics as Markdown
    Catalogue,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Logfmt,
    Json,
}

fn listen_address(text: &str) -> Result<ListenAddress, String> {
    text.parse().map_err(|expected: String| format!("expected {expected}"))
}

fn telemetry_path(path: &str) -> Result<String, String> {
    config::check_telemetry_path(path).map_err(|expected| format!("expected {expected}"))
}

/// Reads the arguments and does what they say. Text for a terminal goes to standard output, the log to standard error.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the command line")]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Command::Catalogue) = arguments.command {
        // A reader who has seen enough closes the pipe; print! would panic.
        let printed = std::io::stdout().write_all(document::metrics_page().as_bytes());
        return printed.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let overrides = Overrides { listen_address: arguments.listen_address, telemetry_path: arguments.telemetry_path };
    let config = Config::load(arguments.config_file.as_deref(), &overrides);
    if arguments.config_check {
        return match config {
            Ok(_) => {
                println!("The configuration is valid.");
                ExitCode::SUCCESS
            }
            Err(mistakes) => {
                eprintln!("The configuration is not valid:\n{mistakes}");
                ExitCode::FAILURE
            }
        };
    }
    telemetry::init_log(arguments.log_level.into(), arguments.log_format.into());
    let served = match config {
        Ok(config) => serve::run(config, arguments.config_file, overrides).map_err(|error| vec![error.to_string()]),
        Err(mistakes) => Err(mistakes.0),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(reasons) => {
            reasons.iter().for_each(|reason| tracing::error!("{reason}"));
            ExitCode::FAILURE
        }
    }
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
        }
    }
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Logfmt => LogFormat::Logfmt,
            Format::Json => LogFormat::Json,
        }
    }
}
