//! The events that a ring node reports to its application.
//!
//! **Invariant:** every lookup and delivery that was started ends in one event with its token.

use crate::base::{Id, Peer};
use crate::node::LookupDone;

/// An event of a ring node.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event {
    /// A bootstrap of a join has answered.
    Contacted {
        /// The bootstrap.
        through: Peer,
    },
    /// The node has chosen the identifier with which it should join.
    Placed {
        /// The identifier.
        id: Id,
    },
    /// The node has become a member of the ring.
    Joined,
    /// A join has failed: no bootstrap was of help. The node can be given others.
    JoinFailed,
    /// A lookup has found the owner.
    LookupDone(LookupDone),
    /// The node considers a peer dead, which was silent for too long, and has removed it from its
    /// tables.
    DeclaredDead {
        /// The peer.
        peer: Peer,
    },
    /// A peer that the node had declared dead has proved to be alive.
    Refuted {
        /// The peer.
        peer: Peer,
    },
    /// A lookup got no answer within its deadline.
    LookupFailed {
        /// The caller's token for the lookup.
        token: u64,
        /// Contacts that did not answer, as far as the origin knows.
        timeouts: u8,
    },
    /// A message to a key that this node owns has arrived. Its payload comes with the event.
    Received {
        /// The key it was sent to.
        key: Id,
        /// The sender.
        from: Peer,
    },
    /// The owner has acknowledged a message.
    Sent {
        /// The caller's token for the message.
        token: u64,
        /// The owner.
        owner: Peer,
    },
    /// A message was not acknowledged within its deadline. It may have arrived nevertheless.
    SendFailed {
        /// The caller's token for the message.
        token: u64,
    },
}
