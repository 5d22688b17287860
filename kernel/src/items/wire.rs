//! The payloads of what peers that share items say to each other.
//!
//! **Invariant:** names and queries come last in a payload: their length is what is left.

use zerocopy::byteorder::network_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Kind, WireError, WirePeer, Writer, first, request, whole};
use crate::items::{Hit, Hits, Match, Query, Text, TextError};
use crate::message::{
    Cookie, MAX_COPIES, MAX_PAYLOAD, MAX_TTL, MAX_WALK, Message, RequestId, Walk, WalkStage,
};

/// Length of the payload of `message`, in bytes; 0 for a message of another kind.
pub(super) fn payload_bytes(message: &Message<'_>) -> usize {
    match message {
        Message::Published { .. } | Message::Connect { .. } => size_of::<U64>(),
        Message::Publish { name, .. } | Message::Fetch { name, .. } => {
            size_of::<WireNamed>() + name.as_bytes().len()
        }
        Message::Copy { hit, .. } => size_of::<WireCopy>() + hit.name.as_bytes().len(),
        Message::Find { query, .. } => size_of::<WireFind>() + query.text.as_bytes().len(),
        Message::Found { hits, .. } => size_of::<U64>() + hits.as_bytes().len(),
        Message::Item { payload, .. } => size_of::<U64>() + payload.len(),
        Message::Search { query, .. } => size_of::<WireSearch>() + query.text.as_bytes().len(),
        Message::Walk { walk, .. } => size_of::<WireWalk>() + walk.query.text.as_bytes().len(),
        Message::SearchHit { hit, .. } => size_of::<WireSearchHit>() + hit.name.as_bytes().len(),
        Message::Connected { .. } => size_of::<WireConnected>(),
        Message::Meet { .. } => size_of::<WireMeet>(),
        _ => 0,
    }
}

/// Writes the payload of `message`; nothing if it does not fit, has a value it must not have, or is
/// of another kind.
#[inline(never)] // The ring's messages do not pay for these.
pub(super) fn write_payload(message: &Message<'_>, out: &mut Writer<'_>) -> Option<Kind> {
    Some(match *message {
        Message::Publish { request, cookie, name } => {
            put_named(out, request, cookie, name)?;
            Kind::Publish
        }
        Message::Fetch { request, cookie, name } => {
            put_named(out, request, cookie, name)?;
            Kind::Fetch
        }
        Message::Published { request } => {
            out.put(&U64::new(request.0))?;
            Kind::Published
        }
        Message::Copy { hit, copies, lifetime_ms } if copies <= MAX_COPIES => {
            let (holder, lifetime_ms) = (hit.holder.into(), U32::new(lifetime_ms));
            out.put(&WireCopy { holder, copies, lifetime_ms })?;
            out.put_bytes(hit.name.as_bytes())?;
            Kind::Copy
        }
        Message::Find { request, cookie, query } => {
            out.put(&WireFind {
                request: U64::new(request.0),
                cookie: U64::new(cookie.0),
                how: query.how as u8,
            })?;
            out.put_bytes(query.text.as_bytes())?;
            Kind::Find
        }
        Message::Found { request, hits } => {
            out.put(&U64::new(request.0))?;
            out.put_bytes(hits.as_bytes())?;
            Kind::Found
        }
        Message::Item { request, payload } if payload.len() <= MAX_PAYLOAD => {
            out.put(&U64::new(request.0))?;
            out.put_bytes(payload)?;
            Kind::Item
        }
        Message::Search { search, query, ttl, hops } if (1..=MAX_TTL).contains(&ttl) => {
            out.put(&WireSearch { search: U64::new(search.0), ttl, hops, how: query.how as u8 })?;
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
            out.put(&U64::new(request.0))?;
            Kind::Connect
        }
        Message::Connected { request, accepted } => {
            out.put(&WireConnected { request: U64::new(request.0), accepted: u8::from(accepted) })?;
            Kind::Connected
        }
        Message::Meet { origin, ttl } if (1..=MAX_TTL).contains(&ttl) => {
            out.put(&WireMeet { origin: origin.into(), ttl })?;
            Kind::Meet
        }
        _ => return None,
    })
}

