//! What the directors of a run agree on about faults, so that all of them together do what a fault says.
//!
//! Directors reach a fault at slightly different times. Whichever is first decides how many members
//! of each director depart, in proportion to how many it has.
//!
//! **Invariant:** each director keeps one member, and no member is given to two faults.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicIsize, Ordering};

use parking_lot::Mutex;

use crate::scenario::Amount;

/// What all directors of a run agree on: how a fault is divided among them.
#[derive(Debug)]
pub struct Agreement {
    /// By director: its members, without those that faults remove. Below 0 if churn was faster.
    members: Vec<AtomicIsize>,
    decided: Mutex<Decided>,
}

#[derive(Debug, Default)]
struct Decided {
    faults: BTreeMap<u32, Decision>,
    /// Members that faults remove, but that stay for a while.
    staying: usize,
}

/// What is decided about one fault.
#[derive(Debug, Default)]
struct Decision {
    /// By director: the members that depart.
    departures: Option<Vec<usize>>,
    /// The nodes of all directors that have asked for their part of a fraction.
    counted: usize,
    /// Turns taken.
    turns: u32,
}

impl Agreement {
    /// An agreement of so many `directors`, which have no members yet.
    #[must_use]
    pub fn new(directors: usize) -> Agreement {
        let members = (0..directors).map(|_| AtomicIsize::new(0)).collect();
        Agreement { members, decided: Mutex::default() }
    }

    /// Counts a new member of the director `index`.
    pub(super) fn add_member(&self, index: usize) {
        self.members[index].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a member of the director `index` that departs.
    pub(super) fn remove_member(&self, index: usize) {
        self.members[index].fetch_sub(1, Ordering::Relaxed);
    }

    /// How many members of the director `index` depart in `fault`. `at_once` is false if they stay for
    /// a while; each is [released](Self::release) before it departs.
    pub(super) fn departures(
        &self,
        fault: u32,
        amount: Amount,
        at_once: bool,
        index: usize,
    ) -> usize {
        let Decided { faults, staying } = &mut *self.decided.lock();
        let departures = faults.entry(fault).or_default().departures.get_or_insert_with(|| {
            let members = self.members.iter().map(|count| count.load(Ordering::Relaxed).max(0));
            let members: Vec<usize> = members.map(|count| count as usize).collect();
            let count = match amount {
                Amount::Fraction(share) => part_of(share, members.iter().sum::<usize>() + *staying),
                Amount::Count(count) => count as usize,
            };
            let parts = divide(count, members.iter().map(|&count| count.saturating_sub(1)));
            for (members, part) in self.members.iter().zip(&parts) {
                members.fetch_sub(*part as isize, Ordering::Relaxed);
            }
            if !at_once {
                *staying += parts.iter().sum::<usize>();
            }
            parts
        });
        departures[index]
    }

    /// Counts a member of the director `index` again that a fault is about to remove.
    pub(super) fn release(&self, index: usize, at_once: bool) {
        if !at_once {
            self.decided.lock().staying -= 1;
        }
        self.add_member(index);
    }

    /// How many of the `nodes` of one director belong to the share that `fault` hits. The parts of all
    /// directors add up to the share of all nodes.
    pub(super) fn part_of_fraction(&self, fault: u32, share: f64, nodes: usize) -> usize {
        let mut decided = self.decided.lock();
        let counted = &mut decided.faults.entry(fault).or_default().counted;
        let before = part_of(share, *counted);
        *counted += nodes;
        part_of(share, *counted) - before
    }

    /// Takes one of the `turns` that all directors have together for `fault`. Returns false if none is
    /// left.
    pub(super) fn take_turn(&self, fault: u32, turns: u32) -> bool {
        let mut decided = self.decided.lock();
        let taken = &mut decided.faults.entry(fault).or_default().turns;
        let is_left = *taken < turns;
        *taken += u32::from(is_left);
        is_left
    }
}

/// A share of so many nodes.
fn part_of(share: f64, nodes: usize) -> usize {
    (nodes as f64 * share).round() as usize
}

/// Divides `count`, or all that there is if that is less, in proportion to what each has. What is left
/// over goes to those that lost most by rounding down.
fn divide(count: usize, have: impl Iterator<Item = usize>) -> Vec<usize> {
    let have: Vec<u128> = have.map(|all| all as u128).collect();
    let all: u128 = have.iter().sum();
    let count = all.min(count as u128);
    let mut parts: Vec<usize> =
        have.iter().map(|own| (count * own).checked_div(all).unwrap_or(0) as usize).collect();
    let lost = |index: usize| (count * have[index]).checked_rem(all).unwrap_or(0);
    let mut order: Vec<usize> = (0..have.len()).collect();
    order.sort_by_key(|&index| Reverse(lost(index)));
    let left = count as usize - parts.iter().sum::<usize>();
    order.into_iter().take(left).for_each(|index| parts[index] += 1);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_divided_adds_up_and_none_gives_more_than_it_has(
            count in 0_usize..100, have in prop::collection::vec(0_usize..40, 1..6),
        ) {
            let parts = divide(count, have.iter().copied());
            let all: usize = have.iter().sum();
            prop_assert_eq!(parts.iter().sum::<usize>(), count.min(all));
            for (part, own) in parts.iter().zip(&have) {
                prop_assert!(part <= own);
                let exact = count.min(all) as f64 * *own as f64 / all.max(1) as f64;
                prop_assert!((*part as f64 - exact).abs() < 1.0);
            }
        }

        #[test]
        fn parts_of_a_fraction_add_up(
            share in 0.0..=1.0_f64, nodes in prop::collection::vec(0_usize..40, 1..6),
        ) {
            let agreement = Agreement::new(nodes.len());
            let parts = nodes.iter().map(|&nodes| agreement.part_of_fraction(3, share, nodes));
            prop_assert_eq!(parts.sum::<usize>(), part_of(share, nodes.iter().sum()));
        }
    }

    #[test]
    fn turns_are_counted_over_all_directors() {
        let agreement = Agreement::new(2);
        let taken = (0..5).filter(|_| agreement.take_turn(1, 3)).count();
        assert_eq!(taken, 3);
        assert!(agreement.take_turn(2, 3), "another fault");
    }
}
