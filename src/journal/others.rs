//! What several paths lead to is one file and is read once: before a tail takes up a file, it asks here whether another one has it.

use std::path::Path;

use super::reader::Mark;
use super::tail::Tail;

/// All tails but one.
#[derive(Clone, Copy, Default)]
pub struct Others<'t> {
    before: &'t [Tail],
    after: &'t [Tail],
}

impl<'t> Others<'t> {
    /// The tail at `at`, and the others.
    pub fn of(tails: &'t mut [Tail], at: usize) -> Option<(&'t mut Tail, Self)> {
        let (before, rest) = tails.split_at_mut_checked(at)?;
        let (tail, after) = rest.split_first_mut()?;
        Some((tail, Self { before, after }))
    }

    fn tails(self) -> impl Iterator<Item = &'t Tail> {
        self.before.iter().chain(self.after)
    }

    /// The path of the one that reads the file with this device and inode, wherever that is by now.
    pub(super) fn reading(self, inode: (u64, u64)) -> Option<&'t Path> {
        self.tails().find(|tail| tail.reads(inode)).map(Tail::path)
    }

    /// How far they have read files that they no longer read.
    pub(super) fn finished(self) -> impl Iterator<Item = &'t Mark> {
        self.tails().flat_map(Tail::finished)
    }
}
