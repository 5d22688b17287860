//! Doubly linked lists of the slots of a table. The links are stored apart from the table.
//!
//! Lists are circular: a list is known by its first slot, whose predecessor is the last one.
//!
//! **Invariant:** a slot is in at most one list; memory is allocated only at construction.

use core::iter::successors;

use crate::items::numbers::Numbers;

/// The lists over one table. Each is known by its number.
#[derive(Clone, Debug)]
pub(super) struct LinkedLists {
    /// The first slot of each list, then the previous and the next slot of each slot.
    links: Numbers,
    lists: u32,
}

impl LinkedLists {
    /// Empty lists `0 .. lists` over the slots `0 .. slots`.
    pub(super) fn new(lists: usize, slots: usize) -> LinkedLists {
        LinkedLists { links: Numbers::new(lists + 2 * slots, slots), lists: lists as u32 }
    }

    /// The first slot of `list`.
    pub(super) fn first(&self, list: u32) -> Option<u32> {
        self.links.at(list as usize)
    }

    /// The last slot of `list`.
    pub(super) fn last(&self, list: u32) -> Option<u32> {
        self.first(list).map(|first| self.previous(first))
    }

    /// The slots in `list`, from the first.
    pub(super) fn forward(&self, list: u32) -> impl Iterator<Item = u32> {
        let first = self.first(list);
        successors(first, move |&at| Some(self.next(at)).filter(|&next| Some(next) != first))
    }

    /// The slots in `list`, from the last.
    pub(super) fn backward(&self, list: u32) -> impl Iterator<Item = u32> {
        let last = self.last(list);
        successors(last, move |&at| Some(self.previous(at)).filter(|&before| Some(before) != last))
    }

    /// Inserts the slot `at`, which is in no list, into `list`: after `previous`, or at the front.
    pub(super) fn insert(&mut self, list: u32, at: u32, previous: Option<u32>) {
        let before = previous.or_else(|| self.last(list)).unwrap_or(at);
        let after = if before == at { at } else { self.next(before) };
        self.connect(before, at);
        self.connect(at, after);
        if previous.is_none() {
            self.links.set(list as usize, Some(at));
        }
    }

    /// Removes the slot `at` from `list`, which contains it.
    pub(super) fn remove(&mut self, list: u32, at: u32) {
        let (before, after) = (self.previous(at), self.next(at));
        self.connect(before, after);
        if self.first(list) == Some(at) {
            self.links.set(list as usize, Some(after).filter(|&after| after != at));
        }
    }

    /// The reserved memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.links.heap_bytes()
    }

    /// The slot before `at`, which is in a list.
    fn previous(&self, at: u32) -> u32 {
        self.links.at(self.link_of(at)).unwrap_or(at)
    }

    /// The slot after `at`, which is in a list.
    fn next(&self, at: u32) -> u32 {
        self.links.at(self.link_of(at) + 1).unwrap_or(at)
    }

    fn connect(&mut self, before: u32, after: u32) {
        self.links.set(self.link_of(before) + 1, Some(after));
        self.links.set(self.link_of(after), Some(before));
    }

    /// The position of the previous slot of `at` in `links`. That of the next one follows.
    const fn link_of(&self, at: u32) -> usize {
        self.lists as usize + 2 * at as usize
    }
}
