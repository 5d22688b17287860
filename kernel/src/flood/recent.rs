//! Peers that another one dealt with last: where it turns when it has lost all its neighbors.
//!
//! **Invariant:** a fixed number of entries; the oldest makes room.

use crate::base::{Peer, Rng};

/// How many are known.
const CAPACITY: usize = 4;

/// The latest of some peers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recent {
    peers: [Peer; CAPACITY],
    count: u8,
    next: u8,
}

impl Recent {
    /// Remembers `peer`.
    pub(crate) fn insert(&mut self, peer: Peer) {
        if self.peers[..self.count.into()].contains(&peer) {
            return;
        }
        self.peers[usize::from(self.next)] = peer;
        self.count = self.count.max(self.next + 1);
        self.next = (self.next + 1) % CAPACITY as u8;
    }

    /// One of them, at random.
    pub(crate) fn any(&self, rng: &mut Rng) -> Option<Peer> {
        let chosen = rng.below(self.count.into()) as usize;
        self.peers[..self.count.into()].get(chosen).copied()
    }
}
