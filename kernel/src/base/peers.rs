//! Borrowed lists of peers, in a node's table or in a datagram.
//!
//! **Invariant:** reading one peer of a list copies only that peer.

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::id::{ID_BYTES, Id};
use crate::base::peer::{Address, Peer};

/// A peer as 28 bytes of a datagram: identifier, IPv4 address, port, slot; big-endian, unaligned.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct PackedPeer {
    id: [u8; ID_BYTES],
    ip: U32,
    port: U16,
    slot: U16,
}

impl PackedPeer {
    /// Decodes the peer. Any 28 bytes are a valid peer.
    #[inline]
    #[must_use]
    pub fn to_peer(&self) -> Peer {
        Peer {
            id: Id::from_bytes(self.id),
            address: Address { ip: self.ip.get(), port: self.port.get(), slot: self.slot.get() },
        }
    }
}

impl From<Peer> for PackedPeer {
    #[inline]
    fn from(peer: Peer) -> PackedPeer {
        PackedPeer {
            id: peer.id.to_bytes(),
            ip: U32::new(peer.address.ip),
            port: U16::new(peer.address.port),
            slot: U16::new(peer.address.slot),
        }
    }
}

/// A borrowed list of peers.
#[derive(Clone, Copy, Debug)]
pub enum Peers<'a> {
    /// Peers in a node's table.
    Table(&'a [Peer]),
    /// Peers in a received datagram.
    Packed(&'a [PackedPeer]),
}

impl<'a> Peers<'a> {
    /// No peers.
    pub const NONE: Peers<'static> = Peers::Table(&[]);

    /// The number of peers.
    #[must_use]
    pub const fn len(self) -> usize {
        match self {
            Peers::Table(peers) => peers.len(),
            Peers::Packed(peers) => peers.len(),
        }
    }

    /// Whether the list is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The peer at `index`.
    #[must_use]
    pub fn at(self, index: usize) -> Option<Peer> {
        match self {
            Peers::Table(peers) => peers.get(index).copied(),
            Peers::Packed(peers) => peers.get(index).map(PackedPeer::to_peer),
        }
    }

    /// The list without its first peer.
    #[must_use]
    pub fn skip_first(self) -> Peers<'a> {
        match self {
            Peers::Table(peers) => Peers::Table(peers.get(1..).unwrap_or_default()),
            Peers::Packed(peers) => Peers::Packed(peers.get(1..).unwrap_or_default()),
        }
    }

    /// The peers in order.
    pub fn iter(self) -> impl Iterator<Item = Peer> + 'a {
        (0..self.len()).map_while(move |index| self.at(index))
    }
}

impl PartialEq for Peers<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
