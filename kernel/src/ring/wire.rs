//! The encoding of the ring's messages.
//!
//! **Invariant:** each message has exactly one valid encoding.

use zerocopy::byteorder::network_endian::{U16, U64};

use crate::base::id::{ID_BYTES, Id};
use crate::base::{PackedPeer, Peer, Peers};
use crate::codec::{
    BUNDLE_HEADER_BYTES, Body, FRAME_HEADER_BYTES, Framed, WireError, Writer, read_exact,
    read_prefix,
};
use crate::node::{Cookie, MAX_PAYLOAD};
use crate::ring::layout::{
    Kind, STEP_NEXT, STEP_OWNER, STEP_STAGE_SHIFT, STEP_STUCK, STEP_UNDER_SUSPICION, WireAck,
    WireAnswer, WireFindNext, WireFindNextReply, WireLookup, WireNeighbors, flag, purpose,
    put_neighbors, read_neighbors, request, stage,
};
use crate::ring::message::{Lookup, MAX_HOP_BUDGET, Message, Step};
use crate::ring::protocol::Ring;

/// The codec of the ring in this project's wire format.
pub type RingCodec = Framed<Ring>;

/// Longest successor list that a message can carry.
pub const MAX_LISTED_PEERS: usize = 255;

/// The longest successor list that fits, together with a predecessor, into a
/// [`Message::NeighborsReply`](crate::ring::message::MessageWith::NeighborsReply) in a datagram of
/// `bytes` bytes.
#[must_use]
pub const fn max_successors(bytes: usize) -> usize {
    let request_and_purpose = size_of::<WireAck>();
    let flags = 2;
    let fixed = BUNDLE_HEADER_BYTES + FRAME_HEADER_BYTES + request_and_purpose + flags;
    let peers = bytes.saturating_sub(fixed) / size_of::<PackedPeer>();
    let successors = peers.saturating_sub(1);
    if successors < MAX_LISTED_PEERS { successors } else { MAX_LISTED_PEERS }
}

// Inlined by force, as in `Framed`.
impl Body for Ring {
    #[inline(always)]
    fn write(message: &Message<'_>, out: &mut Writer<'_>) -> Option<u8> {
        let kind = match *message {
            Message::Lookup { request, lookup } => {
                if !(1..=MAX_HOP_BUDGET).contains(&lookup.budget) {
                    return None;
                }
                out.put(&WireLookup {
                    request: U64::new(request.0),
                    lookup: U64::new(lookup.lookup.0),
                    purpose: lookup.purpose as u8,
                    key: lookup.key.to_bytes(),
                    origin: lookup.origin.into(),
                    budget: lookup.budget,
                    hops: lookup.hops,
                    timeouts: lookup.timeouts,
                    stage: lookup.stage as u8,
                    left_ms: U16::new(lookup.left_ms),
                })?;
                Kind::Lookup
            }
            Message::Ack { request, purpose } => {
                out.put(&WireAck { request: U64::new(request.0), purpose: purpose as u8 })?;
                Kind::Ack
            }
            Message::Answer { lookup, purpose, owner, under_suspicion, hops, timeouts } => {
                out.put(&WireAnswer {
                    lookup: U64::new(lookup.0),
                    purpose: purpose as u8,
                    owner: owner.into(),
                    under_suspicion: u8::from(under_suspicion),
                    hops,
                    timeouts,
                })?;
                Kind::Answer
            }
            Message::FindNext { request, purpose, key, limit, stage } => {
                out.put(&WireFindNext {
                    request: U64::new(request.0),
                    purpose: purpose as u8,
                    key: key.to_bytes(),
                    limit: limit.to_bytes(),
                    stage: stage as u8,
                })?;
                Kind::FindNext
            }
            Message::FindNextReply { request, purpose, step, stage, under_suspicion } => {
                let (step, peer) = match step {
                    Step::Stuck => (STEP_STUCK, Peer::default()),
                    Step::Next(peer) => (STEP_NEXT, peer),
                    Step::Owner(peer) => (STEP_OWNER, peer),
                };
                out.put(&WireFindNextReply {
                    request: U64::new(request.0),
                    purpose: purpose as u8,
                    step: step
                        | (stage as u8) << STEP_STAGE_SHIFT
                        | if under_suspicion { STEP_UNDER_SUSPICION } else { 0 },
                    peer: peer.into(),
                })?;
                Kind::FindNextReply
            }
            _ => return write_rare(message, out),
        };
        Some(kind as u8)
    }

