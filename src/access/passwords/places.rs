//! Who may wait for a check of a password when more come than are checked.
//!
//! Strangers with many addresses must not keep those out who have a password. So no address has more than a few places, whoever takes
//! many makes room for others, and addresses that had a right password before come first.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;

use tokio::sync::oneshot;

use crate::access::network::network;
use crate::locked;

/// How many checks wait, with the one that runs.
pub(super) const MAX_WAITING: usize = 32;
/// How many of these are for one address.
pub(super) const MAX_WAITING_OF_ONE: usize = 4;
/// How many addresses are known to have had a right password.
const MAX_TRUSTED: usize = 256;

/// Those that wait, in the order that they came in, and the addresses that come first.
#[derive(Default)]
pub(super) struct Places {
    waiting: Mutex<Waiting>,
    trusted: Mutex<VecDeque<IpAddr>>,
}

#[derive(Default)]
struct Waiting {
    last_id: u64,
    places: Vec<Waiter>,
}

struct Waiter {
    id: u64,
    network: IpAddr,
    trusted: bool,
    /// Says that it has lost its place; None once its check runs.
    displace: Option<oneshot::Sender<()>>,
}

/// A place, until it is dropped.
pub(super) struct Place<'a> {
    places: &'a Places,
    id: u64,
    /// Ends when somebody else has the place.
    pub(super) displaced: oneshot::Receiver<()>,
}

impl Waiting {
    fn of(&self, network: IpAddr) -> usize {
        self.places.iter().filter(|other| other.network == network).count()
    }

    /// Takes the place of the last to come from the network that has the most, unless nothing is fairer then.
    fn make_room(&mut self, of_network: usize, trusted: bool) -> bool {
        let may_lose = self.places.iter().enumerate().filter(|(_, other)| !other.trusted && other.displace.is_some());
        let most = may_lose.map(|(at, other)| (self.of(other.network), at)).max();
        let Some((_, at)) = most.filter(|(count, _)| trusted || *count > of_network + 1) else { return false };
        let lost = self.places.remove(at);
        // Whoever is gone need not be told.
        let _ = lost.displace.map(|displace| displace.send(()));
        true
    }
}

impl Places {
    /// A place for a client at `peer`, if there is one for it.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Place<'_>> {
        let network = network(peer);
        let trusted = locked(&self.trusted).contains(&network);
        let mut waiting = locked(&self.waiting);
        let of_network = waiting.of(network);
        let is_full = waiting.places.len() >= MAX_WAITING;
        if of_network >= MAX_WAITING_OF_ONE || is_full && !waiting.make_room(of_network, trusted) {
            return None;
        }
        let (displace, displaced) = oneshot::channel();
        waiting.last_id += 1;
        let id = waiting.last_id;
        waiting.places.push(Waiter { id, network, trusted, displace: Some(displace) });
        Some(Place { places: self, id, displaced })
    }

    /// Remembers that a client at `peer` had a right password.
    pub(super) fn trust(&self, peer: IpAddr) {
        let network = network(peer);
        let mut trusted = locked(&self.trusted);
        if !trusted.contains(&network) {
            trusted.truncate(MAX_TRUSTED - 1);
            trusted.push_front(network);
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        locked(&self.waiting).places.len()
    }
}

impl Place<'_> {
    /// Its check runs: nobody gains by taking the place.
    pub(super) fn keep(&self) {
        if let Some(waiter) = locked(&self.places.waiting).places.iter_mut().find(|waiter| waiter.id == self.id) {
            waiter.displace = None;
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        locked(&self.places.waiting).places.retain(|waiter| waiter.id != self.id);
    }
}
