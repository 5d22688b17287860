//! Messages as bytes.
//!
//! ```text
//! datagram   magic 'H' | version 1 | frame | frame | …
//! frame      kind u8 | length of payload u16 | to slot u16 | from slot u16
//!            | to identifier's top 64 bits | from identifier [20] | payload
//! ```
//!
//! Every integer is big-endian. A datagram bundles frames for and from any of the nodes that share
//! the two sockets.
//!
//! Reading is total: [`Bundle::parse`] takes any byte string and either refuses it whole, naming
//! the reason, or yields messages that are valid in every field. It copies and allocates nothing.
//!
//! **Invariant:** what [`encode`] writes, [`Bundle::parse`] reads back equal, and every frame that
//! parses is exactly what `encode` writes for it.

mod items;

use zerocopy::byteorder::network_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::id::{ID_BYTES, Id};
use crate::message::{
    Cookie, Lookup, MAX_HOP_BUDGET, MAX_PAYLOAD, Message, Peers, Purpose, RequestId, Step,
};
use crate::peer::{Address, Peer};

/// First byte of every datagram.
pub const MAGIC: u8 = b'H';
/// Second byte: the version of this format.
pub const VERSION: u8 = 1;
/// Bytes before the first frame.
pub const BUNDLE_HEADER_BYTES: usize = 2;
/// Bytes of a frame before its payload.
pub const FRAME_HEADER_BYTES: usize = size_of::<FrameHeader>();
/// Bytes of the IPv4 and UDP headers that each message is charged with.
pub const DATAGRAM_OVERHEAD_BYTES: usize = 28;
/// Longest successor list a message can carry.
pub const MAX_LISTED_PEERS: usize = 255;

/// The longest successor list that a datagram of `bytes` can carry, beside a predecessor, in a
/// [`Message::NeighborsReply`].
#[must_use]
pub const fn max_successors(bytes: usize) -> usize {
    let request_and_purpose = size_of::<WireAck>();
    let flags = 2;
    let fixed = BUNDLE_HEADER_BYTES + FRAME_HEADER_BYTES + request_and_purpose + flags;
    let peers = bytes.saturating_sub(fixed) / size_of::<WirePeer>();
    let successors = peers.saturating_sub(1);
    if successors < MAX_LISTED_PEERS { successors } else { MAX_LISTED_PEERS }
}

/// Why a datagram was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum WireError {
    /// It ends within a header or a payload.
    Truncated,
    /// It does not begin with [`MAGIC`]: not one of ours.
    BadMagic,
    /// It speaks another [`VERSION`] than this one.
    BadVersion,
    /// A frame's kind is not known.
    BadKind,
    /// A frame's length is not that of its kind.
    BadLength,
    /// A field has a value it must not have, such as a hop budget of 0.
    BadValue,
    /// It holds no frame.
    Empty,
}

impl WireError {
    /// Every reason, in the order of its number.
    pub const ALL: [WireError; 7] = [
        WireError::Truncated,
        WireError::BadMagic,
        WireError::BadVersion,
        WireError::BadKind,
        WireError::BadLength,
        WireError::BadValue,
        WireError::Empty,
    ];

    /// The name reports use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            WireError::Truncated => "truncated",
            WireError::BadMagic => "bad_magic",
            WireError::BadVersion => "bad_version",
            WireError::BadKind => "bad_kind",
            WireError::BadLength => "bad_length",
            WireError::BadValue => "bad_value",
            WireError::Empty => "empty",
        }
    }
}

/// A message with whom it is from and for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Frame<'a> {
    /// The sender's identifier.
    pub from_id: Id,
    /// The sender's place behind its socket.
    pub from_slot: u16,
    /// The receiver's place behind its socket.
    pub to_slot: u16,
    /// The top 64 bits of the receiver's identifier: whoever has its place now, but is not it, must
    /// not act for it.
    pub to_prefix: u64,
    /// What it says.
    pub message: Message<'a>,
}

impl Frame<'_> {
    /// The sender, given the socket the datagram came from.
    #[must_use]
    pub const fn sender(&self, socket: Address) -> Peer {
        Peer { id: self.from_id, address: Address { slot: self.from_slot, ..socket } }
    }
}