    fn length(message: &Message<'_>) -> usize {
        let neighbors = |predecessor: &Option<Peer>, successors: &Peers<'_>| {
            2 + (usize::from(predecessor.is_some()) + successors.len()) * size_of::<PackedPeer>()
        };
        match message {
            Message::Ping { .. } | Message::Pong { .. } | Message::Delivered { .. } => {
                size_of::<U64>()
            }
            Message::Notify | Message::Adopted => 0,
            Message::Neighbors { .. } | Message::CookieReply { .. } => size_of::<WireNeighbors>(),
            Message::NeighborsReply { predecessor, successors, .. } => {
                size_of::<WireAck>() + neighbors(predecessor, successors)
            }
            Message::Introduce { .. } => size_of::<PackedPeer>(),
            Message::Leave { predecessor, successors } => neighbors(predecessor, successors),
            Message::Lookup { .. } => size_of::<WireLookup>(),
            Message::Ack { .. } => size_of::<WireAck>(),
            Message::Answer { .. } => size_of::<WireAnswer>(),
            Message::FindNext { .. } => size_of::<WireFindNext>(),
            Message::FindNextReply { .. } => size_of::<WireFindNextReply>(),
            Message::Deliver { payload, .. } => size_of::<U64>() + ID_BYTES + payload.len(),
        }
    }

    #[inline(always)]
    fn read(kind: u8, payload: &[u8]) -> Result<Message<'_>, WireError> {
        let kind = Kind::from_number(kind).ok_or(WireError::BadKind)?;
        match read_frequent(kind, payload)? {
            Some(message) => Ok(message),
            None => read_rare(kind, payload),
        }
    }

    #[inline(always)]
    fn check(kind: u8, payload: &[u8]) -> Result<(), WireError> {
        let kind = Kind::from_number(kind).ok_or(WireError::BadKind)?;
        match read_frequent(kind, payload)? {
            Some(_) => Ok(()),
            None => check_rare(kind, payload),
        }
    }
}

/// [`Body::write`] for all messages that are not sent for each lookup.
#[inline(never)]
fn write_rare(message: &Message<'_>, out: &mut Writer<'_>) -> Option<u8> {
    let kind = match *message {
        Message::Ping { request } => {
            out.put(&U64::new(request.0))?;
            Kind::Ping
        }
        Message::Pong { request } => {
            out.put(&U64::new(request.0))?;
            Kind::Pong
        }
        Message::Neighbors { request, cookie, purpose } => {
            out.put(&WireNeighbors {
                request: U64::new(request.0),
                cookie: U64::new(cookie.0),
                purpose: purpose as u8,
            })?;
            Kind::Neighbors
        }
        Message::NeighborsReply { request, purpose, predecessor, successors } => {
            out.put(&U64::new(request.0))?;
            out.put(&(purpose as u8))?;
            put_neighbors(out, predecessor, successors)?;
            Kind::NeighborsReply
        }
        Message::CookieReply { request, purpose, cookie } => {
            out.put(&WireNeighbors {
                request: U64::new(request.0),
                cookie: U64::new(cookie.0),
                purpose: purpose as u8,
            })?;
            Kind::CookieReply
        }
        Message::Notify => Kind::Notify,
        Message::Adopted => Kind::Adopted,
        Message::Introduce { peer } => {
            out.put(&PackedPeer::from(peer))?;
            Kind::Introduce
        }
        Message::Leave { predecessor, successors } => {
            put_neighbors(out, predecessor, successors)?;
            Kind::Leave
        }
        Message::Deliver { request, key, payload } => {
            if payload.len() > MAX_PAYLOAD {
                return None;
            }
            out.put(&U64::new(request.0))?;
            out.put(&key.to_bytes())?;
            out.put_bytes(payload)?;
            Kind::Deliver
        }
        Message::Delivered { request } => {
            out.put(&U64::new(request.0))?;
            Kind::Delivered
        }
        Message::Lookup { .. }
        | Message::Ack { .. }
        | Message::Answer { .. }
        | Message::FindNext { .. }
        | Message::FindNextReply { .. } => return None,
    };
    Some(kind as u8)
}

