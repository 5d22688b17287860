//! Which members are principals: skipped by no pair of neighbours in any member's list.
//!
//! ```text
//!            from ──────────▶ to          a pair skips the members strictly inside its arc;
//!     ────●────●────○────○────●────▶      from = to: all the others
//!                   skipped
//! ```
//!
//! Members near each other hold the same pairs, so each distinct pair is kept once, with how often
//! it is held; members are looked at only when a pair appears or is held no more. On an exact
//! ring of N members there are N pairs, and none skips anybody.
//!
//! **Invariant:** a member's count is the number of distinct pairs held that skip it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use hopwise_kernel::base::id::ID_BITS;
use hopwise_kernel::{Distance, Id};
use smallvec::SmallVec;

/// The members, and who skips them.
#[derive(Clone, Debug, Default)]
pub(super) struct Principals {
    /// Every member, and how many distinct pairs skip it.
    skips: BTreeMap<Id, usize>,
    /// The members that are skipped at all.
    skipped: BTreeSet<Id>,
    pairs: Pairs,
}

impl Principals {
    /// How many members are principals.
    pub(super) fn count(&self) -> usize {
        self.skips.len() - self.skipped.len()
    }

    /// The first member, by identifier, that is skipped, and the pair that skips it and starts
    /// nearest to it; none if all are principals.
    pub(super) fn first_skip(&self) -> Option<(Id, (Id, Id))> {
        let &skipped = self.skipped.first()?;
        let nearest = |&(from, to): &(Id, Id)| (from.distance_to(skipped), to);
        Some((skipped, self.pairs.skipping(skipped).min_by_key(nearest)?))
    }

    /// `id`, which was no member, is one now. Costs a search among the pairs of each length that
    /// occurs, and a step for each pair that skips it.
    pub(super) fn join(&mut self, id: Id) {
        let skips = self.pairs.skipping(id).count();
        self.skips.insert(id, skips);
        if skips > 0 {
            self.skipped.insert(id);
        }
    }

    /// `id` is no member any more. What it held must be let go of by itself.
    pub(super) fn leave(&mut self, id: Id) {
        self.skips.remove(&id);
        self.skipped.remove(&id);
    }

    /// A list has come to hold the pair.
    pub(super) fn hold(&mut self, from: Id, to: Id) {
        if self.pairs.insert(from, to) {
            for range in arc(from, to) {
                for (&id, skips) in self.skips.range_mut(range) {
                    *skips += 1;
                    if *skips == 1 {
                        self.skipped.insert(id);
                    }
                }
            }
        }
    }

    /// A list that held the pair does so no more.
    pub(super) fn let_go(&mut self, from: Id, to: Id) {
        if self.pairs.remove(from, to) {
            for range in arc(from, to) {
                for (&id, skips) in self.skips.range_mut(range) {
                    *skips -= 1;
                    if *skips == 0 {
                        self.skipped.remove(&id);
                    }
                }
            }
        }
    }
}

/// The pairs held by any list: a multiset that finds those which skip a point.
///
/// Pairs are sorted into classes by length: one of class c spans less than 2^(160 − c), so if it
/// skips a point, it ends within that distance after it. Among pairs that do not overlap, as on an
/// exact ring, no more than three of a class end there.
#[derive(Clone, Debug)]
struct Pairs {
    /// By class, and within it by where they end.
    classes: Vec<BTreeMap<Id, Starts>>,
}

/// The pairs that end at one point: where each begins, and how often it is held.
type Starts = SmallVec<[(Id, usize); 1]>;

/// One class for each number of leading zeros in the upper 64 bits of a length.
const CLASSES: usize = u64::BITS as usize + 1;

impl Default for Pairs {
    fn default() -> Pairs {
        Pairs { classes: vec![BTreeMap::new(); CLASSES] }
    }
}

impl Pairs {
    /// Adds the pair once more. Returns whether it was not held before.
    fn insert(&mut self, from: Id, to: Id) -> bool {
        let starts = self.classes[class(from, to)].entry(to).or_default();
        if let Some((_, held)) = starts.iter_mut().find(|(start, _)| *start == from) {
            *held += 1;
            return false;
        }
        starts.push((from, 1));
        true
    }

    /// Takes the pair out once. Returns whether it was there and is held no more.
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
            // 2^160 is no distance at all: from a point to itself, the whole circle.
            let beyond = id.add(Distance::multiple_of_power(1, bits));
            arc(id, beyond)
                .flat_map(|range| ends.range(range))
                .flat_map(|(&to, starts)| starts.iter().map(move |&(from, _)| (from, to)))
                .filter(move |&(from, to)| id.is_between(from, to))
        })
    }
}

/// The class of a pair's length. A pair from a point to itself is as long as the circle.
fn class(from: Id, to: Id) -> usize {
    if from == to { 0 } else { from.distance_to(to).prefix().leading_zeros() as usize }
}

/// The points strictly inside the clockwise arc from `from` to `to`, as ranges of identifiers.
/// If both are the same, that is every other point.
fn arc(from: Id, to: Id) -> impl Iterator<Item = (Bound<Id>, Bound<Id>)> {
    let wraps = to <= from;
    let end = if wraps { Bound::Unbounded } else { Bound::Excluded(to) };
    let rest = wraps.then_some((Bound::Unbounded, Bound::Excluded(to)));
    std::iter::once((Bound::Excluded(from), end)).chain(rest)
}
