//! The owners of keys, as answers to reads have named them: a read asks the owner without a lookup.
//!
//! ```text
//!        from ────────────── owner     the node has answered for a key at `from`, and no node lies between:
//!          └─ keys of this owner ─┘    so it owns all keys from there up to its own identifier
//! ```
//!
//! A node that joins or crashes makes an entry wrong. The node that is asked then says that it is not the
//! owner, or is silent; the owner is looked up, and the next answer corrects the entry.
//!
//! **Invariant:** at most [`MAX_OWNERS`] entries; ranges do not overlap.

use std::collections::BTreeMap;

use hopwise_kernel::{Distance, Id, Peer};

/// The most owners that are remembered.
const MAX_OWNERS: usize = 65_536;
/// From an identifier to the next one.
const ONE: Distance = Distance::multiple_of_power(1, 0);

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// By the identifier of the owner.
    ranges: BTreeMap<Id, Range>,
}

#[derive(Clone, Copy, Debug)]
struct Range {
    owner: Peer,
    /// The first key that it is known to own.
    from: Id,
}

impl Range {
    /// Whether `key` lies in the range.
    fn contains(&self, key: Id) -> bool {
        let end = self.owner.id;
        key.distance_to(end) <= self.from.distance_to(end)
    }
}

impl Owners {
    /// The owner of `key`, if it is known.
    pub(super) fn of(&self, key: Id) -> Option<Peer> {
        let range = self.at_or_after(key)?;
        range.contains(key).then_some(range.owner)
    }

    /// Takes note that `owner` has answered for `key`.
    pub(super) fn learn(&mut self, key: Id, owner: Peer) {
        // What is known of the keys between contradicts it.
        while let Some(&Range { owner: between, .. }) = self.at_or_after(key)
            && between.id != owner.id
            && key.distance_to(between.id) < key.distance_to(owner.id)
        {
            self.ranges.remove(&between.id);
        }
        let after = owner.id.add(ONE);
        if let Some(&next) = self.at_or_after(after)
            && next.owner.id != owner.id
            && next.contains(owner.id)
        {
            self.ranges.insert(next.owner.id, Range { from: after, ..next });
        }
        let known = self.ranges.get(&owner.id).filter(|range| range.owner == owner);
        let is_known = known.is_some_and(|range| range.contains(key));
        if !is_known && (self.ranges.len() < MAX_OWNERS || self.ranges.contains_key(&owner.id)) {
            self.ranges.insert(owner.id, Range { owner, from: key });
        }
    }

    /// Takes note that no node has answered for `key`.
    pub(super) fn forget(&mut self, key: Id) {
        if let Some(owner) = self.of(key) {
            self.ranges.remove(&owner.id);
        }
    }

    /// The range that ends at `key` or is the next one after it.
    fn at_or_after(&self, key: Id) -> Option<&Range> {
        self.ranges.range(key..).next().or_else(|| self.ranges.iter().next()).map(|(_, it)| it)
    }
}

#[cfg(test)]
mod tests {
    use hopwise_kernel::{Address, Rng};
    use proptest::prelude::*;

    use super::*;

    fn ring(count: u64, rng: &mut Rng) -> Vec<Peer> {
        let node = |slot| {
            let address = Address::new([127, 0, 0, 1], 4000, slot as u16);
            Peer { id: Id::random(rng), address }
        };
        let mut ring: Vec<Peer> = (0..count).map(node).collect();
        ring.sort_unstable_by_key(|peer| peer.id);
        ring
    }

    fn owner_in(ring: &[Peer], key: Id) -> Peer {
        ring[ring.partition_point(|peer| peer.id < key) % ring.len()]
    }

    proptest! {
        /// In a ring that stays the same, an owner that is known is the right one; more and more are. In a
        /// ring that changes, the last answer counts.
        #[test]
        fn what_was_answered_is_known_and_nothing_else(
            seed in any::<u64>(),
            count in 1..40_u64,
            steps in proptest::collection::vec(0..8_u8, 0..200),
        ) {
            let mut rng = Rng::new(seed, 0);
            let (mut ring, mut owners) = (ring(count, &mut rng), Owners::default());
            let (mut is_same, mut known) = (true, Vec::new());
            for step in steps {
                let key = Id::random(&mut rng);
                let owner = owner_in(&ring, key);
                match step {
                    0 if ring.len() > 1 => {
                        ring.remove(rng.below(ring.len() as u64) as usize);
                        is_same = false;
                    }
                    1 => {
                        let at = ring.partition_point(|peer| peer.id < key);
                        let address = Address::new([127, 0, 0, 1], 5000, known.len() as u16);
                        ring.insert(at, Peer { id: key, address });
                        is_same = false;
                    }
                    2 => {
                        owners.forget(key);
                        prop_assert_eq!(owners.of(key), None);
                        known.retain(|&key| owners.of(key).is_some());
                    }
                    _ => {
                        owners.learn(key, owner);
                        prop_assert_eq!(owners.of(key), Some(owner));
                        prop_assert_eq!(owners.of(owner.id), Some(owner));
                        known.push(key);
                    }
                }
                if is_same {
                    for &key in &known {
                        prop_assert_eq!(owners.of(key), Some(owner_in(&ring, key)));
                    }
                    let any = Id::random(&mut rng);
                    prop_assert!(owners.of(any).is_none_or(|owner| owner == owner_in(&ring, any)));
                }
            }
        }
    }
}
