//! The identifiers of members at the start, as if they had arrived one after the other and each had chosen
//! its place.
//!
//! **Invariant:** the rules are those of the protocol: [`visit`](hopwise_kernel::ring::visit), and the
//! census of a store.

use std::collections::BTreeSet;

use hopwise_kernel::ring::visit::middle_of;
use hopwise_kernel::store::{Range, middle_half};
use hopwise_kernel::{Distance, Id, Rng};

use super::arcs::within;

/// Identifiers drawn at random.
pub(super) fn random(count: usize, rng: &mut Rng) -> Vec<Id> {
    (0..count).map(|_| Id::random(rng)).collect()
}

/// Identifiers of which each halves the longest of the arcs in which `samples` random keys lie.
pub(super) fn halving_longest(count: usize, samples: u8, rng: &mut Rng) -> Vec<Id> {
    arriving(count, rng, |there, rng| {
        let mut longest: Option<(Id, Id)> = None;
        for _ in 0..samples {
            let (after, to) = arc_of(there, Id::random(rng))?;
            if longest.is_none_or(|(from, end)| from.arc_to(end) < after.arc_to(to)) {
                longest = Some((after, to));
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
        let mut fullest: Option<Census> = None;
        for _ in 0..samples {
            let (after, owner) = arc_of(there, Id::random(rng))?;
            fullest = fullest.max(Some(Census::of(keys, after, owner)));
        }
        fullest.map(|Census { from, middle, .. }| from.add(middle.part(rng.next_u64())))
    })
}

/// What an owner tells of its keys, as a store does. The greatest is the fullest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Census {
    items: usize,
    /// The length of the arc in which the middle half of the keys lies.
    middle: Distance,
    /// Where that arc begins.
    from: Id,
}

impl Census {
    fn of(keys: &[(Id, u32)], after: Id, owner: Id) -> Census {
        let parts = within(keys, after, owner);
        let items: usize = parts.iter().map(|part| part.len()).sum();
        let key_of = |index: usize| parts.iter().copied().flatten().nth(index).map(|it| it.0);
        let Range { from, to } = middle_half(Range { from: after, to: owner }, items, key_of);
        Census { items, middle: from.arc_to(to), from }
    }
}

/// The last identifier before `key`, and the first one at or after it.
fn arc_of(there: &BTreeSet<Id>, key: Id) -> Option<(Id, Id)> {
    let before = there.range(..key).next_back().or_else(|| there.last())?;
    let after = there.range(key..).next().or_else(|| there.first())?;
    Some((*before, *after))
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

#[cfg(test)]
mod tests {
    use super::super::arcs::in_order;
    use super::*;

    /// The longest arc between these identifiers, over the mean.
    fn longest_over_mean(ids: &[Id]) -> f64 {
        let sorted: BTreeSet<Id> = ids.iter().copied().collect();
        assert_eq!(sorted.len(), ids.len(), "no two are the same");
        let next = sorted.iter().skip(1).chain(&sorted);
        let longest = sorted.iter().zip(next).map(|(from, to)| from.arc_to(*to).prefix()).max();
        longest.unwrap_or(0) as f64 / 2_f64.powi(64) * ids.len() as f64
    }

    /// The most keys of one node, over the mean.
    fn fullest_over_mean(ids: &[Id], keys: &[(Id, u32)]) -> f64 {
        let sorted: BTreeSet<Id> = ids.iter().copied().collect();
        let next = sorted.iter().skip(1).chain(&sorted);
        let items = |(from, to): (&Id, &Id)| -> usize {
            within(keys, *from, *to).iter().map(|part| part.len()).sum()
        };
        let most = sorted.iter().zip(next).map(items).max();
        most.unwrap_or(0) as f64 * ids.len() as f64 / keys.len() as f64
    }

    /// Drawn at random, the longest of 2,000 arcs is ln 2,000 = 7.6 times the mean on average. The seeds decide
    /// everything, so the bounds hold always or never.
    #[test]
    fn halving_the_longest_arcs_makes_them_even() {
        for seed in 0..8 {
            let drawn = longest_over_mean(&random(2_000, &mut Rng::new(seed, 0)));
            let [one, eight, many] = [1, 8, 64].map(|samples| {
                longest_over_mean(&halving_longest(2_000, samples, &mut Rng::new(seed, 0)))
            });
            assert!(drawn > 4.5, "seed {seed}: {drawn}");
            assert!((1.0..2.5).contains(&eight), "seed {seed}: {eight}");
            assert!(eight < one && one < drawn, "seed {seed}: {one} with one sample");
            assert!((1.0..2.2).contains(&many), "seed {seed}: {many} with 64 samples");
        }
    }

    #[test]
    fn halving_the_fullest_nodes_makes_them_even() {
        let keys = in_order(40_000);
        for seed in 0..4 {
            let drawn = fullest_over_mean(&random(1_000, &mut Rng::new(seed, 0)), &keys);
            let ids = halving_fullest(1_000, 8, &keys, &mut Rng::new(seed, 0));
            let halved = fullest_over_mean(&ids, &keys);
            assert!(halved < drawn / 1.5, "seed {seed}: {halved}, not {drawn}");
        }
    }

    #[test]
    fn few_nodes_and_few_keys_are_no_trouble() {
        for count in 0..6 {
            for samples in [1, 64] {
                let longest = halving_longest(count, samples, &mut Rng::new(1, 0));
                assert_eq!(longest.len(), count);
                for keys in [in_order(0), in_order(1), in_order(7)] {
                    let fullest = halving_fullest(count, samples, &keys, &mut Rng::new(1, 0));
                    assert_eq!(fullest.iter().collect::<BTreeSet<_>>().len(), count);
                }
            }
        }
    }
}
