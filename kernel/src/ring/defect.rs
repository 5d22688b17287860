//! Defects in the protocol, made on purpose: what checks the ring must catch each of them.
//!
//! **Invariant:** without the feature `defects`, which only tests ask for, none of this is built.

/// What a node does wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Defect {
    /// Who joins takes itself for its successor.
    SelfAsSuccessor,
    /// The successor's predecessor is adopted as successor without being asked whether it lives.
    ListUnasked,
    /// Who joins copies the first entry of its predecessor's list only.
    FirstEntryOnly,
    /// Who notifies is adopted or refused without asking it, or the predecessor, whether it lives.
    RectifyUnasked,
    /// A reply to a request that is no longer in flight is acted on.
    StaleReply,
}

impl Defect {
    /// All of them.
    pub const ALL: [Defect; 5] = [
        Defect::SelfAsSuccessor,
        Defect::ListUnasked,
        Defect::FirstEntryOnly,
        Defect::RectifyUnasked,
        Defect::StaleReply,
    ];
}
