//! Peers: an identifier and the address at which its node receives messages.
//!
//! **Invariant:** plain data.

use core::cmp::Ordering;
use core::fmt;
use core::net::{Ipv4Addr, SocketAddrV4};

use crate::base::id::Id;

/// Where a node receives messages: an IPv4 endpoint, and a slot that tells apart the nodes that
/// share its socket.
///
/// 8 bytes, because routing tables hold many addresses. The field order makes
/// [`to_bits`](Address::to_bits) a plain load on little-endian machines.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(C)]
pub struct Address {
    /// The node's number among those that share the socket; 0 if it has the socket to itself.
    pub slot: u16,
    /// UDP port.
    pub port: u16,
    /// IPv4 address as a number, most significant octet first.
    pub ip: u32,
}

impl Address {
    /// The address of node `slot` behind the socket at `ip:port`.
    #[must_use]
    pub const fn new(ip: [u8; 4], port: u16, slot: u16) -> Address {
        Address { ip: u32::from_be_bytes(ip), port, slot }
    }

    /// The address of the socket: the same with slot 0.
    #[inline]
    #[must_use]
    pub const fn socket(self) -> Address {
        Address { slot: 0, ..self }
    }

    /// All 64 bits as one integer: IP, port, slot from the top.
    #[inline]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        ((self.ip as u64) << 32) | ((self.port as u64) << 16) | self.slot as u64
    }

    /// The inverse of [`to_bits`](Address::to_bits).
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: u64) -> Address {
        Address { ip: (bits >> 32) as u32, port: (bits >> 16) as u16, slot: bits as u16 }
    }
}

/// The socket at this endpoint, with slot 0.
impl From<SocketAddrV4> for Address {
    fn from(endpoint: SocketAddrV4) -> Address {
        Address::new(endpoint.ip().octets(), endpoint.port(), 0)
    }
}

/// The endpoint of the node's socket.
impl From<Address> for SocketAddrV4 {
    fn from(address: Address) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::from_bits(address.ip), address.port)
    }
}

/// By IP, then port, then slot.
impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.to_bits().cmp(&other.to_bits())
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `127.0.0.1:4000/17`: IP, port, slot.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.ip.to_be_bytes();
        write!(f, "{a}.{b}.{c}.{d}:{}/{}", self.port, self.slot)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An identifier with its address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Peer {
    /// Its identifier.
    pub id: Id,
    /// Where it receives messages.
    pub address: Address,
}

impl Peer {
    /// The peer at `address` with the identifier that belongs to this address: the SHA-1 of its IP, port and slot.
    #[must_use]
    pub fn of_address(address: Address) -> Peer {
        Peer { id: Id::of_name(&address.to_bits().to_be_bytes()), address }
    }

    /// Whether a message sent to one peer reaches the other. Compares the address and the top 64
    /// bits of the identifier: a [message](crate::codec::Envelope) names its receiver by these.
    #[inline]
    #[must_use]
    pub fn is_same_destination(self, other: Peer) -> bool {
        self.address == other.address && self.id.prefix() == other.id.prefix()
    }
}

const _: () = assert!(size_of::<Peer>() == 28);
