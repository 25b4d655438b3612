//! What docs/web.md and docs/install.md show, and the unit of systemd, work.

use std::fs;
use std::process::{Command, Output};

use sentinel_exporter::access::Reading;

use super::{ASKING, PASSWORD, RIGHT, TLS, USERS, start};
use crate::support::certs::Certs;
use crate::support::tempdir::TempDir;
use crate::support::tls::Client;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const WEB: &str = include_str!("../../../docs/web.md");
const INSTALL: &str = include_str!("../../../docs/install.md");
const UNITS: [&str; 2] = ["sentinel-exporter", "sentinel-dingtalk"];

/// What lies between two texts.
fn between<'a>(page: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = page.split_once(begin).unwrap_or_else(|| panic!("{begin:?} is there"));
    rest.split_once(end).unwrap_or_else(|| panic!("{end:?} is there")).0
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_examples_are_good_to_the_exporter_and_to_promtool() {
    let (certs, folder) = (Certs::new(), TempDir::new("documents"));
    fs::create_dir(folder.join("tls")).unwrap();
    for (name, from) in [("server.crt", &certs.localhost.cert), ("server.key", &certs.localhost.key), ("ca.crt", &certs.ca)] {
        fs::copy(from, folder.join("tls").join(name)).unwrap();
    }
    let example = between(WEB, "```yaml\n", "```");
    let hash = example.lines().last().and_then(|line| line.split_once(": ")).expect("a user").1;
    let installed = between(INSTALL, "/etc/sentinel-exporter/web.yml <<END\n", "END\n").replace("$hash", hash);
    for text in [example, &installed] {
        let file = folder.join("web.yml");
        fs::write(&file, text).unwrap();
        assert_eq!(Reading::new(Some(&file)).checked().err(), None, "{text}");
        let output = Command::new("promtool").args(["check", "web-config"]).arg(file).output();
        let output = output.expect("promtool is not in PATH: install the package prometheus");
        assert!(output.status.success(), "{text}{}", said(&output));
    }
}

#[test]
fn the_certificates_are_made_as_it_says_and_fit() {
    let folder = TempDir::new("install");
    // All of the block but its first and last lines, which are for the host.
    let made = |line: &&str| ["openssl req", "openssl x509", "printf 'basic"].iter().any(|begin| line.starts_with(begin));
    let commands = INSTALL.lines().filter(made).collect::<Vec<_>>().join("\n");
    let output = Command::new("sh").args(["-ec", &commands]).current_dir(folder.path()).output().expect("sh runs");
    assert!(output.status.success(), "{}", said(&output));
    for (name, purpose) in [("server", "sslserver"), ("hub", "sslclient")] {
        let mut verify = Command::new("openssl");
        verify.args(["verify", "-x509_strict", "-CAfile", "ca.crt", "-purpose", purpose, &format!("{name}.crt")]);
        let output = verify.current_dir(folder.path()).output().expect("openssl is not in PATH: install the package openssl");
        assert!(output.status.success(), "{name}: {}", said(&output));
    }
    let web = "tls_server_config: {cert_file: server.crt, key_file: server.key, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt}";
    fs::write(folder.join("web.yml"), web).unwrap();
    assert_eq!(Reading::new(Some(&folder.join("web.yml"))).checked().err(), None);
}

#[test]
fn the_look_from_inf_shows_the_exporter() {
    let certs = Certs::new();
    let exporter = start(&certs, &format!("{TLS}{ASKING}{USERS}"));
    let (hub, folder) = (certs.client("hub", "DNS:hub"), TempDir::new("look"));
    let client = Client::showing(&certs.ca, &hub);
    while client.get(exporter.address, "/-/ready", RIGHT).unwrap().status != 200 {}
    for (name, from) in [("ca.crt", &certs.ca), ("hub.crt", &hub.cert), ("hub.key", &hub.key)] {
        fs::copy(from, folder.join(name)).unwrap();
    }
    fs::write(folder.join("sentinel-password"), format!("{PASSWORD}\n")).unwrap();
    let line = INSTALL.lines().find(|line| line.contains("| curl")).expect("a line of curl");
    assert!(line.starts_with("printf ") && line.contains("https://localhost:8000/"), "{line}");
    let command = line.replace("localhost:8000", &format!("localhost:{}", exporter.address.port()));
    let output = Command::new("sh").args(["-c", &command]).current_dir(folder.path()).output().expect("sh runs");
    let said = said(&output);
    assert!(output.status.success() && said.starts_with("sentinel_exporter_build_info{") && said.lines().count() == 1, "{said}");
}

