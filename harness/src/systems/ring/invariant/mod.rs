//! The ring's invariant, kept over the truth of who is a live member, change by change.
//!
//! Pamela Zave, *Reasoning about identifier spaces: how to make Chord correct*, IEEE TSE 2017:
//! whatever nodes do, and whoever fails, a ring stays one ordered ring as long as
//!
//! 1. every member has a live member in its successor list, and
//! 2. at least r + 1 members are *principals*: no two neighbours j, k in any member's
//!    [self, list…] have one strictly between them.
//!
//! A ring with fewer than r + 1 members has no room for the second rule. There, and that is all
//! that is asked, each member lists every other.
//!
//! A change costs O(r) searches among the members, and a step for each member that it makes
//! skipped or skipped no more; asking what is violated costs nothing.
//!
//! **Invariant:** the verdict is that of the definition, recomputed from all members' lists.

mod principals;

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::btree_set::BTreeSet;
use std::{fmt, mem, slice};

use hopwise_kernel::Id;

use self::principals::Principals;

/// The members of a ring, their successor lists, and whether the invariant holds.
#[derive(Clone, Debug)]
pub struct Invariant {
    /// r.
    successors: usize,
    members: BTreeMap<Id, Member>,
    principals: Principals,
    /// On whom each member leans, and the member.
    leaning: BTreeSet<(Id, Id)>,
    /// The members without support.
    stranded: BTreeSet<Id>,
    violation: Option<Violation>,
    /// Where a new list is gathered. Its memory is kept.
    fresh: Vec<Id>,
}

/// What is kept of a member.
#[derive(Clone, Debug, Default)]
struct Member {
    list: Vec<Id>,
    /// A live member in its list, if there is one.
    support: Option<Id>,
}

impl Member {
    /// Whose coming or going can change what the first rule says of this member: its support goes,
    /// or, if it has none, anyone it lists comes.
    fn leans_on(&self) -> &[Id] {
        self.support.as_ref().map_or(&self.list, slice::from_ref)
    }
}

/// The rule that is broken, and an example of where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// A member has no live member in its successor list. It cannot find back by itself.
    NoLiveSuccessor {
        /// The member.
        member: Id,
    },
    /// There are not enough principals. The ring may fall apart, or come to skip members for ever.
    TooFewPrincipals {
        /// Members that nobody skips.
        principals: usize,
        /// How many there must be: r + 1.
        needed: usize,
        /// One of those that are skipped.
        skipped: Id,
        /// The member in whose [self, list…] it is skipped,
        by: Id,
        /// between this entry
        from: Id,
        /// and the next.
        to: Id,
    },
    /// A ring of fewer than r + 1 members has one that does not list another.
    Stranger {
        /// The member.
        member: Id,
        /// Whom it does not list.
        unknown: Id,
    },
}

/// A member that is no principal, and an example of why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Skip {
    /// The member.
    pub skipped: Id,
    /// The member in whose [self, list…] it is skipped,
    pub by: Id,
    /// between this entry
    pub from: Id,
    /// and the next.
    pub to: Id,
}

impl Invariant {
    /// A ring without members, whose nodes have room for `successors` (r) in their lists.
    #[must_use]
    pub fn new(successors: usize) -> Invariant {
        Invariant {
            successors,
            members: BTreeMap::new(),
            principals: Principals::default(),
            leaning: BTreeSet::new(),
            stranded: BTreeSet::new(),
            violation: None,
            fresh: Vec::with_capacity(successors),
        }
    }

    /// `id` has become a member and holds `list`. If it is one already, only its list changes.
    pub fn join(&mut self, id: Id, list: impl IntoIterator<Item = Id>) {
        if let Entry::Vacant(place) = self.members.entry(id) {
            place.insert(Member::default());
            self.principals.join(id);
            self.stranded.insert(id);
            self.support_those_who_lean_on(id);
        }
        self.replace_list(id, list);
        self.violation = self.judge();
    }

