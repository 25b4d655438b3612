//! The open connections, within bounds: of their number, and of the bytes of answers that clients have not taken yet.
//!
//! At the first limit the connection that has been quiet for longest gives way, of those of the client that has most, so that neither a
//! thousand silent clients nor one that connects again and again keep a scrape out. One whose request is being answered is not quiet, however long that takes; it gives way only if all are so. A request
//! with a body does not make it so: clients that never send the rest would outlast those that have just come. At the second limit
//! it is the connection that has been taking its answer for longest, so that slow readers neither fill the memory nor keep a scrape out.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::access::network::network;
use crate::locked;

/// Open connections.
const MAX_CONNECTIONS: usize = 256;
/// Bytes of answers that are not taken. Prometheus takes a page at once, so that is for some dozens of large ones.
const MAX_UNTAKEN: usize = 64 * 1024 * 1024;

/// The open connections.
#[derive(Default)]
pub(super) struct Connections {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    last_id: u64,
    open: HashMap<u64, Open>,
    /// The sum of those of the connections.
    untaken: usize,
}

struct Open {
    /// Whose it is.
    client: IpAddr,
    /// Whether a request is being answered.
    busy: bool,
    /// When the connection came, or a request last began or had its answer made.
    active: Instant,
    /// Bytes of answers that the client has not taken.
    untaken: usize,
    task: AbortHandle,
}

/// A connection's own.
#[derive(Clone)]
pub(super) struct Place {
    connections: Arc<Connections>,
    id: u64,
}

/// An answer, until it is in the hands of the system, or the connection is gone.
struct Counted {
    bytes: Bytes,
    place: Place,
}

impl Connections {
    /// Has `serve` serve a new connection of `peer`.
    pub(super) fn open<F: Future<Output = ()> + Send + 'static>(self: &Arc<Self>, peer: IpAddr, serve: impl FnOnce(Place) -> F) {
        // Held while the task is made, so that it cannot end before it is known.
        let mut table = locked(&self.table);
        table.last_id += 1;
        let place = Place { connections: self.clone(), id: table.last_id };
        let (id, served) = (place.id, serve(place.clone()));
        let task = tokio::spawn(async move {
            served.await;
            locked(&place.connections.table).close(id);
        });
        table.open.insert(
            id,
            Open { client: network(peer), busy: false, active: Instant::now(), untaken: 0, task: task.abort_handle() },
        );
    }

    /// Whether there is no room for another.
    pub(super) fn are_too_many(&self) -> bool {
        locked(&self.table).open.len() >= MAX_CONNECTIONS
    }

    /// Closes the connection of the client with most of them that has been quiet for longest, if that is for `at_least` so long.
    pub(super) fn close_quietest(&self, at_least: Duration) -> bool {
        let mut table = locked(&self.table);
        let mut connections = HashMap::<_, u32>::new();
        for open in table.open.values() {
            *connections.entry(open.client).or_default() += 1;
        }
        let gives_way = |open: &Open| (open.busy, Reverse(connections[&open.client]), open.active);
        let quietest = table.open.iter().min_by_key(|(_, open)| gives_way(open));
        let quietest = quietest.filter(|(_, open)| open.active.elapsed() >= at_least).map(|(id, _)| *id);
        quietest.inspect(|id| table.close(*id)).is_some()
    }
}

impl Table {
    fn close(&mut self, id: u64) {
        if let Some(closed) = self.open.remove(&id) {
            self.untaken -= closed.untaken;
            closed.task.abort();
        }
    }
}

impl Place {
    /// Whether a request is being answered now.
    pub(super) fn set_busy(&self, busy: bool) {
        if let Some(open) = locked(&self.connections.table).open.get_mut(&self.id) {
            (open.busy, open.active) = (busy, Instant::now());
        }
    }

    /// Counts `answer` as not taken for as long as it is in memory, and makes room for it.
    pub(super) fn count(&self, answer: Bytes) -> Full<Bytes> {
        let mut table = locked(&self.connections.table);
        if let Some(open) = table.open.get_mut(&self.id) {
            open.untaken += answer.len();
            table.untaken += answer.len();
        }
        while table.untaken > MAX_UNTAKEN {
            let others = table.open.iter().filter(|(id, open)| **id != self.id && open.untaken > 0);
            let Some(id) = others.min_by_key(|(_, open)| open.active).map(|(id, _)| *id) else { break };
            table.close(id);
        }
        Full::new(Bytes::from_owner(Counted { bytes: answer, place: self.clone() }))
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let table = &mut *locked(&self.place.connections.table);
        // A connection that was closed was taken out with all that it had.
        if let Some(open) = table.open.get_mut(&self.place.id) {
            open.untaken -= self.bytes.len();
            table.untaken -= self.bytes.len();
        }
    }
}
