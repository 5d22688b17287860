//! The encoding of the messages of flooding peers.
//!
//! **Invariant:** kind numbers are below those of items. A name or query is the last field of a
//! payload and takes all remaining bytes.

use zerocopy::byteorder::network_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::PackedPeer;
use crate::codec::{Body, Framed, WireError, Writer, read_exact, read_prefix, read_request_id};
use crate::flood::message::{MAX_TTL, MAX_WALK, Message, Walk, WalkStage};
use crate::flood::protocol::Flood;
use crate::items::wire::{read_query, read_text};
use crate::items::{Hit, Items};
use crate::node::RequestId;

/// The codec of flooding peers in this project's wire format.
pub type FloodCodec = Framed<Flood>;

impl Body for Flood {
    fn write(message: &Message<'_>, out: &mut Writer<'_>) -> Option<u8> {
        let kind = match *message {
            Message::Ping { request } => {
                out.put_request_id(request)?;
                Kind::Ping
            }
            Message::Pong { request } => {
                out.put_request_id(request)?;
                Kind::Pong
            }
            Message::Leave => Kind::Leave,
            Message::Search { search, query, ttl, hops } if (1..=MAX_TTL).contains(&ttl) => {
                out.put(&WireSearch {
                    search: U64::new(search.0),
                    ttl,
                    hops,
                    how: query.how as u8,
                })?;
                out.put_bytes(query.text.as_bytes())?;
                Kind::Search
            }
            Message::Walk { search, walk, stage } if (1..=MAX_WALK).contains(&walk.ttl) => {
                out.put(&WireWalk {
                    search: U64::new(search.0),
                    origin: walk.origin.into(),
                    ttl: U16::new(walk.ttl),
                    hops: U16::new(walk.hops),
                    stage: stage as u8,
                    how: walk.query.how as u8,
                })?;
                out.put_bytes(walk.query.text.as_bytes())?;
                Kind::Walk
            }
            Message::SearchHit { search, hit, hops } => {
                out.put(&WireSearchHit {
                    search: U64::new(search.0),
                    holder: hit.holder.into(),
                    hops: U16::new(hops),
                })?;
                out.put_bytes(hit.name.as_bytes())?;
                Kind::SearchHit
            }
            Message::Connect { request } => {
                out.put_request_id(request)?;
                Kind::Connect
            }
            Message::Connected { request, accepted } => {
                let (request, accepted) = (U64::new(request.0), u8::from(accepted));
                out.put(&WireConnected { request, accepted })?;
                Kind::Connected
            }
            Message::Seek { origin, ttl } if (1..=MAX_TTL).contains(&ttl) => {
                out.put(&WireSeek { origin: origin.into(), ttl })?;
                Kind::Seek
            }
            Message::Search { .. } | Message::Walk { .. } | Message::Seek { .. } => return None,
            Message::Items(ref message) => return Items::write(message, out),
        };
        Some(kind as u8)
    }

    fn length(message: &Message<'_>) -> usize {
        match message {
            Message::Ping { .. } | Message::Pong { .. } | Message::Connect { .. } => {
                size_of::<U64>()
            }
            Message::Leave => 0,
            Message::Search { query, .. } => size_of::<WireSearch>() + query.text.as_bytes().len(),
            Message::Walk { walk, .. } => size_of::<WireWalk>() + walk.query.text.as_bytes().len(),
            Message::SearchHit { hit, .. } => {
                size_of::<WireSearchHit>() + hit.name.as_bytes().len()
            }
            Message::Connected { .. } => size_of::<WireConnected>(),
            Message::Seek { .. } => size_of::<WireSeek>(),
            Message::Items(message) => Items::length(message),
        }
    }

    fn read(kind: u8, payload: &[u8]) -> Result<Message<'_>, WireError> {
        let Some(kind) = Kind::from_number(kind) else {
            return Ok(Message::Items(Items::read(kind, payload)?));
        };
        Ok(match kind {
            Kind::Ping => Message::Ping { request: read_request_id(payload)? },
            Kind::Pong => Message::Pong { request: read_request_id(payload)? },
            Kind::Leave if payload.is_empty() => Message::Leave,
            Kind::Leave => return Err(WireError::BadLength),
            Kind::Search => {
                let (wire, rest) = read_prefix::<WireSearch>(payload)?;
                let (search, query) = (request(&wire.search), read_query(wire.how, rest)?);
                Message::Search { search, query, ttl: ttl(wire.ttl)?, hops: wire.hops }
            }
            Kind::Walk => {
                let (wire, rest) = read_prefix::<WireWalk>(payload)?;
                if !(1..=MAX_WALK).contains(&wire.ttl.get()) {
                    return Err(WireError::BadValue);
                }
                let search = request(&wire.search);
                let walk = Walk {
                    query: read_query(wire.how, rest)?,
                    origin: wire.origin.to_peer(),
                    ttl: wire.ttl.get(),
                    hops: wire.hops.get(),
                };
                let stage = WalkStage::from_number(wire.stage).ok_or(WireError::BadValue)?;
                Message::Walk { search, walk, stage }
            }
            Kind::SearchHit => {
                let (wire, rest) = read_prefix::<WireSearchHit>(payload)?;
                let hit = Hit { holder: wire.holder.to_peer(), name: read_text(rest)? };
                Message::SearchHit { search: request(&wire.search), hit, hops: wire.hops.get() }
            }
            Kind::Connect => Message::Connect { request: read_request_id(payload)? },
            Kind::Connected => {
                let wire = read_exact::<WireConnected>(payload)?;
                if wire.accepted > 1 {
                    return Err(WireError::BadValue);
                }
                Message::Connected { request: request(&wire.request), accepted: wire.accepted == 1 }
            }
            Kind::Seek => {
                let wire = read_exact::<WireSeek>(payload)?;
                Message::Seek { origin: wire.origin.to_peer(), ttl: ttl(wire.ttl)? }
            }
        })
    }
}

#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Ping = 1,
    Pong = 2,
    Leave = 3,
    Search = 4,
    Walk = 5,
    SearchHit = 6,
    Connect = 7,
    Connected = 8,
    Seek = 9,
}

impl Kind {
    const fn from_number(number: u8) -> Option<Kind> {
        Some(match number {
            1 => Kind::Ping,
            2 => Kind::Pong,
            3 => Kind::Leave,
            4 => Kind::Search,
            5 => Kind::Walk,
            6 => Kind::SearchHit,
            7 => Kind::Connect,
            8 => Kind::Connected,
            9 => Kind::Seek,
            _ => return None,
        })
    }
}

/// The text of the query follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireSearch {
    search: U64,
    ttl: u8,
    hops: u8,
    how: u8,
}

/// The text of the query follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireWalk {
    search: U64,
    origin: PackedPeer,
    ttl: U16,
    hops: U16,
    stage: u8,
    how: u8,
}

/// The name follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireSearchHit {
    search: U64,
    holder: PackedPeer,
    hops: U16,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireConnected {
    request: U64,
    accepted: u8,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireSeek {
    origin: PackedPeer,
    ttl: u8,
}

fn request(number: &U64) -> RequestId {
    RequestId(number.get())
}

fn ttl(number: u8) -> Result<u8, WireError> {
    if (1..=MAX_TTL).contains(&number) { Ok(number) } else { Err(WireError::BadValue) }
}