/// Reads the payload of a message of such a kind.
///
/// # Errors
///
/// What is wrong with it.
#[inline(never)] // As above.
pub(super) fn read_payload(kind: Kind, payload: &[u8]) -> Result<Message<'_>, WireError> {
    Ok(match kind {
        Kind::Publish => {
            let (wire, rest) = first::<WireNamed>(payload)?;
            let cookie = Cookie(wire.cookie.get());
            Message::Publish { request: request(&wire.request), cookie, name: text(rest)? }
        }
        Kind::Fetch => {
            let (wire, rest) = first::<WireNamed>(payload)?;
            let cookie = Cookie(wire.cookie.get());
            Message::Fetch { request: request(&wire.request), cookie, name: text(rest)? }
        }
        Kind::Published => Message::Published { request: request(whole::<U64>(payload)?) },
        Kind::Copy => {
            let (wire, rest) = first::<WireCopy>(payload)?;
            if wire.copies > MAX_COPIES {
                return Err(WireError::BadValue);
            }
            let hit = Hit { holder: wire.holder.to_peer(), name: text(rest)? };
            Message::Copy { hit, copies: wire.copies, lifetime_ms: wire.lifetime_ms.get() }
        }
        Kind::Find => {
            let (wire, rest) = first::<WireFind>(payload)?;
            let (request, cookie) = (request(&wire.request), Cookie(wire.cookie.get()));
            Message::Find { request, cookie, query: query(wire.how, rest)? }
        }
        Kind::Found => {
            let (id, rest) = first::<U64>(payload)?;
            let hits = Hits::parse(rest).ok_or(WireError::BadValue)?;
            Message::Found { request: request(id), hits }
        }
        Kind::Item => {
            let (id, payload) = first::<U64>(payload)?;
            if payload.len() > MAX_PAYLOAD {
                return Err(WireError::BadLength);
            }
            Message::Item { request: request(id), payload }
        }
        Kind::Search => {
            let (wire, rest) = first::<WireSearch>(payload)?;
            let (search, query) = (request(&wire.search), query(wire.how, rest)?);
            Message::Search { search, query, ttl: ttl(wire.ttl)?, hops: wire.hops }
        }
        Kind::Walk => {
            let (wire, rest) = first::<WireWalk>(payload)?;
            if !(1..=MAX_WALK).contains(&wire.ttl.get()) {
                return Err(WireError::BadValue);
            }
            let search = request(&wire.search);
            let walk = Walk {
                query: query(wire.how, rest)?,
                origin: wire.origin.to_peer(),
                ttl: wire.ttl.get(),
                hops: wire.hops.get(),
            };
            let stage = WalkStage::from_number(wire.stage).ok_or(WireError::BadValue)?;
            Message::Walk { search, walk, stage }
        }
        Kind::SearchHit => {
            let (wire, rest) = first::<WireSearchHit>(payload)?;
            let hit = Hit { holder: wire.holder.to_peer(), name: text(rest)? };
            Message::SearchHit { search: request(&wire.search), hit, hops: wire.hops.get() }
        }
        Kind::Connect => Message::Connect { request: request(whole::<U64>(payload)?) },
        Kind::Connected => {
            let wire = whole::<WireConnected>(payload)?;
            if wire.accepted > 1 {
                return Err(WireError::BadValue);
            }
            Message::Connected { request: request(&wire.request), accepted: wire.accepted == 1 }
        }
        Kind::Meet => {
            let wire = whole::<WireMeet>(payload)?;
            Message::Meet { origin: wire.origin.to_peer(), ttl: ttl(wire.ttl)? }
        }
        _ => return Err(WireError::BadKind),
    })
}

/// [`Message::Publish`] and [`Message::Fetch`]; the name follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireNamed {
    request: U64,
    cookie: U64,
}

/// The name follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireCopy {
    holder: WirePeer,
    copies: u8,
    lifetime_ms: U32,
}

/// The query's text follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireFind {
    request: U64,
    cookie: U64,
    how: u8,
}

/// The query's text follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireSearch {
    search: U64,
    ttl: u8,
    hops: u8,
    how: u8,
}

/// The query's text follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireWalk {
    search: U64,
    origin: WirePeer,
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
    holder: WirePeer,
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
struct WireMeet {
    origin: WirePeer,
    ttl: u8,
}

fn put_named(out: &mut Writer<'_>, request: RequestId, cookie: Cookie, name: Text) -> Option<()> {
    out.put(&WireNamed { request: U64::new(request.0), cookie: U64::new(cookie.0) })?;
    out.put_bytes(name.as_bytes())
}

fn text(bytes: &[u8]) -> Result<Text, WireError> {
    Text::new(bytes).map_err(|error| match error {
        TextError::Empty | TextError::TooLong => WireError::BadLength,
        TextError::NotUtf8 => WireError::BadValue,
    })
}

fn query(how: u8, bytes: &[u8]) -> Result<Query, WireError> {
    let how = Match::from_number(how).ok_or(WireError::BadValue)?;
    Ok(Query { how, text: text(bytes)? })
}

fn ttl(number: u8) -> Result<u8, WireError> {
    if (1..=MAX_TTL).contains(&number) { Ok(number) } else { Err(WireError::BadValue) }
}