    /// `id` has left or crashed. Changes nothing if it is no member.
    pub fn gone(&mut self, id: Id) {
        self.replace_list(id, []);
        if self.members.remove(&id).is_some() {
            self.principals.leave(id);
            self.stranded.remove(&id);
            self.support_those_who_lean_on(id);
            self.violation = self.judge();
        }
    }

    /// The successor list of `id` is now `list`, nearest first as the node holds it. Changes
    /// nothing if `id` is no member, and costs one search and a comparison if it held that before.
    pub fn list_changed(&mut self, id: Id, list: impl IntoIterator<Item = Id>) {
        if self.replace_list(id, list) {
            self.violation = self.judge();
        }
    }

    /// The successor list that the member `id` holds; empty if it is no member.
    #[must_use]
    pub fn list(&self, id: Id) -> &[Id] {
        self.members.get(&id).map_or(&[], |member| &member.list)
    }

    /// What is violated now; none if the invariant holds.
    #[inline]
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        self.violation
    }

    /// A member that somebody skips, which the rules allow as long as it is no more than passing;
    /// none if all members are principals.
    #[must_use]
    pub fn skip(&self) -> Option<Skip> {
        let (skipped, (from, to)) = self.principals.first_skip()?;
        let by = self.holder(from, to).expect("a pair is kept while a member holds it");
        Some(Skip { skipped, by, from, to })
    }

    /// Returns whether that changed anything.
    fn replace_list(&mut self, id: Id, list: impl IntoIterator<Item = Id>) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return false };
        let new = &mut self.fresh;
        new.clear();
        new.extend(list);
        if member.list == *new {
            return false;
        }
        let same = member.list.iter().zip(&*new).take_while(|(old, new)| old == new).count();
        // First what is new: pairs that stay are then never let go of.
        pairs(id, new).skip(same).for_each(|(from, to)| self.principals.hold(from, to));
        pairs(id, &member.list).skip(same).for_each(|(from, to)| self.principals.let_go(from, to));

        if member.support.is_some_and(|support| new.contains(&support)) {
            mem::swap(&mut member.list, new);
        } else {
            stop_leaning(id, member, &mut self.leaning);
            mem::swap(&mut member.list, new);
            self.lean(id);
        }
        true
    }

    /// Looks for support anew for each member that leans on `id`, which has come or gone.
    fn support_those_who_lean_on(&mut self, id: Id) {
        let leaning = self.leaning.range((id, Id::ZERO)..=(id, Id::MAX));
        let members: Vec<Id> = leaning.map(|&(_, member)| member).collect();
        for member in members {
            stop_leaning(member, &self.members[&member], &mut self.leaning);
            self.lean(member);
        }
    }

    /// Lets the member `id`, which leans on nobody, lean on the first live entry in its list.
    fn lean(&mut self, id: Id) {
        let list = &self.members[&id].list;
        let live = list.iter().copied().find(|entry| self.members.contains_key(entry));
        match live {
            Some(_) => self.stranded.remove(&id),
            None => self.stranded.insert(id),
        };
        let member = self.members.entry(id).or_default();
        member.support = live;
        self.leaning.extend(member.leans_on().iter().map(|&on| (on, id)));
    }

    fn judge(&self) -> Option<Violation> {
        if self.members.len() <= self.successors {
            return self.stranger();
        }
        if let Some(&member) = self.stranded.first() {
            return Some(Violation::NoLiveSuccessor { member });
        }
        let principals = self.principals.count();
        if principals > self.successors {
            return None;
        }
        let Skip { skipped, by, from, to } = self.skip().expect("some member is no principal");
        let needed = self.successors + 1;
        Some(Violation::TooFewPrincipals { principals, needed, skipped, by, from, to })
    }

    /// Some member that does not list another, looked for among at most r.
    fn stranger(&self) -> Option<Violation> {
        self.members.iter().find_map(|(&member, Member { list, .. })| {
            let others = self.members.keys().filter(|&&other| other != member);
            let unknown = others.copied().find(|other| !list.contains(other))?;
            Some(Violation::Stranger { member, unknown })
        })
    }

    /// The member that holds the pair and is nearest before its start: nearly always the start
    /// itself, or one of the r members before it.
    fn holder(&self, from: Id, to: Id) -> Option<Id> {
        let downwards = self.members.range(..=from).rev();
        let mut members = downwards.chain(self.members.range(from..).rev());
        members
            .find(|(id, member)| pairs(**id, &member.list).any(|pair| pair == (from, to)))
            .map(|(&id, _)| id)
    }
}

