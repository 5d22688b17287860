//! The configuration of ring nodes.

use core::time::Duration;

use crate::base::Peer;
use crate::node::TimeoutPolicy;
use crate::ring::fingers::Shape;

/// How lookups are routed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookupMode {
    /// Each hop forwards the lookup; the last one answers the origin.
    Recursive,
    /// The origin asks each hop itself.
    Iterative,
}

/// Which node answers a lookup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerRule {
    /// The owner of the key itself. It knows best whether the key is its own, and it is alive.
    Owner,
    /// The first node that knows the owner, as in the paper. Costs one transfer less, and may name a
    /// node that is dead or no longer the owner.
    Predecessor,
}

/// Which identifiers nodes may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IdRule {
    /// Any.
    Any,
    /// Only the one that [belongs to the address](crate::Peer::of_address). So a node cannot choose its place in the
    /// ring, and an attacker gets no more places than it has addresses. All nodes of a ring must have this rule.
    OfAddress,
}

impl IdRule {
    /// Whether `peer` may have its identifier at its address.
    #[inline]
    #[must_use]
    pub fn allows(self, peer: Peer) -> bool {
        self == IdRule::Any || peer == Peer::of_address(peer.address)
    }
}

/// The configuration of a [`RingNode`](crate::ring::RingNode).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RingConfig {
    /// The base and size of the finger table.
    pub shape: Shape,
    /// Which identifiers nodes may have.
    pub ids: IdRule,
    /// Length of the successor list, r: 1 … 255.
    pub successors: u8,
    /// How lookups are routed.
    pub lookup: LookupMode,
    /// Which node answers a lookup.
    pub answer: AnswerRule,
    /// Mean time between two rounds of stabilize; `None` turns off all repair.
    pub stabilize: Option<Duration>,
    /// Mean time between two finger refreshes; `None` turns them off.
    pub fix_fingers: Option<Duration>,
    /// Whether later lookups, too, avoid a contact that did not answer. If false, only the lookup
    /// that found it does.
    pub remember_failures: bool,
    /// The most first hops through which a lookup with doubtful answers goes, 1 …
    /// [`MAX_FIRST_HOPS`](crate::ring::doubts::MAX_FIRST_HOPS); 1: every answer is believed.
    pub first_hops: u8,
    /// How long to wait for a reply.
    pub timeout: TimeoutPolicy,
    /// A lookup without an answer fails after this time.
    pub deadline: Duration,
    /// A deliberate defect, for tests.
    #[cfg(feature = "defects")]
    pub defect: Option<crate::ring::Defect>,
}

impl Default for RingConfig {
    /// For a ring of 4,096 nodes: base 2, 16 successors, recursive lookups, stabilize and fix
    /// fingers once a second.
    fn default() -> RingConfig {
        RingConfig {
            shape: Shape::for_ring(1, 4096, 16),
            ids: IdRule::Any,
            successors: 16,
            lookup: LookupMode::Recursive,
            answer: AnswerRule::Owner,
            stabilize: Some(Duration::from_secs(1)),
            fix_fingers: Some(Duration::from_secs(1)),
            remember_failures: true,
            first_hops: 1,
            timeout: TimeoutPolicy::Adaptive,
            deadline: Duration::from_secs(10),
            #[cfg(feature = "defects")]
            defect: None,
        }
    }
}
