//! The true owners of keys where partitions divide the ring for a while.
//!
//! Each side of a partition, or each group, is a ring of its own, so a key has an owner in each. An answer that
//! arrives names a node of the same side. It is right if that node owns the key among the members of its side,
//! or among all members: no side can know at once that it is one.
//!
//! A partition by distance has no sides: two nodes that cannot reach each other may both reach a third. An
//! answer is right then if the node that it names owns the key among the members that this node can reach.
//!
//! **Invariant:** asks no node.

use hopwise_kernel::{Id, Time};

use super::Truth;
use super::truth::OwnerTruth;
use crate::base::hash::FixedHashMap;
use crate::network::{Disturbance, Disturbances, Network};
use crate::scenario::DisturbanceKind;

/// The truth of a run of which the network may be divided.
#[derive(Debug)]
pub struct DividedTruth {
    whole: OwnerTruth,
    divisions: Vec<Division>,
    distances: Option<Distances>,
    /// When the measured phase begins, from which the times of partitions count.
    phase_from: Time,
}

#[derive(Debug)]
struct Division {
    partition: Disturbance,
    /// The members of each group.
    sides: Vec<OwnerTruth>,
}

/// What is known of members for partitions by distance.
#[derive(Debug)]
struct Distances {
    network: Network,
    /// The hosts of all members so far.
    hosts: FixedHashMap<Id, u32>,
    partitions: Vec<Disturbance>,
}

impl DividedTruth {
    /// The truth about a ring whose members, each with its host, joined at `at`. `network` says how far apart
    /// hosts are; without it there is no partition by distance.
    pub fn new(
        members: impl Iterator<Item = (Id, u32)>,
        at: Time,
        disturbances: &Disturbances,
        network: Option<&Network>,
    ) -> DividedTruth {
        let is_distant = |it: &&Disturbance| matches!(it.kind, DisturbanceKind::Beyond(_));
        let mut distances = network.map(|network| Distances {
            network: network.clone(),
            hosts: FixedHashMap::default(),
            partitions: disturbances.partitions().filter(is_distant).cloned().collect(),
        });
        let members = members.inspect(|&(id, host)| {
            if let Some(distances) = &mut distances {
                distances.hosts.insert(id, host);
            }
        });
        let whole = OwnerTruth::of_members(members.map(|(id, _)| id), at);
        let division = |partition: &Disturbance| {
            let side = |group| {
                let members = whole.live().filter(|&id| partition.group(id) == group);
                OwnerTruth::of_members(members, at)
            };
            let sides = (0..partition.group_count()).map(side).collect();
            Division { partition: partition.clone(), sides }
        };
        let of_groups = disturbances.partitions().filter(|it| !is_distant(it));
        let divisions = of_groups.map(division).collect();
        DividedTruth { whole, divisions, distances, phase_from: Time::NEVER }
    }
}

impl Division {
    fn side_mut(&mut self, id: Id) -> &mut OwnerTruth {
        &mut self.sides[self.partition.group(id)]
    }

    /// Whether `named` owned `key` on its side at some instant from `issued` to `answered` at which the
    /// network was divided.
    fn judge(&self, key: Id, named: Id, span: (Time, Time), phase_from: Time) -> bool {
        let side = &self.sides[self.partition.group(named)];
        divided(&self.partition, span, phase_from)
            .is_some_and(|(issued, answered)| side.judge(key, named, issued, answered))
    }
}

impl Distances {
    /// Whether `named` owned `key` among the members of `whole` that it can reach, at some instant of `span` at
    /// which the network was divided.
    fn judge(
        &self,
        whole: &OwnerTruth,
        key: Id,
        named: Id,
        span: (Time, Time),
        phase_from: Time,
    ) -> bool {
        let Some(&host) = self.hosts.get(&named) else { return false };
        self.partitions.iter().any(|partition| {
            let DisturbanceKind::Beyond(most) = partition.kind else { return false };
            let is_near =
                |id| self.hosts.get(&id).is_none_or(|&it| self.network.distance(host, it) <= most);
            divided(partition, span, phase_from).is_some_and(|(issued, answered)| {
                whole.judge_among(key, named, issued, answered, is_near)
            })
        })
    }
}

/// The part of the span from the first to the second instant in which `partition` divided the network.
fn divided(
    partition: &Disturbance,
    (issued, answered): (Time, Time),
    phase_from: Time,
) -> Option<(Time, Time)> {
    if answered < phase_from {
        return None;
    }
    let (begin, end) = (phase_from + partition.at, phase_from + partition.until);
    let (issued, answered) = (issued.max(begin), answered.min(end));
    (issued <= answered).then_some((issued, answered))
}

impl Truth<Id, Id> for DividedTruth {
    fn join(&mut self, id: Id, host: u32, at: Time) {
        self.whole.join(id, at);
        self.divisions.iter_mut().for_each(|it| it.side_mut(id).join(id, at));
        if let Some(distances) = &mut self.distances {
            distances.hosts.insert(id, host);
        }
    }

