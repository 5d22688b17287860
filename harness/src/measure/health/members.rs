//! The live members of a ring at one instant: the exact ring.
//!
//! **Invariant:** sorted by identifier, each identifier once.

use hopwise_kernel::ring::rank::rank_at_or_after;
use hopwise_kernel::{Id, Peer};

/// Members to step over from a guessed rank before searching for a rank instead.
const STEPS: usize = 8;

/// The live members.
#[derive(Clone, Debug, Default)]
pub struct Members(Vec<Peer>);

impl Members {
    /// The ring of these members, in any order.
    #[must_use]
    pub fn new(peers: impl IntoIterator<Item = Peer>) -> Members {
        let mut members = Members::default();
        members.replace(peers);
        members
    }

    /// Replaces all members by these, in any order, without allocating if there is room.
    pub fn replace(&mut self, peers: impl IntoIterator<Item = Peer>) {
        self.0.clear();
        self.0.extend(peers);
        self.0.sort_unstable_by_key(|peer| (peer.id, peer.address));
        self.0.dedup_by_key(|peer| peer.id);
    }

    /// All members, in the order of their identifiers.
    #[must_use]
    pub fn peers(&self) -> &[Peer] {
        &self.0
    }

    /// The number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The member `steps` after the member at `rank`, clockwise.
    ///
    /// # Panics
    ///
    /// If there are no members.
    #[must_use]
    pub fn after(&self, rank: usize, steps: usize) -> Peer {
        self.0[(rank + steps) % self.0.len()]
    }

    /// The rank of a member with the address and the top 64 bits of the identifier of `peer`.
    #[must_use]
    pub fn rank_of(&self, peer: Peer) -> Option<usize> {
        let prefix = peer.id.prefix();
        let first = rank_at_or_after(&self.0, Id::from_parts(prefix, Id::ZERO.tail()));
        let same = self.0[first..].iter().take_while(|member| member.id.prefix() == prefix);
        let at = same.map(|member| member.is_same_destination(peer)).position(|it| it)?;
        Some(first + at)
    }

    /// The rank of the first member at or clockwise after `point`, which is fast if that is near
    /// `guess`.
    pub(super) fn rank_from(&self, point: Id, guess: usize) -> usize {
        let is_before = |rank: usize| self.0.get(rank).is_some_and(|member| member.id < point);
        let mut rank = guess;
        if rank == 0 || is_before(rank - 1) {
            let last = rank + STEPS;
            while rank < last && is_before(rank) {
                rank += 1;
            }
            if rank < last {
                return if rank < self.0.len() { rank } else { 0 };
            }
        }
        rank_at_or_after(&self.0, point) % self.0.len().max(1)
    }
}
