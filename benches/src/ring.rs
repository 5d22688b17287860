//! Rings with exact routing tables, as after unlimited maintenance.
//!
//! **Invariant:** a row of [`StaticRing`] equals the [`FingerTable`] of the same node.

use std::iter;

use hopwise_kernel::base::prefetch::prefetch;
use hopwise_kernel::ring::fingers::{
    FingerTable, HotFinger, SEARCH_SUCCESSORS, Shape, closest_preceding_in,
};
use hopwise_kernel::{Address, Id, Peer, Rng};

/// Length of successor lists, in nodes.
pub const SUCCESSORS: usize = 16;

/// Identifiers in ascending order. A node's *rank* is its index. Its address is the rank plus one,
/// since zero marks the successor list.
pub struct Ring(Vec<Id>);

impl Ring {
    /// Draws a ring of `nodes` uniform identifiers.
    ///
    /// # Panics
    ///
    /// If two of them have the same prefix, or if there are no more than [`SUCCESSORS`].
    #[must_use]
    pub fn random(nodes: usize, rng: &mut Rng) -> Ring {
        assert!(nodes > SUCCESSORS, "a ring must be larger than a successor list");
        let mut ids: Vec<Id> = (0..nodes).map(|_| Id::random(rng)).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0].prefix() != pair[1].prefix()), "prefixes tie");
        Ring(ids)
    }

    /// The identifier of the node with this rank.
    #[must_use]
    pub fn id(&self, rank: usize) -> Id {
        self.0[rank]
    }

    /// The finger table of the node with this rank.
    #[must_use]
    pub fn table(&self, rank: usize, shape: Shape) -> FingerTable {
        let own = self.0[rank];
        let mut table = FingerTable::new(own, shape);
        table.set_reach(Some(self.peer(rank + SUCCESSORS)));
        for slot in table.boundary() + 1..shape.slots() {
            table.insert(self.peer(self.rank_at_or_after(own.add(shape.start(slot)))));
        }
        table
    }

    /// The rank of the first node at or after `point`, or the number of nodes if there is none
    /// before zero. Ranks wrap around.
    fn rank_at_or_after(&self, point: Id) -> usize {
        self.0.partition_point(|&id| id < point)
    }

    fn peer(&self, rank: usize) -> Peer {
        let rank = rank % self.0.len();
        Peer { id: self.0[rank], address: Address::from_bits(rank as u64 + 1) }
    }
}

/// A ring that keeps only the data for choosing a hop, for all nodes in one array.
pub struct StaticRing {
    shape: Shape,
    hot: Box<[HotFinger]>,
}

/// A lookup at one of the nodes on its path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Visit {
    /// The node's rank.
    pub rank: usize,
    /// The prefix of the node's identifier, known from the finger that led to it.
    pub own: u64,
    /// The key's prefix.
    pub key: u64,
    /// The slot that covers the distance from `own` to `key`.
    pub slot: usize,
}

impl StaticRing {
    /// Fills the tables of all nodes of `ring`.
    #[must_use]
    pub fn new(ring: &Ring, shape: Shape) -> StaticRing {
        let (nodes, slots) = (ring.0.len(), shape.slots());
        let prefixes: Vec<u64> = ring.0.iter().map(|id| id.prefix()).collect();
        let finger = |rank: usize| {
            let rank = rank % nodes;
            HotFinger { prefix: prefixes[rank], address: rank as u64 + 1 }
        };
        let mark = |own| HotFinger { prefix: own, address: SEARCH_SUCCESSORS };
        let mut hot = Vec::with_capacity(nodes * slots);
        for &own in &prefixes {
            hot.extend(iter::repeat_n(mark(own), slots));
        }

        // From one node to the next, the first node of each slot only moves forward.
        let mut firsts: Vec<usize> = vec![0; slots];
        for (rank, row) in hot.chunks_exact_mut(slots).enumerate() {
            let own = prefixes[rank];
            let last = finger(rank + SUCCESSORS);
            let boundary = shape.slot_of_prefix(last.prefix.wrapping_sub(own));
            if boundary > 0 {
                row[boundary] = last;
            }
            for slot in boundary + 1..slots {
                let start = shape.start(slot).prefix();
                let first = &mut firsts[slot];
                *first = (*first).max(rank + 1);
                while *first < rank + nodes && finger(*first).prefix.wrapping_sub(own) < start {
                    *first += 1;
                }
                let candidate = finger(*first);
                let covered = shape.slot_of_prefix(candidate.prefix.wrapping_sub(own)) == slot;
                row[slot] = if covered { candidate } else { row[slot - 1] };
            }
        }
        StaticRing { shape, hot: hot.into_boxed_slice() }
    }

