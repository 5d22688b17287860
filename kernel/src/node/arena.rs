//! Memory for what messages at rest borrowed.
//!
//! **Invariant:** a span is good for the arena that gave it, until that is cleared.

use alloc::vec::Vec;
use core::ops::Range;

use crate::base::{Peer, Peers};

/// Lists of peers, and payloads, one after the other.
#[derive(Debug, Default)]
pub struct Arena {
    /// The lists.
    pub peers: KeptPeers,
    /// The payloads.
    pub bytes: KeptBytes,
}

/// Lists of peers, one after the other.
#[derive(Debug, Default)]
pub struct KeptPeers(Vec<Peer>);

/// Payloads, one after the other.
#[derive(Debug, Default)]
pub struct KeptBytes(Vec<u8>);

/// Where a list or a payload lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    start: u32,
    length: u32,
}

impl Arena {
    /// An empty arena with room for so many peers.
    #[must_use]
    pub fn with_peers(peers: usize) -> Arena {
        Arena { peers: KeptPeers(Vec::with_capacity(peers)), bytes: KeptBytes::default() }
    }

    /// Empties the arena and keeps its memory.
    pub fn clear(&mut self) {
        self.peers.0.clear();
        self.bytes.0.clear();
    }
}

impl KeptPeers {
    /// Copies a list.
    #[inline]
    pub fn keep(&mut self, peers: Peers<'_>) -> Span {
        let start = self.0.len();
        match peers {
            Peers::Table(peers) => self.0.extend_from_slice(peers),
            Peers::Packed(_) => self.0.extend(peers.iter()),
        }
        Span { start: start as u32, length: peers.len() as u32 }
    }

    /// The list at `span`.
    #[inline]
    #[must_use]
    pub fn at(&self, span: Span) -> Peers<'_> {
        Peers::Table(&self.0[span.range()])
    }
}

impl KeptBytes {
    /// Copies a payload.
    #[inline]
    pub fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.0.len();
        self.0.extend_from_slice(bytes);
        Span { start: start as u32, length: bytes.len() as u32 }
    }

    /// The payload at `span`.
    #[inline]
    #[must_use]
    pub fn at(&self, span: Span) -> &[u8] {
        &self.0[span.range()]
    }
}

impl Span {
    #[inline]
    const fn range(self) -> Range<usize> {
        self.start as usize..(self.start + self.length) as usize
    }
}
