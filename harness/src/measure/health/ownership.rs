//! The shares of the key space by the number of live members that claim them.
//!
//! A member claims the keys from its predecessor, excluded, to itself, included, whether or not that
//! predecessor is alive. A member that knows no predecessor claims nothing; one that is its own
//! predecessor claims everything, and so does the only member.
//!
//! **Invariant:** the shares add up to 1, to the last bit of the prefixes of identifiers.

use hopwise_kernel::Id;

use super::{Deviation, Members};

/// Shares of the key space.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Claims {
    /// The share that no member claims.
    pub none: f64,
    /// The share that exactly one member claims.
    pub one: f64,
    /// The share that two members claim.
    pub two: f64,
    /// The share that more members claim.
    pub more: f64,
}

/// The shares of the key space that 0, 1, 2 and more members claim. Members that are not among the
/// `deviations` claim what they own in the exact ring.
#[must_use]
pub fn claims(members: &Members, deviations: &[Deviation]) -> Claims {
    let count = members.len();
    if count == 0 {
        return Claims { none: 1.0, ..Claims::default() };
    }
    // Without deviations every key has one owner. So only differences to that are added up, each at
    // the point after which it holds.
    let mut at_zero = 1;
    let mut changes: Vec<(u64, i64)> = Vec::new();
    let mut add = |after: Id, to: Id, by: i64| {
        at_zero += if after >= to { by } else { 0 };
        changes.extend([(after.prefix(), by), (to.prefix(), -by)]);
    };
    for it in deviations {
        let rank = it.rank as usize;
        let me = members.after(rank, 0).id;
        add(members.after(rank, count - 1).id, me, -1);
        if let Some(after) = it.claims_after {
            add(after, me, 1);
        }
    }
    changes.sort_unstable();
    let mut lengths = [0_u128; 4];
    let (mut claimed, mut from) = (at_zero, 0_u64);
    for (point, by) in changes {
        lengths[claimed.clamp(0, 3) as usize] += u128::from(point - from);
        (claimed, from) = (claimed + by, point);
    }
    lengths[claimed.clamp(0, 3) as usize] += (1 << 64) - u128::from(from);
    let [none, one, two, more] = lengths.map(|length| length as f64 / 2_f64.powi(64));
    Claims { none, one, two, more }
}
