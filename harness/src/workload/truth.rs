//! The true owners of keys, from the history of membership.
//!
//! A node is live from the instant it joins until the instant it leaves or crashes, `[joined,
//! left)`. The owner of a key at an instant is the first live node at or clockwise after the key.
//!
//! **Invariant:** asks no node.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::vec_deque::VecDeque;
use std::iter;

use hopwise_kernel::{Id, Time};
use smallvec::SmallVec;

use crate::churn::lifetimes::{Lifetime, Spans};

/// The lifetimes of all members, as far back as a lookup may need them.
///
/// Live members are stored apart from past lifetimes, so each costs only an identifier and an
/// instant.
///
/// Events of one identifier arrive in order of time. Those of different identifiers may arrive in
/// any order, but a judgement considers only events that have arrived.
#[derive(Clone, Debug, Default)]
pub struct OwnerTruth {
    /// When each live member joined.
    live: BTreeMap<Id, Time>,
    /// Past lifetimes by identifier, in order of time.
    past: BTreeMap<Id, SmallVec<[Lifetime; 1]>>,
    departures: VecDeque<(Time, Id)>,
}

impl OwnerTruth {
    /// A ring without members.
    #[must_use]
    pub fn new() -> OwnerTruth {
        OwnerTruth::default()
    }

    /// A ring whose members joined at `at`. Takes less memory than calling [`join`](Self::join) for
    /// each.
    #[must_use]
    pub fn of_members(members: impl Iterator<Item = Id>, at: Time) -> OwnerTruth {
        OwnerTruth { live: members.map(|id| (id, at)).collect(), ..OwnerTruth::default() }
    }

    /// Records that `id` joined at `at`. Does nothing if it is live already.
    pub fn join(&mut self, id: Id, at: Time) {
        self.live.entry(id).or_insert(at);
    }

    /// Records that `id` left or crashed at `at`. Does nothing if it is not live.
    pub fn leave(&mut self, id: Id, at: Time) {
        if let Some(joined) = self.live.remove(&id) {
            self.past.entry(id).or_default().push(Lifetime { joined, left: at });
            self.departures.push_back((at, id));
        }
    }

    /// The number of live members.
    #[must_use]
    pub fn live_count(&self) -> usize {
        self.live.len()
    }

    /// The live members, in the order of their identifiers.
    pub fn live(&self) -> impl Iterator<Item = Id> {
        self.live.keys().copied()
    }

    /// The present owner of `key`; `None` if there are no live members.
    #[must_use]
    pub fn owner(&self, key: Id) -> Option<Id> {
        clockwise(&self.live, key).next().map(|(id, _)| id)
    }

    /// The members at `at` in clockwise order from `key`, each with the end of its lifetime. `at` must
    /// not lie before the time of the last [`forget_before`](OwnerTruth::forget_before).
    pub fn first_from(&self, key: Id, at: Time) -> impl Iterator<Item = (Id, Time)> {
        let lives = self.lifetimes_from(key).filter(move |(_, life)| life.meets(&(at..=at)));
        lives.map(|(id, life)| (id, life.left))
    }

    /// Whether `id` was a member at `at`, which must not lie before the time of the last
    /// [`forget_before`](OwnerTruth::forget_before). At [`Time::NEVER`]: whether it is one now.
    #[must_use]
    pub fn was_member(&self, id: Id, at: Time) -> bool {
        if at == Time::NEVER {
            return self.live.contains_key(&id);
        }
        self.lifetimes_of(id).any(|life| life.meets(&(at..=at)))
    }

    /// The whole identifier of a node of which only the first 64 bits are known, as in a finger table.
    /// `id` itself if no such node is known.
    #[must_use]
    pub fn complete(&self, id: Id) -> Id {
        let has_prefix = |other: &Id| other.prefix() == id.prefix();
        let first = Id::from_parts(id.prefix(), Id::ZERO.tail());
        let live = self.live.range(first..).next().map(|(&id, _)| id).filter(has_prefix);
        let past = || self.past.range(first..).next().map(|(&id, _)| id).filter(has_prefix);
        if self.live.contains_key(&id) { id } else { live.or_else(past).unwrap_or(id) }
    }

    /// The members before and after `id` at `at`, which must not lie before the time of the last
    /// [`forget_before`](OwnerTruth::forget_before). `None` if there was no other member.
    #[must_use]
    pub fn neighbors(&self, id: Id, at: Time) -> Option<(Id, Id)> {
        let is_other = |other: Id, life: Lifetime| other != id && life.meets(&(at..=at));
        let successor = self.lifetimes_from(id).find(|&(other, life)| is_other(other, life))?.0;
        let live = counterclockwise(&self.live, id)
            .find(|&(other, &joined)| is_other(other, Lifetime::since(joined)));
        let past = counterclockwise(&self.past, id)
            .find(|&(other, lives)| lives.iter().any(|&life| is_other(other, life)));
        let candidates = [live.map(|(other, _)| other), past.map(|(other, _)| other)];
        let nearest = |other: &Id| other.distance_to(id);
        let predecessor = candidates.into_iter().flatten().min_by_key(nearest)?;
        Some((predecessor, successor))
    }

