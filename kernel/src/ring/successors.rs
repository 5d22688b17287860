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
#[derive(Debug)]
pub struct SuccessorList {
    /// Room for r entries, of which the first `len` are in use. If the list is empty, the first may
    /// hold the fallback.
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
        let before = self.len;
        self.len = 0;
        for at in 0..before.into() {
            if !self.peers[at].is_same_destination(peer) {
                self.peers[usize::from(self.len)] = self.peers[at];
                self.len += 1;
            }
        }
        self.len < before
    }

    /// Keeps `peer` as the fallback if the list is empty.
    pub(crate) fn keep_fallback(&mut self, peer: Peer) {
        if self.len == 0
            && let Some(room) = self.peers.first_mut()
        {
            *room = peer;
        }
    }

    /// The fallback of an empty list, or else the entry that it lost last.
    pub(crate) fn fallback(&self) -> Option<Peer> {
        let kept = self.peers.first().filter(|_| self.len == 0);
        kept.filter(|peer| **peer != Peer::default()).copied()
    }

    /// Memory outside the struct itself, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.peers)
    }
}
