//! Encoding messages as datagrams.
//!
//! A [`Codec`] is the wire format of a protocol. [`Framed`] is this project's own format; a
//! protocol only defines its payloads ([`Body`]). A foreign format is another codec under the same
//! node.
//!
//! **Invariant:** reading is total. Any byte string is either a valid datagram or is rejected with
//! a reason; nothing is allocated for it.

mod body;
mod error;
mod frame;
pub mod version;

pub use body::{Body, Writer, read_exact, read_prefix, read_request_id};
pub use error::WireError;
pub use frame::{BUNDLE_HEADER_BYTES, FRAME_HEADER_BYTES, Framed, MAGIC};
pub use version::{OLDEST_VERSION, Probe, VERSION};

use core::fmt::Debug;

use crate::base::{Address, Id, Peer};
use crate::node::{MessageOf, Protocol};

/// Bytes of IPv4 and UDP headers that are counted for each message.
pub const DATAGRAM_OVERHEAD_BYTES: usize = 28;

/// The wire format of a protocol.
///
/// A datagram is a header and then one message or more. A reader calls
/// [`read_header`](Codec::read_header) once and then [`read`](Codec::read) until nothing is left.
pub trait Codec: Copy + Default + Debug + Send + Sync + 'static {
    /// The protocol whose messages it encodes.
    type Protocol: Protocol;

    /// Whether messages name their receiving node, so that nodes can share a socket and messages a
    /// datagram.
    const SHARES_SOCKETS: bool;
    /// Bytes of a datagram before the first message.
    const HEADER_BYTES: usize;

    /// Writes the header of a datagram and returns its length, or `None` if `room` is too short.
    fn write_header(&self, room: &mut [u8]) -> Option<usize>;

    /// Writes a message at the start of `room` and returns its length. Returns `None` if it does
    /// not fit or has a value that readers would reject; the content of `room` is then unspecified.
    fn write(
        &self,
        envelope: &Envelope,
        message: &MessageOf<'_, Self::Protocol>,
        room: &mut [u8],
    ) -> Option<usize>;

    /// The length that [`write`](Codec::write) returns, given enough room.
    fn length(&self, message: &MessageOf<'_, Self::Protocol>) -> usize;

    /// Checks the header of a datagram. Returns the codec that reads the rest, which is this one in the
    /// version of the datagram, and the rest.
    ///
    /// # Errors
    ///
    /// The reason why the header is invalid.
    fn read_header<'b>(&self, datagram: &'b [u8]) -> Result<(Self, &'b [u8]), WireError>;

    /// Reads the message at the start of `rest`, which is not empty, and advances `rest` past it.
    ///
    /// # Errors
    ///
    /// The reason why the message is invalid.
    fn read<'b>(
        &self,
        rest: &mut &'b [u8],
    ) -> Result<(Envelope, MessageOf<'b, Self::Protocol>), WireError>;

    /// Checks the message at the start of `rest`, which is not empty, and advances `rest` past it. Accepts
    /// exactly what [`read`](Codec::read) accepts.
    ///
    /// # Errors
    ///
    /// As [`read`](Codec::read).
    #[inline]
    fn check(&self, rest: &mut &[u8]) -> Result<(), WireError> {
        self.read(rest).map(drop)
    }

    /// The version of the format in which it writes; 0 for a format without versions.
    #[inline]
    fn version(&self) -> u8 {
        0
    }

    /// The newest version that it reads; 0 for a format without versions.
    #[inline]
    fn newest(&self) -> u8 {
        0
    }

    /// This codec, writing in `version`, or in the nearest one that it knows.
    #[inline]
    #[must_use]
    fn in_version(&self, _version: u8) -> Self {
        *self
    }

    /// Writes a datagram that is a probe. Returns its length, or `None` if the format has none.
    fn write_probe(&self, _probe: &Probe, _room: &mut [u8]) -> Option<usize> {
        None
    }

    /// Reads a datagram that is a probe.
    #[inline]
    fn read_probe(&self, _datagram: &[u8]) -> Option<Probe> {
        None
    }

    /// Writes a datagram of one message at the start of `room` and returns its length. Returns
    /// `None` where [`write`](Codec::write) does.
    fn write_datagram(
        &self,
        envelope: &Envelope,
        message: &MessageOf<'_, Self::Protocol>,
        room: &mut [u8],
    ) -> Option<usize> {
        let header = self.write_header(room)?;
        Some(header + self.write(envelope, message, &mut room[header..])?)
    }

    /// Validates a whole datagram and returns its messages. One invalid message rejects the
    /// datagram.
    ///
    /// # Errors
    ///
    /// The first reason found to reject the datagram.
    #[inline(always)]
    fn parse<'b>(&self, datagram: &'b [u8]) -> Result<Messages<'b, Self>, WireError> {
        let (codec, messages) = self.read_header(datagram)?;
        if messages.is_empty() {
            return Err(WireError::Empty);
        }
        let mut rest = messages;
        while !rest.is_empty() {
            codec.check(&mut rest)?;
        }
        Ok(Messages { codec, rest: messages })
    }
}

/// The messages of a validated datagram.
#[derive(Clone, Copy, Debug)]
pub struct Messages<'b, C> {
    codec: C,
    rest: &'b [u8],
}

impl<'b, C: Codec> Iterator for Messages<'b, C> {
    type Item = (Envelope, MessageOf<'b, C::Protocol>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() { None } else { self.codec.read(&mut self.rest).ok() }
    }
}

/// The sender and the receiver of a message, as far as the wire format names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// The sender's identifier.
    pub from_id: Id,
    /// The sender's slot behind its socket.
    pub from_slot: u16,
    /// The receiver's slot behind its socket.
    pub to_slot: u16,
    /// The top 64 bits of the receiver's identifier, if the format carries them. They keep a
    /// message from another node that uses the receiver's slot by now.
    pub to_prefix: Option<u64>,
}

impl Envelope {
    /// The envelope of a message from one peer to another.
    #[inline]
    #[must_use]
    pub const fn new(from: Peer, to: Peer) -> Envelope {
        Envelope {
            from_id: from.id,
            from_slot: from.address.slot,
            to_slot: to.address.slot,
            to_prefix: Some(to.id.prefix()),
        }
    }

    /// The sender, given the socket address that the datagram came from.
    #[inline]
    #[must_use]
    pub const fn sender(&self, socket: Address) -> Peer {
        Peer { id: self.from_id, address: Address { slot: self.from_slot, ..socket } }
    }

    /// Whether the node with identifier `id` is the receiver.
    #[inline]
    #[must_use]
    pub fn is_for(&self, id: Id) -> bool {
        self.to_prefix.is_none_or(|prefix| prefix == id.prefix())
    }
}