    /// The memory that routing reads.
    #[must_use]
    pub fn memory(&self) -> &[HotFinger] {
        &self.hot
    }

    /// The visit of a lookup for the key prefix `key` at the node with this rank and prefix.
    #[inline]
    #[must_use]
    pub fn visit(&self, rank: usize, own: u64, key: u64) -> Visit {
        Visit { rank, own, key, slot: self.shape.slot_of_prefix(key.wrapping_sub(own)) }
    }

    /// Chooses the next node. `None` if the successor list takes over.
    #[inline]
    #[must_use]
    pub fn next(&self, Visit { rank, own, key, slot }: Visit) -> Option<Visit> {
        let row = self.row(rank);
        let HotFinger { prefix, address } = row[closest_preceding_in(slot, row, own, key)];
        (address != SEARCH_SUCCESSORS).then(|| self.visit(address as usize - 1, prefix, key))
    }

    /// Prefetches the line that [`next`](Self::next) reads first at `visit`. In one case in four,
    /// the slot below is in the previous line. Prefetching that, too, costs more than it saves.
    #[inline]
    pub fn prefetch(&self, visit: Visit) {
        prefetch(&self.row(visit.rank)[visit.slot]);
    }

    #[inline]
    fn row(&self, rank: usize) -> &[HotFinger] {
        let slots = self.shape.slots();
        &self.hot[rank * slots..][..slots]
    }
}

/// Draws `count` lookups of uniform keys from uniform nodes of `ring`.
///
/// # Panics
///
/// If a lookup ends at a node where neither the successor list nor that of the list's last node
/// contains the key's owner.
#[must_use]
pub fn lookups(ring: &Ring, routed: &StaticRing, count: usize, rng: &mut Rng) -> Vec<Visit> {
    let nodes = ring.0.len();
    let lookup = |rng: &mut Rng| {
        let rank = rng.below(nodes as u64) as usize;
        let key = Id::random(rng);
        let start = routed.visit(rank, ring.0[rank].prefix(), key.prefix());
        let end = last_visit(routed, start);
        let ahead = (ring.rank_at_or_after(key) + nodes - end.rank) % nodes;
        // If the lowest slot reaches beyond the list, one more list is needed.
        assert!(
            (1..=2 * SUCCESSORS).contains(&ahead),
            "the lookup ends {ahead} nodes from the owner"
        );
        start
    };
    (0..count).map(|_| lookup(rng)).collect()
}

fn last_visit(routed: &StaticRing, start: Visit) -> Visit {
    std::iter::successors(Some(start), |&visit| routed.next(visit)).last().unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_equal_finger_tables() {
        for (seed, digit_bits) in [(1, 1), (2, 2), (3, 4)] {
            let ring = Ring::random(300, &mut Rng::new(seed, 0));
            let shape = Shape::for_ring(digit_bits, 300, SUCCESSORS);
            let routed = StaticRing::new(&ring, shape);
            for rank in 0..300 {
                assert_eq!(routed.row(rank), ring.table(rank, shape).hot(), "rank {rank}");
            }
        }
    }

    #[test]
    fn lookups_end_beside_the_owner() {
        let mut rng = Rng::new(4, 0);
        let ring = Ring::random(1000, &mut rng);
        let routed = StaticRing::new(&ring, Shape::for_ring(1, 1000, SUCCESSORS));
        assert_eq!(lookups(&ring, &routed, 500, &mut rng).len(), 500);
    }
}