/// Writes the header of an empty bundle and returns its length, or nothing if `buffer` is too
/// short for it.
pub fn begin_bundle(buffer: &mut [u8]) -> Option<usize> {
    buffer.get_mut(..BUNDLE_HEADER_BYTES)?.copy_from_slice(&[MAGIC, VERSION]);
    Some(BUNDLE_HEADER_BYTES)
}

/// Writes one frame at the start of `buffer` and returns its length in bytes, or nothing if it does
/// not fit or has a value that would make readers refuse the whole bundle; then `buffer`'s content
/// is undefined.
#[inline]
pub fn encode(frame: &Frame<'_>, buffer: &mut [u8]) -> Option<usize> {
    let (head, payload) = buffer.split_at_mut_checked(FRAME_HEADER_BYTES)?;
    let mut out = Writer { buffer: payload, written: 0 };
    let kind = write_payload(&frame.message, &mut out)?;
    let length = out.written;
    FrameHeader {
        kind: kind as u8,
        length: U16::new(u16::try_from(length).ok()?),
        to_slot: U16::new(frame.to_slot),
        from_slot: U16::new(frame.from_slot),
        to_prefix: U64::new(frame.to_prefix),
        from_id: frame.from_id.to_bytes(),
    }
    .write_to(head)
    .ok()?;
    Some(FRAME_HEADER_BYTES + length)
}

/// Length of the frame that carries `message`, in bytes, without encoding it.
#[must_use]
pub fn frame_bytes(message: &Message<'_>) -> usize {
    let peers = |predecessor: &Option<Peer>, successors: &Peers<'_>| {
        2 + (usize::from(predecessor.is_some()) + successors.len()) * size_of::<WirePeer>()
    };
    let payload = match message {
        Message::Ping { .. } | Message::Pong { .. } | Message::Delivered { .. } => size_of::<U64>(),
        Message::Notify => 0,
        Message::Neighbors { .. } | Message::CookieReply { .. } => size_of::<WireAsk>(),
        Message::NeighborsReply { predecessor, successors, .. } => {
            size_of::<WireAck>() + peers(predecessor, successors)
        }
        Message::Introduce { .. } => size_of::<WirePeer>(),
        Message::Leave { predecessor, successors } => peers(predecessor, successors),
        Message::Lookup { .. } => size_of::<WireLookup>(),
        Message::Ack { .. } => size_of::<WireAck>(),
        Message::Answer { .. } => size_of::<WireAnswer>(),
        Message::FindNext { .. } => size_of::<WireFindNext>(),
        Message::FindNextReply { .. } => size_of::<WireFindNextReply>(),
        Message::Deliver { payload, .. } => size_of::<U64>() + ID_BYTES + payload.len(),
        other => items::payload_bytes(other),
    };
    FRAME_HEADER_BYTES + payload
}

/// A datagram that has been checked from end to end.
#[derive(Clone, Copy, Debug)]
pub struct Bundle<'a> {
    frames: &'a [u8],
}

impl<'a> Bundle<'a> {
    /// Checks every frame of `datagram`.
    ///
    /// # Errors
    ///
    /// The first reason found why this is not a bundle; nothing of it may then be used.
    pub fn parse(datagram: &'a [u8]) -> Result<Bundle<'a>, WireError> {
        let &[magic, version, ref frames @ ..] = datagram else {
            return Err(WireError::Truncated);
        };
        if magic != MAGIC {
            return Err(WireError::BadMagic);
        }
        if version != VERSION {
            return Err(WireError::BadVersion);
        }
        if frames.is_empty() {
            return Err(WireError::Empty);
        }
        let mut rest = frames;
        while !rest.is_empty() {
            rest = decode(rest)?.1;
        }
        Ok(Bundle { frames })
    }

    /// The frames in order.
    pub fn frames(self) -> impl Iterator<Item = Frame<'a>> {
        let mut rest = self.frames;
        core::iter::from_fn(move || {
            let (frame, after) = decode(rest).ok()?;
            rest = after;
            Some(frame)
        })
    }
}

/// A peer as bytes: identifier, IPv4 address, port, slot.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct WirePeer {
    id: [u8; ID_BYTES],
    ip: U32,
    port: U16,
    slot: U16,
}

