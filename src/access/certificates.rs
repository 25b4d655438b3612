//! What certificate a client has to show, in the five ways of Go's crypto/tls.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// What is asked of clients, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ClientAuth {
    /// No certificate.
    No,
    /// A certificate, which may be any and may be missing.
    Request,
    /// A certificate that an authority has signed, which may be missing.
    VerifyIfGiven,
    /// Any certificate.
    RequireAny,
    /// A certificate that an authority has signed.
    RequireAndVerify,
}

/// The names in a configuration.
const NAMES: [(&str, ClientAuth); 5] = [
    ("NoClientCert", ClientAuth::No),
    ("RequestClientCert", ClientAuth::Request),
    ("VerifyClientCertIfGiven", ClientAuth::VerifyIfGiven),
    ("RequireAnyClientCert", ClientAuth::RequireAny),
    ("RequireAndVerifyClientCert", ClientAuth::RequireAndVerify),
];

impl ClientAuth {
    /// Whether an authority has to have signed it.
    pub(super) fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }

    /// Whether it has to be there.
    pub(super) fn is_required(self) -> bool {
        self >= Self::RequireAny
    }
}

impl FromStr for ClientAuth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = match text {
            // As good as not there.
            "" => "NoClientCert",
            // What older versions of exporter-toolkit called it.
            "RequireClientCert" => "RequireAnyClientCert",
            text => text,
        };
        let known = NAMES.iter().find(|(name, _)| *name == text);
        known.map(|(_, kind)| *kind).ok_or_else(|| format!("one of {}", NAMES.map(|(name, _)| name).join(", ")))
    }
}

impl fmt::Display for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(_, kind)| kind == self).map_or("", |(name, _)| name))
    }
}

/// Checks certificates of clients as `asked`; with `names` one of them has to be in it. The error is a key and what was expected.
pub(super) fn verifier(
    asked: ClientAuth,
    roots: Option<RootCertStore>,
    names: Vec<String>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, (&'static str, String)> {
    if asked == ClientAuth::No {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let chain = match roots.filter(|_| asked.verifies()) {
        None => None,
        Some(roots) => {
            let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
            Some(built.map_err(|error| ("client_ca_file", error.to_string()))?)
        }
    };
    Ok(Arc::new(Verifier { asked, chain, names, provider: provider.clone() }))
}

#[derive(Debug)]
struct Verifier {
    asked: ClientAuth,
    /// Who checks that an authority has signed it; nobody, when any will do.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    names: Vec<String>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.asked.is_required()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.as_ref().map_or(&[], |chain| chain.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(chain) = &self.chain {
            chain.verify_client_cert(end_entity, intermediates, now)?;
        }
        if !self.names.is_empty() {
            let found = alternative_names(end_entity).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
            if !found.iter().any(|name| self.names.contains(name)) {
                return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
            }
        }
        Ok(ClientCertVerified::assertion())
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

/// Hosts, addresses of mail and of hosts, and URIs, as Go writes them. None: it cannot be read.
fn alternative_names(certificate: &CertificateDer<'_>) -> Option<Vec<String>> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let Some((_, names)) = certificate.tbs_certificate.get::<SubjectAltName>().ok()? else { return Some(Vec::new()) };
    let text = |name: &GeneralName| match name {
        GeneralName::DnsName(text) | GeneralName::Rfc822Name(text) | GeneralName::UniformResourceIdentifier(text) => {
            Some(text.to_string())
        }
        GeneralName::IpAddress(bytes) => address(bytes.as_bytes()).map(|address| address.to_string()),
        _ => None,
    };
    Some(names.0.iter().filter_map(text).collect())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).into());
    }
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical())
}
