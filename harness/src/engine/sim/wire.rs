//! Encodes and decodes every message, if a scenario says `wire = true`.
//!
//! **Invariant:** a node receives only what the bytes contain.

use hopwise_kernel::codec::{Codec, Envelope};
use hopwise_kernel::node::MessageOf;
use hopwise_kernel::{Address, Peer};

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
        let (from_slot, to_slot) = (from.address.slot, to.slot);
        let to_prefix = Some(to_prefix);
        let envelope = Envelope { from_id: from.id, from_slot, to_slot, to_prefix };
        let header = self.codec.write_header(&mut self.datagram)?;
        let room = &mut self.datagram[header..];
        let length = header + self.codec.write(&envelope, message, room)?;
        let (envelope, message) = self.codec.parse(&self.datagram[..length]).ok()?.next()?;
        Some((envelope.sender(from.address.socket()), message))
    }
}