    fn leave(&mut self, id: Id, at: Time) {
        self.whole.leave(id, at);
        self.divisions.iter_mut().for_each(|it| it.side_mut(id).leave(id, at));
    }

    fn begin_phase(&mut self, from: Time) {
        self.phase_from = from;
    }

    fn judge(&mut self, key: &Id, owner: &Id, issued: Time, answered: Time) -> bool {
        let (from, span) = (self.phase_from, (issued, answered));
        let is_near_owner = |it: &Distances| it.judge(&self.whole, *key, *owner, span, from);
        self.whole.judge(*key, *owner, issued, answered)
            || self.divisions.iter().any(|it| it.judge(*key, *owner, span, from))
            || self.distances.as_ref().is_some_and(is_near_owner)
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
    use crate::scenario::{self, Direction, Groups, Latency};

    const S: u64 = 1_000_000_000;

    fn id(place: u32) -> Id {
        Id::of_name(&place.to_be_bytes())
    }

    /// The truth of a ring in which node n is on host n.
    fn truth_of(
        ids: &[Id],
        disturbances: &Disturbances,
        network: Option<&Network>,
    ) -> DividedTruth {
        DividedTruth::new(ids.iter().copied().zip(0..), Time::ZERO, disturbances, network)
    }

    #[test]
    fn each_side_has_an_owner_while_the_network_is_divided() {
        let (at, until) = (Duration::from_secs(10), Duration::from_secs(20));
        let kind = DisturbanceKind::Partition(Direction::Both);
        let halves = Disturbance { at, until, kind, fraction: 0.5, salt: 1 };
        let disturbances = Disturbances::from_iter([halves]);
        let ids: Vec<Id> = (0..64).map(id).collect();
        let mut truth = truth_of(&ids, &disturbances, None);
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

    /// The nodes that count as owners of `key` while the network is divided.
    fn owners(truth: &mut DividedTruth, ids: &[Id], key: Id) -> Vec<Id> {
        truth.begin_phase(Time::ZERO);
        let at = Time::from_ns(S);
        let mut owners: Vec<Id> =
            ids.iter().copied().filter(|id| truth.judge(&key, id, at, at)).collect();
        owners.sort_unstable_by_key(|&id| key.distance_to(id));
        owners
    }

    fn at_once(kind: DisturbanceKind) -> Disturbances {
        let (at, until) = (Duration::ZERO, Duration::from_secs(2));
        Disturbances::from_iter([Disturbance { at, until, kind, fraction: 1.0, salt: 1 }])
    }

    #[test]
    fn each_group_has_an_owner() {
        let groups = Groups::try_from(vec![0.4, 0.3]).expect("a third group is left");
        let disturbances = at_once(DisturbanceKind::Groups(groups));
        let partition = disturbances.partitions().next().expect("it is one").clone();
        let ids: Vec<Id> = (0..100).map(id).collect();
        for key in (1000..1020).map(id) {
            let mut clockwise = ids.clone();
            clockwise.sort_unstable_by_key(|&id| key.distance_to(id));
            let first = |group| clockwise.iter().find(|&&id| partition.group(id) == group);
            let mut wanted: Vec<Id> = (0..3).filter_map(first).copied().collect();
            wanted.sort_unstable_by_key(|&id| key.distance_to(id));
            assert_eq!(wanted.len(), 3);
            let mut truth = truth_of(&ids, &disturbances, None);
            assert_eq!(owners(&mut truth, &ids, key), wanted);
        }
    }

    /// A twin that looks at all pairs: a node owns a key if it reaches no member between the key and itself.
    #[test]
    fn by_distance_a_node_owns_what_no_node_that_it_reaches_owns() {
        let king = scenario::Network { latency: Latency::King, ..scenario::Network::default() };
        let network = Network::new(&king, 3).expect("it is a network");
        let most = Duration::from_millis(60);
        let disturbances = at_once(DisturbanceKind::Beyond(most));
        let ids: Vec<Id> = (0..100).map(id).collect();
        let mut more_than_one = 0;
        for key in (1000..1020).map(id) {
            let mut clockwise: Vec<(Id, u32)> = ids.iter().copied().zip(0..).collect();
            clockwise.sort_unstable_by_key(|&(id, _)| key.distance_to(id));
            let owns = |&index: &usize| {
                let host = clockwise[index].1;
                clockwise[..index].iter().all(|&(_, it)| network.distance(host, it) > most)
            };
            let wanted: Vec<Id> =
                (0..clockwise.len()).filter(owns).map(|index| clockwise[index].0).collect();
            let mut truth = truth_of(&ids, &disturbances, Some(&network));
            assert_eq!(owners(&mut truth, &ids, key), wanted);
            more_than_one += usize::from(wanted.len() > 1);
        }
        assert!(more_than_one >= 15, "the network was divided: {more_than_one}");
    }
}
