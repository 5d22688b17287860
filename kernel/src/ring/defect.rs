//! Deliberate defects of the protocol, for tests: a check of the ring must catch each of them.
//!
//! **Invariant:** compiled only with the feature `defects`, which only tests enable.

/// A deliberate violation of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Defect {
    /// A joining node takes itself as its successor.
    SelfAsSuccessor,
    /// A node adopts its successor's predecessor as successor without probing it. Nobody watches its
    /// predecessor, which would heal that.
    UnprobedSuccessor,
    /// A joining node copies only the first entry of its predecessor's list.
    FirstEntryOnly,
    /// A notified node adopts or rejects the sender without probing it or the predecessor, which it
    /// does not watch either. So a join counts at once.
    UnprobedPredecessor,
    /// A node handles a reply to a request that is no longer in flight.
    StaleReply,
}

impl Defect {
    /// All defects.
    pub const ALL: [Defect; 5] = [
        Defect::SelfAsSuccessor,
        Defect::UnprobedSuccessor,
        Defect::FirstEntryOnly,
        Defect::UnprobedPredecessor,
        Defect::StaleReply,
    ];
}
