//! The password and the URL are told to the database alone: they are in no log, on no page and in no message.

use std::process::Command;

use super::{fails, succeeds};
use crate::support::exporter::{Exporter, Setup};
use crate::support::postgres::Postgres;

const PASSWORD: &str = "p@ss/w?rd-qzkw";
const ENCODED: &str = "p%40ss%2Fw%3Frd-qzkw";
/// It is told from the other passwords by its end.
const WRONG: &str = "wr%3Fng-qzkw";

fn server() -> Postgres {
    let postgres = Postgres::new();
    postgres.sql(&format!("alter role sentinel_exporter password '{PASSWORD}'"));
    postgres
}

fn url(password: &str, host: &str) -> String {
    format!("postgresql://sentinel_exporter:{password}@{host}/postgres")
}

/// None of the text may hold a secret; every one of them holds one of these.
fn clean(text: &str) {
    for secret in [PASSWORD, ENCODED, "-qzkw", "postgresql://", "postgres://", "sentinel_exporter:"] {
        // The form that is expected is told with words instead of its parts.
        let text = text.replace("postgresql://user:password@host:port/database", "");
        assert!(!text.contains(secret), "{secret:?} is in:\n{text}");
    }
}

/// Whatever an exporter says, at the debug level.
fn everything_of(exporter: &Exporter) -> String {
    exporter.signal("HUP");
    exporter.logged("configuration was taken");
    let pages = ["/", "/metrics", "/-/ready", "/nowhere"].map(|path| exporter.get(path).text().to_owned());
    pages.concat() + &exporter.log()
}

fn verbose(settings: &str) -> Setup {
    let rest = "interval: 100ms\n  timeout: 500ms";
    Setup::new(format!("postgres:\n  {settings}\n  {rest}\n")).argument("--log.level=debug")
}

#[test]
fn of_a_url_in_its_three_places() {
    let postgres = server();
    let url = url(ENCODED, &format!("127.0.0.1:{}", postgres.port()));
    let from_file = verbose("url_file: database.url");
    std::fs::write(from_file.folder().join("database.url"), format!("{url}\n")).unwrap();
    for setup in [
        verbose(&format!("url: {url:?}")),
        verbose("url: \"${SENTINEL_POSTGRES_URL}\"").environment("SENTINEL_POSTGRES_URL", &url),
        from_file,
    ] {
        let exporter = setup.start();
        succeeds(&exporter);
        clean(&everything_of(&exporter));
    }
}

#[test]
fn of_a_url_that_does_not_work() {
    let mut postgres = server();
    let here = format!("127.0.0.1:{}", postgres.port());
    let told = |url: &str, why: &str| {
        let exporter = verbose(&format!("url: {url:?}")).start();
        fails(&exporter);
        exporter.logged(why);
        let everything = everything_of(&exporter);
        clean(&everything);
        assert!(!everything.contains("no-such-host") && !everything.contains(&here), "{everything}");
    };
    told(&url(WRONG, &here), "password authentication failed");
    told(&format!("{}x", url(ENCODED, &here)), "SQLSTATE 3D000");
    told(&url(ENCODED, "no-such-host.invalid:5432"), "a collector failed");
    told(&format!("{}?sslmode=require", url(ENCODED, &here)), "server does not support TLS");
    postgres.stop();
    told(&url(ENCODED, &here), "Connection refused");
}

#[test]
fn of_a_configuration_that_is_not_good() {
    let good = url(ENCODED, "127.0.0.1:5432");
    for section in [
        format!("{{url: \"{}\"}}", good.replace("5432", "port")),
        format!("{{url: \"{}\"}}", good.replace("postgresql", "mysql")),
        format!("{{url: \"{good}?sslmode=verify-full\"}}"),
        format!("{{url: \"{good}?sslmode=sometimes\"}}"),
        format!("{{url: \"{good}?password={ENCODED}&pgbouncer=true\"}}"),
        format!("{{url: \"{good}${{\"}}"),
        format!("{{url: \"{good}${{NOT_SET}}?\"}}"),
        format!("{{url: [\"{good}\"]}}"),
        format!("{{url: {{is: \"{good}\"}}}}"),
        format!("{{url: \"{good}\", url_file: /nowhere}}"),
        format!("{{url: \"{good}\", ca_file: /nowhere}}"),
        format!("{{url: \"{good}\", url: \"{good}\"}}"),
        "{url_file: \"${SENTINEL_POSTGRES_URL}\"}".to_owned(),
        "{url_file: \"${SENTINEL_POSTGRES_PASSWORD}\"}".to_owned(),
        format!("{{url_file: \"{good}\"}}"),
        format!("{{url: \"{good}\", ca_file: \"${{SENTINEL_POSTGRES_PASSWORD}}\"}}"),
        format!("{{url: \"{good}\", interval: \"${{SENTINEL_POSTGRES_URL}}\"}}"),
        format!("{{url: \"{good}\"}}\nsre: {{root: \"{good}\"}}"),
        format!("{{url: \"{good}\"}}\nweb: {{listen_address: \"${{SENTINEL_POSTGRES_URL}}\"}}"),
        format!("\"{good}\""),
        format!("{good}\n  url: {good}"),
        format!("{{url: \"{good}"),
    ] {
        let setup = Setup::new("");
        let file = setup.folder().join("bad.yml");
        std::fs::write(&file, format!("postgres: {section}\n")).unwrap();
        for arguments in [vec!["--config.check"], vec!["--log.level=debug"]] {
            let mut exporter = Command::new(env!("CARGO_BIN_EXE_sentinel-exporter"));
            exporter.env("SENTINEL_POSTGRES_URL", &good).env("SENTINEL_POSTGRES_PASSWORD", ENCODED);
            let output = exporter.args(arguments).arg("--config.file").arg(&file).output().unwrap();
            let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(!output.status.success(), "it is refused: {section}\n{told}");
            clean(&told);
        }
    }
}
