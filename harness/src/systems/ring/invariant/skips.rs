//! Counts, for each member, the pairs of adjacent list entries that skip it.
//!
//! ```text
//!            from ──────────▶ to          a pair skips the members strictly inside its arc,
//!     ────●────●────○────○────●────▶      and all other members if from = to
//!                   skipped
//! ```
//!
//! Neighbouring members have the same pairs in their lists. So each distinct pair is stored once,
//! with a count, and members are visited only when a pair appears or disappears. An exact ring of N
//! members has N pairs, and none skips a member.
//!
//! **Invariant:** a member's count is the number of distinct pairs that skip it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use hopwise_kernel::base::id::ID_BITS;
use hopwise_kernel::{Distance, Id};
use smallvec::SmallVec;

/// The members and the pairs that skip them.
#[derive(Clone, Debug, Default)]
pub(super) struct Skips {
    /// Every member, with the number of distinct pairs that skip it.
    counts: BTreeMap<Id, usize>,
    /// The members with a count above 0.
    skipped: BTreeSet<Id>,
    pairs: Pairs,
}

impl Skips {
    /// The number of members that no pair skips.
    pub(super) fn unskipped(&self) -> usize {
        self.counts.len() - self.skipped.len()
    }

    /// The first skipped member, by identifier, and the pair that skips it and starts nearest to
    /// it; `None` if no member is skipped.
    pub(super) fn first_skip(&self) -> Option<(Id, (Id, Id))> {
        let &skipped = self.skipped.first()?;
        let nearest = |&(from, to): &(Id, Id)| (from.distance_to(skipped), to);
        Some((skipped, self.pairs.skipping(skipped).min_by_key(nearest)?))
    }

    /// Adds the member `id`. Costs a search among the pairs of each length that occurs, and a step
    /// for each pair that skips it.
    pub(super) fn join(&mut self, id: Id) {
        let skips = self.pairs.skipping(id).count();
        self.counts.insert(id, skips);
        if skips > 0 {
            self.skipped.insert(id);
        }
    }

    /// Removes the member `id`. The pairs of its list are removed separately.
    pub(super) fn leave(&mut self, id: Id) {
        self.counts.remove(&id);
        self.skipped.remove(&id);
    }

    /// Counts a pair once more.
    pub(super) fn add_pair(&mut self, from: Id, to: Id) {
        if self.pairs.insert(from, to) {
            for range in arc(from, to) {
                for (&id, skips) in self.counts.range_mut(range) {
                    *skips += 1;
                    if *skips == 1 {
                        self.skipped.insert(id);
                    }
                }
            }
        }
    }

    /// Counts a pair once less.
    pub(super) fn remove_pair(&mut self, from: Id, to: Id) {
        if self.pairs.remove(from, to) {
            for range in arc(from, to) {
                for (&id, skips) in self.counts.range_mut(range) {
                    *skips -= 1;
                    if *skips == 0 {
                        self.skipped.remove(&id);
                    }
                }
            }
        }
    }
}

/// The pairs of all lists: a multiset that finds those that skip a point.
///
/// Pairs are sorted into classes by length. A pair of class c spans less than 2^(160 − c), so if it
/// skips a point, it ends within that distance after the point. If pairs do not overlap, as on an
/// exact ring, at most three of a class end there.
#[derive(Clone, Debug)]
struct Pairs {
    /// By class, then by end.
    classes: Vec<BTreeMap<Id, Starts>>,
}

/// The pairs that end at one point: the start and the count of each.
type Starts = SmallVec<[(Id, usize); 1]>;

/// One class for each number of leading zeros in the upper 64 bits of a length.
const CLASSES: usize = u64::BITS as usize + 1;

impl Default for Pairs {
    fn default() -> Pairs {
        Pairs { classes: vec![BTreeMap::new(); CLASSES] }
    }
}

impl Pairs {
    /// Counts the pair once more. Returns whether it is new.
    fn insert(&mut self, from: Id, to: Id) -> bool {
        let starts = self.classes[class(from, to)].entry(to).or_default();
        if let Some((_, count)) = starts.iter_mut().find(|(start, _)| *start == from) {
            *count += 1;
            return false;
        }
        starts.push((from, 1));
        true
    }

    /// Counts the pair once less. Returns whether it disappeared.
    fn remove(&mut self, from: Id, to: Id) -> bool {
        let ends = &mut self.classes[class(from, to)];
        let Some(starts) = ends.get_mut(&to) else { return false };
        let Some(place) = starts.iter().position(|&(start, _)| start == from) else { return false };
        starts[place].1 -= 1;
        if starts[place].1 > 0 {
            return false;
        }
        starts.swap_remove(place);
        if starts.is_empty() {
            ends.remove(&to);
        }
        true
    }

    /// The distinct pairs that skip `id`.
    fn skipping(&self, id: Id) -> impl Iterator<Item = (Id, Id)> {
        (ID_BITS - u64::BITS..=ID_BITS).rev().zip(&self.classes).flat_map(move |(bits, ends)| {
            // 2^160 is distance 0: the range from a point to itself is the whole circle.
            let beyond = id.add(Distance::multiple_of_power(1, bits));
            arc(id, beyond)
                .flat_map(|range| ends.range(range))
                .flat_map(|(&to, starts)| starts.iter().map(move |&(from, _)| (from, to)))
                .filter(move |&(from, to)| id.is_between(from, to))
        })
    }
}

/// The class of a pair. A pair from a point to itself is as long as the circle.
fn class(from: Id, to: Id) -> usize {
    if from == to { 0 } else { from.distance_to(to).prefix().leading_zeros() as usize }
}

/// The points strictly inside the clockwise arc from `from` to `to`, as ranges of identifiers.
/// If both are equal, these are all other points.
fn arc(from: Id, to: Id) -> impl Iterator<Item = (Bound<Id>, Bound<Id>)> {
    let wraps = to <= from;
    let end = if wraps { Bound::Unbounded } else { Bound::Excluded(to) };
    let rest = wraps.then_some((Bound::Unbounded, Bound::Excluded(to)));
    std::iter::once((Bound::Excluded(from), end)).chain(rest)
}