impl WirePeer {
    /// The peer these bytes name; any 28 bytes name one.
    #[must_use]
    pub fn to_peer(&self) -> Peer {
        Peer {
            id: Id::from_bytes(self.id),
            address: Address { ip: self.ip.get(), port: self.port.get(), slot: self.slot.get() },
        }
    }
}

impl From<Peer> for WirePeer {
    fn from(peer: Peer) -> WirePeer {
        WirePeer {
            id: peer.id.to_bytes(),
            ip: U32::new(peer.address.ip),
            port: U16::new(peer.address.port),
            slot: U16::new(peer.address.slot),
        }
    }
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct FrameHeader {
    kind: u8,
    length: U16,
    to_slot: U16,
    from_slot: U16,
    to_prefix: U64,
    from_id: [u8; ID_BYTES],
}

#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
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
    Publish = 16,
    Published = 17,
    Copy = 18,
    Find = 19,
    Found = 20,
    Fetch = 21,
    Item = 22,
    Search = 23,
    Walk = 24,
    SearchHit = 25,
    Connect = 26,
    Connected = 27,
    Meet = 28,
}

impl Kind {
    const fn from_number(number: u8) -> Option<Kind> {
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
            16 => Kind::Publish,
            17 => Kind::Published,
            18 => Kind::Copy,
            19 => Kind::Find,
            20 => Kind::Found,
            21 => Kind::Fetch,
            22 => Kind::Item,
            23 => Kind::Search,
            24 => Kind::Walk,
            25 => Kind::SearchHit,
            26 => Kind::Connect,
            27 => Kind::Connected,
            28 => Kind::Meet,
            _ => return None,
        })
    }
}

/// [`Message::Neighbors`] and [`Message::CookieReply`].
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireAsk {
    request: U64,
    cookie: U64,
    purpose: u8,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireAck {
    request: U64,
    purpose: u8,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireLookup {
    request: U64,
    lookup: U64,
    purpose: u8,
    key: [u8; ID_BYTES],
    origin: WirePeer,
    budget: u8,
    hops: u8,
    timeouts: u8,
    known: u8,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireAnswer {
    lookup: U64,
    purpose: u8,
    owner: WirePeer,
    hops: u8,
    timeouts: u8,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireFindNext {
    request: U64,
    purpose: u8,
    key: [u8; ID_BYTES],
    limit: [u8; ID_BYTES],
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireFindNextReply {
    request: U64,
    purpose: u8,
    /// 0 stuck, 1 next, 2 owner; plus 4 if the node knows the answer.
    step: u8,
    peer: WirePeer,
}

const STEP_STUCK: u8 = 0;
const STEP_NEXT: u8 = 1;
const STEP_OWNER: u8 = 2;
const STEP_KNOWS: u8 = 4;

/// Appends to a buffer; `None` once it is full.
struct Writer<'a> {
    buffer: &'a mut [u8],
    written: usize,
}

impl Writer<'_> {
    #[inline]
    fn put<T: IntoBytes + Immutable>(&mut self, value: &T) -> Option<()> {
        self.put_bytes(value.as_bytes())
    }

    #[inline]
    fn put_bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.written + bytes.len();
        self.buffer.get_mut(self.written..end)?.copy_from_slice(bytes);
        self.written = end;
        Some(())
    }

    fn put_peers(&mut self, predecessor: Option<Peer>, successors: Peers<'_>) -> Option<()> {
        let count = u8::try_from(successors.len()).ok()?;
        self.put(&[u8::from(predecessor.is_some()), count])?;
        predecessor
            .into_iter()
            .chain(successors.iter())
            .try_for_each(|peer| self.put(&WirePeer::from(peer)))
    }
}

#[inline]
fn write_payload(message: &Message<'_>, out: &mut Writer<'_>) -> Option<Kind> {
    Some(match *message {
        Message::Ping { request } => {
            out.put(&U64::new(request.0))?;
            Kind::Ping
        }
        Message::Pong { request } => {
            out.put(&U64::new(request.0))?;
            Kind::Pong
        }
        Message::Neighbors { request, cookie, purpose } => {
            out.put(&WireAsk {
                request: U64::new(request.0),
                cookie: U64::new(cookie.0),
                purpose: purpose as u8,
            })?;
            Kind::Neighbors
        }
        Message::NeighborsReply { request, purpose, predecessor, successors } => {
            out.put(&U64::new(request.0))?;
            out.put(&(purpose as u8))?;
            out.put_peers(predecessor, successors)?;
            Kind::NeighborsReply
        }
        Message::CookieReply { request, purpose, cookie } => {
            out.put(&WireAsk {
                request: U64::new(request.0),
                cookie: U64::new(cookie.0),
                purpose: purpose as u8,
            })?;
            Kind::CookieReply
        }
        Message::Notify => Kind::Notify,
        Message::Introduce { peer } => {
            out.put(&WirePeer::from(peer))?;
            Kind::Introduce
        }
        Message::Leave { predecessor, successors } => {
            out.put_peers(predecessor, successors)?;
            Kind::Leave
        }
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
                known: u8::from(lookup.known),
            })?;
            Kind::Lookup
        }
        Message::Ack { request, purpose } => {
            out.put(&WireAck { request: U64::new(request.0), purpose: purpose as u8 })?;
            Kind::Ack
        }
        Message::Answer { lookup, purpose, owner, hops, timeouts } => {
            out.put(&WireAnswer {
                lookup: U64::new(lookup.0),
                purpose: purpose as u8,
                owner: owner.into(),
                hops,
                timeouts,
            })?;
            Kind::Answer
        }
        Message::FindNext { request, purpose, key, limit } => {
            out.put(&WireFindNext {
                request: U64::new(request.0),
                purpose: purpose as u8,
                key: key.to_bytes(),
                limit: limit.to_bytes(),
            })?;
            Kind::FindNext
        }
        Message::FindNextReply { request, purpose, step, knows } => {
            let (step, peer) = match step {
                Step::Stuck => (STEP_STUCK, Peer::default()),
                Step::Next(peer) => (STEP_NEXT, peer),
                Step::Owner(peer) => (STEP_OWNER, peer),
            };
            out.put(&WireFindNextReply {
                request: U64::new(request.0),
                purpose: purpose as u8,
                step: step | if knows { STEP_KNOWS } else { 0 },
                peer: peer.into(),
            })?;
            Kind::FindNextReply
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
        ref other => return items::write_payload(other, out),
    })
}

