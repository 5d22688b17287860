//! What a ring node tells its application.
//!
//! **Invariant:** every lookup and delivery that was begun ends in one event with its token.

use crate::base::{Id, Peer};
use crate::node::LookupDone;

/// One event.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event {
    /// The node is a member of the ring now.
    Joined,
    /// The bootstrap did not lead to a place in the ring; the node waits for another `join`.
    JoinFailed,
    /// A lookup has its answer.
    LookupDone(LookupDone),
    /// A lookup got no answer within its deadline.
    LookupFailed {
        /// The caller's name for it.
        token: u64,
        /// Contacts that did not answer, as far as the origin knows.
        timeouts: u8,
    },
    /// A message for a key that this node owns has arrived; its payload comes with the event.
    Received {
        /// The key it was sent to.
        key: Id,
        /// The sender.
        from: Peer,
    },
    /// The owner has acknowledged a message.
    Sent {
        /// The caller's name for it.
        token: u64,
        /// The owner.
        owner: Peer,
    },
    /// A message was not acknowledged within its deadline. It may have arrived all the same.
    SendFailed {
        /// The caller's name for it.
        token: u64,
    },
}
