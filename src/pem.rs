//! Certificates out of PEM. An error says what was expected and shows no bytes, which may be those of a key.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// All certificates in `text`; there has to be one.
pub(crate) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err("expected at least one certificate as PEM, found none".to_owned()),
        Err(_) => Err("expected certificates as PEM, found one that is cut off or damaged".to_owned()),
    }
}

/// The certificates in `text` as those of authorities that are trusted.
pub(crate) fn roots(text: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(text)? {
        roots.add(certificate).map_err(|error| format!("expected certificates of authorities: {error}"))?;
    }
    Ok(roots)
}