/// The first frame of `bytes`, and what follows it.
#[inline]
fn decode(bytes: &[u8]) -> Result<(Frame<'_>, &[u8]), WireError> {
    let (header, rest) = FrameHeader::ref_from_prefix(bytes).map_err(|_| WireError::Truncated)?;
    let (payload, rest) =
        rest.split_at_checked(header.length.get().into()).ok_or(WireError::Truncated)?;
    let kind = Kind::from_number(header.kind).ok_or(WireError::BadKind)?;
    let frame = Frame {
        from_id: Id::from_bytes(header.from_id),
        from_slot: header.from_slot.get(),
        to_slot: header.to_slot.get(),
        to_prefix: header.to_prefix.get(),
        message: read_payload(kind, payload)?,
    };
    Ok((frame, rest))
}

#[inline]
fn read_payload(kind: Kind, payload: &[u8]) -> Result<Message<'_>, WireError> {
    Ok(match kind {
        Kind::Ping => Message::Ping { request: request(whole::<U64>(payload)?) },
        Kind::Pong => Message::Pong { request: request(whole::<U64>(payload)?) },
        Kind::Neighbors => {
            let wire = whole::<WireAsk>(payload)?;
            Message::Neighbors {
                request: request(&wire.request),
                cookie: Cookie(wire.cookie.get()),
                purpose: purpose(wire.purpose)?,
            }
        }
        Kind::NeighborsReply => {
            let (id, rest) = first::<U64>(payload)?;
            let (byte, rest) = first::<u8>(rest)?;
            let (predecessor, successors) = read_peers(rest)?;
            let (request, purpose) = (request(id), purpose(*byte)?);
            Message::NeighborsReply { request, purpose, predecessor, successors }
        }
        Kind::CookieReply => {
            let wire = whole::<WireAsk>(payload)?;
            Message::CookieReply {
                request: request(&wire.request),
                purpose: purpose(wire.purpose)?,
                cookie: Cookie(wire.cookie.get()),
            }
        }
        Kind::Notify if payload.is_empty() => Message::Notify,
        Kind::Notify => return Err(WireError::BadLength),
        Kind::Introduce => Message::Introduce { peer: whole::<WirePeer>(payload)?.to_peer() },
        Kind::Leave => {
            let (predecessor, successors) = read_peers(payload)?;
            Message::Leave { predecessor, successors }
        }
        Kind::Lookup => {
            let wire = whole::<WireLookup>(payload)?;
            if wire.budget == 0 || wire.budget > MAX_HOP_BUDGET || wire.known > 1 {
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
                    known: wire.known == 1,
                },
            }
        }
        Kind::Ack => {
            let wire = whole::<WireAck>(payload)?;
            Message::Ack { request: request(&wire.request), purpose: purpose(wire.purpose)? }
        }
        Kind::Answer => {
            let wire = whole::<WireAnswer>(payload)?;
            Message::Answer {
                lookup: request(&wire.lookup),
                purpose: purpose(wire.purpose)?,
                owner: wire.owner.to_peer(),
                hops: wire.hops,
                timeouts: wire.timeouts,
            }
        }
        Kind::FindNext => {
            let wire = whole::<WireFindNext>(payload)?;
            Message::FindNext {
                request: request(&wire.request),
                purpose: purpose(wire.purpose)?,
                key: Id::from_bytes(wire.key),
                limit: Id::from_bytes(wire.limit),
            }
        }
        Kind::FindNextReply => {
            let wire = whole::<WireFindNextReply>(payload)?;
            let peer = wire.peer.to_peer();
            let step = match wire.step & !STEP_KNOWS {
                STEP_STUCK if peer == Peer::default() => Step::Stuck,
                STEP_NEXT => Step::Next(peer),
                STEP_OWNER => Step::Owner(peer),
                _ => return Err(WireError::BadValue),
            };
            Message::FindNextReply {
                request: request(&wire.request),
                purpose: purpose(wire.purpose)?,
                step,
                knows: wire.step & STEP_KNOWS != 0,
            }
        }
        Kind::Deliver => {
            let (id, rest) = first::<U64>(payload)?;
            let (key, payload) = first::<[u8; ID_BYTES]>(rest)?;
            if payload.len() > MAX_PAYLOAD {
                return Err(WireError::BadLength);
            }
            Message::Deliver { request: request(id), key: Id::from_bytes(*key), payload }
        }
        Kind::Delivered => Message::Delivered { request: request(whole::<U64>(payload)?) },
        other => return items::read_payload(other, payload),
    })
}

