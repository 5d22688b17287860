//! Encodes and decodes messages: all of them if a scenario says `wire = true`, and those of which a bit is
//! flipped on the way.
//!
//! **Invariant:** a node receives only what the bytes contain.

use hopwise_kernel::codec::{Codec, Envelope};
use hopwise_kernel::drive::transit::flip_bit;
use hopwise_kernel::node::MessageOf;
use hopwise_kernel::{Address, Id, Peer};

/// The longest payload of a UDP datagram over IPv4.
const DATAGRAM_MAX: usize = 65_507;

/// A codec with the buffer of one datagram.
#[derive(Debug)]
pub(super) struct Wire<C> {
    codec: C,
    datagram: Box<[u8]>,
}

impl<C: Codec> Wire<C> {
    pub(super) fn new() -> Wire<C> {
        Wire { codec: C::default(), datagram: vec![0; DATAGRAM_MAX].into() }
    }

    /// Encodes `message` and decodes it again. `None` if either fails.
    pub(super) fn pass(
        &mut self,
        from: Peer,
        to: Address,
        to_prefix: u64,
        message: &MessageOf<'_, C::Protocol>,
    ) -> Option<(Peer, MessageOf<'_, C::Protocol>)> {
        let length = self.write(from, to, to_prefix, message)?;
        let (envelope, message) = self.codec.parse(&self.datagram[..length]).ok()?.next()?;
        Some((envelope.sender(from.address.socket()), message))
    }

    /// Encodes `message`, flips a bit and decodes the result. Returns the sender, the receiver and the message
    /// that the bytes then name. `None` if they are not a valid message.
    pub(super) fn corrupt(
        &mut self,
        from: Peer,
        to: Peer,
        bit: u64,
        message: &MessageOf<'_, C::Protocol>,
    ) -> Option<(Peer, Peer, MessageOf<'_, C::Protocol>)> {
        let length = self.write(from, to.address, to.id.prefix(), message)?;
        flip_bit(&mut self.datagram[..length], bit);
        let (envelope, message) = self.codec.parse(&self.datagram[..length]).ok()?.next()?;
        let prefix = envelope.to_prefix.unwrap_or(to.id.prefix());
        let id = Id::from_parts(prefix, Id::ZERO.tail());
        let to = Peer { id, address: Address { slot: envelope.to_slot, ..to.address } };
        Some((envelope.sender(from.address.socket()), to, message))
    }

    fn write(
        &mut self,
        from: Peer,
        to: Address,
        to_prefix: u64,
        message: &MessageOf<'_, C::Protocol>,
    ) -> Option<usize> {
        let (from_slot, to_slot) = (from.address.slot, to.slot);
        let to_prefix = Some(to_prefix);
        let envelope = Envelope { from_id: from.id, from_slot, to_slot, to_prefix };
        let header = self.codec.write_header(&mut self.datagram)?;
        let room = &mut self.datagram[header..];
        Some(header + self.codec.write(&envelope, message, room)?)
    }
}