#[test]
fn the_commands_switch_on_what_prometheus_yml_offers() {
    let folder = TempDir::new("sed");
    fs::copy(format!("{ROOT}/prometheus/prometheus.yml"), folder.join("prometheus.yml")).unwrap();
    let line = INSTALL.lines().find(|line| line.starts_with("sed -i")).expect("a line of sed");
    let command = line.replace("/etc/prometheus/", &format!("{}/", folder.path().display()));
    let output = Command::new("sh").args(["-c", &command]).output().expect("sh runs");
    assert!(output.status.success(), "{}", said(&output));
    let config: serde_yaml::Value = serde_yaml::from_str(&fs::read_to_string(folder.join("prometheus.yml")).unwrap()).unwrap();
    let job = &config["scrape_configs"][0];
    assert_eq!(job["scheme"], "https");
    assert_eq!(job["tls_config"]["cert_file"], "tls/hub.crt");
    assert_eq!(job["basic_auth"]["password_file"], "secrets/sentinel-password");
}

#[test]
fn what_the_unit_runs_is_what_is_installed() {
    let unit = fs::read_to_string(format!("{ROOT}/packaging/sentinel-exporter.service")).unwrap();
    let users = fs::read_to_string(format!("{ROOT}/packaging/sysusers.conf")).unwrap();
    let value =
        |key: &str| unit.lines().find_map(|line| line.strip_prefix(&format!("{key}="))).unwrap_or_else(|| panic!("{key}"));
    assert!(users.contains(&format!("u {} ", value("User"))) && users.contains(&format!("g {} ", value("SupplementaryGroups"))));
    let command = value("ExecStart");
    assert_eq!(command, "/usr/local/bin/sentinel-exporter --config.file=/etc/sentinel-exporter/sentinel.yml");
    assert!(INSTALL.contains("install -m 755 target/release/sentinel-exporter /usr/local/bin/"));
    assert!(INSTALL.contains("state_dir: /var/lib/sentinel-exporter") && value("StateDirectory") == "sentinel-exporter");
    for file in ["sentinel-exporter.service", "sysusers.conf", "tmpfiles.conf"] {
        assert!(INSTALL.contains(&format!("packaging/{file}")), "{file}");
    }
}

/// The values that a unit gives to a key.
fn values(unit: &str, key: &str) -> Vec<String> {
    let unit = fs::read_to_string(format!("{ROOT}/packaging/{unit}.service")).unwrap();
    unit.lines().filter_map(|line| line.strip_prefix(&format!("{key}="))).map(str::to_owned).collect()
}

#[test]
fn the_units_lead_to_documents_that_are_installed() {
    for unit in UNITS {
        let folder = values(unit, "Documentation")[0].strip_prefix("file:").expect("a folder").to_owned();
        assert!(INSTALL.contains(&format!("cp -r README.md sentinel.yml docs {folder}\n")), "{unit}: {folder}");
    }
}

#[test]
fn no_call_of_the_system_kills() {
    for unit in UNITS {
        // Without a number systemd's filter kills: a repair would end the exporter by its fchown.
        let filter = (values(unit, "SystemCallFilter").len(), values(unit, "SystemCallErrorNumber"));
        assert_eq!(filter, (2, vec!["EPERM".to_owned()]), "{unit}");
    }
}

#[test]
fn the_exporter_can_be_let_into_the_bot_s_folder() {
    let unit = fs::read_to_string(format!("{ROOT}/packaging/sentinel-exporter.service")).unwrap();
    let page = fs::read_to_string(format!("{ROOT}/docs/operations.md")).unwrap();
    let commands = between(&page, "chgrp trading data state ", "```");
    assert!(unit.contains("\nProtectSystem=strict\n") && commands.contains("\nReadWritePaths=/opt/stock-bot\n"), "{commands}");
    assert!(unit.contains("\nSupplementaryGroups=trading\n") && commands.contains("&& chmod g+rwx data state\n"), "{commands}");
}

#[test]
fn a_reload_looks_at_the_configuration_first() {
    for unit in UNITS {
        let looks = format!("{} --config.check", values(unit, "ExecStart")[0]);
        assert_eq!(values(unit, "ExecReload"), [looks, "/bin/sh -c \"kill -HUP $MAINPID\"".to_owned()], "{unit}");
    }
}

#[test]
fn the_bridge_s_unit_runs_what_its_page_installs() {
    let unit = fs::read_to_string(format!("{ROOT}/packaging/sentinel-dingtalk.service")).unwrap();
    let page = fs::read_to_string(format!("{ROOT}/docs/dingtalk.md")).unwrap();
    let command = "/usr/local/bin/sentinel-exporter dingtalk --config.file=/etc/sentinel-dingtalk/dingtalk.yml";
    assert!(unit.contains(&format!("ExecStart={command}\n")));
    assert!(page.contains("packaging/sentinel-dingtalk.service /etc/systemd/system/sentinel-dingtalk.service"));
    assert!(page.contains("/etc/sentinel-dingtalk/dingtalk.yml"));
}
