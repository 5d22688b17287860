//! The host whose nodes received the most messages. A fault may crash it.
//!
//! **Invariant:** the choice does not depend on how nodes are divided among shards.

use std::cmp::Reverse;

/// A host, by the place of its first node, and the number of messages that its nodes received. Ties go to
/// the lowest place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Busiest {
    pub(super) messages: u32,
    pub(super) place: u32,
}

impl Busiest {
    /// The busiest of `all`.
    pub(super) fn of_all(all: impl Iterator<Item = Option<Busiest>>) -> Option<Busiest> {
        all.flatten().max_by_key(|busiest| busiest.rank())
    }

    pub(super) const fn rank(self) -> (u32, Reverse<u32>) {
        (self.messages, Reverse(self.place))
    }
}
