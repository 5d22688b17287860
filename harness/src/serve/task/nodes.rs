//! What commands need of the nodes.
//!
//! **Invariant:** a call that was started ends in one [`End`] with its token, unless its origin crashes.

use hopwise_kernel::store::{Name, ReadOutcome, Refusal, Write, WriteOutcome};
use hopwise_kernel::{Address, Id, Peer};

/// A call of one node.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Call<'a> {
    /// Reads an item.
    Read(Name),
    /// Writes an item. The value goes beside it.
    Write(Write, &'a [u8]),
    /// Asks for the references to a key.
    List(Id),
    /// Asks for the owner of a key.
    Lookup(Id),
    /// Sends a message to the owner of a key.
    Send(Id, &'a [u8]),
}

/// The end of a call.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum End {
    /// Of a read, with the value.
    Read(ReadOutcome, Vec<u8>),
    /// Of a write.
    Wrote(WriteOutcome),
    /// Of a query for references: how many there are, and the first of them.
    Listed(Result<u16, Refusal>, Vec<Address>),
    /// The owner of a key, and the hops to it.
    Found(Peer, u8),
    /// The owner has the message.
    Sent,
    /// No owner answered.
    Failed,
    /// The node that carried out the call has crashed.
    OriginCrashed,
}

/// The nodes that carry out calls.
pub(crate) trait Nodes {
    /// Starts a call at some node, and returns which. `None` if it has no room.
    fn start(&mut self, call: Call<'_>, token: u64) -> Option<u32>;
}