/// Takes out what `lean` put in for the member `id`.
fn stop_leaning(id: Id, member: &Member, leaning: &mut BTreeSet<(Id, Id)>) {
    for &on in member.leans_on() {
        leaning.remove(&(on, id));
    }
}

/// Every two neighbours in [self, list…].
pub fn pairs(id: Id, list: &[Id]) -> impl Iterator<Item = (Id, Id)> {
    std::iter::once(id).chain(list.iter().copied()).zip(list.iter().copied())
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Skip { skipped, by, from, to } = self;
        write!(f, "member {skipped} is skipped by member {by}, whose list goes from {from} to {to}")
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::NoLiveSuccessor { member } => {
                write!(f, "member {member} has no live member in its successor list")
            }
            Violation::TooFewPrincipals { principals, needed, skipped, by, from, to } => write!(
                f,
                "too few principals, {principals} where at least {needed} are needed: member \
                 {skipped}, for one, is skipped by member {by}, whose list goes from {from} to {to}"
            ),
            Violation::Stranger { member, unknown } => write!(
                f,
                "member {member} does not list member {unknown}, as each must list every other \
                 while they are no more than a list holds"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hopwise_kernel::Distance;
    use proptest::prelude::*;

    /// Few identifiers, so that they return, at distances of all lengths, on both sides of zero.
    const PLACES: usize = 12;

    fn id(place: usize) -> Id {
        let far =
            |multiple, exponent| Id::ZERO.add(Distance::multiple_of_power(multiple, exponent));
        let (after, before) = ([0, 1, 2, 1 << 8], [Id::MAX, far(u32::MAX, 128)]);
        let between = [far(1, 95), far(3, 95), far(1, 100), far(1, 158), far(1, 159), far(3, 158)];
        match place {
            0..4 => far(after[place], 0),
            4..10 => between[place - 4],
            _ => before[place - 10],
        }
    }

    /// The naive twin: every member's list, and the definition.
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

        fn is_principal(&self, id: Id) -> bool {
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
                    .map(|(member, unknown)| Violation::Stranger { member, unknown });
            }
            if let Some(member) = members().find(|&member| self.first_live(member).is_none()) {
                return Some(Violation::NoLiveSuccessor { member });
            }
            let (principals, skipped): (Vec<_>, Vec<_>) =
                members().partition(|&member| self.is_principal(member));
            let (principals, needed) = (principals.len(), self.successors + 1);
            if principals >= needed {
                return None;
            }
            let skipped = skipped[0];
            let (by, from, to) =
                self.held().filter(|&(_, from, to)| skipped.is_between(from, to)).min_by_key(
                    |&(by, from, to)| (from.distance_to(skipped), to, by.distance_to(from)),
                )?;
            Some(Violation::TooFewPrincipals { principals, needed, skipped, by, from, to })
        }

        /// The list of a node at `id` that knows every member.
        fn exact_list(&self, id: Id) -> Vec<Id> {
            let mut others: Vec<Id> = self.members.keys().copied().filter(|&m| m != id).collect();
            others.sort_by_key(|&other| id.distance_to(other));
            others.truncate(self.successors);
            others
        }

        /// Orders what follows from the invariant in lists of at most r entries (Zave 2017).
        fn check_consequences(&self) {
            for (&id, list) in &self.members {
                let distances: Vec<_> = list.iter().map(|&entry| id.distance_to(entry)).collect();
                assert!(distances.is_sorted_by(|a, b| a < b), "unordered: {id} {list:?}");
                assert!(!list.contains(&id), "lists itself: {id} {list:?}");
            }
            let next = |id: &Id| self.first_live(*id).expect("the first rule");
            let ring_from = |start: Id| {
                // Whoever hangs on the ring is on it after as many steps as there are members.
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
                assert!(!self.is_principal(member) || ring.contains(&member), "off: {member}");
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
        /// The exact one, less an entry if there is one at this place.
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

    /// The two twins, told the same.
    struct Twins(Invariant, Naive);

    impl Twins {
        fn new(successors: usize) -> Twins {
            Twins(Invariant::new(successors), Naive { successors, members: BTreeMap::new() })
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
        fn finds_what_the_naive_twin_finds(successors in 1..4usize, ops in ops()) {
            let mut twins = Twins::new(successors);
            for op in &ops {
                twins.apply(op);
                prop_assert_eq!(twins.0.violation(), twins.1.violation(), "after {:?}", op);
                let naive = twins.1.members.keys().find(|&&id| !twins.1.is_principal(id));
                prop_assert_eq!(twins.0.skip().map(|skip| skip.skipped), naive.copied());
            }
        }

        #[test]
        fn a_ring_without_violation_is_one_ordered_ring(successors in 1..4usize, ops in ops()) {
            let mut twins = Twins::new(successors);
            for op in &ops {
                twins.apply(op);
                let naive = &twins.1;
                if naive.members.len() > successors
                    && naive.members.values().all(|list| list.len() <= successors)
                    && twins.0.violation().is_none()
                {
                    naive.check_consequences();
                }
            }
        }

        #[test]
        fn exact_lists_violate_nothing(successors in 1..4usize, ops in ops()) {
            let mut twins = Twins::new(successors);
            ops.iter().for_each(|op| twins.apply(op));
            twins.settle();
            prop_assert_eq!(twins.0.violation(), None);
        }
    }

    /// An exact ring of the first `count` places.
    fn exact_ring(successors: usize, count: usize) -> Twins {
        let mut twins = Twins::new(successors);
        (0..count).for_each(|place| twins.join(id(place), Vec::new()));
        twins.settle();
        twins
    }

    #[test]
    fn a_newcomer_is_no_principal_until_all_who_pass_it_list_it() {
        let mut twins = exact_ring(2, 4);
        let newcomer = id(5);
        twins.join(newcomer, twins.1.exact_list(newcomer));
        assert_eq!(twins.0.violation(), None);
        assert_eq!(twins.0.principals.count(), 4);
        twins.settle();
        assert_eq!(twins.0.principals.count(), 5);
    }

    #[test]
    fn a_node_that_is_its_own_successor_skips_all_others() {
        let mut twins = exact_ring(2, 4);
        twins.change(id(2), vec![id(2), id(3)]);
        let violation = twins.0.violation().expect("no room for three principals");
        assert_eq!(
            violation,
            Violation::TooFewPrincipals {
                principals: 1,
                needed: 3,
                skipped: id(0),
                by: id(2),
                from: id(2),
                to: id(2),
            }
        );
        assert_eq!(
            violation.to_string(),
            "too few principals, 1 where at least 3 are needed: member \
             0000000000000000000000000000000000000000, for one, is skipped by member \
             0000000000000000000000000000000000000002, whose list goes from \
             0000000000000000000000000000000000000002 to 0000000000000000000000000000000000000002"
        );
    }

    #[test]
    fn a_pair_counts_while_its_holder_lives_whoever_its_ends_are() {
        let mut twins = exact_ring(1, 4);
        twins.change(id(0), vec![id(1), id(7), id(9)]);
        assert_eq!(twins.0.principals.count(), 2, "the list passes places 2 and 3");
        twins.gone(id(1));
        assert_eq!(twins.0.principals.count(), 1);
        twins.gone(id(0));
        assert_eq!(twins.0.principals.count(), 2);
    }

    #[test]
    fn who_comes_back_supports_those_who_still_list_it() {
        let mut twins = exact_ring(1, 4);
        twins.gone(id(2));
        assert_eq!(twins.0.violation(), Some(Violation::NoLiveSuccessor { member: id(1) }));
        twins.join(id(2), vec![id(3)]);
        assert_eq!(twins.0.violation(), None);
    }
}
