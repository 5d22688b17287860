//! The successor list: the next r nodes clockwise, nearest first.
//!
//! **Invariant:** never holds the node itself, nor a node twice; distances strictly increase; at
//! most r entries.

use alloc::boxed::Box;
use alloc::vec;

use crate::id::{Distance, Id};
use crate::message::Peers;
use crate::peer::{Address, Peer};

/// One node's successor list.
#[derive(Debug)]
pub struct SuccessorList {
    own: Id,
    /// Of its capacity, r, the first `len` are in use.
    peers: Box<[Peer]>,
    len: u8,
}

impl SuccessorList {
    /// An empty list with room for `capacity` (r) entries.
    #[must_use]
    pub fn new(own: Id, capacity: u8) -> SuccessorList {
        let peers = vec![Peer::default(); capacity.into()].into_boxed_slice();
        SuccessorList { own, peers, len: 0 }
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

    /// The last entry: how far the list reaches.
    #[inline]
    #[must_use]
    pub fn last(&self) -> Option<Peer> {
        self.peers().last().copied()
    }

    /// Whether `key` lies in one of the gaps of [self, list…].
    #[inline]
    #[must_use]
    pub fn covers(&self, key: Id) -> bool {
        let Some(last) = self.last() else { return false };
        self.own.distance_to(key) <= self.own.distance_to(last.id) && key != self.own
    }

    /// How many entries lie before `key`: strictly between this node and it.
    #[inline]
    #[must_use]
    pub fn count_before(&self, key: Id) -> usize {
        if key == self.own {
            return self.len.into();
        }
        let distance = self.own.distance_to(key);
        self.peers().partition_point(|peer| self.own.distance_to(peer.id) < distance)
    }

    /// Whether `address` is one of the entries'.
    #[must_use]
    pub fn contains(&self, address: Address) -> bool {
        self.peers().iter().any(|peer| peer.address == address)
    }

    /// Puts `first`, and what follows it by `its_list`, in place of everything here: the adoption
    /// rule of stabilize and join (Zave 2017). Entries that `keep` refuses are left out; the list
    /// ends where it comes round to this node, or where its order is broken.
    pub fn adopt(&mut self, first: Peer, its_list: Peers<'_>, keep: impl Fn(Peer) -> bool) {
        let (own, mut reached) = (self.own, Distance::ZERO);
        let onwards = |peer: &Peer| {
            let before = core::mem::replace(&mut reached, own.distance_to(peer.id));
            before < reached
        };
        let peers = core::iter::once(first).chain(its_list.iter()).take_while(onwards);
        self.adopt_exact(peers.filter(|&peer| keep(peer)));
    }

    /// Puts these, which must be in order and none of them this node, in place of everything here.
    pub(crate) fn adopt_exact(&mut self, peers: impl Iterator<Item = Peer>) {
        self.len = 0;
        for (place, peer) in self.peers.iter_mut().zip(peers) {
            *place = peer;
            self.len += 1;
        }
    }

    /// Takes out `peer` and closes up. Returns whether it was there. Another peer may have its address
    /// by now, and stays.
    pub fn remove(&mut self, peer: Peer) -> bool {
        let before = self.len;
        self.len = 0;
        for at in 0..before.into() {
            if !self.peers[at].is_reached_like(peer) {
                self.peers[usize::from(self.len)] = self.peers[at];
                self.len += 1;
            }
        }
        self.len < before
    }

    /// Memory outside the struct itself, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.peers)
    }
}
