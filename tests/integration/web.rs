//! Who gets in: TLS, certificates of clients, users and limits, as web.yml has them.

mod bridge;
mod certificates;
mod documents;
mod limits;
mod mistakes;
mod reread;
mod rotation;
mod scrape;
mod users;
mod versions;

use std::fs;

use crate::support::certs::{Certs, KeyPair};
use crate::support::exporter::{Exporter, Setup};

/// TLS alone; more keys of the section may follow.
pub(crate) const TLS: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";
/// After [`TLS`]: clients show a certificate of the authority.
pub(crate) const ASKING: &str = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n";
/// A user `prometheus` with [`PASSWORD`], and a cost that takes no time.
pub(crate) const USERS: &str = "basic_auth_users:\n  prometheus: $2b$04$7iTRsm9VN.2r.aNenrfDJugEjcY6PESP47LP1rK9DV.x4GdMA5WkC\n";
pub(crate) const PASSWORD: &str = "correct horse";
/// The credentials of that user.
const RIGHT: &str = "Authorization: Basic cHJvbWV0aGV1czpjb3JyZWN0IGhvcnNl\r\n";
/// The same user with the password `wrong`.
const WRONG: &str = "Authorization: Basic cHJvbWV0aGV1czp3cm9uZw==\r\n";

/// An exporter with this web configuration, and a server's certificate beside it.
pub(crate) fn start(certs: &Certs, web: &str) -> Exporter {
    let setup = Setup::new("web: {config_file: web.yml, enable_lifecycle: true}");
    for (name, from) in [("server.crt", &certs.localhost.cert), ("server.key", &certs.localhost.key), ("ca.crt", &certs.ca)] {
        fs::copy(from, setup.folder().join(name)).unwrap();
    }
    fs::write(setup.folder().join("web.yml"), web).unwrap();
    setup.start()
}

/// Puts another certificate in place, as a renewal does: aside, and renamed, the certificate and then the key.
fn install(exporter: &Exporter, pair: &KeyPair) {
    for (from, name) in [(&pair.cert, "server.crt"), (&pair.key, "server.key")] {
        fs::copy(from, exporter.path("new")).unwrap();
        fs::rename(exporter.path("new"), exporter.path(name)).unwrap();
    }
}
