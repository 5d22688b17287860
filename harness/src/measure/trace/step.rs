//! One step of a lookup, as an engine records it.
//!
//! **Invariant:** plain data.

use std::time::Duration;

use hopwise_kernel::{Id, Time};
use serde::{Deserialize, Serialize};

/// Something that happens to a lookup at a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// The number of the lookup.
    pub lookup: u32,
    /// When.
    pub at: Time,
    /// The place of the node in the engine. It orders steps at the same time.
    pub place: u32,
    /// What happens.
    pub kind: StepKind,
    /// The node. Only the first 64 bits may be known.
    pub node: Id,
    /// The node at the other end, if there is one. Only the first 64 bits may be known.
    pub peer: Option<Id>,
    /// The name of the message, if it is about one.
    pub message: Option<&'static str>,
    /// How long a received message waited at the node and was processed, if nodes have a rate.
    pub waited: Duration,
}

impl Step {
    /// A step at `node` that is about no message.
    #[must_use]
    pub const fn new(lookup: u32, at: Time, place: u32, kind: StepKind, node: Id) -> Step {
        let (peer, message, waited) = (None, None, Duration::ZERO);
        Step { lookup, at, place, kind, node, peer, message, waited }
    }

    /// The step with the node at the other end.
    #[must_use]
    pub const fn with_peer(self, peer: Id) -> Step {
        Step { peer: Some(peer), ..self }
    }

    /// The step with the name of its message.
    #[must_use]
    pub const fn with_message(self, name: &'static str) -> Step {
        Step { message: Some(name), ..self }
    }
}

/// What happens in a step. The node is the sender or the receiver, the peer is the other one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// The node, the origin, is asked.
    Asked,
    /// The node sends a message to the peer.
    Sent,
    /// The node handles a message from the peer.
    Received,
    /// The network loses a message from the node to the peer.
    Lost,
    /// A message from the peer arrives, but the node has departed.
    NodeGone,
    /// A message from the peer arrives, but the queue of the node is full.
    QueueFull,
    /// A message from the peer is dropped from the node's queue: it has waited too long.
    WaitedTooLong,
    /// The peer did not answer the node in time.
    TimedOut,
    /// The origin has the answer.
    Answered,
    /// The origin refuses the question: it has no room for it.
    Refused,
    /// The origin has no answer at the deadline.
    Failed,
}

impl StepKind {
    /// Whether a message ends here before any node handles it.
    #[must_use]
    pub const fn is_drop(self) -> bool {
        matches!(
            self,
            StepKind::Lost | StepKind::NodeGone | StepKind::QueueFull | StepKind::WaitedTooLong
        )
    }

    /// Whether something goes wrong.
    #[must_use]
    pub const fn is_trouble(self) -> bool {
        self.is_drop() || matches!(self, StepKind::TimedOut | StepKind::Refused | StepKind::Failed)
    }
}
