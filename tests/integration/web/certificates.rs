//! What certificates of clients are asked for: each of the five kinds, with real ones.

use super::{TLS, start};
use crate::support::certs::{Certs, KeyPair};
use crate::support::exporter::Exporter;
use crate::support::tls::Client;

/// Those that a client may have, or none.
struct Wardrobe {
    certs: Certs,
    good: KeyPair,
    impostor: KeyPair,
    expired: KeyPair,
}

impl Wardrobe {
    fn new() -> Wardrobe {
        let certs = Certs::new();
        let (good, impostor) = (certs.client("hub", "DNS:hub"), certs.impostor("impostor", "DNS:hub"));
        let expired = certs.expired("expired");
        Wardrobe { certs, good, impostor, expired }
    }

    /// What becomes of a request with none, a good one, one of another authority and one that has expired, with each version of TLS.
    fn outcomes(&self, exporter: &Exporter) -> [bool; 4] {
        let shown = [None, Some(&self.good), Some(&self.impostor), Some(&self.expired)];
        shown.map(|pair| {
            let new = match pair {
                None => Client::new(&self.certs.ca),
                Some(pair) => Client::showing(&self.certs.ca, pair),
            };
            let old = Client::of_tls12(&self.certs.ca, pair);
            let [new, old] = [new, old].map(|client| match client.get(exporter.address, "/-/healthy", "") {
                Ok(response) => {
                    assert_eq!(response.status, 200);
                    true
                }
                Err(error) => {
                    let told = error.to_string();
                    assert!(told.contains("received fatal alert"), "the client is told why: {told}");
                    false
                }
            });
            assert_eq!(new, old, "TLS 1.3 and 1.2");
            new
        })
    }
}

fn asking(kind: &str, more: &str) -> String {
    format!("{TLS}  client_auth_type: {kind}\n{more}")
}

const CA: &str = "  client_ca_file: ca.crt\n";

#[test]
fn each_kind_lets_in_whom_it_says() {
    let wardrobe = Wardrobe::new();
    for (kind, ca, expected) in [
        ("NoClientCert", "", [true, true, true, true]),
        ("RequestClientCert", "", [true, true, true, true]),
        ("RequestClientCert", CA, [true, true, true, true]),
        ("RequireAnyClientCert", "", [false, true, true, true]),
        ("RequireClientCert", "", [false, true, true, true]),
        ("VerifyClientCertIfGiven", CA, [true, true, false, false]),
        ("RequireAndVerifyClientCert", CA, [false, true, false, false]),
    ] {
        let exporter = start(&wardrobe.certs, &asking(kind, ca));
        assert_eq!(wardrobe.outcomes(&exporter), expected, "{kind}");
    }
}

#[test]
fn a_name_has_to_be_one_of_the_list() {
    let certs = Certs::new();
    let names = "  client_allowed_sans: [hub.example, ops@example.com, 192.0.2.7, '2001:db8::7', 'spiffe://example/hub', 7]\n";
    let pairs = [
        ("DNS:hub.example", true),
        ("DNS:else.example,DNS:hub.example", true),
        ("email:ops@example.com", true),
        ("IP:192.0.2.7", true),
        ("IP:2001:db8::7", true),
        ("URI:spiffe://example/hub", true),
        ("DNS:7", true),
        ("DNS:HUB.example", false),
        ("DNS:*.example", false),
        ("DNS:hub.example.com", false),
        ("IP:192.0.2.8", false),
        ("email:hub.example", true),
        ("DNS:else.example", false),
    ];
    for (kind, ca) in [("RequireAndVerifyClientCert", CA), ("RequireAnyClientCert", "")] {
        let exporter = start(&certs, &asking(kind, &format!("{ca}{names}")));
        for (at, (name, let_in)) in pairs.iter().enumerate() {
            let pair = certs.client(&format!("{kind}-{at}"), name);
            let answer = Client::showing(&certs.ca, &pair).get(exporter.address, "/-/healthy", "");
            assert_eq!(answer.is_ok(), *let_in, "{kind} {name}: {answer:?}");
        }
        // One without any alternative name, and none at all.
        let expired = certs.expired("no-names");
        assert!(Client::showing(&certs.ca, &expired).get(exporter.address, "/-/healthy", "").is_err());
        assert!(Client::new(&certs.ca).get(exporter.address, "/-/healthy", "").is_err());
    }
}

#[test]
fn a_certificate_of_a_server_is_none_of_a_client() {
    let certs = Certs::new();
    let exporter = start(&certs, &asking("RequireAndVerifyClientCert", CA));
    // Without a purpose it is good for any, as with Go; with another purpose it is not.
    assert!(Client::showing(&certs.ca, &certs.localhost).get(exporter.address, "/-/healthy", "").is_ok());
    let server = certs.with_purpose("purpose", "serverAuth");
    assert!(Client::showing(&certs.ca, &server).get(exporter.address, "/-/healthy", "").is_err());
}

#[test]
fn a_client_that_does_not_trust_the_server_is_none() {
    let certs = Certs::new();
    let exporter = start(&certs, TLS);
    let told = Client::new(&certs.stranger).get(exporter.address, "/-/healthy", "").expect_err("it is not trusted");
    assert!(told.to_string().contains("UnknownIssuer"), "{told}");
}

#[test]
fn certificates_can_stand_in_the_file_itself() {
    let certs = Certs::new();
    let inline = |path: &std::path::Path| {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| format!("    {line}\n")).collect::<String>()
    };
    let web = format!(
        "tls_server_config:\n  cert: |\n{}  key: |\n{}  client_ca: |\n{}  client_auth_type: RequireAndVerifyClientCert\n",
        inline(&certs.localhost.cert),
        inline(&certs.localhost.key),
        inline(&certs.ca)
    );
    let exporter = start(&certs, &web);
    let client = Client::showing(&certs.ca, &certs.client("hub", "DNS:hub"));
    assert_eq!(client.get(exporter.address, "/-/healthy", "").unwrap().status, 200);
    assert!(Client::new(&certs.ca).get(exporter.address, "/-/healthy", "").is_err());
}
