//! The successor list: the next r nodes clockwise, nearest first.
//!
//! **Invariant:** never holds the node itself, nor a node twice; distances strictly increase; at
//! most r entries. Whose list it is, it is told.

use alloc::boxed::Box;
use alloc::vec;

use crate::base::{Address, Distance, Id, Peer, Peers};

/// One node's successor list.
#[derive(Debug)]
pub struct SuccessorList {
    /// Of its capacity, r, the first `len` are in use; or the first is one to fall back on.
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

    /// The last entry: how far the list reaches.
    #[inline]
    #[must_use]
    pub fn last(&self) -> Option<Peer> {
        self.peers().last().copied()
    }

    /// Whether `key` lies in one of the gaps of [own, list…].
    #[inline]
    #[must_use]
    pub fn covers(&self, own: Id, key: Id) -> bool {
        let Some(last) = self.last() else { return false };
        own.distance_to(key) <= own.distance_to(last.id) && key != own
    }

    /// How many entries lie before `key`: strictly between the node `own` and it.
    #[inline]
    #[must_use]
    pub fn count_before(&self, own: Id, key: Id) -> usize {
        if key == own {
            return self.len.into();
        }
        let distance = own.distance_to(key);
        self.peers().partition_point(|peer| own.distance_to(peer.id) < distance)
    }

    /// Whether `address` is one of the entries'.
    #[must_use]
    pub fn contains(&self, address: Address) -> bool {
        self.peers().iter().any(|peer| peer.address == address)
    }

    /// Puts `first`, and what follows it by `its_list`, in place of everything here: the adoption
    /// rule of stabilize and join (Zave 2017). Entries that `keep` refuses are left out; the list
    /// ends where it comes round to the node `own`, or where its order is broken.
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

    /// Puts these, which must be in order and none of them the node itself, in place of everything here.
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
            if !self.peers[at].is_same_destination(peer) {
                self.peers[usize::from(self.len)] = self.peers[at];
                self.len += 1;
            }
        }
        self.len < before
    }

    /// Keeps `peer` to fall back on, as long as the list is empty.
    pub(crate) fn keep_fallback(&mut self, peer: Peer) {
        if self.len == 0
            && let Some(room) = self.peers.first_mut()
        {
            *room = peer;
        }
    }

    /// Whom an empty list keeps to fall back on, or who was last in it.
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
