//! The section `tls_server_config` into how rustls speaks TLS.

use std::cell::Cell;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CipherSuite, InconsistentKeys, NamedGroup, ProtocolVersion, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
};

use super::certificates::{ClientAuth, verifier};
use super::stamps::Stamps;
use crate::config::decode::Section;
use crate::pem;
use crate::secret::Secret;

/// How TLS is spoken, and what is asked of clients.
pub(super) struct Tls {
    pub(super) config: Arc<ServerConfig>,
    /// What certificate clients show.
    pub(super) asked: ClientAuth,
    /// Whether it has to have one of some names.
    pub(super) asks_names: bool,
}

/// A text in PEM, and the key that had it.
type Pem = Option<(&'static str, Secret)>;

impl Tls {
    /// Reads the section, and the files it names.
    pub(super) fn decode(mut section: Section<'_>, stamps: &Stamps) -> Option<Self> {
        let cert = text(&mut section, "cert", "cert_file", stamps);
        let key = text(&mut section, "key", "key_file", stamps);
        for (found, key, inline) in [(&cert, "cert_file", "cert"), (&key, "key_file", "key")] {
            if found.is_none() {
                section.mistake(key, format_args!("expected the path of a file of PEM, or its text in {inline}"));
            }
        }
        let client_ca = text(&mut section, "client_ca", "client_ca_file", stamps);
        let asked = section.checked("client_auth_type", ClientAuth::No, str::parse);
        let names = section.texts("client_allowed_sans", Vec::new(), |name| Ok(name.to_owned()));
        let versions = versions(&mut section);
        let suites = suites(&mut section, &versions);
        let groups = groups(&mut section);
        let prefers_own = section.bool("prefer_server_cipher_suites", true);

        let roots = parsed(&section, &client_ca, pem::roots);
        if client_ca.is_some() && asked == ClientAuth::No {
            section.mistake("client_auth_type", "expected one that asks for certificates, as there is a client_ca");
        }
        if asked.verifies() && client_ca.is_none() {
            section.mistake("client_ca_file", format_args!("expected the certificates to trust, as client_auth_type is {asked}"));
        }
        if !names.is_empty() && !asked.is_required() {
            let expected = "expected RequireAndVerifyClientCert or RequireAnyClientCert, as there are client_allowed_sans";
            section.mistake("client_auth_type", expected);
        }
        let chain = parsed(&section, &cert, chain);
        let private = parsed(&section, &key, private_key);

        let provider = Arc::new(CryptoProvider { cipher_suites: suites, kx_groups: groups, ..ring::default_provider() });
        let asks_names = !names.is_empty();
        let made = verifier(asked, roots, names, &provider).and_then(|verifier| {
            let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&versions);
            Ok((verifier, builder.map_err(|error| ("min_version", error.to_string()))?))
        });
        let config = match (made, chain, private) {
            (Ok((verifier, builder)), Some(chain), Some(private)) => {
                let with_key = builder.with_client_cert_verifier(verifier).with_single_cert(chain, private);
                with_key.map_err(|error| (key.as_ref().map_or("key_file", |(key, _)| key), key_mistake(&error))).map(Some)
            }
            (Err(mistake), ..) => Err(mistake),
            _ => Ok(None),
        };
        let config = config.unwrap_or_else(|(key, expected)| {
            section.mistake(key, expected);
            None
        });
        section.finish();
        let mut config = config?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ignore_client_order = prefers_own;
        // Every connection shows its certificate anew; a scrape keeps its connection anyway.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Some(Self { config: Arc::new(config), asked, asks_names })
    }
}

/// The text under `inline`, or that of the file under `file`, with the key that had it.
fn text(section: &mut Section<'_>, inline: &'static str, file: &'static str, stamps: &Stamps) -> Pem {
    let text = section.checked(inline, None, |text| Ok(Some(Secret::new(text))));
    let read = section.file(file, |path| {
        String::from_utf8(stamps.read(path)?).map_err(|_| std::io::Error::other("expected PEM, found bytes that are no text"))
    });
    if text.is_some() && read.is_some() {
        section.mistake(inline, format_args!("expected either this or {file}, found both"));
    }
    text.map(|text| (inline, text)).or_else(|| read.map(|text| (file, Secret::new(text))))
}

