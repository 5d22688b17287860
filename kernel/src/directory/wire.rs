//! The encoding of a directory's messages.
//!
//! **Invariant:** kind numbers of the router are below those of items; those of the directory are above
//! both.

use zerocopy::byteorder::network_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::PackedPeer;
use crate::codec::{Body, Framed, VERSION, WireError, Writer, read_prefix};
use crate::directory::message::{MAX_COPIES, Message, MessageWith};
use crate::directory::protocol::Directory;
use crate::items::wire::{FIRST_KIND, read_text, read_word};
use crate::items::words::word;
use crate::items::{Hit, Items};

/// The codec of a directory over a router that speaks `P`, in this project's wire format.
pub type DirectoryCodec<P> = Framed<Directory<P>>;

const COPY_KIND: u8 = 128;
const WORD_COPY_KIND: u8 = 129;

impl<P: Body> Body for Directory<P> {
    #[inline]
    fn write(message: &Message<'_, P>, out: &mut Writer<'_>) -> Option<u8> {
        Self::write_in(VERSION, message, out)
    }

    #[inline]
    fn write_in(version: u8, message: &Message<'_, P>, out: &mut Writer<'_>) -> Option<u8> {
        match message {
            MessageWith::Router(message) => {
                P::write_in(version, message, out).filter(|&kind| kind < FIRST_KIND)
            }
            MessageWith::Items(message) => Items::write(message, out),
            &MessageWith::Copy { hit, word: number, copies, lifetime_ms } => {
                if copies > MAX_COPIES {
                    return None;
                }
                let (holder, lifetime_ms) = (hit.holder.into(), U32::new(lifetime_ms));
                out.put(&WireCopy { holder, copies, lifetime_ms })?;
                if let Some(number) = number {
                    word(&hit.name, number)?;
                    out.put(&number)?;
                }
                out.put_bytes(hit.name.as_bytes())?;
                Some(if number.is_some() { WORD_COPY_KIND } else { COPY_KIND })
            }
        }
    }

    fn length(message: &Message<'_, P>) -> usize {
        match message {
            MessageWith::Router(message) => P::length(message),
            MessageWith::Items(message) => Items::length(message),
            MessageWith::Copy { hit, word, .. } => {
                size_of::<WireCopy>() + usize::from(word.is_some()) + hit.name.as_bytes().len()
            }
        }
    }

    #[inline]
    fn read(kind: u8, payload: &[u8]) -> Result<Message<'_, P>, WireError> {
        Self::read_in(VERSION, kind, payload)
    }

    #[inline]
    fn check_in(version: u8, kind: u8, payload: &[u8]) -> Result<(), WireError> {
        Self::read_in(version, kind, payload).map(drop)
    }

    #[inline]
    fn read_in(version: u8, kind: u8, payload: &[u8]) -> Result<Message<'_, P>, WireError> {
        if kind < FIRST_KIND {
            return Ok(MessageWith::Router(P::read_in(version, kind, payload)?));
        }
        if kind != COPY_KIND && kind != WORD_COPY_KIND {
            return Ok(MessageWith::Items(Items::read(kind, payload)?));
        }
        let (wire, rest) = read_prefix::<WireCopy>(payload)?;
        if wire.copies > MAX_COPIES {
            return Err(WireError::BadValue);
        }
        let (word, name) = if kind == WORD_COPY_KIND {
            let (&number, rest) = rest.split_first().ok_or(WireError::BadLength)?;
            let (number, name) = read_word(number, rest)?;
            (Some(number), name)
        } else {
            (None, read_text(rest)?)
        };
        let hit = Hit { holder: wire.holder.to_peer(), name };
        let (copies, lifetime_ms) = (wire.copies, wire.lifetime_ms.get());
        Ok(MessageWith::Copy { hit, word, copies, lifetime_ms })
    }
}

/// [`MessageWith::Copy`]; the name follows, after the number of its word if the kind is [`WORD_COPY_KIND`].
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireCopy {
    holder: PackedPeer,
    copies: u8,
    lifetime_ms: U32,
}
