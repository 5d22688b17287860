//! The reasons for which nodes drop messages.
//!
//! **Invariant:** the index of every reason is below [`MAX_DROP_REASONS`].

/// The maximum number of distinct reasons. Drivers count them in fixed arrays.
pub const MAX_DROP_REASONS: usize = 16;

/// Why a well-formed message was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DropReason {
    /// The receiving node is not, or no longer, at the slot that the message names.
    NoSuchNode,
    /// The message claims to come from its receiver.
    FromSelf,
    /// The reply matches no request in flight: it is late, repeated or forged.
    Unmatched,
    /// The receiver is not yet, or no longer, a member.
    NotMember,
    /// There is no room: in the table of requests in flight, in the table that would store the message, or in the
    /// queue of the driver. Or the message has waited too long.
    Overload,
    /// Only neighbors may send this message, and the sender is in none of the receiver's tables.
    UnknownPeer,
    /// Nodes of this kind do not handle the message.
    NotForThisKind,
    /// A reason of the protocol itself: its index in [`DROPS`](crate::node::Protocol::DROPS).
    Own(u8),
}

impl DropReason {
    /// The reasons common to all protocols, in the order of their indices.
    pub const COMMON: [DropReason; 7] = [
        DropReason::NoSuchNode,
        DropReason::FromSelf,
        DropReason::Unmatched,
        DropReason::NotMember,
        DropReason::Overload,
        DropReason::UnknownPeer,
        DropReason::NotForThisKind,
    ];

    /// The index of this reason in an array of counts.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        let index = match self {
            DropReason::NoSuchNode => 0,
            DropReason::FromSelf => 1,
            DropReason::Unmatched => 2,
            DropReason::NotMember => 3,
            DropReason::Overload => 4,
            DropReason::UnknownPeer => 5,
            DropReason::NotForThisKind => 6,
            DropReason::Own(own) => DropReason::COMMON.len() + own as usize,
        };
        if index < MAX_DROP_REASONS { index } else { MAX_DROP_REASONS - 1 }
    }

    /// The names in reports, in the order of their indices: the common ones, then `own`, those of
    /// the protocol.
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
