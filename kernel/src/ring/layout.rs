//! The fixed parts of the ring's payloads: kind numbers, byte layouts, and their conversions.
//!
//! **Invariant:** a layout has no padding and no alignment; every integer is big-endian.

use zerocopy::byteorder::network_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::id::ID_BYTES;
use crate::base::{PackedPeer, Peer, Peers};
use crate::codec::{WireError, Writer, read_prefix};
use crate::node::RequestId;
use crate::ring::message::{Purpose, Stage};

#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Kind {
    Ping = 1,
    Pong = 2,
    Neighbors = 3,
    NeighborsReply = 4,
    CookieReply = 5,
    Notify = 6,
    Introduce = 7,
    Leave = 8,
    Lookup = 9,
    Ack = 10,
    Answer = 11,
    FindNext = 12,
    FindNextReply = 13,
    Deliver = 14,
    Delivered = 15,
    Adopted = 16,
}

impl Kind {
    #[inline]
    pub(super) const fn from_number(number: u8) -> Option<Kind> {
        Some(match number {
            1 => Kind::Ping,
            2 => Kind::Pong,
            3 => Kind::Neighbors,
            4 => Kind::NeighborsReply,
            5 => Kind::CookieReply,
            6 => Kind::Notify,
            7 => Kind::Introduce,
            8 => Kind::Leave,
            9 => Kind::Lookup,
            10 => Kind::Ack,
            11 => Kind::Answer,
            12 => Kind::FindNext,
            13 => Kind::FindNextReply,
            14 => Kind::Deliver,
            15 => Kind::Delivered,
            16 => Kind::Adopted,
            _ => return None,
        })
    }
}

/// [`Message::Neighbors`] and [`Message::CookieReply`].
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct WireNeighbors {
    pub(super) request: U64,
    pub(super) cookie: U64,
    pub(super) purpose: u8,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct WireAck {
    pub(super) request: U64,
    pub(super) purpose: u8,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct WireLookup {
    pub(super) request: U64,
    pub(super) lookup: U64,
    pub(super) purpose: u8,
    pub(super) key: [u8; ID_BYTES],
    pub(super) origin: PackedPeer,
    pub(super) left_ms: U16,
    pub(super) budget: u8,
    pub(super) hops: u8,
    pub(super) timeouts: u8,
    pub(super) stage: u8,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct WireAnswer {
    pub(super) lookup: U64,
    pub(super) purpose: u8,
    pub(super) owner: PackedPeer,
    pub(super) under_suspicion: u8,
    pub(super) hops: u8,
    pub(super) timeouts: u8,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct WireFindNext {
    pub(super) request: U64,
    pub(super) purpose: u8,
    pub(super) key: [u8; ID_BYTES],
    pub(super) limit: [u8; ID_BYTES],
    pub(super) stage: u8,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct WireFindNextReply {
    pub(super) request: U64,
    pub(super) purpose: u8,
    /// 0 stuck, 1 next, 2 owner; plus the stage times 4; plus 16 under suspicion.
    pub(super) step: u8,
    pub(super) peer: PackedPeer,
}

pub(super) const STEP_STUCK: u8 = 0;
pub(super) const STEP_NEXT: u8 = 1;
pub(super) const STEP_OWNER: u8 = 2;
pub(super) const STEP_STAGE_SHIFT: u32 = 2;
pub(super) const STEP_UNDER_SUSPICION: u8 = 16;

pub(super) fn put_neighbors(
    out: &mut Writer<'_>,
    predecessor: Option<Peer>,
    successors: Peers<'_>,
) -> Option<()> {
    let count = u8::try_from(successors.len()).ok()?;
    out.put(&[u8::from(predecessor.is_some()), count])?;
    if let Some(peer) = predecessor {
        out.put(&PackedPeer::from(peer))?;
    }
    out.put_peers(successors)
}

#[inline]
pub(super) fn request(number: &U64) -> RequestId {
    RequestId(number.get())
}

#[inline]
pub(super) fn purpose(number: u8) -> Result<Purpose, WireError> {
    Purpose::from_number(number).ok_or(WireError::BadValue)
}

#[inline]
pub(super) fn stage(number: u8) -> Result<Stage, WireError> {
    Stage::from_number(number).ok_or(WireError::BadValue)
}

#[inline]
pub(super) fn flag(number: u8) -> Result<bool, WireError> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(WireError::BadValue),
    }
}

pub(super) fn read_neighbors(bytes: &[u8]) -> Result<(Option<Peer>, Peers<'_>), WireError> {
    let (&[has_predecessor, count], rest) = read_prefix::<[u8; 2]>(bytes)?;
    let (predecessor, rest) = match has_predecessor {
        0 => (None, rest),
        1 => {
            let (peer, rest) = read_prefix::<PackedPeer>(rest)?;
            (Some(peer.to_peer()), rest)
        }
        _ => return Err(WireError::BadValue),
    };
    let peers = <[PackedPeer]>::ref_from_bytes(rest).map_err(|_| WireError::BadLength)?;
    if peers.len() != usize::from(count) {
        return Err(WireError::BadLength);
    }
    Ok((predecessor, Peers::Packed(peers)))
}
