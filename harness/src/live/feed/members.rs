//! The members that are drawn.
//!
//! **Invariant:** of a large run one member in so many is drawn; its identifier alone decides which.

use std::collections::BTreeMap;

use hopwise_kernel::Id;
use hopwise_kernel::base::rng::mix;

/// The most members that are drawn, about.
const DRAWN_MAX: u64 = 8192;

/// Members by position. Several may have the same one.
#[derive(Debug)]
pub(super) struct Members {
    one_in: u64,
    drawn: BTreeMap<u32, u32>,
    count: usize,
}

/// The position of an identifier on the ring: its highest 32 bits.
pub(super) fn position(id: Id) -> u32 {
    (id.prefix() >> 32) as u32
}

impl Members {
    /// No members, of a run of about so many.
    pub(super) fn of(nodes: usize) -> Members {
        let one_in = (nodes as u64).div_ceil(DRAWN_MAX).max(1).next_power_of_two();
        Members { one_in, drawn: BTreeMap::new(), count: 0 }
    }

    /// The number of members, drawn or not.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// One member in so many is drawn.
    pub(super) fn one_in(&self) -> u64 {
        self.one_in
    }

    /// The positions of those that are drawn.
    pub(super) fn positions(&self) -> Vec<u32> {
        self.drawn.keys().copied().collect()
    }

    /// Adds a member. Returns whether it is drawn.
    pub(super) fn insert(&mut self, id: Id) -> bool {
        self.count += 1;
        let is_drawn = self.draws(id);
        if is_drawn {
            *self.drawn.entry(position(id)).or_default() += 1;
        }
        is_drawn
    }

    /// Removes a member. Returns whether nothing is drawn any more where it was.
    pub(super) fn remove(&mut self, id: Id) -> bool {
        self.count = self.count.saturating_sub(1);
        if !self.draws(id) {
            return false;
        }
        let position = position(id);
        let Some(there) = self.drawn.get_mut(&position) else { return false };
        *there -= 1;
        let is_last = *there == 0;
        if is_last {
            self.drawn.remove(&position);
        }
        is_last
    }

    fn draws(&self, id: Id) -> bool {
        mix(id.prefix()).is_multiple_of(self.one_in)
    }
}

#[cfg(test)]
mod tests {
    use hopwise_kernel::Rng;

    use super::*;

    #[test]
    fn of_a_million_some_thousand_are_drawn() {
        let (mut members, mut rng) = (Members::of(1_000_000), Rng::new(1, 0));
        let ids: Vec<Id> = (0..1_000_000).map(|_| Id::random(&mut rng)).collect();
        for &id in &ids {
            members.insert(id);
        }
        let drawn = members.positions().len();
        assert!((4096..=8192).contains(&drawn), "{drawn}");
        for &id in &ids {
            members.remove(id);
        }
        assert!(members.positions().is_empty() && members.count() == 0);
        assert!(!members.remove(ids[0]), "it is empty");
    }

    #[test]
    fn two_members_at_one_position_are_one_dot() {
        let mut members = Members::of(2);
        assert!(members.insert(Id::ZERO) && members.insert(Id::ZERO));
        assert_eq!(members.positions(), [0]);
        assert!(!members.remove(Id::ZERO) && members.remove(Id::ZERO));
    }
}
