//! The keys that clients gave to their posts, so that sending one again counts nothing again.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

/// How many posts with a key are known.
const KNOWN: usize = 10_000;

/// A client's name for one post, so that sending it again changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key(u128, u64);

impl Key {
    /// `name` is what the client calls the post, `body` what it sent.
    pub fn new(name: &[u8], body: &[u8]) -> Self {
        Self(digest(name), digest(body) as u64)
    }
}

/// The first 16 bytes of SHA-256.
fn digest(bytes: &[u8]) -> u128 {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// The keys that came last, and digests of what came with them.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    order: VecDeque<u128>,
    bodies: HashMap<u128, u64>,
}

/// Whether a key was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It was not.
    New,
    /// It was, with the same body.
    Again,
    /// It was, with another body.
    Other,
}

impl Keys {
    /// Whether the post was there before.
    pub fn known(&self, key: Key) -> Known {
        match self.bodies.get(&key.0) {
            None => Known::New,
            Some(body) if *body == key.1 => Known::Again,
            Some(_) => Known::Other,
        }
    }

    /// Takes a new key, and forgets the oldest of too many.
    pub fn insert(&mut self, key: Key) {
        if self.bodies.insert(key.0, key.1).is_none() {
            self.order.push_back(key.0);
        }
        if self.order.len() > KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.bodies.remove(&oldest);
        }
    }

    /// Forgets the last `count` that were taken.
    pub fn forget_newest(&mut self, count: usize) {
        for name in self.order.drain(self.order.len().saturating_sub(count)..) {
            self.bodies.remove(&name);
        }
    }

    /// All of them, oldest first.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.order.iter().map(|name| Key(*name, self.bodies.get(name).copied().unwrap_or_default()))
    }
}

impl FromIterator<Key> for Keys {
    fn from_iter<T: IntoIterator<Item = Key>>(keys: T) -> Self {
        let mut known = Self::default();
        keys.into_iter().for_each(|key| known.insert(key));
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: usize) -> Key {
        Key::new(name.to_string().as_bytes(), b"body")
    }

    #[test]
    fn the_last_ten_thousand_are_known() {
        let keys: Keys = (0..KNOWN + 2).map(key).collect();
        assert_eq!([0, 1].map(|name| keys.known(key(name))), [Known::New; 2]);
        assert_eq!([2, KNOWN + 1].map(|name| keys.known(key(name))), [Known::Again; 2]);
        assert_eq!(keys.keys().count(), KNOWN);
        assert_eq!(keys.keys().next(), Some(key(2)));
    }

    #[test]
    fn one_that_comes_again_keeps_its_place() {
        let keys: Keys = [1, 2, 1].map(key).into_iter().collect();
        assert!(keys.keys().eq([1, 2].map(key)));
    }

    #[test]
    fn the_newest_are_forgotten_and_only_those() {
        let mut keys: Keys = (0..5).map(key).collect();
        keys.forget_newest(2);
        assert_eq!([2, 3, 4].map(|name| keys.known(key(name))), [Known::Again, Known::New, Known::New]);
        keys.forget_newest(9);
        assert_eq!(keys.keys().count(), 0);
    }

    #[test]
    fn another_body_is_told_from_the_same() {
        let keys: Keys = [Key::new(b"a", b"one")].into_iter().collect();
        assert_eq!(keys.known(Key::new(b"a", b"one")), Known::Again);
        assert_eq!(keys.known(Key::new(b"a", b"two")), Known::Other);
        assert_eq!(keys.known(Key::new(b"b", b"one")), Known::New);
    }
}
