//! Certificates for a database with TLS, made by the openssl command: what a good server has, what an impostor has,
//! and authorities to trust or not.

use super::tempdir::TempDir;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

pub(crate) struct KeyPair {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

pub(crate) struct Certs {
    /// The authority that signed both servers' certificates.
    pub(crate) ca: PathBuf,
    /// For `localhost` and 127.0.0.1.
    pub(crate) localhost: KeyPair,
    /// For another host: verify-ca accepts it, verify-full must not.
    pub(crate) elsewhere: KeyPair,
    /// An authority that signed nothing.
    pub(crate) stranger: PathBuf,
    _folder: TempDir,
}

impl Certs {
    pub(crate) fn new() -> Certs {
        let folder = TempDir::new("certs");
        let at = folder.path();
        let ca = authority(at, "ca");
        Certs {
            localhost: server(at, &ca, "localhost", "DNS:localhost,IP:127.0.0.1"),
            elsewhere: server(at, &ca, "elsewhere", "DNS:db.elsewhere.example"),
            stranger: authority(at, "stranger").cert,
            ca: ca.cert,
            _folder: folder,
        }
    }
}

fn authority(folder: &Path, name: &str) -> KeyPair {
    request(folder, name, &["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"], None)
}

fn server(folder: &Path, ca: &KeyPair, name: &str, hosts: &str) -> KeyPair {
    let hosts = format!("subjectAltName={hosts}");
    request(folder, name, &["basicConstraints=critical,CA:FALSE", &hosts], Some(ca))
}

/// A new key and its certificate, signed by `ca` or by itself. It gives elliptic keys, which are made in no time.
fn request(folder: &Path, name: &str, extensions: &[&str], ca: Option<&KeyPair>) -> KeyPair {
    let pair = KeyPair { cert: folder.join(format!("{name}.crt")), key: folder.join(format!("{name}.key")) };
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    openssl.args(["-subj", &format!("/CN={name}")]).arg("-keyout").arg(&pair.key).arg("-out").arg(&pair.cert);
    for extension in extensions {
        openssl.args(["-addext", extension]);
    }
    if let Some(ca) = ca {
        openssl.arg("-CA").arg(&ca.cert).arg("-CAkey").arg(&ca.key);
    }
    let output = openssl.output().expect("openssl is not in PATH: install the package openssl");
    assert!(output.status.success(), "openssl req for {name}: {}", String::from_utf8_lossy(&output.stderr));
    pair
}
