//! The ring's invariant, updated with every change of membership or of a successor list.
//!
//! Pamela Zave (*Reasoning about identifier spaces: how to make Chord correct*, IEEE TSE 2017)
//! proves that a ring stays one ordered ring as long as
//!
//! 1. every member has a live member in its successor list, and
//! 2. at least r + 1 members are not skipped. A list *skips* a member that lies strictly between two
//!    adjacent entries of [self, list…]. Zave calls members that no list skips *principals*.
//!
//! A ring of at most r members cannot satisfy the second rule. There, each member must list every
//! other instead.
//!
//! A change costs O(r) searches among the members, and a step for each member that becomes skipped
//! or is not skipped any more. Reading the violation costs nothing.
//!
//! **Invariant:** the result is always that of the definition, evaluated from all lists.

mod skips;
#[cfg(test)]
mod tests;
mod violation;

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::btree_set::BTreeSet;
use std::{mem, slice};

use hopwise_kernel::Id;

use self::skips::Skips;
pub use self::violation::{Skip, Violation};

/// The members of a ring, their successor lists, and whether the invariant holds.
#[derive(Clone, Debug)]
pub struct Invariant {
    /// r, the capacity of a list.
    successors: usize,
    members: BTreeMap<Id, Member>,
    skips: Skips,
    /// What each member [depends on](Member::depends_on), and the member.
    dependents: BTreeSet<(Id, Id)>,
    /// The members without a live member in their lists.
    unsupported: BTreeSet<Id>,
    violation: Option<Violation>,
    /// A buffer for new lists.
    fresh: Vec<Id>,
}

/// A member.
#[derive(Clone, Debug, Default)]
struct Member {
    list: Vec<Id>,
    /// A live member in its list, if there is one.
    support: Option<Id>,
}

impl Member {
    /// The nodes whose join or departure can change whether this member has support: the support
    /// itself, or all entries of the list if there is none.
    fn depends_on(&self) -> &[Id] {
        self.support.as_ref().map_or(&self.list, slice::from_ref)
    }
}

impl Invariant {
    /// A ring without members, whose successor lists have `successors` (r) entries at most.
    #[must_use]
    pub fn new(successors: usize) -> Invariant {
        Invariant {
            successors,
            members: BTreeMap::new(),
            skips: Skips::default(),
            dependents: BTreeSet::new(),
            unsupported: BTreeSet::new(),
            violation: None,
            fresh: Vec::with_capacity(successors),
        }
    }

    /// Records that `id` became a member with `list`. If it is a member already, only its list
    /// changes.
    pub fn join(&mut self, id: Id, list: impl IntoIterator<Item = Id>) {
        if let Entry::Vacant(place) = self.members.entry(id) {
            place.insert(Member::default());
            self.skips.join(id);
            self.unsupported.insert(id);
            self.update_dependents_of(id);
        }
        self.replace_list(id, list);
        self.violation = self.judge();
    }

    /// Records that `id` left or crashed. Does nothing if it is not a member.
    pub fn gone(&mut self, id: Id) {
        self.replace_list(id, []);
        if self.members.remove(&id).is_some() {
            self.skips.leave(id);
            self.unsupported.remove(&id);
            self.update_dependents_of(id);
            self.violation = self.judge();
        }
    }

    /// Records that the successor list of `id` is now `list`, nearest first. Does nothing if `id`
    /// is not a member. Costs one search and a comparison if the list is unchanged.
    pub fn list_changed(&mut self, id: Id, list: impl IntoIterator<Item = Id>) {
        if self.replace_list(id, list) {
            self.violation = self.judge();
        }
    }

    /// The successor list of `id`; empty if it is not a member.
    #[must_use]
    pub fn list(&self, id: Id) -> &[Id] {
        self.members.get(&id).map_or(&[], |member| &member.list)
    }

