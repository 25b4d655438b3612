//! The least that a server of this kind can do: hyper, set up as in the exporter, and an answer that is there already.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sentinel_exporter::exposition;
use tokio::net::TcpListener;

/// A process of its own: answers every request with what is in `page`.
pub(crate) fn serve(page: &Path, address: &str) {
    let page = Bytes::from(std::fs::read(page).expect("the page"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind(address.parse::<SocketAddr>().expect("an address")).await.expect("a listener");
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            let page = page.clone();
            tokio::spawn(async move {
                let answer = service_fn(move |_| {
                    let answer = Response::builder().header(CONTENT_TYPE, exposition::CONTENT_TYPE).body(Full::new(page.clone()));
                    async { Ok::<_, Infallible>(answer.expect("an answer")) }
                });
                // A client that goes away is no failure.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
}
