//! Doubly linked lists of table indices. The links are stored apart from the table.
//!
//! **Invariant:** memory is allocated only at construction.

use alloc::vec::Vec;

/// No element.
const NONE: u32 = u32::MAX;

/// The ends of one list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct List {
    first: u32,
    last: u32,
}

impl List {
    /// An empty list.
    pub(super) const EMPTY: List = List { first: NONE, last: NONE };

    /// The first element.
    pub(super) fn first(self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// The last element.
    pub(super) fn last(self) -> Option<u32> {
        (self.last != NONE).then_some(self.last)
    }
}

/// The links of all lists. An element is in at most one of them.
#[derive(Debug)]
pub(super) struct LinkedLists(Vec<Link>);

#[derive(Clone, Copy, Debug)]
struct Link {
    previous: u32,
    next: u32,
}

impl LinkedLists {
    /// Links for elements `0 .. capacity`, none of them in a list.
    pub(super) fn new(capacity: usize) -> LinkedLists {
        LinkedLists(Vec::with_capacity(capacity))
    }

    /// The elements of `list`, from the first.
    pub(super) fn forward(&self, list: List) -> impl Iterator<Item = u32> {
        core::iter::successors(list.first(), |&at| {
            Some(self.0[at as usize].next).filter(|&next| next != NONE)
        })
    }

    /// The elements of `list`, from the last.
    pub(super) fn backward(&self, list: List) -> impl Iterator<Item = u32> {
        core::iter::successors(list.last(), |&at| {
            Some(self.0[at as usize].previous).filter(|&next| next != NONE)
        })
    }

    /// Inserts `at`, which is in no list, after `previous` in `list`, or at the front.
    pub(super) fn insert(&mut self, list: &mut List, at: u32, previous: Option<u32>) {
        let previous = previous.unwrap_or(NONE);
        let next = if previous == NONE { list.first } else { self.0[previous as usize].next };
        if self.0.len() <= at as usize {
            self.0.resize(at as usize + 1, Link { previous: NONE, next: NONE });
        }
        self.0[at as usize] = Link { previous, next };
        self.connect(list, previous, at);
        self.connect(list, at, next);
    }

    /// Removes `at` from `list`, which contains it.
    pub(super) fn remove(&mut self, list: &mut List, at: u32) {
        let Link { previous, next } = self.0[at as usize];
        self.connect(list, previous, next);
    }

    /// The reserved memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Link>()
    }

    /// Links `previous` and `next` to each other. Either may be beyond an end of `list`.
    fn connect(&mut self, list: &mut List, previous: u32, next: u32) {
        match self.0.get_mut(previous as usize) {
            Some(link) => link.next = next,
            None => list.first = next,
        }
        match self.0.get_mut(next as usize) {
            Some(link) => link.previous = previous,
            None => list.last = previous,
        }
    }
}
