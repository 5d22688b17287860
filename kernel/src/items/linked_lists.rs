//! Lists through a table: doubly linked lists of its places, kept apart from what lies there.
//!
//! **Invariant:** room is taken once, when the links are made.

use alloc::vec::Vec;

/// No place.
const NONE: u32 = u32::MAX;

/// Where a list begins and ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct List {
    first: u32,
    last: u32,
}

impl List {
    /// A list of nothing.
    pub(super) const EMPTY: List = List { first: NONE, last: NONE };

    /// Its first place.
    pub(super) fn first(self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// Its last place.
    pub(super) fn last(self) -> Option<u32> {
        (self.last != NONE).then_some(self.last)
    }
}

/// What each place is between; a place is in one list of these links at most.
#[derive(Debug)]
pub(super) struct Links(Vec<Link>);

#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
}

impl Links {
    /// Room for `capacity` places, `0 .. capacity`, in no list.
    pub(super) fn new(capacity: usize) -> Links {
        Links(Vec::with_capacity(capacity))
    }

    /// The places of `list`, from its first.
    pub(super) fn forward(&self, list: List) -> impl Iterator<Item = u32> {
        core::iter::successors(list.first(), |&at| {
            Some(self.0[at as usize].after).filter(|&next| next != NONE)
        })
    }

    /// The places of `list`, from its last.
    pub(super) fn backward(&self, list: List) -> impl Iterator<Item = u32> {
        core::iter::successors(list.last(), |&at| {
            Some(self.0[at as usize].before).filter(|&next| next != NONE)
        })
    }

    /// Puts `at`, which is in no list, behind `before` in `list`, or in front of all.
    pub(super) fn insert(&mut self, list: &mut List, at: u32, before: Option<u32>) {
        let before = before.unwrap_or(NONE);
        let after = if before == NONE { list.first } else { self.0[before as usize].after };
        if self.0.len() <= at as usize {
            self.0.resize(at as usize + 1, Link { before: NONE, after: NONE });
        }
        self.0[at as usize] = Link { before, after };
        self.join(list, before, at);
        self.join(list, at, after);
    }

    /// Takes `at` out of `list`, which it is in.
    pub(super) fn remove(&mut self, list: &mut List, at: u32) {
        let Link { before, after } = self.0[at as usize];
        self.join(list, before, after);
    }

    /// Memory reserved, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Link>()
    }

    /// From now on `before` and `after` are next to each other; either may be an end of `list`.
    fn join(&mut self, list: &mut List, before: u32, after: u32) {
        match self.0.get_mut(before as usize) {
            Some(link) => link.after = after,
            None => list.first = after,
        }
        match self.0.get_mut(after as usize) {
            Some(link) => link.before = before,
            None => list.last = before,
        }
    }
}
