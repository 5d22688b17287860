//! Why messages are not acted on.
//!
//! **Invariant:** an index is below [`MAX_DROPS`], whatever the reason.

/// Most reasons that are told apart: drivers count them in fixed arrays.
pub const MAX_DROPS: usize = 16;

/// Why a well-formed message was not acted on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drop {
    /// The node it is for is not, or no longer, behind the slot it names.
    NoSuchNode,
    /// It claims to come from the receiver itself.
    FromSelf,
    /// A reply that matches no request in flight: late, repeated or forged.
    Unmatched,
    /// The receiver is not yet, or no longer, a member.
    NotMember,
    /// A table is full: of requests in flight, or of what the message asks the node to remember.
    Overload,
    /// It says what only neighbors say, and its sender is in none of the receiver's tables.
    UnknownPeer,
    /// Nodes of this kind have no use for it.
    NotForThisKind,
    /// A reason of the protocol's own: its index in [`DROPS`](crate::node::Protocol::DROPS).
    Own(u8),
}

impl Drop {
    /// The reasons that every protocol has, in the order of their indices.
    pub const COMMON: [Drop; 7] = [
        Drop::NoSuchNode,
        Drop::FromSelf,
        Drop::Unmatched,
        Drop::NotMember,
        Drop::Overload,
        Drop::UnknownPeer,
        Drop::NotForThisKind,
    ];

    /// Its place in an array of counts.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        let index = match self {
            Drop::NoSuchNode => 0,
            Drop::FromSelf => 1,
            Drop::Unmatched => 2,
            Drop::NotMember => 3,
            Drop::Overload => 4,
            Drop::UnknownPeer => 5,
            Drop::NotForThisKind => 6,
            Drop::Own(own) => Drop::COMMON.len() + own as usize,
        };
        if index < MAX_DROPS { index } else { MAX_DROPS - 1 }
    }

    /// The names that reports use, in the order of their indices, for a protocol with these own
    /// reasons.
    pub fn names(own: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
        let common = [
            "no_such_node",
            "from_self",
            "unmatched",
            "not_member",
            "overload",
            "unknown_peer",
            "not_for_this_kind",
        ];
        common.into_iter().chain(own.iter().copied())
    }
}
