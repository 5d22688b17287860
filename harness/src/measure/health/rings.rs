//! The number of rings.
//!
//! **Invariant:** members that only hang off a ring, and members without a live successor, are in
//! none.

use super::{Deviation, Members};

/// The mark of a member that has not been visited.
const UNSEEN: u32 = u32::MAX;

/// The number of cycles that the members form, where each points to the first live entry of its
/// successor list. Members that are not among the `deviations` point to the next member. The only
/// member is a ring.
#[must_use]
pub fn rings(members: &Members, deviations: &[Deviation]) -> u64 {
    let count = members.len();
    if count <= 1 || deviations.is_empty() {
        return count.min(1) as u64;
    }
    let mut next: Vec<Option<u32>> = (1..=count).map(|rank| Some((rank % count) as u32)).collect();
    deviations.iter().for_each(|it| next[it.rank as usize] = it.next);
    let mut walk_of = vec![UNSEEN; count];
    let mut rings = 0;
    for walk in 0..count as u32 {
        let mut at = Some(walk);
        while let Some(rank) = at
            && walk_of[rank as usize] == UNSEEN
        {
            walk_of[rank as usize] = walk;
            at = next[rank as usize];
        }
        // A walk that meets itself has gone around a cycle that no earlier walk had found.
        rings += u64::from(at.is_some_and(|rank| walk_of[rank as usize] == walk));
    }
    rings
}
