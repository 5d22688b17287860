//! This project's wire format.
//!
//! ```text
//! datagram   magic 'H' | version | frame | frame | …
//! frame      kind u8 | length of payload u16 | to slot u16 | from slot u16
//!            | to identifier's top 64 bits | from identifier [20] | payload
//! ```
//!
//! Every integer is big-endian. A datagram bundles frames between any of the nodes that share the
//! two sockets. Kinds and payloads are defined by the protocol ([`Body`]). For the version see
//! [`version`](super::version).
//!
//! **Invariant:** each message has exactly one valid frame.

use core::fmt;
use core::marker::PhantomData;

use zerocopy::byteorder::network_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::Id;
use crate::base::id::ID_BYTES;
use crate::codec::body::{Body, Writer};
use crate::codec::error::WireError;
use crate::codec::version::{self, OLDEST_VERSION, PROBE_BYTES, Probe, VERSION};
use crate::codec::{Codec, Envelope};
use crate::node::MessageOf;

/// First byte of every datagram.
pub const MAGIC: u8 = b'H';
/// Bytes before the first frame.
pub const BUNDLE_HEADER_BYTES: usize = 2;
/// Bytes of a frame before the payload.
pub const FRAME_HEADER_BYTES: usize = size_of::<FrameHeader>();

/// The codec of protocol `P` in this project's wire format.
pub struct Framed<P> {
    /// The version in which it writes.
    version: u8,
    /// The newest version that it reads.
    newest: u8,
    /// The version byte of what it writes.
    byte: u8,
    protocol: PhantomData<fn() -> P>,
}

impl<P> Framed<P> {
    /// The codec of a program that knows no version after `newest`. `None` if this program cannot write
    /// that one.
    #[must_use]
    pub const fn up_to(newest: u8) -> Option<Framed<P>> {
        if newest < OLDEST_VERSION || newest > VERSION {
            return None;
        }
        Some(Framed::writing(newest, newest))
    }

    #[inline]
    const fn writing(version: u8, newest: u8) -> Framed<P> {
        Framed { version, newest, byte: version::byte(version, newest), protocol: PhantomData }
    }

    /// Reads a version byte that is not the own one.
    #[cold]
    fn of_other(self, byte: u8) -> Result<Framed<P>, WireError> {
        match version::of_byte(byte) {
            Some((version, _)) if version <= self.newest => {
                Ok(Framed::writing(version, self.newest))
            }
            _ => Err(WireError::BadVersion),
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

// Reading and writing are inlined by force, together with the payloads of the ring: the pass that
// validates a datagram drops each message, and only inlined code leaves out building it.
impl<P: Body> Codec for Framed<P> {
    type Protocol = P;

    const SHARES_SOCKETS: bool = true;
    const HEADER_BYTES: usize = BUNDLE_HEADER_BYTES;

    #[inline]
    fn write_header(&self, room: &mut [u8]) -> Option<usize> {
        room.get_mut(..BUNDLE_HEADER_BYTES)?.copy_from_slice(&[MAGIC, self.byte]);
        Some(BUNDLE_HEADER_BYTES)
    }

    #[inline(always)]
    fn write(
        &self,
        envelope: &Envelope,
        message: &MessageOf<'_, P>,
        room: &mut [u8],
    ) -> Option<usize> {
        let (head, payload) = room.split_at_mut_checked(FRAME_HEADER_BYTES)?;
        let mut out = Writer::new(payload);
        let kind = P::write_in(self.version, message, &mut out)?;
        let length = out.written();
        FrameHeader {
            kind,
            length: U16::new(u16::try_from(length).ok()?),
            to_slot: U16::new(envelope.to_slot),
            from_slot: U16::new(envelope.from_slot),
            to_prefix: U64::new(envelope.to_prefix?),
            from_id: envelope.from_id.to_bytes(),
        }
        .write_to(head)
        .ok()?;
        Some(FRAME_HEADER_BYTES + length)
    }

    #[inline]
    fn length(&self, message: &MessageOf<'_, P>) -> usize {
        FRAME_HEADER_BYTES + P::length(message)
    }

    #[inline]
    fn read_header<'b>(&self, datagram: &'b [u8]) -> Result<(Framed<P>, &'b [u8]), WireError> {
        let &[magic, version, ref frames @ ..] = datagram else {
            return Err(WireError::Truncated);
        };
        if magic != MAGIC {
            return Err(WireError::BadMagic);
        }
        let codec = if version == self.byte { *self } else { self.of_other(version)? };
        Ok((codec, frames))
    }

    #[inline]
    fn version(&self) -> u8 {
        self.version
    }

    #[inline]
    fn newest(&self) -> u8 {
        self.newest
    }

    #[inline]
    fn in_version(&self, version: u8) -> Framed<P> {
        Framed::writing(version.clamp(OLDEST_VERSION, self.newest), self.newest)
    }

    fn write_probe(&self, probe: &Probe, room: &mut [u8]) -> Option<usize> {
        let header = self.in_version(self.newest).write_header(room)?;
        probe.write(&mut room[header..])?;
        Some(PROBE_BYTES)
    }

    #[inline]
    fn read_probe(&self, datagram: &[u8]) -> Option<Probe> {
        if datagram.len() != PROBE_BYTES {
            return None;
        }
        self.read_header(datagram).ok()?;
        let (version, newest) = version::of_byte(datagram[1])?;
        (version > OLDEST_VERSION).then(|| Probe::read(newest, &datagram[2..]))?
    }

    #[inline(always)]
    fn read<'b>(&self, rest: &mut &'b [u8]) -> Result<(Envelope, MessageOf<'b, P>), WireError> {
        let (header, payload, after) = split(rest)?;
        let message = P::read_in(self.version, header.kind, payload)?;
        let envelope = Envelope {
            from_id: Id::from_bytes(header.from_id),
            from_slot: header.from_slot.get(),
            to_slot: header.to_slot.get(),
            to_prefix: Some(header.to_prefix.get()),
        };
        *rest = after;
        Ok((envelope, message))
    }

    #[inline(always)]
    fn check(&self, rest: &mut &[u8]) -> Result<(), WireError> {
        let (header, payload, after) = split(rest)?;
        *rest = after;
        P::check_in(self.version, header.kind, payload)
    }
}

/// Splits the first frame off `frames`: its header, its payload, and what follows.
#[inline(always)]
fn split(frames: &[u8]) -> Result<(&FrameHeader, &[u8], &[u8]), WireError> {
    let (header, after) = FrameHeader::ref_from_prefix(frames).map_err(|_| WireError::Truncated)?;
    let (payload, after) =
        after.split_at_checked(header.length.get().into()).ok_or(WireError::Truncated)?;
    Ok((header, payload, after))
}

impl<P> Clone for Framed<P> {
    fn clone(&self) -> Framed<P> {
        *self
    }
}

impl<P> Copy for Framed<P> {}

impl<P> Default for Framed<P> {
    fn default() -> Framed<P> {
        Framed::writing(VERSION, VERSION)
    }
}

impl<P> fmt::Debug for Framed<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Framed")
    }
}