    /// The present violation; `None` if the invariant holds.
    #[inline]
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        self.violation
    }

    /// A member that some list skips; `None` if there is none. The rules allow this for a while.
    #[must_use]
    pub fn skip(&self) -> Option<Skip> {
        let (skipped, (from, to)) = self.skips.first_skip()?;
        let by = self.holder(from, to).expect("a pair is kept while a member holds it");
        Some(Skip { skipped, by, from, to })
    }

    /// Returns whether the list changed.
    fn replace_list(&mut self, id: Id, list: impl IntoIterator<Item = Id>) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return false };
        let new = &mut self.fresh;
        new.clear();
        new.extend(list);
        if member.list == *new {
            return false;
        }
        let same = member.list.iter().zip(&*new).take_while(|(old, new)| old == new).count();
        // New pairs are added first, so that the count of a pair that stays never drops to 0.
        pairs(id, new).skip(same).for_each(|(from, to)| self.skips.add_pair(from, to));
        pairs(id, &member.list).skip(same).for_each(|(from, to)| self.skips.remove_pair(from, to));

        if member.support.is_some_and(|support| new.contains(&support)) {
            mem::swap(&mut member.list, new);
        } else {
            remove_dependencies(id, member, &mut self.dependents);
            mem::swap(&mut member.list, new);
            self.find_support(id);
        }
        true
    }

    /// Finds the support of each member that depends on `id`, which joined or departed.
    fn update_dependents_of(&mut self, id: Id) {
        let dependents = self.dependents.range((id, Id::ZERO)..=(id, Id::MAX));
        let members: Vec<Id> = dependents.map(|&(_, member)| member).collect();
        for member in members {
            remove_dependencies(member, &self.members[&member], &mut self.dependents);
            self.find_support(member);
        }
    }

    /// Finds the first live entry in the list of the member `id`, which depends on nothing so far.
    fn find_support(&mut self, id: Id) {
        let list = &self.members[&id].list;
        let live = list.iter().copied().find(|entry| self.members.contains_key(entry));
        match live {
            Some(_) => self.unsupported.remove(&id),
            None => self.unsupported.insert(id),
        };
        let member = self.members.entry(id).or_default();
        member.support = live;
        self.dependents.extend(member.depends_on().iter().map(|&on| (on, id)));
    }

    fn judge(&self) -> Option<Violation> {
        if self.members.len() <= self.successors {
            return self.unknown_member();
        }
        if let Some(&member) = self.unsupported.first() {
            return Some(Violation::NoLiveSuccessor { member });
        }
        let unskipped = self.skips.unskipped();
        if unskipped > self.successors {
            return None;
        }
        let Skip { skipped, by, from, to } = self.skip().expect("some member is skipped");
        let needed = self.successors + 1;
        Some(Violation::TooFewUnskipped { unskipped, needed, skipped, by, from, to })
    }

    /// A member that does not list another, in a ring of at most r members.
    fn unknown_member(&self) -> Option<Violation> {
        self.members.iter().find_map(|(&member, Member { list, .. })| {
            let others = self.members.keys().filter(|&&other| other != member);
            let unknown = others.copied().find(|other| !list.contains(other))?;
            Some(Violation::UnknownMember { member, unknown })
        })
    }

    /// The member whose list has the pair and that is nearest before its start. Nearly always this
    /// is the start itself or one of the r members before it.
    fn holder(&self, from: Id, to: Id) -> Option<Id> {
        let downwards = self.members.range(..=from).rev();
        let mut members = downwards.chain(self.members.range(from..).rev());
        members
            .find(|(id, member)| pairs(**id, &member.list).any(|pair| pair == (from, to)))
            .map(|(&id, _)| id)
    }
}

/// Removes what `find_support` added for the member `id`.
fn remove_dependencies(id: Id, member: &Member, dependents: &mut BTreeSet<(Id, Id)>) {
    for &on in member.depends_on() {
        dependents.remove(&(on, id));
    }
}

/// The pairs of adjacent entries in [self, list…].
pub fn pairs(id: Id, list: &[Id]) -> impl Iterator<Item = (Id, Id)> {
    std::iter::once(id).chain(list.iter().copied()).zip(list.iter().copied())
}
