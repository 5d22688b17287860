//! The encoding of the messages of a central index.
//!
//! **Invariant:** kind numbers are below those of items.

use crate::central::message::Message;
use crate::central::protocol::Central;
use crate::codec::{Body, Framed, WireError, Writer, read_request_id};
use crate::items::Items;

/// The codec of a central index in this project's wire format.
pub type CentralCodec = Framed<Central>;

const PING_KIND: u8 = 1;
const PONG_KIND: u8 = 2;
const LEAVE_KIND: u8 = 3;

impl Body for Central {
    fn write(message: &Message<'_>, out: &mut Writer<'_>) -> Option<u8> {
        match message {
            Message::Ping { request } => out.put_request_id(*request).map(|()| PING_KIND),
            Message::Pong { request } => out.put_request_id(*request).map(|()| PONG_KIND),
            Message::Leave => Some(LEAVE_KIND),
            Message::Items(message) => Items::write(message, out),
        }
    }

    fn length(message: &Message<'_>) -> usize {
        match message {
            Message::Ping { .. } | Message::Pong { .. } => size_of::<u64>(),
            Message::Leave => 0,
            Message::Items(message) => Items::length(message),
        }
    }

    fn read(kind: u8, payload: &[u8]) -> Result<Message<'_>, WireError> {
        Ok(match kind {
            PING_KIND => Message::Ping { request: read_request_id(payload)? },
            PONG_KIND => Message::Pong { request: read_request_id(payload)? },
            LEAVE_KIND if payload.is_empty() => Message::Leave,
            LEAVE_KIND => return Err(WireError::BadLength),
            other => Message::Items(Items::read(other, payload)?),
        })
    }
}
