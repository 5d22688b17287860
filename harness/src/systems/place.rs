//! The identifiers of members at the start, as if they had arrived one after the other and each had chosen
//! its place.
//!
//! **Invariant:** the rules are those of the protocol: [`visit`](hopwise_kernel::ring::visit), and the
//! census of a store.

use std::collections::BTreeSet;

use hopwise_kernel::ring::visit::middle_of;
use hopwise_kernel::{Id, Rng};

use super::arcs::within;

/// Identifiers drawn at random.
pub(super) fn random(count: usize, rng: &mut Rng) -> Vec<Id> {
    (0..count).map(|_| Id::random(rng)).collect()
}

/// Identifiers of which each halves the longest of some arcs: those that the last node before each of
/// `samples` random keys knows, whose successor list has room for so many entries.
pub(super) fn halving_longest(
    count: usize,
    samples: u8,
    successors: usize,
    rng: &mut Rng,
) -> Vec<Id> {
    arriving(count, rng, |there, rng| {
        let mut longest: Option<(Id, Id)> = None;
        for _ in 0..samples {
            let node = before(there, Id::random(rng))?;
            let mut from = before(there, node)?;
            let list = successors.min(there.len() - 1);
            for &to in there.range(node..).chain(there.range(..node)).take(1 + list) {
                if longest.is_none_or(|(after, end)| after.arc_to(end) < from.arc_to(to)) {
                    longest = Some((from, to));
                }
                from = to;
            }
        }
        longest.map(|(after, to)| middle_of(after, to, rng))
    })
}

/// Identifiers of which each halves the `keys` of one of the owners of `samples` random keys: the one with
/// the most. `keys` are in order.
pub(super) fn halving_fullest(
    count: usize,
    samples: u8,
    keys: &[(Id, u32)],
    rng: &mut Rng,
) -> Vec<Id> {
    arriving(count, rng, |there, rng| {
        let mut fullest: Option<(usize, Id, Id)> = None;
        for _ in 0..samples {
            let key = Id::random(rng);
            let (first, last) = (*there.first()?, before(there, key)?);
            let owner = there.range(key..).next().copied().unwrap_or(first);
            let items = within(keys, last, owner).iter().map(|part| part.len()).sum();
            if fullest.is_none_or(|(most, ..)| most < items) {
                fullest = Some((items, last, owner));
            }
        }
        fullest.map(|(items, after, to)| {
            let (from, to) = middle_keys(&within(keys, after, to), items).unwrap_or((after, to));
            from.add(from.arc_to(to).part(rng.next_u64()))
        })
    })
}

/// Two keys in the middle of so many `items`, as a store names them; `None` if there are not enough.
fn middle_keys(parts: &[&[(Id, u32)]; 2], items: usize) -> Option<(Id, Id)> {
    let at = |index: usize| parts.iter().flat_map(|part| part.iter()).nth(index).map(|it| it.0);
    let (half, around) = ((items / 2).checked_sub(1)?, items / 16);
    Some((at(half - around)?, at(half + 1 + around)?))
}

/// The last identifier before `key`.
fn before(there: &BTreeSet<Id>, key: Id) -> Option<Id> {
    there.range(..key).next_back().or_else(|| there.last()).copied()
}

/// The identifiers of nodes that arrive one after the other. `choose` chooses among those that are there; the
/// first one is random.
fn arriving(
    count: usize,
    rng: &mut Rng,
    choose: impl Fn(&BTreeSet<Id>, &mut Rng) -> Option<Id>,
) -> Vec<Id> {
    let mut there = BTreeSet::new();
    let mut ids = Vec::with_capacity(count);
    while ids.len() < count {
        let chosen = if there.is_empty() { None } else { choose(&there, rng) };
        let id = chosen.unwrap_or_else(|| Id::random(rng));
        // Two nodes never have the same identifier.
        if there.insert(id) {
            ids.push(id);
        }
    }
    ids
}
