//! An HTTP server that stands for one of somebody else's: it keeps what it was asked, and answers what it was told to, good or bad,
//! to the byte. It closes each connection after its answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certs::KeyPair;

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
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let stand_in = StandIn { address, answer: Arc::new(Mutex::new(answer)), requests: Arc::default(), scheme };
        let (answer, requests) = (stand_in.answer.clone(), stand_in.requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, requests, tls) = (answer.clone(), requests.clone(), tls.clone());
                thread::spawn(move || match tls {
                    None => serve(stream, &answer, &requests),
                    Some(config) => serve(StreamOwned::new(ServerConnection::new(config).unwrap(), stream), &answer, &requests),
                });
            }
        });
        stand_in
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
    let Some(request) = read(&mut stream) else { return };
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    requests.lock().unwrap().push(request);
    let answer = match answer.lock().unwrap().clone() {
        Answer::At(paths) => paths.into_iter().find(|(at, _)| path.contains(at)).expect("an answer for the path").1,
        answer => answer,
    };
    let _ = write(&mut stream, &answer);
}

fn read(stream: &mut impl Read) -> Option<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(text.into_owned());
        }
    }
}

fn write(stream: &mut (impl Read + Write), answer: &Answer) -> std::io::Result<()> {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n[";
    match answer {
        Answer::Whole(status, headers, body) => {
            let length = body.len();
            write!(stream, "HTTP/1.1 {status} It\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}")?;
            stream.flush()
        }
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
