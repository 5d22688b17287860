//! Memory for the borrowed data of parked messages.
//!
//! **Invariant:** a span is valid for the arena that returned it, until that arena is cleared.

use alloc::vec::Vec;
use core::ops::Range;

use crate::base::{Peer, Peers};

/// A buffer of peer lists and payloads.
#[derive(Debug, Default)]
pub struct Arena {
    peers: Vec<Peer>,
    bytes: Vec<u8>,
}

/// The position of a list or a payload in an [`Arena`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    start: u32,
    length: u32,
}

impl Arena {
    /// An empty arena with room for `peers` peers.
    #[must_use]
    pub fn with_capacity(peers: usize) -> Arena {
        Arena { peers: Vec::with_capacity(peers), bytes: Vec::new() }
    }

    /// Copies a list of peers into the arena.
    #[inline]
    pub fn keep_peers(&mut self, peers: Peers<'_>) -> Span {
        let start = self.peers.len();
        match peers {
            Peers::Table(peers) => self.peers.extend_from_slice(peers),
            Peers::Packed(_) => self.peers.extend(peers.iter()),
        }
        Span { start: start as u32, length: peers.len() as u32 }
    }

    /// Copies a payload into the arena.
    #[inline]
    pub fn keep_bytes(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        Span { start: start as u32, length: bytes.len() as u32 }
    }

    /// The list at `span`.
    #[inline]
    #[must_use]
    pub fn peers(&self, span: Span) -> Peers<'_> {
        Peers::Table(&self.peers[span.range()])
    }

    /// The payload at `span`.
    #[inline]
    #[must_use]
    pub fn bytes(&self, span: Span) -> &[u8] {
        &self.bytes[span.range()]
    }

    /// Empties the arena but keeps its memory.
    pub fn clear(&mut self) {
        self.peers.clear();
        self.bytes.clear();
    }
}

impl Span {
    #[inline]
    const fn range(self) -> Range<usize> {
        self.start as usize..(self.start + self.length) as usize
    }
}
