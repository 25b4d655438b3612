//! A database URL into what to connect to and how far its certificate is checked, as libpq's `sslmode` says.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::pem;

/// A key of the section and what was expected of it.
type Mistake = (&'static str, String);

/// How far the server's certificate is checked.
#[derive(Clone, Copy, PartialEq)]
enum Check {
    /// Not at all: encryption alone.
    Nothing,
    /// Signed by the CA.
    Chain,
    /// Signed by the CA, for this host.
    ChainAndHost,
}

/// Reads `url`. `ca` are the trusted certificates as PEM. No message holds any of the URL.
pub(super) fn target(url: &str, ca: Option<&[u8]>) -> Result<(Config, MakeRustlsConnect), Mistake> {
    const FORM: &str = "expected postgresql://user:password@host:port/database";
    if !(url.starts_with("postgresql://") || url.starts_with("postgres://")) {
        return Err(("url", FORM.to_owned()));
    }
    // tokio-postgres does not know all of libpq's modes, so they are taken off first.
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut mode, mut rest) = ("prefer", Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = value,
            Some(("sslrootcert", _)) => {
                return Err(("url", "expected no sslrootcert; the key ca_file names the trusted certificates".to_owned()));
            }
            _ => rest.push(pair),
        }
    }
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    // The parser's own message may quote the URL.
    let mut config: Config = url.parse().map_err(|_| ("url", FORM.to_owned()))?;
    if !matches!(config.get_hosts(), [Host::Tcp(_)]) {
        return Err(("url", format!("{FORM}, with one host to reach over TCP")));
    }
    let (ssl_mode, check) = match (mode, ca) {
        // libpq would not look at the certificates, and send the password to anybody.
        ("disable" | "prefer", Some(_)) => {
            let expected = format!("expected sslmode=verify-full in the URL; with {mode} no certificate is checked");
            return Err(("ca_file", expected));
        }
        ("disable", None) => (SslMode::Disable, Check::Nothing),
        ("prefer", None) => (SslMode::Prefer, Check::Nothing),
        // As libpq has it: a CA that is given is used.
        ("require", None) => (SslMode::Require, Check::Nothing),
        ("require" | "verify-ca", Some(_)) => (SslMode::Require, Check::Chain),
        ("verify-full", Some(_)) => (SslMode::Require, Check::ChainAndHost),
        ("verify-ca" | "verify-full", None) => {
            return Err((
                "ca_file",
                format!(
                    "expected the trusted certificates (PEM) for sslmode={mode}; the system's are in /etc/ssl/certs/ca-certificates.crt"
                ),
            ));
        }
        _ => return Err(("url", "expected sslmode to be one of disable, prefer, require, verify-ca, verify-full".to_owned())),
    };
    config
        .ssl_mode(ssl_mode)
        .application_name("sentinel-exporter")
        .keepalives_idle(Duration::from_secs(30))
        .keepalives_interval(Duration::from_secs(10))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(60));
    Ok((config, MakeRustlsConnect::new(client_config(check, ca)?)))
}

fn client_config(check: Check, ca: Option<&[u8]>) -> Result<ClientConfig, Mistake> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| ("url", error.to_string()))?;
    let roots = ca.map_or_else(|| Ok(RootCertStore::empty()), pem::roots);
    let roots = Arc::new(roots.map_err(|expected| ("ca_file", expected))?);
    Ok(match check {
        Check::ChainAndHost => {
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|error| ("ca_file", error.to_string()))?;
            builder.with_webpki_verifier(verifier).with_no_client_auth()
        }
        Check::Nothing | Check::Chain => {
            let roots = (check == Check::Chain).then_some(roots);
            let verifier = Arc::new(LaxVerifier { roots, provider });
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        }
    })
}

/// What libpq does for `require` and `verify-ca`: rustls by itself always checks the host.
#[derive(Debug)]
struct LaxVerifier {
    /// None: any certificate will do.
    roots: Option<Arc<RootCertStore>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for LaxVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            let algorithms = self.provider.signature_verification_algorithms.all;
            let certificate =
                ParsedCertificate::try_from(end_entity).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
