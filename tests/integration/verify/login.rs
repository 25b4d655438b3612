//! TLS and a user: what the script asks with, and that no secret leaves it.

use std::fs;

use super::Script;
use crate::support::certs::Certs;
use crate::support::exporter::Exporter;
use crate::support::site::{Answer, Site};
use crate::support::tempdir::TempDir;
use crate::support::tls::Client;
use crate::web::{self, ASKING, TLS};

fn pages() -> Exporter {
    let exporter = Exporter::start("journals: [{path: events.jsonl}]");
    exporter.append("events.jsonl", "{\"event\":\"cycle\",\"seconds\":1}\n");
    exporter.ready();
    exporter
}

#[test]
fn an_exporter_with_tls_is_asked_with_it() {
    let certs = Certs::new();
    let hub = certs.client("hub", "DNS:hub");
    let exporter = web::start(&certs, &format!("{TLS}{ASKING}"));
    let event = (Client::showing(&certs.ca, &hub), "{\"event\":\"cycle\",\"seconds\":1}");
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", event.1.len());
    while event.0.get(exporter.address, "/-/ready", "").unwrap().status != 200 {}
    let (posted, _) = event.0.request(exporter.address, "POST", "/v1/events", &headers, event.1).unwrap();
    assert_eq!(posted.status, 200, "{}", posted.text());

    let ask = || Script::new("verify-inf.sh").arg(exporter.address.to_string());
    let shown = |script: Script| script.arg("--cert").arg(&hub.cert).arg("--key").arg(&hub.key);
    let report = shown(ask()).arg("--ca").arg(&certs.ca).run();
    report.assert_well(&[("collectors", "none is configured")]);
    assert!(report.said.starts_with("verify-inf: the exporter at https://"), "{}", report.said);

    shown(ask()).run().assert_only("health", "FAIL", "certificate", "curl -sS --max-time 5 --cert /");
    shown(ask()).arg("--ca").arg(&certs.stranger).run().assert_only("health", "FAIL", "SSL certificate problem", "--cacert /");
    ask().arg("--ca").arg(&certs.ca).run().assert_only("health", "FAIL", "certificate required", "curl -sS");
    let plain = format!("verify-inf.sh --https {}", exporter.address);
    ask().run().assert_only("health", "FAIL", "it speaks TLS", &plain);
}

const PASSWORD: &str = "pass\"word\\ with $HOME";
/// `prometheus:` and the password, as printf '%s' ... | base64 has it.
const BASIC: &str = "Basic cHJvbWV0aGV1czpwYXNzIndvcmRcIHdpdGggJEhPTUU=";

#[test]
fn a_user_is_shown_and_the_password_is_not() {
    let (exporter, site, folder) = (pages(), Site::start(), TempDir::new("password"));
    for path in ["/health", "/-/ready", "/metrics"] {
        site.set(path, Answer::new(200, exporter.get(path).text()).only_for(BASIC));
    }
    let file = folder.join("password");
    fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    // What any user of the host can see of a running curl.
    let arguments = folder.join("arguments");
    let curl = format!("printf '%s\\n' \"$@\" >>{}\nexec /usr/bin/curl \"$@\"", arguments.display());
    let ask = || Script::new("verify-inf.sh").arg(site.address.to_string()).program("curl", &curl);
    let as_user = |user: &str| ask().arg("--user").arg(user).arg("--password-file").arg(&file).run();
    let report = as_user("prometheus");
    report.assert_well(&[("collectors", "none is configured")]);
    let refused = as_user("somebody");
    refused.assert_only("health", "FAIL", "it does not know this user", "curl -sS --max-time 5 --user somebody http://127.0.0.1");
    assert!(!report.said.contains("pass\"") && !refused.said.contains("pass\""));
    let seen = fs::read_to_string(arguments).unwrap();
    assert!(seen.contains("--config") && !seen.contains("pass\"") && !seen.contains("cHJvbWV0"), "{seen}");
    ask().run().assert_only("health", "FAIL", "give --user and --password-file", "curl -sS");
}
