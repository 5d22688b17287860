//! Messages as bytes, where a scenario says `wire = true`: each is written and read again before its
//! node gets it, as over a real network.
//!
//! **Invariant:** a node gets what the bytes say and nothing else.

use hopwise_kernel::wire::{Bundle, Frame, begin_bundle, encode};
use hopwise_kernel::{Address, Message, Peer};

/// The longest payload of a UDP datagram over IPv4.
const DATAGRAM_MAX: usize = 65_507;

/// One datagram at a time.
#[derive(Debug)]
pub(super) struct Wire {
    datagram: Box<[u8]>,
}

impl Wire {
    pub(super) fn new() -> Wire {
        Wire { datagram: vec![0; DATAGRAM_MAX].into() }
    }

    /// What whoever is at `to` reads once `from` has written `message`; nothing if it cannot be
    /// written, or not be read.
    pub(super) fn pass(
        &mut self,
        from: Peer,
        to: Address,
        to_prefix: u64,
        message: Message<'_>,
    ) -> Option<(Peer, Message<'_>)> {
        let (from_slot, to_slot) = (from.address.slot, to.slot);
        let frame = Frame { from_id: from.id, from_slot, to_slot, to_prefix, message };
        let header = begin_bundle(&mut self.datagram)?;
        let length = header + encode(&frame, &mut self.datagram[header..])?;
        let frame = Bundle::parse(&self.datagram[..length]).ok()?.frames().next()?;
        Some((frame.sender(from.address.socket()), frame.message))
    }
}
