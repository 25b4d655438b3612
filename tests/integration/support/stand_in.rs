//! An HTTP server that stands for one of somebody else's: it keeps what it was asked, and answers what it was told to, good or bad,
//! to the byte. It closes each connection after its answer.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certs::KeyPair;
use super::listener::{self, Request, listen};

/// How long a test waits for a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A status, further header lines (each ended by `\r\n`) and a body.
    Whole(u16, String, String),
    /// The same with status 200, after this time.
    After(Duration, String),
    /// Nothing, until the client gives up.
    Nothing,
    /// A head, and then a byte of the body now and then, until the client gives up.
    Slowly,
    /// A body without an end, as fast as the client takes it.
    Endless,
    /// This, whatever it is.
    Bytes(&'static [u8]),
    /// What the first of these paths that the request has in it says.
    At(Vec<(&'static str, Answer)>),
}

impl Answer {
    pub(crate) fn json(status: u16, body: &str) -> Answer {
        Answer::Whole(status, "Content-Type: application/json; charset=utf-8\r\n".to_owned(), body.to_owned())
    }
}

pub(crate) struct StandIn {
    address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    requests: Arc<Mutex<Vec<String>>>,
    scheme: &'static str,
}

impl StandIn {
    pub(crate) fn start(answer: Answer) -> StandIn {
        StandIn::over(answer, None)
    }

    /// One that speaks TLS.
    pub(crate) fn start_tls(answer: Answer, pair: &KeyPair) -> StandIn {
        let certificates = CertificateDer::pem_file_iter(&pair.cert).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        StandIn::over(answer, Some(Arc::new(versions.with_no_client_auth().with_single_cert(certificates, key).unwrap())))
    }

    fn over(answer: Answer, tls: Option<Arc<ServerConfig>>) -> StandIn {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (answer, requests) = (Arc::new(Mutex::new(answer)), Arc::<Mutex<Vec<String>>>::default());
        let (answers, kept) = (answer.clone(), requests.clone());
        let address = listen(move |stream| match tls.clone() {
            None => serve(stream, &answers, &kept),
            Some(config) => serve(StreamOwned::new(ServerConnection::new(config).unwrap(), stream), &answers, &kept),
        });
        StandIn { address, answer, requests, scheme }
    }

    /// Answers this from now on.
    pub(crate) fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// The address of a path there.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.address.port())
    }

    /// The requests so far, heads and bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until there were this many requests, and returns them; panics after half a minute.
    pub(crate) fn wait(&self, count: usize) -> Vec<String> {
        let since = Instant::now();
        while self.requests().len() < count {
            assert!(since.elapsed() < PATIENCE, "{} of {count} requests came", self.requests().len());
            thread::sleep(Duration::from_millis(10));
        }
        self.requests()
    }
}

/// Takes one request and answers it. A client that goes away meanwhile is none of the server's business.
fn serve(mut stream: impl Read + Write, answer: &Mutex<Answer>, requests: &Mutex<Vec<String>>) {
    let Some(request) = Request::read(&mut stream) else { return };
    requests.lock().unwrap().push(format!("{}{}", request.head, String::from_utf8_lossy(&request.body)));
    let answer = match answer.lock().unwrap().clone() {
        Answer::At(paths) => paths.into_iter().find(|(at, _)| request.path().contains(at)).expect("an answer for the path").1,
        answer => answer,
    };
    let _ = write(&mut stream, &answer);
}

fn write(stream: &mut (impl Read + Write), answer: &Answer) -> std::io::Result<()> {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n[";
    match answer {
        Answer::Whole(status, headers, body) => listener::answer(stream, *status, headers, body),
        Answer::After(time, body) => {
            thread::sleep(*time);
            write(stream, &Answer::json(200, body))
        }
        Answer::Nothing => stream.read(&mut [0]).map(drop),
        Answer::Slowly => {
            stream.write_all(HEAD)?;
            loop {
                stream.write_all(b" ")?;
                stream.flush()?;
                thread::sleep(Duration::from_millis(20));
            }
        }
        Answer::Endless => {
            stream.write_all(HEAD)?;
            loop {
                stream.write_all(&[b' '; 4096])?;
            }
        }
        Answer::Bytes(bytes) => {
            stream.write_all(bytes)?;
            stream.flush()
        }
        Answer::At(_) => unreachable!("it was looked up"),
    }
}
