//! Each `sslmode` against a server whose certificate is right, for another host, from an unknown authority, or not there.

use std::path::Path;
use std::process::Command;

use super::{NAME, SUCCESS};
use crate::support::certs::Certs;
use crate::support::exporter::Setup;
use crate::support::postgres::{Options, Postgres};

/// A configuration in which the CA file is named as its folder names it.
fn config(postgres: &Postgres, mode: &str, ca: Option<&Path>) -> String {
    let url = postgres.url("sentinel_exporter").replace("127.0.0.1", "localhost");
    let ca = ca.map(|path| format!("\n  ca_file: {}", path.display())).unwrap_or_default();
    format!("postgres:\n  url: {url}?sslmode={mode}\n  interval: 100ms\n  timeout: 5s{ca}\n")
}

/// How the server sees the exporter's connection, or what the exporter says of it.
fn connects(postgres: &Postgres, mode: &str, ca: Option<&Path>) -> Result<bool, String> {
    let exporter = Setup::new(config(postgres, mode, ca)).start();
    let page = exporter.eventually("a poll", |page| page.value(SUCCESS).is_some());
    if page.value(SUCCESS) == Some(0.0) {
        exporter.logged("a collector failed");
        return Err(exporter.log());
    }
    // The session of an exporter before may still be ending.
    let question = format!(
        "select ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name = '{NAME}' order by backend_start desc limit 1"
    );
    Ok(postgres.sql(&question) == "t")
}

fn refused(outcome: Result<bool, String>, reason: &str) {
    let log = outcome.expect_err("it is refused");
    assert!(log.contains(reason), "{reason:?} is not in:\n{log}");
}

#[test]
fn a_server_with_a_good_certificate() {
    let certs = Certs::new();
    let postgres = Postgres::with(&Options { tls: Some(&certs.localhost), ..Options::default() });
    let (ca, stranger) = (Some(certs.ca.as_path()), Some(certs.stranger.as_path()));
    for (mode, ca) in [("prefer", None), ("require", None), ("require", ca), ("verify-ca", ca), ("verify-full", ca)] {
        assert_eq!(connects(&postgres, mode, ca), Ok(true), "{mode}");
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        refused(connects(&postgres, mode, stranger), "invalid peer certificate: UnknownIssuer");
    }
    refused(connects(&postgres, "disable", None), "SQLSTATE 28000");
}

#[test]
fn a_server_with_a_certificate_for_another_host() {
    let certs = Certs::new();
    let postgres = Postgres::with(&Options { tls: Some(&certs.elsewhere), ..Options::default() });
    let ca = Some(certs.ca.as_path());
    for (mode, ca) in [("require", None), ("verify-ca", ca)] {
        assert_eq!(connects(&postgres, mode, ca), Ok(true), "{mode}");
    }
    refused(connects(&postgres, "verify-ca", Some(&certs.stranger)), "invalid peer certificate: UnknownIssuer");
    refused(connects(&postgres, "verify-full", ca), "invalid peer certificate: certificate not valid for name");
}

#[test]
fn a_server_without_tls() {
    let postgres = Postgres::new();
    for mode in ["disable", "prefer"] {
        assert_eq!(connects(&postgres, mode, None), Ok(false), "{mode}");
    }
    refused(connects(&postgres, "require", None), "server does not support TLS");
}

#[test]
fn verifying_needs_an_authority() {
    let postgres = Postgres::new();
    let not_pem = Path::new("/proc/self/status");
    for (mode, ca, expected) in [
        ("verify-ca", None, "postgres.ca_file: expected the trusted certificates (PEM) for sslmode=verify-ca"),
        ("verify-full", None, "postgres.ca_file: expected the trusted certificates (PEM) for sslmode=verify-full"),
        ("verify-full", Some(Path::new("/nowhere.pem")), "postgres.ca_file: expected a readable file"),
        ("verify-full", Some(not_pem), "postgres.ca_file: expected at least one certificate as PEM, found none"),
    ] {
        let setup = Setup::new("");
        let file = setup.folder().join("bad.yml");
        std::fs::write(&file, config(&postgres, mode, ca)).unwrap();
        let mut check = Command::new(env!("CARGO_BIN_EXE_sentinel-exporter"));
        let output = check.arg("--config.check").arg("--config.file").arg(&file).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains(expected), "{told}");
    }
}