    /// Whether `named` owned `key` at some instant from `issued` to `answered`, inclusive. `issued`
    /// must not lie before the time of the last [`forget_before`](OwnerTruth::forget_before).
    #[must_use]
    pub fn judge(&self, key: Id, named: Id, issued: Time, answered: Time) -> bool {
        // No past lifetime matters: members only joined since the lookup was issued. So the first member
        // at or after the key has owned it since it joined.
        if self.past.is_empty()
            && let Some((&owner, &joined)) = self.live.range(key..).next()
            && owner == named
            && joined <= answered
        {
            return true;
        }
        self.judge_among(key, named, issued, answered, |_| true)
    }

    /// As [`judge`](OwnerTruth::judge), among the members that `counts` holds for. `named` counts.
    #[must_use]
    pub fn judge_among(
        &self,
        key: Id,
        named: Id,
        issued: Time,
        answered: Time,
        counts: impl Fn(Id) -> bool,
    ) -> bool {
        // The instants at which no node visited so far was live, so the next one may be the owner.
        let mut unowned: Spans = SmallVec::from_buf([issued..=answered]);
        for (id, life) in self.lifetimes_from(key) {
            if id == named {
                let owns = |life: Lifetime| unowned.iter().any(|span| life.meets(span));
                return self.lifetimes_of(named).any(owns);
            }
            if counts(id) {
                life.take_from(&mut unowned);
            }
            if unowned.is_empty() {
                return false;
            }
        }
        false
    }

    /// Forgets lifetimes that ended at or before `t`. No lookup issued before `t` is judged any
    /// more. The cost is in proportion to the departures since the last call.
    pub fn forget_before(&mut self, t: Time) {
        while let Some(&(left, id)) = self.departures.front()
            && left <= t
        {
            self.departures.pop_front();
            if let Entry::Occupied(mut past) = self.past.entry(id) {
                past.get_mut().retain(|life| life.left > t);
                if past.get().is_empty() {
                    past.remove();
                }
            }
        }
    }

    fn lifetimes_of(&self, id: Id) -> impl Iterator<Item = Lifetime> {
        let past = self.past.get(&id).into_iter().flatten().copied();
        past.chain(self.live.get(&id).copied().map(Lifetime::since))
    }

    /// All lifetimes in clockwise order of identifiers, starting at `key`.
    fn lifetimes_from(&self, key: Id) -> impl Iterator<Item = (Id, Lifetime)> {
        let past = clockwise(&self.past, key);
        let mut past =
            past.flat_map(|(id, lives)| lives.iter().map(move |&life| (id, life))).peekable();
        let mut live = clockwise(&self.live, key)
            .map(|(id, &joined)| (id, Lifetime::since(joined)))
            .peekable();
        iter::from_fn(move || match (past.peek(), live.peek()) {
            (Some(&(gone, _)), Some(&(here, _)))
                if key.distance_to(here) < key.distance_to(gone) =>
            {
                live.next()
            }
            (Some(_), _) => past.next(),
            (None, _) => live.next(),
        })
    }
}

/// The entries of `map` in clockwise order, starting at `key`.
fn clockwise<T>(map: &BTreeMap<Id, T>, key: Id) -> impl Iterator<Item = (Id, &T)> {
    map.range(key..).chain(map.range(..key)).map(|(&id, it)| (id, it))
}

/// The entries of `map` in counterclockwise order, starting before `key`.
fn counterclockwise<T>(map: &BTreeMap<Id, T>, key: Id) -> impl Iterator<Item = (Id, &T)> {
    map.range(..key).rev().chain(map.range(key..).rev()).map(|(&id, it)| (id, it))
}

impl super::Truth<Id, Id> for OwnerTruth {
    fn join(&mut self, id: Id, _host: u32, at: Time) {
        OwnerTruth::join(self, id, at);
    }

    fn leave(&mut self, id: Id, at: Time) {
        OwnerTruth::leave(self, id, at);
    }

    fn judge(&mut self, key: &Id, owner: &Id, issued: Time, answered: Time) -> bool {
        OwnerTruth::judge(self, *key, *owner, issued, answered)
    }

    fn forget_before(&mut self, t: Time) {
        OwnerTruth::forget_before(self, t);
    }

    fn members(&self) -> Option<&OwnerTruth> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hopwise_kernel::Distance;
    use proptest::prelude::*;

    /// Few identifiers, so that they return, and all around the circle.
    const IDS: u32 = 6;
    /// Few instants, so that events coincide.
    const INSTANTS: u64 = 24;

    fn id(place: u32) -> Id {
        Id::ZERO.add(Distance::multiple_of_power(place, 157))
    }

    fn at(ns: u64) -> Time {
        Time::from_ns(ns)
    }

