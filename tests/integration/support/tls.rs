//! A client that speaks TLS, with a certificate of its own or without.

use std::fs;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::certs::KeyPair;
use super::http::{Response, connect};

/// A connection over which TLS is spoken.
pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// What a client trusts, and what it shows.
#[derive(Clone)]
pub(crate) struct Client(Arc<ClientConfig>);

impl Client {
    /// One that trusts `ca`.
    pub(crate) fn new(ca: &Path) -> Client {
        Client::with(ca, None, false)
    }

    /// One that also shows a certificate.
    pub(crate) fn showing(ca: &Path, pair: &KeyPair) -> Client {
        Client::with(ca, Some(pair), false)
    }

    /// The same with TLS 1.2, in which a server that does not like the certificate says so during the handshake.
    pub(crate) fn of_tls12(ca: &Path, pair: Option<&KeyPair>) -> Client {
        Client::with(ca, pair, true)
    }

    fn with(ca: &Path, pair: Option<&KeyPair>, old: bool) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).expect("an authority")).expect("it can be trusted");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let versions = if old { &[&TLS12][..] } else { &[&TLS13] };
        let builder = builder.with_protocol_versions(versions).expect("a version").with_root_certificates(roots);
        let mut config = match pair {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = CertificateDer::pem_file_iter(&pair.cert).expect("a file").map(|read| read.expect("PEM")).collect();
                let key = PrivateKeyDer::from_pem_file(&pair.key).expect("a key");
                builder.with_client_auth_cert(chain, key).expect("they fit")
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Client(Arc::new(config))
    }

    /// A connection to a server on this host; nothing is sent yet.
    pub(crate) fn connect(&self, address: SocketAddr) -> Stream {
        let host = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(self.0.clone(), host).expect("a connection");
        StreamOwned::new(connection, connect(address))
    }

    /// GET of a path with these headers, each ended by `\r\n`.
    pub(crate) fn get(&self, address: SocketAddr, path: &str, headers: &str) -> io::Result<Response> {
        self.request(address, "GET", path, headers, "").map(|(response, _)| response)
    }

    /// Sends a request; its answer, and the certificate that the server showed.
    pub(crate) fn request(
        &self,
        address: SocketAddr,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> io::Result<(Response, Vec<u8>)> {
        let mut stream = self.connect(address);
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all((head + body).as_bytes())?;
        let response = Response::try_read(&mut stream)?;
        let shown = stream.conn.peer_certificates().expect("a certificate")[0].to_vec();
        Ok((response, shown))
    }
}

/// The certificate in a file, as a server shows it.
pub(crate) fn der(pair: &KeyPair) -> Vec<u8> {
    CertificateDer::from_pem_slice(&fs::read(&pair.cert).expect("a file")).expect("PEM").to_vec()
}
