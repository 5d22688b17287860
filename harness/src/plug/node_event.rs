//! The events of nodes as the director needs them, the same for every system.
//!
//! **Invariant:** plain data.

use std::time::Duration;

use hopwise_kernel::{Id, Peer};

/// An event of a node whose answers have type `A`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum NodeEvent<A> {
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
    /// The node became a member.
    Joined,
    /// The join failed. The node waits for the next one.
    JoinFailed,
    /// The node has all items of the range of keys that it owns, for the first time since it joined.
    Arrived {
        /// The time since it became a member, by its own tables.
        took: Duration,
    },
    /// A question was answered.
    Answered {
        /// The token of the question.
        token: u64,
        /// The answer.
        answer: A,
        /// Transfers from the origin to the node that answered.
        hops: u32,
        /// Contacts that did not answer in time.
        timeouts: u32,
        /// The node answered for another one, which did not answer and would know better.
        under_suspicion: bool,
    },
    /// A question was refused: the node had no room for it.
    Refused {
        /// The token of the question.
        token: u64,
    },
    /// A question was not answered before its deadline.
    Failed {
        /// The token of the question.
        token: u64,
        /// Contacts that did not answer in time.
        timeouts: u32,
    },
    /// The item that an answer named was fetched.
    Obtained {
        /// The token of the question.
        token: u64,
        /// The time this took after the answer.
        took: Duration,
        /// Its size in bytes.
        bytes: u64,
    },
    /// The item that an answer named could not be fetched.
    NotObtained {
        /// The token of the question.
        token: u64,
    },
    /// The node declared another node dead: it took it out of its tables for good.
    DeclaredDead {
        /// The identifier of the other node.
        peer: Id,
    },
    /// The node took back that it had declared another node dead.
    Refuted {
        /// The identifier of the other node.
        peer: Id,
    },
}

impl<A> NodeEvent<A> {
    /// The same event of a node that answers other questions; `None` if it is about a question.
    #[must_use]
    pub fn beside_questions<B>(self) -> Option<NodeEvent<B>> {
        Some(match self {
            NodeEvent::Contacted { through } => NodeEvent::Contacted { through },
            NodeEvent::Placed { id } => NodeEvent::Placed { id },
            NodeEvent::Joined => NodeEvent::Joined,
            NodeEvent::JoinFailed => NodeEvent::JoinFailed,
            NodeEvent::Arrived { took } => NodeEvent::Arrived { took },
            NodeEvent::DeclaredDead { peer } => NodeEvent::DeclaredDead { peer },
            NodeEvent::Refuted { peer } => NodeEvent::Refuted { peer },
            NodeEvent::Answered { .. }
            | NodeEvent::Refused { .. }
            | NodeEvent::Failed { .. }
            | NodeEvent::Obtained { .. }
            | NodeEvent::NotObtained { .. } => return None,
        })
    }
}
