//! The invariant compared with a naive model, and its consequences.
//!
//! **Invariant:** the model is the definition, evaluated from scratch.

use super::*;
use hopwise_kernel::Distance;
use proptest::prelude::*;

/// The number of identifiers. They are few, so that they return, at distances of all lengths, on
/// both sides of zero.
const PLACES: usize = 12;

fn id(place: usize) -> Id {
    let far = |multiple, exponent| Id::ZERO.add(Distance::multiple_of_power(multiple, exponent));
    let (after, before) = ([0, 1, 2, 1 << 8], [Id::MAX, far(u32::MAX, 128)]);
    let between = [far(1, 95), far(3, 95), far(1, 100), far(1, 158), far(1, 159), far(3, 158)];
    match place {
        0..4 => far(after[place], 0),
        4..10 => between[place - 4],
        _ => before[place - 10],
    }
}

/// A naive model: every list, and the definition.
struct Naive {
    successors: usize,
    members: BTreeMap<Id, Vec<Id>>,
}

impl Naive {
    fn held(&self) -> impl Iterator<Item = (Id, Id, Id)> {
        self.members.iter().flat_map(|(&by, list)| {
            let whole: Vec<Id> = std::iter::once(by).chain(list.iter().copied()).collect();
            let held: Vec<_> = whole.windows(2).map(|pair| (by, pair[0], pair[1])).collect();
            held
        })
    }

    fn is_unskipped(&self, id: Id) -> bool {
        !self.held().any(|(_, from, to)| id.is_between(from, to))
    }

    fn first_live(&self, id: Id) -> Option<Id> {
        self.members[&id].iter().copied().find(|entry| self.members.contains_key(entry))
    }

    fn violation(&self) -> Option<Violation> {
        let members = || self.members.keys().copied();
        if self.members.len() <= self.successors {
            let mut couples = members().flat_map(|a| members().map(move |b| (a, b)));
            return couples
                .find(|(a, b)| a != b && !self.members[a].contains(b))
                .map(|(member, unknown)| Violation::UnknownMember { member, unknown });
        }
        if let Some(member) = members().find(|&member| self.first_live(member).is_none()) {
            return Some(Violation::NoLiveSuccessor { member });
        }
        let (unskipped, skipped): (Vec<_>, Vec<_>) =
            members().partition(|&member| self.is_unskipped(member));
        let (unskipped, needed) = (unskipped.len(), self.successors + 1);
        if unskipped >= needed {
            return None;
        }
        let skipped = skipped[0];
        let (by, from, to) = self
            .held()
            .filter(|&(_, from, to)| skipped.is_between(from, to))
            .min_by_key(|&(by, from, to)| (from.distance_to(skipped), to, by.distance_to(from)))?;
        Some(Violation::TooFewUnskipped { unskipped, needed, skipped, by, from, to })
    }

    /// The list of a node at `id` that knows every member.
    fn exact_list(&self, id: Id) -> Vec<Id> {
        let mut others: Vec<Id> = self.members.keys().copied().filter(|&m| m != id).collect();
        others.sort_by_key(|&other| id.distance_to(other));
        others.truncate(self.successors);
        others
    }

