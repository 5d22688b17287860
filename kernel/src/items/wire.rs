//! The encoding of messages about items.
//!
//! **Invariant:** a name or query is the last field of a payload and takes all remaining bytes.

use zerocopy::byteorder::network_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::codec::{Body, WireError, Writer, read_exact, read_prefix};
use crate::items::hits::Hits;
use crate::items::message::{Message, Topic};
use crate::items::protocol::Items;
use crate::items::query::{Match, Query};
use crate::items::text::{Text, TextError};
use crate::items::words::word;
use crate::node::{Cookie, MAX_PAYLOAD, RequestId};

/// The first kind number of this protocol. Systems number their own messages from 1.
pub const FIRST_KIND: u8 = 64;

impl Body for Items {
    fn write(message: &Message<'_>, out: &mut Writer<'_>) -> Option<u8> {
        let kind = match *message {
            Message::Publish { request, cookie, name } => {
                put_named(out, request, cookie, name)?;
                Kind::Publish
            }
            Message::PublishWord { request, cookie, word: number, name } => {
                word(&name, number)?;
                out.put(&WirePublishWord {
                    request: U64::new(request.0),
                    cookie: U64::new(cookie.0),
                    word: number,
                })?;
                out.put_bytes(name.as_bytes())?;
                Kind::PublishWord
            }
            Message::Fetch { request, cookie, name } => {
                put_named(out, request, cookie, name)?;
                Kind::Fetch
            }
            Message::Published { request } => {
                out.put(&U64::new(request.0))?;
                Kind::Published
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
            Message::Item { request, payload } => {
                if payload.len() > MAX_PAYLOAD {
                    return None;
                }
                out.put(&U64::new(request.0))?;
                out.put_bytes(payload)?;
                Kind::Item
            }
            Message::CookieReply { request, topic, cookie } => {
                out.put(&WireCookieReply {
                    request: U64::new(request.0),
                    cookie: U64::new(cookie.0),
                    topic: topic as u8,
                })?;
                Kind::CookieReply
            }
        };
        Some(kind as u8)
    }

    fn length(message: &Message<'_>) -> usize {
        match message {
            Message::Published { .. } => size_of::<U64>(),
            Message::Publish { name, .. } | Message::Fetch { name, .. } => {
                size_of::<WireNamed>() + name.as_bytes().len()
            }
            Message::PublishWord { name, .. } => {
                size_of::<WirePublishWord>() + name.as_bytes().len()
            }
            Message::Find { query, .. } => size_of::<WireFind>() + query.text.as_bytes().len(),
            Message::Found { hits, .. } => size_of::<U64>() + hits.as_bytes().len(),
            Message::Item { payload, .. } => size_of::<U64>() + payload.len(),
            Message::CookieReply { .. } => size_of::<WireCookieReply>(),
        }
    }

    fn read(kind: u8, payload: &[u8]) -> Result<Message<'_>, WireError> {
        let kind = Kind::from_number(kind).ok_or(WireError::BadKind)?;
        Ok(match kind {
            Kind::Publish => {
                let (request, cookie, name) = read_named(payload)?;
                Message::Publish { request, cookie, name }
            }
            Kind::PublishWord => {
                let (wire, rest) = read_prefix::<WirePublishWord>(payload)?;
                let (request, cookie) = (request(&wire.request), Cookie(wire.cookie.get()));
                let (word, name) = read_word(wire.word, rest)?;
                Message::PublishWord { request, cookie, word, name }
            }
            Kind::Fetch => {
                let (request, cookie, name) = read_named(payload)?;
                Message::Fetch { request, cookie, name }
            }
            Kind::Published => Message::Published { request: request(read_exact::<U64>(payload)?) },
            Kind::Find => {
                let (wire, rest) = read_prefix::<WireFind>(payload)?;
                let (request, cookie) = (request(&wire.request), Cookie(wire.cookie.get()));
                Message::Find { request, cookie, query: read_query(wire.how, rest)? }
            }
            Kind::Found => {
                let (id, rest) = read_prefix::<U64>(payload)?;
                let hits = Hits::parse(rest).ok_or(WireError::BadValue)?;
                Message::Found { request: request(id), hits }
            }
            Kind::Item => {
                let (id, payload) = read_prefix::<U64>(payload)?;
                if payload.len() > MAX_PAYLOAD {
                    return Err(WireError::BadLength);
                }
                Message::Item { request: request(id), payload }
            }
            Kind::CookieReply => {
                let wire = read_exact::<WireCookieReply>(payload)?;
                Message::CookieReply {
                    request: request(&wire.request),
                    topic: Topic::from_number(wire.topic).ok_or(WireError::BadValue)?,
                    cookie: Cookie(wire.cookie.get()),
                }
            }
        })
    }
}

/// Reads all of `bytes` as a name.
pub(crate) fn read_text(bytes: &[u8]) -> Result<Text, WireError> {
    Text::new(bytes).map_err(|error| match error {
        TextError::Empty | TextError::TooLong => WireError::BadLength,
        TextError::NotUtf8 => WireError::BadValue,
    })
}

/// Reads all of `bytes` as a name that has a word with this number.
pub(crate) fn read_word(number: u8, bytes: &[u8]) -> Result<(u8, Text), WireError> {
    let name = read_text(bytes)?;
    word(&name, number).ok_or(WireError::BadValue)?;
    Ok((number, name))
}

/// Reads a query with all of `bytes` as its text.
pub(crate) fn read_query(how: u8, bytes: &[u8]) -> Result<Query, WireError> {
    let how = Match::from_number(how).ok_or(WireError::BadValue)?;
    Ok(Query { how, text: read_text(bytes)? })
}

#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Publish = FIRST_KIND,
    Published = FIRST_KIND + 1,
    Find = FIRST_KIND + 2,
    Found = FIRST_KIND + 3,
    Fetch = FIRST_KIND + 4,
    Item = FIRST_KIND + 5,
    CookieReply = FIRST_KIND + 6,
    PublishWord = FIRST_KIND + 7,
}

impl Kind {
    const fn from_number(number: u8) -> Option<Kind> {
        Some(match number.wrapping_sub(FIRST_KIND) {
            0 => Kind::Publish,
            1 => Kind::Published,
            2 => Kind::Find,
            3 => Kind::Found,
            4 => Kind::Fetch,
            5 => Kind::Item,
            6 => Kind::CookieReply,
            7 => Kind::PublishWord,
            _ => return None,
        })
    }
}

/// [`Kind::Publish`] and [`Kind::Fetch`]; the name follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireNamed {
    request: U64,
    cookie: U64,
}

/// [`Kind::PublishWord`]; the name follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WirePublishWord {
    request: U64,
    cookie: U64,
    word: u8,
}

/// [`Kind::Find`]; the text of the query follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireFind {
    request: U64,
    cookie: U64,
    how: u8,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireCookieReply {
    request: U64,
    cookie: U64,
    topic: u8,
}

fn put_named(out: &mut Writer<'_>, request: RequestId, cookie: Cookie, name: Text) -> Option<()> {
    out.put(&WireNamed { request: U64::new(request.0), cookie: U64::new(cookie.0) })?;
    out.put_bytes(name.as_bytes())
}

fn read_named(payload: &[u8]) -> Result<(RequestId, Cookie, Text), WireError> {
    let (wire, rest) = read_prefix::<WireNamed>(payload)?;
    Ok((request(&wire.request), Cookie(wire.cookie.get()), read_text(rest)?))
}

fn request(number: &U64) -> RequestId {
    RequestId(number.get())
}
