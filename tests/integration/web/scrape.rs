//! A real Prometheus that scrapes with TLS, a user and a certificate of its own: what prometheus.yml offers, switched on.

use std::fs;

use super::{ASKING, PASSWORD, TLS, USERS, start};
use crate::support::certs::Certs;
use crate::support::prometheus::Prometheus;
use crate::support::tempdir::TempDir;

#[test]
fn prometheus_scrapes_with_a_user_and_a_certificate() {
    let (certs, folder) = (Certs::new(), TempDir::new("scrape"));
    let exporter = start(&certs, &format!("{TLS}{ASKING}  client_allowed_sans: [hub]\n{USERS}"));
    let hub = certs.client("hub", "DNS:hub");
    for (name, from) in [("ca.crt", &certs.ca), ("hub.crt", &hub.cert), ("hub.key", &hub.key)] {
        fs::copy(from, folder.join(name)).unwrap();
    }
    fs::write(folder.join("password"), PASSWORD).unwrap();
    fs::write(folder.join("wrong"), "wrong").unwrap();
    let config = |job: &str, tls: &str, auth: &str| {
        format!(
            "- {{job_name: {job}, scheme: https, static_configs: [{{targets: ['{}']}}], tls_config: {{{tls}}}{auth}}}\n",
            exporter.address
        )
    };
    let user = |file: &str| format!(", basic_auth: {{username: prometheus, password_file: {file}}}");
    let both = "ca_file: ca.crt, cert_file: hub.crt, key_file: hub.key";
    let jobs = [
        config("right", both, &user("password")),
        config("old", &format!("{both}, max_version: TLS12"), &user("password")),
        config("wrong-password", both, &user("wrong")),
        config("no-password", both, ""),
        config("no-certificate", "ca_file: ca.crt", &user("password")),
        config("no-ca", "cert_file: hub.crt, key_file: hub.key", &user("password")),
    ];
    let file = folder.join("prometheus.yml");
    let text = format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{}", jobs.concat());
    fs::write(&file, text).unwrap();
    let prometheus = Prometheus::start(&file);
    for (job, expected) in [
        ("right", ""),
        ("old", ""),
        ("wrong-password", "401 Unauthorized"),
        ("no-password", "401 Unauthorized"),
        ("no-certificate", "certificate required"),
        ("no-ca", "unknown authority"),
    ] {
        prometheus.finds(job, |error| error == expected || (!expected.is_empty() && error.contains(expected)));
    }
}
