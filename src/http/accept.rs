//! Connections within bounds: a limit on their number, and a deadline for headers.
//!
//! At the limit the connection that has been quiet for longest gives way, so that a thousand silent clients do not keep a
//! scrape out. One whose request is being answered is not quiet, however long that takes; it gives way only if all are so. A request
//! with a body does not make it so: clients that never send the rest would outlast those that have just come.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::handshake::{end, shaken};
use super::{Handler, admit};
use crate::locked;

/// Open connections.
const MAX_CONNECTIONS: usize = 256;
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

/// The open connections.
#[derive(Default)]
struct Connections {
    open: Mutex<HashMap<u64, Open>>,
}

struct Open {
    /// Whether a request is being answered.
    busy: bool,
    /// When the connection came, or a request last began or had its answer made.
    active: Instant,
    task: AbortHandle,
}

impl Connections {
    fn set_busy(&self, id: u64, busy: bool) {
        if let Some(open) = locked(&self.open).get_mut(&id) {
            (open.busy, open.active) = (busy, Instant::now());
        }
    }

    fn are_too_many(&self) -> bool {
        locked(&self.open).len() >= MAX_CONNECTIONS
    }

    /// Closes the connection that has been quiet for longest, if that is for `at_least` so long.
    fn close_quietest(&self, at_least: Duration) -> bool {
        let mut open = locked(&self.open);
        let quietest = open.iter().min_by_key(|(_, open)| (open.busy, open.active));
        let quietest = quietest.filter(|(_, open)| open.active.elapsed() >= at_least).map(|(id, _)| *id);
        let closed = quietest.and_then(|id| open.remove(&id));
        closed.as_ref().inspect(|closed| closed.task.abort()).is_some()
    }
}

/// Accepts connections for ever, and has their requests answered by `handler`.
pub async fn serve<H: Handler>(listener: TcpListener, handler: Arc<H>) {
    let connections = Arc::new(Connections::default());
    let mut next_id = 0_u64;
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
        next_id += 1;
        let id = next_id;
        // Held while the task is made, so that it cannot end before it is known.
        let mut open = locked(&connections.open);
        let task = tokio::spawn({
            let (handler, connections) = (handler.clone(), connections.clone());
            async move {
                if let Err(error) = connection(stream, peer, &*handler, |busy| connections.set_busy(id, busy)).await {
                    tracing::debug!(%error, "a connection ended");
                }
                locked(&connections.open).remove(&id);
            }
        });
        open.insert(id, Open { busy: false, active: Instant::now(), task: task.abort_handle() });
    }
}

async fn connection<H: Handler>(stream: TcpStream, peer: SocketAddr, handler: &H, set_busy: impl Fn(bool)) -> Result<(), Ended> {
    let stream = shaken(stream, &*handler.access().rules().await).await?;
    let service = service_fn(|request: Request<Incoming>| {
        let set_busy = &set_busy;
        Box::pin(async move {
            // Whether the rest of a body will ever come is for the client to say.
            set_busy(request.body().is_end_stream());
            let answer = admit::answer(handler, request, peer).await;
            set_busy(false);
            Ok::<_, Infallible>(answer)
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
