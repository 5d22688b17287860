//! The keys of a population on arcs of the circle of identifiers.
//!
//! **Invariant:** the order of keys follows from their numbers alone.

use hopwise_kernel::Id;

use crate::workload::values::key_of;

/// The keys with numbers below `count`, in the order of their identifiers.
pub(super) fn in_order(count: u32) -> Vec<(Id, u32)> {
    let mut keys: Vec<(Id, u32)> = (0..count).map(|key| (key_of(key), key)).collect();
    keys.sort_unstable();
    keys
}

/// The keys after `after`, up to `until`, clockwise: at most two parts of `keys`.
pub(super) fn within(keys: &[(Id, u32)], after: Id, until: Id) -> [&[(Id, u32)]; 2] {
    let first = keys.partition_point(|&(id, _)| id <= after);
    let end = keys.partition_point(|&(id, _)| id <= until);
    if after < until { [&keys[first..end], &[]] } else { [&keys[first..], &keys[..end]] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hopwise_kernel::Distance;

    #[test]
    fn arcs_of_keys_go_round_the_circle() {
        let id = |place| Id::ZERO.add(Distance::multiple_of_power(place, 157));
        let keys: Vec<(Id, u32)> = (0..8).map(|place| (id(place), place)).collect();
        let found = |after, until| -> Vec<u32> {
            let parts = within(&keys, id(after), id(until));
            parts.into_iter().flatten().map(|&(_, key)| key).collect()
        };
        assert_eq!(found(1, 4), [2, 3, 4]);
        assert_eq!(found(6, 1), [7, 0, 1]);
        assert_eq!(found(3, 3), [4, 5, 6, 7, 0, 1, 2, 3], "one node has all");
    }
}
