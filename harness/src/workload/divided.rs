//! The true owners of keys where partitions divide the ring for a while.
//!
//! Each side of a partition is a ring of its own, so a key has an owner on each. An answer that arrives names
//! a node of the same side. It is right if that node owns the key among the members of its side, or among
//! all members: no side can know at once that it is one.
//!
//! **Invariant:** asks no node.

use hopwise_kernel::{Id, Time};

use super::Truth;
use super::truth::OwnerTruth;
use crate::network::{Disturbance, Disturbances};

/// The truth of a run of which the network may be divided.
#[derive(Debug)]
pub struct DividedTruth {
    whole: OwnerTruth,
    divisions: Vec<Division>,
    /// When the measured phase begins, from which the times of partitions count.
    phase_from: Time,
}

#[derive(Debug)]
struct Division {
    partition: Disturbance,
    /// The members that are not apart, and those that are.
    sides: [OwnerTruth; 2],
}

impl DividedTruth {
    /// The truth about a ring whose members joined at `at`.
    pub fn new(
        members: impl Iterator<Item = Id>,
        at: Time,
        disturbances: &Disturbances,
    ) -> DividedTruth {
        let mut truth = DividedTruth {
            whole: OwnerTruth::of_members(members, at),
            divisions: Vec::new(),
            phase_from: Time::NEVER,
        };
        for partition in disturbances.partitions() {
            let side = |apart| {
                let members = truth.whole.live().filter(|&id| partition.strikes(id) == apart);
                OwnerTruth::of_members(members, at)
            };
            let sides = [side(false), side(true)];
            truth.divisions.push(Division { partition: partition.clone(), sides });
        }
        truth
    }
}

impl Division {
    fn side_mut(&mut self, id: Id) -> &mut OwnerTruth {
        &mut self.sides[usize::from(self.partition.strikes(id))]
    }

    /// Whether `named` owned `key` on its side at some instant from `issued` to `answered` at which the
    /// network was divided.
    fn judge(&self, key: Id, named: Id, issued: Time, answered: Time, phase_from: Time) -> bool {
        if answered < phase_from {
            return false;
        }
        let (begin, end) = (phase_from + self.partition.at, phase_from + self.partition.until);
        let (issued, answered) = (issued.max(begin), answered.min(end));
        let side = &self.sides[usize::from(self.partition.strikes(named))];
        issued <= answered && side.judge(key, named, issued, answered)
    }
}

impl Truth<Id, Id> for DividedTruth {
    fn join(&mut self, id: Id, _host: u32, at: Time) {
        self.whole.join(id, at);
        self.divisions.iter_mut().for_each(|it| it.side_mut(id).join(id, at));
    }

    fn leave(&mut self, id: Id, at: Time) {
        self.whole.leave(id, at);
        self.divisions.iter_mut().for_each(|it| it.side_mut(id).leave(id, at));
    }

    fn begin_phase(&mut self, from: Time) {
        self.phase_from = from;
    }

    fn judge(&mut self, key: &Id, owner: &Id, issued: Time, answered: Time) -> bool {
        let from = self.phase_from;
        let is_right = |it: &Division| it.judge(*key, *owner, issued, answered, from);
        self.whole.judge(*key, *owner, issued, answered) || self.divisions.iter().any(is_right)
    }

    fn forget_before(&mut self, t: Time) {
        let sides = self.divisions.iter_mut().flat_map(|it| &mut it.sides);
        sides.chain([&mut self.whole]).for_each(|it| it.forget_before(t));
    }

    fn members(&self) -> Option<&OwnerTruth> {
        Some(&self.whole)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scenario::{Direction, DisturbanceKind};

    const S: u64 = 1_000_000_000;

    fn id(place: u32) -> Id {
        Id::of_name(&place.to_be_bytes())
    }

    #[test]
    fn each_side_has_an_owner_while_the_network_is_divided() {
        let (at, until) = (Duration::from_secs(10), Duration::from_secs(20));
        let kind = DisturbanceKind::Partition(Direction::Both);
        let halves = Disturbance { at, until, kind, fraction: 0.5, salt: 1 };
        let disturbances = Disturbances::from_iter([halves]);
        let ids: Vec<Id> = (0..64).map(id).collect();
        let mut truth = DividedTruth::new(ids.iter().copied(), Time::ZERO, &disturbances);
        truth.begin_phase(Time::from_ns(5 * S));
        let at = |s: u64| Time::from_ns(s * S);
        let key = id(1000);
        let owner = truth.whole.owner(key).expect("there are members");
        let other_side = usize::from(!truth.divisions[0].partition.strikes(owner));
        let other = truth.divisions[0].sides[other_side].owner(key).expect("half are there");
        for second in 0..30 {
            assert!(truth.judge(&key, &owner, at(second), at(second)), "{second}");
            let is_divided = (15..=25).contains(&second);
            assert_eq!(truth.judge(&key, &other, at(second), at(second)), is_divided, "{second}");
        }
        assert!(truth.judge(&key, &other, at(14), at(16)), "the network was divided meanwhile");
        Truth::leave(&mut truth, other, at(17));
        assert!(!truth.judge(&key, &other, at(18), at(19)));
        let next = truth.divisions[0].sides[other_side].owner(key).expect("others are there");
        assert!(truth.judge(&key, &next, at(18), at(19)));
    }
}