/// [`Body::read`] for the messages that are sent for each lookup; `None` for the others.
#[inline(always)]
fn read_frequent(kind: Kind, payload: &[u8]) -> Result<Option<Message<'_>>, WireError> {
    Ok(Some(match kind {
        Kind::Lookup => {
            let wire = read_exact::<WireLookup>(payload)?;
            if wire.budget == 0 || wire.budget > MAX_HOP_BUDGET {
                return Err(WireError::BadValue);
            }
            Message::Lookup {
                request: request(&wire.request),
                lookup: Lookup {
                    lookup: request(&wire.lookup),
                    purpose: purpose(wire.purpose)?,
                    key: Id::from_bytes(wire.key),
                    origin: wire.origin.to_peer(),
                    budget: wire.budget,
                    hops: wire.hops,
                    timeouts: wire.timeouts,
                    stage: stage(wire.stage)?,
                    left_ms: wire.left_ms.get(),
                },
            }
        }
        Kind::Ack => {
            let wire = read_exact::<WireAck>(payload)?;
            Message::Ack { request: request(&wire.request), purpose: purpose(wire.purpose)? }
        }
        Kind::Answer => {
            let wire = read_exact::<WireAnswer>(payload)?;
            Message::Answer {
                under_suspicion: flag(wire.under_suspicion)?,
                lookup: request(&wire.lookup),
                purpose: purpose(wire.purpose)?,
                owner: wire.owner.to_peer(),
                hops: wire.hops,
                timeouts: wire.timeouts,
            }
        }
        Kind::FindNext => {
            let wire = read_exact::<WireFindNext>(payload)?;
            Message::FindNext {
                request: request(&wire.request),
                purpose: purpose(wire.purpose)?,
                key: Id::from_bytes(wire.key),
                limit: Id::from_bytes(wire.limit),
                stage: stage(wire.stage)?,
            }
        }
        Kind::FindNextReply => {
            let wire = read_exact::<WireFindNextReply>(payload)?;
            let peer = wire.peer.to_peer();
            let step = match wire.step & 3 {
                STEP_STUCK if peer == Peer::default() => Step::Stuck,
                STEP_NEXT => Step::Next(peer),
                STEP_OWNER => Step::Owner(peer),
                _ => return Err(WireError::BadValue),
            };
            Message::FindNextReply {
                request: request(&wire.request),
                purpose: purpose(wire.purpose)?,
                step,
                stage: stage((wire.step & !STEP_UNDER_SUSPICION) >> STEP_STAGE_SHIFT)?,
                under_suspicion: wire.step & STEP_UNDER_SUSPICION != 0,
            }
        }
        _ => return Ok(None),
    }))
}

/// [`Body::read`] for all messages that are not sent for each lookup.
#[inline(never)]
fn read_rare(kind: Kind, payload: &[u8]) -> Result<Message<'_>, WireError> {
    Ok(match kind {
        Kind::Ping => Message::Ping { request: request(read_exact::<U64>(payload)?) },
        Kind::Pong => Message::Pong { request: request(read_exact::<U64>(payload)?) },
        Kind::Neighbors => {
            let wire = read_exact::<WireNeighbors>(payload)?;
            Message::Neighbors {
                request: request(&wire.request),
                cookie: Cookie(wire.cookie.get()),
                purpose: purpose(wire.purpose)?,
            }
        }
        Kind::NeighborsReply => {
            let (id, rest) = read_prefix::<U64>(payload)?;
            let (byte, rest) = read_prefix::<u8>(rest)?;
            let (predecessor, successors) = read_neighbors(rest)?;
            let (request, purpose) = (request(id), purpose(*byte)?);
            Message::NeighborsReply { request, purpose, predecessor, successors }
        }
        Kind::CookieReply => {
            let wire = read_exact::<WireNeighbors>(payload)?;
            Message::CookieReply {
                request: request(&wire.request),
                purpose: purpose(wire.purpose)?,
                cookie: Cookie(wire.cookie.get()),
            }
        }
        Kind::Notify if payload.is_empty() => Message::Notify,
        Kind::Adopted if payload.is_empty() => Message::Adopted,
        Kind::Notify | Kind::Adopted => return Err(WireError::BadLength),
        Kind::Introduce => {
            Message::Introduce { peer: read_exact::<PackedPeer>(payload)?.to_peer() }
        }
        Kind::Leave => {
            let (predecessor, successors) = read_neighbors(payload)?;
            Message::Leave { predecessor, successors }
        }
        Kind::Deliver => {
            let (id, rest) = read_prefix::<U64>(payload)?;
            let (key, payload) = read_prefix::<[u8; ID_BYTES]>(rest)?;
            if payload.len() > MAX_PAYLOAD {
                return Err(WireError::BadLength);
            }
            Message::Deliver { request: request(id), key: Id::from_bytes(*key), payload }
        }
        Kind::Delivered => Message::Delivered { request: request(read_exact::<U64>(payload)?) },
        Kind::Lookup | Kind::Ack | Kind::Answer | Kind::FindNext | Kind::FindNextReply => {
            return Err(WireError::BadKind);
        }
    })
}

/// [`Body::check`] for all messages that are not sent for each lookup.
#[inline(never)]
fn check_rare(kind: Kind, payload: &[u8]) -> Result<(), WireError> {
    read_rare(kind, payload).map(drop)
}
