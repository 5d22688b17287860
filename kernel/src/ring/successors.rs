//! The successor list: the next r nodes clockwise, nearest first.
//!
//! **Invariant:** never holds the node itself, nor a node twice; distances strictly increase; at
//! most r entries.

use alloc::vec::Vec;

use crate::id::Id;
use crate::message::Peers;
use crate::peer::{Address, Peer};

/// One node's successor list.
#[derive(Debug)]
pub struct SuccessorList {
    own: Id,
    peers: Vec<Peer>,
    capacity: usize,
}

impl SuccessorList {
    /// An empty list with room for `capacity` (r) entries.
    #[must_use]
    pub fn new(own: Id, capacity: usize) -> SuccessorList {
        SuccessorList { own, peers: Vec::with_capacity(capacity), capacity }
    }

    /// The entries, nearest first.
    #[inline]
    #[must_use]
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// The first successor.
    #[inline]
    #[must_use]
    pub fn first(&self) -> Option<Peer> {
        self.peers.first().copied()
    }

    /// The last entry: how far the list reaches.
    #[inline]
    #[must_use]
    pub fn last(&self) -> Option<Peer> {
        self.peers.last().copied()
    }

    /// Whether `key` lies in one of the gaps of [self, list…].
    #[inline]
    #[must_use]
    pub fn covers(&self, key: Id) -> bool {
        let Some(last) = self.peers.last() else { return false };
        self.own.distance_to(key) <= self.own.distance_to(last.id) && key != self.own
    }

    /// How many entries lie before `key`: strictly between this node and it.
    #[inline]
    #[must_use]
    pub fn count_before(&self, key: Id) -> usize {
        if key == self.own {
            return self.peers.len();
        }
        let distance = self.own.distance_to(key);
        self.peers.partition_point(|peer| self.own.distance_to(peer.id) < distance)
    }

    /// Whether `address` is one of the entries'.
    #[must_use]
    pub fn contains(&self, address: Address) -> bool {
        self.peers.iter().any(|peer| peer.address == address)
    }

    /// Puts `first`, and what follows it by `its_list`, in place of everything here: the adoption
    /// rule of stabilize and join (Zave 2017). Entries that `keep` refuses are left out; the list
    /// ends where it comes round to this node, or where its order is broken.
    pub fn adopt(&mut self, first: Peer, its_list: Peers<'_>, keep: impl Fn(Peer) -> bool) {
        self.peers.clear();
        let mut reached = crate::id::Distance::ZERO;
        for peer in core::iter::once(first).chain(its_list.iter()) {
            let distance = self.own.distance_to(peer.id);
            if self.peers.len() == self.capacity || distance <= reached {
                break;
            }
            reached = distance;
            if keep(peer) {
                self.peers.push(peer);
            }
        }
    }

    /// Puts these, which must be in order and none of them this node, in place of everything here.
    pub(crate) fn adopt_exact(&mut self, peers: impl Iterator<Item = Peer>) {
        self.peers.clear();
        self.peers.extend(peers.take(self.capacity));
    }

    /// Takes out `peer` and closes up. Returns whether it was there. Another peer may have its address
    /// by now, and stays.
    pub fn remove(&mut self, peer: Peer) -> bool {
        let before = self.peers.len();
        self.peers.retain(|&other| other != peer);
        self.peers.len() < before
    }

    /// Memory outside the struct itself, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.capacity * size_of::<Peer>()
    }
}
