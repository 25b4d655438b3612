//! The command line: flags as Prometheus' own programs have them.

mod dingtalk;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing::level_filters::LevelFilter;

use crate::check::Fixing;
use crate::config::{self, Config, ListenAddress, Mistakes, Overrides};
use crate::serve::StartError;
use crate::telemetry::{self, LogFormat, VERSION};
use crate::{check, document, serve};

/// Prometheus exporter for a trading daemon, its pipeline in PostgreSQL and its health checks.
///
/// Without a command it serves the metrics. Without a configuration it listens on :8000 and follows its own journal in ./sentinel-data.
#[derive(Debug, Parser)]
#[command(name = "sentinel-exporter", version = VERSION, disable_help_subcommand = true, next_help_heading = "Global options")]
pub struct Arguments {
    /// What to do instead of serving
    #[command(subcommand)]
    command: Option<Command>,

    /// The configuration, a YAML file such as sentinel.yml; the bridge takes dingtalk.yml unless told otherwise
    #[arg(long = "config.file", value_name = "FILE", global = true)]
    config_file: Option<PathBuf>,

    /// Check the configuration of --config.file and exit: 0 if it is valid, 1 if not
    #[arg(long = "config.check", requires = "config_file", global = true)]
    config_check: bool,

    /// Where to listen, such as :8000 or 127.0.0.1:8000, instead of web.listen_address
    #[arg(long = "web.listen-address", value_name = "ADDRESS", value_parser = listen_address, global = true)]
    listen_address: Option<ListenAddress>,

    /// The path of the metrics, such as /metrics, instead of web.telemetry_path
    #[arg(long = "web.telemetry-path", value_name = "PATH", value_parser = telemetry_path, global = true)]
    telemetry_path: Option<String>,

    /// The web configuration (TLS, users), in the format of Prometheus' exporter-toolkit, instead of web.config_file
    #[arg(long = "web.config.file", value_name = "FILE", global = true)]
    web_config_file: Option<PathBuf>,

    /// The lowest severity to log; a check logs errors alone [default: info]
    #[arg(long = "log.level", value_name = "LEVEL", value_enum, global = true)]
    log_level: Option<Level>,

    /// The format of the log
    #[arg(long = "log.format", value_name = "FORMAT", value_enum, default_value_t = Format::Logfmt, global = true)]
    log_format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look once at all that is configured, and tell what is wrong
    ///
    /// Exits with 0 when all is well, 1 after a warning, 2 when something is critical, and 3 when it could not look.
    Check(CheckArguments),
    /// Print the table of all metrics as Markdown
    Catalogue,
    /// Serve the bridge from Alertmanager to DingTalk, on :8060 unless told otherwise
    Dingtalk(dingtalk::Arguments),
}

#[derive(Debug, Args)]
struct CheckArguments {
    /// Print JSON for programs instead of text for people
    #[arg(long)]
    json: bool,

    /// Carry out this check alone; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// Look again and again
    #[arg(long = "loop")]
    repeat: bool,

    /// The time between two looks of --loop, such as 300s or 5m
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "300s", requires = "repeat")]
    interval: Duration,

    /// Repair what the section `remediation` allows
    #[arg(long)]
    fix: bool,

    /// Only tell what --fix would do
    #[arg(long, requires = "fix")]
    dry_run: bool,

    /// How long a look may take, whatever hangs
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "20s")]
    timeout: Duration,
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

/// Seconds when there is no unit.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse().map(Duration::from_secs).ok().or_else(|| humantime::parse_duration(text).ok());
    let usable = |duration: &Duration| (Duration::from_millis(1)..=Duration::from_hours(24)).contains(duration);
    parsed.filter(usable).ok_or_else(|| "expected a duration from 1ms to 1d such as 300s or 5m".to_owned())
}

fn telemetry_path(path: &str) -> Result<String, String> {
    config::check_telemetry_path(path).map_err(|expected| format!("expected {expected}"))
}

/// What `check` exits with when it could not look; the usual 2 would say that something is critical.
const COULD_NOT_CHECK: u8 = 3;

/// Reads the arguments and does what they say. Text for a terminal goes to standard output, the log to standard error.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            let of_check = error.use_stderr() && std::env::args().any(|argument| argument == "check");
            return if of_check {
                COULD_NOT_CHECK.into()
            } else {
                u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
            };
        }
    };
    let init_log = |usual: Level| {
        telemetry::init_log(arguments.log_level.unwrap_or(usual).into(), arguments.log_format.into());
    };
    let overrides = Overrides {
        listen_address: arguments.listen_address,
        telemetry_path: arguments.telemetry_path,
        web_config_file: arguments.web_config_file,
    };
    let load = || Config::load(arguments.config_file.as_deref(), &overrides);
    match arguments.command {
        Some(Command::Catalogue) => {
            // A reader who has seen enough closes the pipe; print! would panic.
            let printed = std::io::stdout().write_all(document::metrics_page().as_bytes());
            return printed.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
        }
        Some(Command::Dingtalk(bridge)) => {
            let file = arguments.config_file.unwrap_or_else(|| PathBuf::from("dingtalk.yml"));
            return bridge.run(file, overrides, arguments.config_check, || init_log(Level::Info));
        }
        Some(Command::Check(request)) if !arguments.config_check => {
            init_log(Level::Error);
            return look(load(), &request.into());
        }
        Some(Command::Check(_)) | None => {}
    }
    if arguments.config_check {
        return checked(load());
    }
    init_log(Level::Info);
    served(load, serve::run)
}

/// Looks as `check` does; the exit code is the verdict.
#[expect(clippy::print_stderr, reason = "this is the command line")]
fn look(config: Result<Config, Mistakes>, request: &check::Request) -> ExitCode {
    match config.map_err(|mistakes| mistakes.to_string()).and_then(|config| check::run(config, request)) {
        Ok(level) => ExitCode::from(level as u8),
        Err(reason) => {
            eprintln!("{reason}");
            COULD_NOT_CHECK.into()
        }
    }
}

/// Tells whether a configuration is valid.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the command line")]
fn checked<T>(config: Result<T, Mistakes>) -> ExitCode {
    match config {
        Ok(_) => {
            println!("The configuration is valid.");
            ExitCode::SUCCESS
        }
        Err(mistakes) => {
            eprintln!("The configuration is not valid:\n{mistakes}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a server with the configuration that it `load`s; the log says why it could not go on.
fn served<C, L>(load: L, run: impl FnOnce(C, L) -> Result<(), StartError>) -> ExitCode
where
    L: Fn() -> Result<C, Mistakes>,
{
    let ended = load().map_err(|mistakes| mistakes.0).and_then(|config| run(config, load).map_err(|error| vec![error.0]));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(reasons) => {
            reasons.iter().for_each(|reason| tracing::error!("{reason}"));
            ExitCode::FAILURE
        }
    }
}

impl From<CheckArguments> for check::Request {
    fn from(arguments: CheckArguments) -> Self {
        let CheckArguments { json, only, repeat, interval, fix, dry_run, timeout } = arguments;
        let fix = match (fix, dry_run) {
            (false, _) => Fixing::No,
            (true, true) => Fixing::DryRun,
            (true, false) => Fixing::Yes,
        };
        Self { only, json, every: repeat.then_some(interval), timeout, fix }
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