fn request(number: &U64) -> RequestId {
    RequestId(number.get())
}

fn purpose(number: u8) -> Result<Purpose, WireError> {
    Purpose::from_number(number).ok_or(WireError::BadValue)
}

fn whole<T: FromBytes + KnownLayout + Immutable + Unaligned>(
    bytes: &[u8],
) -> Result<&T, WireError> {
    T::ref_from_bytes(bytes).map_err(|_| WireError::BadLength)
}

fn first<T: FromBytes + KnownLayout + Immutable + Unaligned>(
    bytes: &[u8],
) -> Result<(&T, &[u8]), WireError> {
    T::ref_from_prefix(bytes).map_err(|_| WireError::BadLength)
}

fn read_peers(bytes: &[u8]) -> Result<(Option<Peer>, Peers<'_>), WireError> {
    let (&[has_predecessor, count], rest) = first::<[u8; 2]>(bytes)?;
    let (predecessor, rest) = match has_predecessor {
        0 => (None, rest),
        1 => {
            let (peer, rest) = first::<WirePeer>(rest)?;
            (Some(peer.to_peer()), rest)
        }
        _ => return Err(WireError::BadValue),
    };
    let peers = <[WirePeer]>::ref_from_bytes(rest).map_err(|_| WireError::BadLength)?;
    if peers.len() != usize::from(count) {
        return Err(WireError::BadLength);
    }
    Ok((predecessor, Peers::Wire(peers)))
}
