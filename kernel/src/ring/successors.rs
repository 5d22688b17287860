//! The successor list: the next r nodes clockwise, nearest first.
//!
//! The list does not store its owner's identifier; methods take it as an argument.
//!
//! **Invariant:** the list never contains its owner, nor any node twice; distances strictly
//! increase; at most r entries.

use alloc::boxed::Box;
use alloc::vec;

use crate::base::{Address, Distance, Id, Peer, Peers};

/// The successor list of one node.
#[derive(Clone, Debug)]
pub struct SuccessorList {
    /// Room for r entries, of which the first `len` are in use. The other places hold former
    /// entries, those that were removed last first.
    peers: Box<[Peer]>,
    len: u8,
}

impl SuccessorList {
    /// An empty list with room for `capacity` (r) entries.
    #[must_use]
    pub fn new(capacity: u8) -> SuccessorList {
        let peers = vec![Peer::default(); capacity.into()].into_boxed_slice();
        SuccessorList { peers, len: 0 }
    }

    /// The entries, nearest first.
    #[inline]
    #[must_use]
    pub fn peers(&self) -> &[Peer] {
        &self.peers[..self.len.into()]
    }

    /// Whether there are as many entries as there is room for.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.peers().len() == self.peers.len()
    }

    /// The first successor.
    #[inline]
    #[must_use]
    pub fn first(&self) -> Option<Peer> {
        self.peers().first().copied()
    }

    /// The last entry.
    #[inline]
    #[must_use]
    pub fn last(&self) -> Option<Peer> {
        self.peers().last().copied()
    }

    /// Whether `key` lies between the node `own` and the last entry, so that the list contains its
    /// owner.
    #[inline]
    #[must_use]
    pub fn covers(&self, own: Id, key: Id) -> bool {
        let Some(last) = self.last() else { return false };
        own.distance_to(key) <= own.distance_to(last.id) && key != own
    }

    /// The number of entries strictly between the node `own` and `key`.
    #[inline]
    #[must_use]
    pub fn count_before(&self, own: Id, key: Id) -> usize {
        if key == own {
            return self.len.into();
        }
        let distance = own.distance_to(key);
        self.peers().partition_point(|peer| own.distance_to(peer.id) < distance)
    }

    /// Whether an entry has this address.
    #[must_use]
    pub fn contains(&self, address: Address) -> bool {
        self.peers().iter().any(|peer| peer.address == address)
    }

    /// Replaces the list by `first` followed by `its_list`: the adoption rule of stabilize and join
    /// (Zave 2017). Leaves out entries for which `keep` is false. Stops where the list reaches
    /// the node `own` or is out of order.
    pub fn adopt(
        &mut self,
        own: Id,
        first: Peer,
        its_list: Peers<'_>,
        keep: impl Fn(Peer) -> bool,
    ) {
        let mut reached = Distance::ZERO;
        let onwards = |peer: &Peer| {
            let before = core::mem::replace(&mut reached, own.distance_to(peer.id));
            before < reached
        };
        let peers = core::iter::once(first).chain(its_list.iter()).take_while(onwards);
        self.adopt_exact(peers.filter(|&peer| keep(peer)));
    }

    /// Replaces the list by `peers`, which must be in order and without the list's owner.
    pub(crate) fn adopt_exact(&mut self, peers: impl Iterator<Item = Peer>) {
        self.len = 0;
        for (place, peer) in self.peers.iter_mut().zip(peers) {
            *place = peer;
            self.len += 1;
        }
    }

    /// Removes `peer` and returns whether it was in the list. Another node that uses its address by
    /// now stays.
    pub fn remove(&mut self, peer: Peer) -> bool {
        let at = self.peers().iter().position(|it| it.is_same_destination(peer));
        if let Some(at) = at {
            self.peers[at..self.len.into()].rotate_left(1);
            self.len -= 1;
        }
        at.is_some()
    }

    /// Removes the entries between the entry `from` and `next`. If none is left after `from`, `next` becomes the
    /// last entry.
    pub(crate) fn skip_to(&mut self, from: Peer, next: Peer) {
        let is_between = |peer: &&Peer| peer.id.is_between(from.id, next.id);
        while let Some(&peer) = self.peers().iter().find(is_between) {
            self.remove(peer);
        }
        if self.last() == Some(from)
            && let Some(place) = self.peers.get_mut(usize::from(self.len))
        {
            *place = next;
            self.len += 1;
        }
    }

    /// Keeps `peer` besides the removed entries of an empty list, as the latest.
    pub(crate) fn keep_fallback(&mut self, peer: Peer) {
        if self.len == 0 && !self.peers.contains(&peer) {
            self.peers.rotate_right(1);
            self.peers[0] = peer;
        }
    }

    /// A removed entry of an empty list. Each call returns another one, as long as there are others.
    pub(crate) fn next_fallback(&mut self) -> Option<Peer> {
        let kept = self.peers.iter().take_while(|peer| **peer != Peer::default()).count();
        if self.len > 0 || kept == 0 {
            return None;
        }
        let next = self.peers[0];
        self.peers[..kept].rotate_left(1);
        Some(next)
    }

    /// Memory outside the struct itself, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.peers)
    }
}
