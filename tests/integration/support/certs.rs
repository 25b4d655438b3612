//! Certificates for servers and clients with TLS, made by the openssl command: what a good one has, what an impostor has,
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
    /// An authority that signed neither server's.
    pub(crate) stranger: PathBuf,
    authorities: [KeyPair; 2],
    folder: TempDir,
}

impl Certs {
    pub(crate) fn new() -> Certs {
        let folder = TempDir::new("certs");
        let at = folder.path();
        let (ca, stranger) = (authority(at, "ca"), authority(at, "stranger"));
        Certs {
            localhost: server(at, &ca, "localhost", LOCALHOST),
            elsewhere: server(at, &ca, "elsewhere", "DNS:db.elsewhere.example"),
            stranger: stranger.cert.clone(),
            ca: ca.cert.clone(),
            authorities: [ca, stranger],
            folder,
        }
    }

    /// Another certificate for `localhost` and 127.0.0.1.
    pub(crate) fn another(&self, name: &str) -> KeyPair {
        server(self.folder.path(), &self.authorities[0], name, LOCALHOST)
    }

    /// One that a client shows, with these alternative names.
    pub(crate) fn client(&self, name: &str, names: &str) -> KeyPair {
        client(self.folder.path(), &self.authorities[0], name, names)
    }

    /// One for this purpose alone.
    pub(crate) fn with_purpose(&self, name: &str, purpose: &str) -> KeyPair {
        let purpose = format!("extendedKeyUsage={purpose}");
        request(self.folder.path(), name, &["basicConstraints=critical,CA:FALSE", &purpose], Some(&self.authorities[0]))
    }

    /// What a client shows from the authority that nobody trusts.
    pub(crate) fn impostor(&self, name: &str, names: &str) -> KeyPair {
        client(self.folder.path(), &self.authorities[1], name, names)
    }

    /// One that a client shows, years too late.
    pub(crate) fn expired(&self, name: &str) -> KeyPair {
        let (folder, ca) = (self.folder.path(), &self.authorities[0]);
        let pair = pair(folder, name);
        let (order, config) = (folder.join("order"), folder.join("ca.conf"));
        let database = folder.join("database").display().to_string();
        let text = format!(
            "[it]\ndatabase={database}\nnew_certs_dir={}\ndefault_md=sha256\nrand_serial=yes\npolicy=any\nx509_extensions=v3\n\
             [any]\ncommonName=supplied\n[v3]\nextendedKeyUsage=clientAuth\n",
            folder.display()
        );
        std::fs::write(&config, text).unwrap();
        std::fs::write(database, "").unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
        openssl.args(["-subj", &format!("/CN={name}")]).arg("-keyout").arg(&pair.key).arg("-out").arg(&order);
        run(&mut openssl);
        let mut openssl = Command::new("openssl");
        openssl.args(["ca", "-batch", "-notext", "-name", "it", "-startdate", "20200101000000Z"]);
        openssl.args(["-enddate", "20200102000000Z", "-config"]).arg(config).arg("-in").arg(order).arg("-out").arg(&pair.cert);
        run(openssl.arg("-cert").arg(&ca.cert).arg("-keyfile").arg(&ca.key));
        pair
    }
}

const LOCALHOST: &str = "DNS:localhost,IP:127.0.0.1";

fn client(folder: &Path, ca: &KeyPair, name: &str, names: &str) -> KeyPair {
    let names = format!("subjectAltName={names}");
    request(folder, name, &["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=clientAuth", &names], Some(ca))
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
    let pair = pair(folder, name);
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    openssl.args(["-subj", &format!("/CN={name}")]).arg("-keyout").arg(&pair.key).arg("-out").arg(&pair.cert);
    for extension in extensions {
        openssl.args(["-addext", extension]);
    }
    if let Some(ca) = ca {
        openssl.arg("-CA").arg(&ca.cert).arg("-CAkey").arg(&ca.key);
    }
    run(&mut openssl);
    pair
}

fn pair(folder: &Path, name: &str) -> KeyPair {
    KeyPair { cert: folder.join(format!("{name}.crt")), key: folder.join(format!("{name}.key")) }
}

fn run(openssl: &mut Command) {
    let output = openssl.output().expect("openssl is not in PATH: install the package openssl");
    assert!(output.status.success(), "{openssl:?}: {}", String::from_utf8_lossy(&output.stderr));
}
