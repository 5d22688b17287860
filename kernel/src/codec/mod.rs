//! Messages as datagrams.
//!
//! A [`Codec`] says how the messages of a protocol look on the wire. [`Framed`] is this project's own
//! format, for which a protocol says no more than how its payloads look ([`Body`]). A foreign format
//! is another codec under the same node.
//!
//! **Invariant:** reading is total. Any byte string is either a valid datagram or is refused with a
//! reason; nothing is allocated for it.

mod body;
mod error;
mod frame;

pub use body::{Body, Writer, first, whole, whole_request};
pub use error::WireError;
pub use frame::{BUNDLE_HEADER_BYTES, FRAME_HEADER_BYTES, Framed, MAGIC, VERSION};

use core::fmt::Debug;

use crate::base::{Address, Id, Peer};
use crate::node::{MessageOf, Protocol};

/// Bytes of the IPv4 and UDP headers that each message is charged with.
pub const DATAGRAM_OVERHEAD_BYTES: usize = 28;

/// How the messages of a protocol look on the wire.
///
/// A datagram is a header and then one message or more. A reader calls [`open`](Codec::open) once and
/// then [`read`](Codec::read) until nothing is left.
pub trait Codec: Copy + Default + Debug + Send + Sync + 'static {
    /// Whose messages.
    type Protocol: Protocol;

    /// Whether messages name the node they are for, so that nodes can share a socket, and messages a
    /// datagram.
    const SHARES_SOCKETS: bool;
    /// Bytes of a datagram before its first message.
    const HEADER_BYTES: usize;

    /// Writes the header of a datagram and returns its length, or `None` if `room` is too short.
    fn begin(&self, room: &mut [u8]) -> Option<usize>;

    /// Writes a message at the start of `room` and returns its length. Returns `None` if it does not
    /// fit, or has a value that readers would refuse; then the content of `room` is undefined.
    fn write(
        &self,
        envelope: &Envelope,
        message: &MessageOf<'_, Self::Protocol>,
        room: &mut [u8],
    ) -> Option<usize>;

    /// The length that [`write`](Codec::write) would return, given room enough.
    fn length(&self, message: &MessageOf<'_, Self::Protocol>) -> usize;

    /// Checks the header of a datagram and returns what follows it.
    ///
    /// # Errors
    ///
    /// Why this is no datagram of this format.
    fn open<'b>(&self, datagram: &'b [u8]) -> Result<&'b [u8], WireError>;

    /// Reads the message at the start of `rest`, which is not empty, and moves `rest` behind it.
    ///
    /// # Errors
    ///
    /// Why there is no message.
    fn read<'b>(
        &self,
        rest: &mut &'b [u8],
    ) -> Result<(Envelope, MessageOf<'b, Self::Protocol>), WireError>;

    /// Writes a datagram of one message at the start of `room` and returns its length. Returns `None`
    /// where [`write`](Codec::write) does.
    fn write_datagram(
        &self,
        envelope: &Envelope,
        message: &MessageOf<'_, Self::Protocol>,
        room: &mut [u8],
    ) -> Option<usize> {
        let header = self.begin(room)?;
        Some(header + self.write(envelope, message, &mut room[header..])?)
    }

    /// Reads every message of a datagram. Nothing of a datagram that is refused may be used.
    ///
    /// # Errors
    ///
    /// The first reason found why the datagram is refused.
    #[inline]
    fn parse<'b>(&self, datagram: &'b [u8]) -> Result<Messages<'b, Self>, WireError> {
        let messages = self.open(datagram)?;
        if messages.is_empty() {
            return Err(WireError::Empty);
        }
        let mut rest = messages;
        while !rest.is_empty() {
            self.read(&mut rest)?;
        }
        Ok(Messages { codec: *self, rest: messages })
    }
}

/// The messages of a datagram that has been read from end to end once.
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

/// Which nodes a message is from and for, as far as the wire says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// The sender's identifier.
    pub from_id: Id,
    /// The sender's place behind its socket.
    pub from_slot: u16,
    /// The receiver's place behind its socket.
    pub to_slot: u16,
    /// The top 64 bits of the receiver's identifier, if the format carries them. Another node that has
    /// the receiver's place by now must not act for it.
    pub to_prefix: Option<u64>,
}

impl Envelope {
    /// For a message from one peer to another.
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

    /// The sender, given the socket the datagram came from.
    #[inline]
    #[must_use]
    pub const fn sender(&self, socket: Address) -> Peer {
        Peer { id: self.from_id, address: Address { slot: self.from_slot, ..socket } }
    }

    /// Whether a node with identifier `id` is the receiver.
    #[inline]
    #[must_use]
    pub fn is_for(&self, id: Id) -> bool {
        self.to_prefix.is_none_or(|prefix| prefix == id.prefix())
    }
}
