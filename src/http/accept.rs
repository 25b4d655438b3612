//! Accepting connections, and serving them until they end, with a deadline for headers.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::connections::{Connections, Place};
use super::handshake::{end, shaken};
use super::{Handler, admit};

/// How long a client may take to send a request's head; a connection between two requests is closed after it too.
const HEADER_DEADLINE: Duration = Duration::from_secs(30);
/// How long a connection is left to send its request, however many others come. Those wait to be accepted.
const GRACE: Duration = Duration::from_millis(20);
const STEP: Duration = Duration::from_millis(1);
/// How many connections are closed at once when there is no descriptor for another.
const FREED: usize = 8;
/// How often it is logged that connections cannot be accepted.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// The longest head of a request, in bytes; a longer one is answered with 431.
const MAX_HEAD: usize = 16 * 1024;

/// Why a connection ended early.
type Ended = Box<dyn std::error::Error + Send + Sync>;

/// Accepts connections for ever, and has their requests answered by `handler`.
pub async fn serve<H: Handler>(listener: TcpListener, handler: Arc<H>) {
    let connections = Arc::new(Connections::default());
    let mut reported = None;
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => continue,
            Err(error) => {
                if reported.is_none_or(|at: Instant| at.elapsed() > REPORT_INTERVAL) {
                    tracing::warn!(%error, "cannot accept connections; the quietest are closed");
                    reported = Some(Instant::now());
                }
                // Out of descriptors. They are free when the tasks of the closed connections have ended, in a moment.
                for _ in 0..FREED {
                    connections.close_quietest(Duration::ZERO);
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            }
        };
        while connections.are_too_many() && !connections.close_quietest(GRACE) {
            tokio::time::sleep(STEP).await;
        }
        let handler = handler.clone();
        connections.open(peer.ip(), async move |place| {
            if let Err(error) = connection(stream, peer, &*handler, &place).await {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
}

async fn connection<H: Handler>(stream: TcpStream, peer: SocketAddr, handler: &H, place: &Place) -> Result<(), Ended> {
    let rules = handler.access().rules().await;
    let stream = shaken(stream, &rules).await?;
    let service = service_fn(|request: Request<Incoming>| {
        let rules = &rules;
        Box::pin(async move {
            // Whether the rest of a body will ever come is for the client to say.
            place.set_busy(request.body().is_end_stream());
            let answer = admit::answer(handler, request, peer, rules).await;
            place.set_busy(false);
            Ok::<_, Infallible>(answer.map(|body| place.count(body)))
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    end(connection.into_parts().io.into_inner()).await;
    Ok(ended?)
}
