//! Recently contacted peers, to find new neighbors when all have been lost.
//!
//! **Invariant:** a fixed number of entries; a new one replaces the oldest.

use crate::base::{Peer, Rng};

/// The number of entries.
const CAPACITY: usize = 4;

/// The most recently inserted peers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RecentPeers {
    peers: [Peer; CAPACITY],
    count: u8,
    next: u8,
}

impl RecentPeers {
    /// Remembers `peer`.
    pub(crate) fn insert(&mut self, peer: Peer) {
        if self.peers[..self.count.into()].contains(&peer) {
            return;
        }
        self.peers[usize::from(self.next)] = peer;
        self.count = self.count.max(self.next + 1);
        self.next = (self.next + 1) % CAPACITY as u8;
    }

    /// A random one of these peers.
    pub(crate) fn random(&self, rng: &mut Rng) -> Option<Peer> {
        let chosen = rng.below(self.count.into()) as usize;
        self.peers[..self.count.into()].get(chosen).copied()
    }
}