    /// A naive model: a list of lifetimes, and every instant is checked.
    #[derive(Default)]
    struct Naive(Vec<(Id, u64, u64)>);

    impl Naive {
        fn owner_at(&self, key: Id, t: u64) -> Option<Id> {
            let live = self.0.iter().filter(|&&(_, joined, left)| joined <= t && t < left);
            live.map(|&(id, ..)| id).min_by_key(|&id| key.distance_to(id))
        }

        fn judge(&self, key: Id, named: Id, issued: u64, answered: u64) -> bool {
            (issued..=answered).any(|t| self.owner_at(key, t) == Some(named))
        }
    }

    /// A history per identifier: instants at which it joins, leaves, joins, …
    fn histories() -> impl Strategy<Value = Vec<Vec<u64>>> {
        let history = prop::collection::vec(0..INSTANTS, 0..6).prop_map(|mut instants| {
            instants.sort_unstable();
            instants
        });
        prop::collection::vec(history, IDS as usize)
    }

    fn build(histories: &[Vec<u64>]) -> (OwnerTruth, Naive) {
        let (mut truth, mut naive) = (OwnerTruth::new(), Naive::default());
        // Identifier by identifier, so events arrive as late as possible.
        for (place, history) in (0..).zip(histories) {
            for life in history.chunks(2) {
                truth.join(id(place), at(life[0]));
                if let Some(&left) = life.get(1) {
                    truth.leave(id(place), at(left));
                }
                naive.0.push((id(place), life[0], life.get(1).copied().unwrap_or(u64::MAX)));
            }
        }
        (truth, naive)
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_model(histories in histories()) {
            let (truth, naive) = build(&histories);
            for key in (0..IDS).map(id).chain([Id::MAX]) {
                for named in (0..=IDS).map(id) {
                    for issued in 0..INSTANTS {
                        for answered in [issued, issued + 1, issued + 7] {
                            prop_assert_eq!(
                                truth.judge(key, named, at(issued), at(answered)),
                                naive.judge(key, named, issued, answered),
                                "key {} named {} from {} to {}", key, named, issued, answered
                            );
                        }
                    }
                }
            }
        }

        #[test]
        fn knows_the_neighbors_at_every_instant(histories in histories()) {
            let (truth, naive) = build(&histories);
            for (place, t) in (0..IDS).flat_map(|place| (0..INSTANTS).map(move |t| (place, t))) {
                let was_member = |place: u32| naive.owner_at(id(place % IDS), t) == Some(id(place % IDS));
                prop_assert_eq!(truth.was_member(id(place), at(t)), was_member(place));
                let others = (1..IDS).filter(|step| was_member(place + step));
                let others: Vec<Id> = others.map(|step| id((place + step) % IDS)).collect();
                let neighbors = others.last().copied().zip(others.first().copied());
                prop_assert_eq!(truth.neighbors(id(place), at(t)), neighbors, "{} at {}", place, t);
            }
        }

        #[test]
        fn knows_the_live_members(histories in histories()) {
            let (truth, naive) = build(&histories);
            let live = naive.0.iter().filter(|life| life.2 == u64::MAX).count();
            prop_assert_eq!(truth.live_count(), live);
            prop_assert_eq!(truth.live().count(), live);
            for key in (0..IDS).map(id).chain([Id::MAX]) {
                prop_assert_eq!(truth.owner(key), naive.owner_at(key, u64::MAX - 1));
            }
        }

        #[test]
        fn forgetting_the_past_changes_no_later_judgement(
            histories in histories(),
            t in 0..INSTANTS,
        ) {
            let (mut truth, naive) = build(&histories);
            truth.forget_before(at(t));
            for (key, named) in (0..IDS).flat_map(|k| (0..IDS).map(move |n| (id(k), id(n)))) {
                prop_assert_eq!(
                    truth.judge(key, named, at(t), at(t + 5)),
                    naive.judge(key, named, t, t + 5)
                );
            }
        }
    }

    #[test]
    fn forgets_all_that_departed_in_order() {
        let mut truth = OwnerTruth::new();
        for t in 0..100 {
            truth.join(id(t as u32 % IDS), at(2 * t));
            truth.leave(id(t as u32 % IDS), at(2 * t + 1));
        }
        truth.forget_before(at(200));
        assert!(truth.past.is_empty() && truth.departures.is_empty());
        assert_eq!((truth.live_count(), truth.owner(id(0))), (0, None));
    }

    #[test]
    fn repeated_events_change_nothing() {
        let mut truth = OwnerTruth::new();
        truth.leave(id(1), at(1));
        truth.join(id(1), at(2));
        truth.join(id(1), at(3));
        assert_eq!(truth.live_count(), 1);
        truth.leave(id(1), at(4));
        truth.leave(id(1), at(9));
        assert_eq!(truth.live_count(), 0);
        assert!(!truth.judge(id(0), id(1), at(4), at(9)));
        assert!(truth.judge(id(0), id(1), at(2), at(2)));
    }
}
