//! Versions, cipher suites and curves, asked for with openssl's client.

use std::process::{Command, Output, Stdio};

use super::{TLS, start};
use crate::support::certs::Certs;
use crate::support::exporter::Exporter;

/// What openssl says of a handshake, if there was one.
fn shake(exporter: &Exporter, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &exporter.address.to_string(), "-servername", "localhost"]).args(arguments);
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().expect("openssl is not in PATH: install the package openssl");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (said, errors) = (text(stdout), text(stderr));
    if status.success() && !said.contains("Cipher is (NONE)") { Ok(said) } else { Err(said + &errors) }
}

fn assert_agreed(exporter: &Exporter, arguments: &[&str], expected: &str) {
    match shake(exporter, arguments) {
        Ok(said) => assert!(said.contains(expected), "{arguments:?}: {expected:?} is not in:\n{said}"),
        Err(said) => panic!("{arguments:?}: no handshake:\n{said}"),
    }
}

fn assert_refused(exporter: &Exporter, arguments: &[&str], expected: &str) {
    let told = shake(exporter, arguments).expect_err("there is no handshake");
    assert!(told.contains(expected), "{arguments:?}: {expected:?} is not in:\n{told}");
}

/// openssl itself speaks the old ones only when it is told to forget about safety.
const OLD: [&str; 2] = ["-cipher", "ALL:@SECLEVEL=0"];

#[test]
fn nothing_older_than_1_2_is_spoken() {
    let exporter = start(&Certs::new(), TLS);
    assert_agreed(&exporter, &["-tls1_3"], "New, TLSv1.3");
    assert_agreed(&exporter, &["-tls1_2"], "New, TLSv1.2");
    for version in ["-tls1_1", "-tls1"] {
        assert_refused(&exporter, &[&[version], &OLD[..]].concat(), "SSL alert number 40");
    }
}

#[test]
fn a_version_can_be_asked_for() {
    let certs = Certs::new();
    let exporter = start(&certs, &format!("{TLS}  min_version: TLS13\n"));
    assert_agreed(&exporter, &["-tls1_3"], "New, TLSv1.3");
    assert_refused(&exporter, &["-tls1_2"], "alert protocol version");
    let exporter = start(&certs, &format!("{TLS}  max_version: TLS12\n"));
    assert_agreed(&exporter, &[], "New, TLSv1.2");
    assert_refused(&exporter, &["-tls1_3"], "alert protocol version");
}

#[test]
fn suites_are_those_of_the_list_for_1_2_and_in_its_order() {
    let certs = Certs::new();
    let list = "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n";
    let exporter = start(&certs, &format!("{TLS}{list}"));
    let [all, aes128, aes256] = ["HIGH", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"];
    assert_agreed(&exporter, &["-tls1_2", "-cipher", all], "Cipher is ECDHE-ECDSA-CHACHA20-POLY1305");
    assert_agreed(&exporter, &["-tls1_2", "-cipher", aes128], "Cipher is ECDHE-ECDSA-AES128-GCM-SHA256");
    assert_refused(&exporter, &["-tls1_2", "-cipher", aes256], "alert handshake failure");
    assert_agreed(&exporter, &["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"], "Cipher is TLS_AES_256_GCM_SHA384");
    // The client's order, when the server has no preference.
    let exporter = start(&certs, &format!("{TLS}{list}  prefer_server_cipher_suites: false\n"));
    let order = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305";
    assert_agreed(&exporter, &["-tls1_2", "-cipher", order], "Cipher is ECDHE-ECDSA-AES128-GCM-SHA256");
    // Suites of TLS 1.3 can be put in order as well.
    let exporter = start(&certs, &format!("{TLS}  min_version: TLS13\n  cipher_suites: [TLS_CHACHA20_POLY1305_SHA256]\n"));
    assert_agreed(&exporter, &[], "Cipher is TLS_CHACHA20_POLY1305_SHA256");
    assert_agreed(&exporter, &["-ciphersuites", "TLS_AES_128_GCM_SHA256"], "Cipher is TLS_AES_128_GCM_SHA256");
}

#[test]
fn curves_are_those_of_the_list() {
    let exporter = start(&Certs::new(), &format!("{TLS}  curve_preferences: [CurveP384, CurveP256]\n"));
    for version in ["-tls1_2", "-tls1_3"] {
        assert_agreed(&exporter, &[version, "-groups", "P-256:P-384"], "Server Temp Key: ECDH");
        assert_refused(&exporter, &[version, "-groups", "X25519"], "alert handshake failure");
    }
    assert_agreed(&exporter, &["-groups", "P-384"], "Server Temp Key: ECDH, secp384r1, 384 bits");
}

#[test]
fn http_1_1_is_agreed_upon_and_nothing_else() {
    let exporter = start(&Certs::new(), &format!("{TLS}http_server_config: {{http2: true}}\n"));
    assert_agreed(&exporter, &["-alpn", "h2,http/1.1"], "ALPN protocol: http/1.1");
    assert_agreed(&exporter, &[], "No ALPN negotiated");
    assert_refused(&exporter, &["-alpn", "h2"], "no application protocol");
}
