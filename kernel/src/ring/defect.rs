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
    /// A joining node takes the list of the node that answered for its position, although another node has
    /// joined there meanwhile. Rule, join: between(m, j, first successor of m).
    StalePosition,
    /// A node that drops its dead first successor drops the next entry, too. Rule, stabilize: drop it, close
    /// up, go on with the next one.
    TwoDropped,
    /// A notified node adopts every sender that answers, nearer or not. Rule, rectify: adopt n if it lies
    /// between the predecessor and this node, otherwise only if the predecessor is dead.
    AnyNotifier,
    /// A node that removes a dead peer from its list removes the node that uses the same address by now. Rule,
    /// stabilize: drop the dead node, which is an address and an identifier.
    AddressIsNode,
    /// A node that has received no message since its request counts missing replies like any other. Rule, failure
    /// detector: such a node doubts itself, and asks more often before it declares a peer dead.
    NoSelfDoubt,
    /// A peer that answers after it was declared dead stays dead until the suspicion ends by itself. Rule, failure
    /// detector: a reply ends the suspicion.
    AnsweredStaysDead,
}

impl Defect {
    /// All defects.
    pub const ALL: [Defect; 11] = [
        Defect::SelfAsSuccessor,
        Defect::UnprobedSuccessor,
        Defect::FirstEntryOnly,
        Defect::UnprobedPredecessor,
        Defect::StaleReply,
        Defect::StalePosition,
        Defect::TwoDropped,
        Defect::AnyNotifier,
        Defect::AddressIsNode,
        Defect::NoSelfDoubt,
        Defect::AnsweredStaysDead,
    ];
}