/// What `parse` makes of it; the mistake is the key's.
fn parsed<T>(section: &Section<'_>, pem: &Pem, parse: impl FnOnce(&[u8]) -> Result<T, String>) -> Option<T> {
    let (key, text) = pem.as_ref()?;
    parse(text.expose().as_bytes()).map_err(|expected| section.mistake(key, expected)).ok()
}

fn chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain = pem::certificates(text)?;
    match chain.first().map(ParsedCertificate::try_from) {
        Some(Err(_)) => Err("expected a certificate of X.509 version 3".to_owned()),
        _ => Ok(chain),
    }
}

fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    // The error may quote what it could not read.
    PrivateKeyDer::from_pem_slice(text).map_err(|_| "expected a private key as PEM that is not encrypted".to_owned())
}

fn key_mistake(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => "expected the key of the certificate".to_owned(),
        // The error names three algorithms, and does not say which of their keys are too weak or too strange.
        _ => "expected a private key of RSA with 2048 to 8192 bits, of ECDSA with P-256 or P-384, or of Ed25519".to_owned(),
    }
}

fn versions(section: &mut Section<'_>) -> Vec<&'static SupportedProtocolVersion> {
    let parse = |text: &str| match text {
        "TLS12" => Ok(ProtocolVersion::TLSv1_2),
        "TLS13" => Ok(ProtocolVersion::TLSv1_3),
        _ => Err("TLS12 or TLS13, as older ones are not safe".to_owned()),
    };
    let least = section.checked("min_version", ProtocolVersion::TLSv1_2, parse);
    let most = section.checked("max_version", ProtocolVersion::TLSv1_3, parse);
    let [least_number, most_number] = [least, most].map(u16::from);
    if least_number > most_number {
        section.mistake("max_version", "expected no less than min_version");
        return vec![&TLS13, &TLS12];
    }
    let within = |version: &&SupportedProtocolVersion| (least_number..=most_number).contains(&u16::from(version.version));
    [&TLS13, &TLS12].into_iter().filter(within).collect()
}

/// The suite's name as Go has it, which is that of IANA.
fn name(suite: &SupportedCipherSuite) -> String {
    let name = format!("{:?}", suite.suite());
    if suite.tls13().is_some() { name.replace("TLS13_", "TLS_") } else { name }
}

/// As in Go the list is of TLS 1.2, and TLS 1.3 has all of its own.
fn suites(section: &mut Section<'_>, versions: &[&SupportedProtocolVersion]) -> Vec<SupportedCipherSuite> {
    let all = ring::DEFAULT_CIPHER_SUITES;
    let unknown = Cell::new(false);
    let listed = section.texts("cipher_suites", Vec::new(), |text| {
        let known = all.iter().find(|suite| name(suite) == text).copied();
        unknown.set(unknown.get() || known.is_none());
        known.ok_or_else(|| format!("one of {}", all.iter().map(name).collect::<Vec<_>>().join(", ")))
    });
    if listed.is_empty() {
        return all.to_vec();
    }
    let is_old = |suite: &SupportedCipherSuite| suite.tls13().is_none();
    if versions.contains(&&TLS12) && !unknown.get() && !listed.iter().any(is_old) {
        section.mistake("cipher_suites", "expected one of TLS 1.2 too, or TLS13 as min_version");
    }
    let new: fn(&SupportedCipherSuite) -> CipherSuite = SupportedCipherSuite::suite;
    let listed_new = listed.iter().filter(|suite| !is_old(suite)).map(new).collect::<Vec<_>>();
    let rest = all.iter().filter(|suite| !is_old(suite) && !listed_new.contains(&suite.suite())).copied();
    listed.iter().copied().chain(rest).collect()
}

fn groups(section: &mut Section<'_>) -> Vec<&'static dyn SupportedKxGroup> {
    let listed = section.texts("curve_preferences", Vec::new(), |text| match text {
        "X25519" => Ok(NamedGroup::X25519),
        "CurveP256" => Ok(NamedGroup::secp256r1),
        "CurveP384" => Ok(NamedGroup::secp384r1),
        _ => Err("one of X25519, CurveP256, CurveP384".to_owned()),
    });
    let all = ring::ALL_KX_GROUPS;
    if listed.is_empty() {
        return all.to_vec();
    }
    listed.into_iter().filter_map(|name| all.iter().find(|group| group.name() == name).copied()).collect()
}
