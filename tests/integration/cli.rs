//! The command line, as people know it from Prometheus' own programs.

use std::process::{Command, Output, Stdio};

use sentinel_exporter::catalogue;
use sentinel_exporter::config::{Config, ListenAddress, Overrides};
use sentinel_exporter::family::Group;

use crate::support::exporter::Setup;
use crate::support::tempdir::TempDir;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sentinel-exporter")).args(arguments).output().unwrap()
}

/// Exit code, standard output and standard error.
fn told(output: &Output) -> (Option<i32>, &str, &str) {
    (output.status.code(), str::from_utf8(&output.stdout).unwrap(), str::from_utf8(&output.stderr).unwrap())
}

#[test]
fn help_shows_every_flag() {
    for flag in ["--help", "-h"] {
        let output = run(&[flag]);
        let (code, help, errors) = told(&output);
        assert_eq!((code, errors), (Some(0), ""));
        for flag in [
            "--config.file <FILE>",
            "--config.check",
            "--web.listen-address <ADDRESS>",
            "--web.telemetry-path <PATH>",
            "--log.level <LEVEL>",
            "[default: info]",
            "--log.format <FORMAT>",
            "[default: logfmt]",
            "--version",
        ] {
            assert!(help.contains(flag), "{flag} is not in:\n{help}");
        }
    }
}

#[test]
fn version_tells_what_was_built() {
    let output = run(&["--version"]);
    let (code, version, errors) = told(&output);
    assert_eq!((code, errors), (Some(0), ""));
    let expected = concat!("sentinel-exporter ", env!("CARGO_PKG_VERSION"), " (revision ");
    assert!(version.starts_with(expected) && version.ends_with(")\n") && version.lines().count() == 1, "{version}");
}

#[test]
fn what_makes_no_sense_exits_with_2() {
    for arguments in [
        &["--web.listen-address=nowhere"][..],
        &["--web.telemetry-path=metrics"],
        &["--web.telemetry-path=/health"],
        &["--log.level=loud"],
        &["--log.format=xml"],
        // Without a file there would be nothing to check.
        &["--config.check"],
        &["--config.files=a"],
        &["dance"],
    ] {
        let output = run(arguments);
        let (code, stdout, errors) = told(&output);
        assert_eq!((code, stdout), (Some(2), ""), "{arguments:?}");
        assert!(errors.starts_with("error: ") && errors.ends_with("try '--help'.\n"), "{errors}");
    }
}

#[test]
fn config_check_tells_all_mistakes() {
    let folder = TempDir::new("check");
    let check = |text: &str| {
        std::fs::write(folder.join("a.yml"), text).unwrap();
        run(&["--config.check", &format!("--config.file={}", folder.join("a.yml").display())])
    };
    assert_eq!(told(&check("")), (Some(0), "The configuration is valid.\n", ""));
    let output = check("state_dir: []\nlimits: {series_per_family: 0}");
    let (code, stdout, errors) = told(&output);
    assert_eq!((code, stdout), (Some(1), ""));
    let errors: Vec<_> = errors.lines().map(|line| line.replace(&format!("{}/", folder.path().display()), "")).collect();
    let number = "expected a whole number of at least 1, found \"0\"";
    let expected = ["The configuration is not valid:", "a.yml: state_dir: expected a path"].map(str::to_owned);
    assert_eq!(errors[..2], expected);
    assert_eq!(errors[2..], [format!("a.yml: limits.series_per_family: {number}")]);
    // Nothing was made, not even the folder that it would write to.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_example_is_good_with_one_variable() {
    let example = concat!("--config.file=", env!("CARGO_MANIFEST_DIR"), "/sentinel.yml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentinel-exporter"));
    command.args([example, "--config.check"]).env_clear();
    let output = command.output().unwrap();
    let (code, _, errors) = told(&output);
    assert!(
        code == Some(1) && errors.ends_with("postgres.url: expected the environment to have SENTINEL_POSTGRES_URL\n"),
        "{errors}"
    );
    command.env("SENTINEL_POSTGRES_URL", "postgresql://u:p@db/d");
    assert_eq!(told(&command.output().unwrap()), (Some(0), "The configuration is valid.\n", ""));
}

#[test]
fn every_form_of_an_address_is_listened_on() {
    // Where IPv6 is switched off, all of it can still be listened on.
    let [ipv6, all] = ["[::1]:0", "[::]:0"].map(|address| std::net::TcpListener::bind(address).is_ok());
    for (address, listens) in [(":0", "0.0.0.0"), ("127.0.0.1:0", "127.0.0.1"), ("localhost:0", ""), ("[::1]:0", "::1")] {
        if !ipv6 && address == "[::1]:0" {
            continue;
        }
        let listens = if all && address == ":0" { "::" } else { listens };
        let exporter = Setup::new("").argument(&format!("--web.listen-address={address}")).start();
        assert!(listens.is_empty() || exporter.address.ip().to_string() == listens, "{address}: {}", exporter.address);
        if ipv6 || address != ":0" {
            assert_eq!(exporter.get("/health").status, 200);
        }
        if address == ":0" {
            let by_ipv4 = ([127, 0, 0, 1], exporter.address.port()).into();
            assert_eq!(crate::support::http::request(by_ipv4, "GET", "/health", "").status, 200);
        }
    }
}

#[test]
fn without_a_configuration_it_serves_its_own_journal() {
    let config = Config::load(None, &Overrides::default()).unwrap();
    assert_eq!(config.web.listen_address, ListenAddress::All(8000));
    // By its whole path, which is the same wherever the next exporter is started.
    let folder = std::env::current_dir().unwrap().join("sentinel-data");
    assert_eq!((config.state_dir, config.journals.len()), (folder, 0));

    let exporter = Setup::without_configuration().start();
    exporter.append("sentinel-data/journal/events.jsonl", "{\"event\":\"cycle\",\"seconds\":1}\n");
    let page = exporter.scrape();
    assert_eq!(page.value("sentinel_trading_cycles_total"), Some(1.0));
    // What is not configured is simply not there.
    let absent = catalogue::ALL.iter().filter(|info| matches!(info.group, Group::Sre | Group::Ops)).map(|info| info.name);
    let shown: Vec<_> = absent.filter(|name| page.types.contains_key(*name)).collect();
    assert!(shown.is_empty(), "{shown:?}");
    assert!(!page.types.keys().any(|name| name.starts_with("sentinel_exporter_collector_")));
}

#[test]
fn the_catalogue_may_be_read_in_part() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sentinel-exporter"));
    let mut child = child.arg("catalogue").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