    /// Checks what follows from the invariant if lists have at most r entries (Zave 2017).
    fn check_consequences(&self) {
        for (&id, list) in &self.members {
            let distances: Vec<_> = list.iter().map(|&entry| id.distance_to(entry)).collect();
            assert!(distances.is_sorted_by(|a, b| a < b), "unordered: {id} {list:?}");
            assert!(!list.contains(&id), "lists itself: {id} {list:?}");
        }
        let next = |id: &Id| self.first_live(*id).expect("the first rule");
        let ring_from = |start: Id| {
            // Each member reaches the ring after at most as many steps as there are members.
            let entry = self.members.iter().fold(start, |at, _| next(&at));
            let rest = std::iter::successors(Some(next(&entry)), |at| Some(next(at)));
            let mut ring: Vec<Id> = rest.take_while(|&at| at != entry).collect();
            ring.push(entry);
            ring.sort_by_key(|&at| Id::ZERO.distance_to(at));
            ring
        };
        let mut rings: Vec<Vec<Id>> = self.members.keys().map(|&id| ring_from(id)).collect();
        rings.dedup();
        let [ring] = rings.as_slice() else { panic!("several rings: {rings:?}") };
        for (place, at) in ring.iter().enumerate() {
            assert_eq!(next(at), ring[(place + 1) % ring.len()], "unordered ring {ring:?}");
        }
        for &member in self.members.keys() {
            assert!(!self.is_unskipped(member) || ring.contains(&member), "off: {member}");
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Join(usize, List),
    Gone(usize),
    Change(usize, List),
    /// All members get exact lists.
    Settle,
}

#[derive(Clone, Debug)]
enum List {
    Any(Vec<usize>),
    /// The exact list without the entry at this index, if there is one.
    Exact(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let place = || 0..PLACES;
    let list = || {
        prop_oneof![
            1 => prop::collection::vec(place(), 0..5).prop_map(List::Any),
            3 => (0..6usize).prop_map(List::Exact),
        ]
    };
    prop::collection::vec(
        prop_oneof![
            6 => (place(), list()).prop_map(|(place, list)| Op::Join(place, list)),
            2 => place().prop_map(Op::Gone),
            4 => (place(), list()).prop_map(|(place, list)| Op::Change(place, list)),
            2 => Just(Op::Settle),
        ],
        0..60,
    )
}

/// The two pair, told the same.
struct Pair(Invariant, Naive);

impl Pair {
    fn new(successors: usize) -> Pair {
        Pair(Invariant::new(successors), Naive { successors, members: BTreeMap::new() })
    }

    fn join(&mut self, id: Id, list: Vec<Id>) {
        self.0.join(id, list.iter().copied());
        self.1.members.insert(id, list);
    }

    fn gone(&mut self, id: Id) {
        self.0.gone(id);
        self.1.members.remove(&id);
    }

    fn change(&mut self, id: Id, list: Vec<Id>) {
        self.0.list_changed(id, list.iter().copied());
        self.1.members.entry(id).and_modify(|held| *held = list);
    }

    fn apply(&mut self, op: &Op) {
        let resolve = |naive: &Naive, at: usize, list: &List| match list {
            List::Any(places) => places.iter().map(|&place| id(place)).collect(),
            List::Exact(omitted) => {
                let exact = naive.exact_list(id(at)).into_iter().enumerate();
                exact.filter(|(place, _)| place != omitted).map(|(_, entry)| entry).collect()
            }
        };
        match op {
            Op::Join(at, list) => self.join(id(*at), resolve(&self.1, *at, list)),
            Op::Gone(at) => self.gone(id(*at)),
            Op::Change(at, list) => self.change(id(*at), resolve(&self.1, *at, list)),
            Op::Settle => self.settle(),
        }
    }

    fn settle(&mut self) {
        let members: Vec<Id> = self.1.members.keys().copied().collect();
        members.into_iter().for_each(|id| self.change(id, self.1.exact_list(id)));
    }
}

proptest! {
    #[test]
    fn agrees_with_the_naive_model(successors in 1..4usize, ops in ops()) {
        let mut pair = Pair::new(successors);
        for op in &ops {
            pair.apply(op);
            prop_assert_eq!(pair.0.violation(), pair.1.violation(), "after {:?}", op);
            let naive = pair.1.members.keys().find(|&&id| !pair.1.is_unskipped(id));
            prop_assert_eq!(pair.0.skip().map(|skip| skip.skipped), naive.copied());
        }
    }

    #[test]
    fn a_ring_without_violation_is_one_ordered_ring(successors in 1..4usize, ops in ops()) {
        let mut pair = Pair::new(successors);
        for op in &ops {
            pair.apply(op);
            let naive = &pair.1;
            if naive.members.len() > successors
                && naive.members.values().all(|list| list.len() <= successors)
                && pair.0.violation().is_none()
            {
                naive.check_consequences();
            }
        }
    }

    #[test]
    fn exact_lists_violate_nothing(successors in 1..4usize, ops in ops()) {
        let mut pair = Pair::new(successors);
        ops.iter().for_each(|op| pair.apply(op));
        pair.settle();
        prop_assert_eq!(pair.0.violation(), None);
    }
}

/// An exact ring of the first `count` places.
fn exact_ring(successors: usize, count: usize) -> Pair {
    let mut pair = Pair::new(successors);
    (0..count).for_each(|place| pair.join(id(place), Vec::new()));
    pair.settle();
    pair
}

#[test]
fn a_new_member_is_skipped_until_all_members_before_it_list_it() {
    let mut pair = exact_ring(2, 4);
    let joiner = id(5);
    pair.join(joiner, pair.1.exact_list(joiner));
    assert_eq!(pair.0.violation(), None);
    assert_eq!(pair.0.skips.unskipped(), 4);
    pair.settle();
    assert_eq!(pair.0.skips.unskipped(), 5);
}

#[test]
fn a_node_that_is_its_own_successor_skips_all_others() {
    let mut pair = exact_ring(2, 4);
    pair.change(id(2), vec![id(2), id(3)]);
    let violation = pair.0.violation().expect("three members must not be skipped");
    assert_eq!(
        violation,
        Violation::TooFewUnskipped {
            unskipped: 1,
            needed: 3,
            skipped: id(0),
            by: id(2),
            from: id(2),
            to: id(2),
        }
    );
    assert_eq!(
        violation.to_string(),
        "too few members that no successor list skips (1, at least 3 required): for example, \
         member 0000000000000000000000000000000000000000 is skipped by member \
         0000000000000000000000000000000000000002, whose list goes from \
         0000000000000000000000000000000000000002 to 0000000000000000000000000000000000000002"
    );
}

#[test]
fn a_pair_counts_while_the_owner_of_its_list_lives() {
    let mut pair = exact_ring(1, 4);
    pair.change(id(0), vec![id(1), id(7), id(9)]);
    assert_eq!(pair.0.skips.unskipped(), 2, "the list passes places 2 and 3");
    pair.gone(id(1));
    assert_eq!(pair.0.skips.unskipped(), 1);
    pair.gone(id(0));
    assert_eq!(pair.0.skips.unskipped(), 2);
}

#[test]
fn a_returning_member_supports_those_that_still_list_it() {
    let mut pair = exact_ring(1, 4);
    pair.gone(id(2));
    assert_eq!(pair.0.violation(), Some(Violation::NoLiveSuccessor { member: id(1) }));
    pair.join(id(2), vec![id(3)]);
    assert_eq!(pair.0.violation(), None);
}
