//! The true holders of items, from the history of membership.
//!
//! A node is a holder from the instant it joins until the instant it leaves or crashes, and holds
//! the items of its host. An answer that names a holder is correct if that node held a matching
//! item at some instant between question and answer. An answer without a match is correct if at
//! some such instant no node held a matching item.
//!
//! **Invariant:** asks no node.

use std::collections::hash_map::Entry;
use std::collections::vec_deque::VecDeque;
use std::sync::Arc;

use hopwise_kernel::items::Text;
use hopwise_kernel::{Id, Time};
use smallvec::SmallVec;

use super::{Catalogue, Wanted};
use crate::base::hash::FixedHashMap;
use crate::churn::lifetimes::{Lifetime, Spans};
use crate::workload::Truth;

/// The stays of nodes on hosts, as far back as a query may need them.
///
/// Events of one identifier arrive in order of time. Those of different identifiers may arrive in
/// any order, but a judgement considers only events that have arrived.
#[derive(Debug)]
pub struct ItemTruth {
    catalogue: Arc<Catalogue>,
    stays: FixedHashMap<Id, Stays>,
    /// By host: the nodes with a stay there.
    guests: FixedHashMap<u32, SmallVec<[Id; 1]>>,
    departures: VecDeque<(Time, Id)>,
    /// The matches of queries that were judged before.
    matching: FixedHashMap<Wanted, Box<[u32]>>,
}

/// The stays of one identifier in order of time. Only the last may be open.
type Stays = SmallVec<[Stay; 1]>;

#[derive(Clone, Copy, Debug)]
struct Stay {
    host: u32,
    life: Lifetime,
}

impl ItemTruth {
    /// A truth without nodes.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>) -> ItemTruth {
        ItemTruth {
            catalogue,
            stays: FixedHashMap::default(),
            guests: FixedHashMap::default(),
            departures: VecDeque::new(),
            matching: FixedHashMap::default(),
        }
    }

    /// A truth with these members, all different, and their hosts. They joined at `at`.
    #[must_use]
    pub fn of_members(
        catalogue: Arc<Catalogue>,
        members: impl IntoIterator<Item = (Id, u32)>,
        at: Time,
    ) -> ItemTruth {
        let mut truth = ItemTruth::new(catalogue);
        members.into_iter().for_each(|(id, host)| truth.join(id, host, at));
        truth
    }

    /// Records that `id` joined at `at` on `host`. Does nothing if it is live already.
    pub fn join(&mut self, id: Id, host: u32, at: Time) {
        let stays = self.stays.entry(id).or_default();
        if stays.last().is_some_and(|stay| stay.life.left == Time::NEVER) {
            return;
        }
        stays.push(Stay { host, life: Lifetime { joined: at, left: Time::NEVER } });
        let guests = self.guests.entry(host).or_default();
        if !guests.contains(&id) {
            guests.push(id);
        }
    }

    /// Records that `id` left or crashed at `at`. Does nothing if it is not live.
    pub fn leave(&mut self, id: Id, at: Time) {
        let last = self.stays.get_mut(&id).and_then(|stays| stays.last_mut());
        if let Some(stay) = last.filter(|stay| stay.life.left == Time::NEVER) {
            stay.life.left = at;
            self.departures.push_back((at, id));
        }
    }

    /// Whether `best` was a correct answer at some instant from `issued` to `answered`, inclusive.
    /// `issued` must not lie before the time of the last
    /// [`forget_before`](ItemTruth::forget_before).
    #[must_use]
    pub fn judge(
        &mut self,
        wanted: Wanted,
        best: Option<(Text, Id)>,
        issued: Time,
        answered: Time,
    ) -> bool {
        match best {
            Some((name, holder)) => {
                let query = self.catalogue.query(wanted);
                let item = self.catalogue.item_of(&name);
                item.is_some_and(|item| {
                    self.catalogue.matches(&query, item)
                        && self.held(item, holder, issued, answered)
                })
            }
            None => self.was_missing(wanted, issued, answered),
        }
    }

    /// Forgets stays that ended at or before `t`. No query issued before `t` is judged any more.
    /// The cost is in proportion to the departures since the last call.
    pub fn forget_before(&mut self, t: Time) {
        while let Some(&(left, id)) = self.departures.front()
            && left <= t
        {
            self.departures.pop_front();
            let Some(stays) = self.stays.get(&id) else { continue };
            let (over, rest): (Stays, Stays) =
                stays.iter().copied().partition(|stay| stay.life.left <= t);
            for Stay { host, .. } in over {
                if !rest.iter().any(|stay| stay.host == host) {
                    self.forget_guest(host, id);
                }
            }
            if rest.is_empty() {
                self.stays.remove(&id);
            } else {
                self.stays.insert(id, rest);
            }
        }
    }

    fn forget_guest(&mut self, host: u32, id: Id) {
        if let Entry::Occupied(mut guests) = self.guests.entry(host) {
            guests.get_mut().retain(|guest| *guest != id);
            if guests.get().is_empty() {
                guests.remove();
            }
        }
    }

    /// Whether `holder` held `item` at some instant.
    fn held(&self, item: u32, holder: Id, issued: Time, answered: Time) -> bool {
        let span = issued..=answered;
        let stays = self.stays.get(&holder);
        stays
            .into_iter()
            .flatten()
            .any(|stay| stay.life.meets(&span) && self.catalogue.holds(stay.host, item))
    }

    /// Whether at some instant no node held a match.
    fn was_missing(&mut self, wanted: Wanted, issued: Time, answered: Time) -> bool {
        let ItemTruth { catalogue, stays, guests, matching, .. } = self;
        let matching = matching
            .entry(wanted)
            .or_insert_with(|| catalogue.all_matches(&catalogue.query(wanted)).into());
        let mut missing: Spans = SmallVec::from_buf([issued..=answered]);
        for &host in matching.iter().flat_map(|&item| catalogue.holders(item)) {
            for id in guests.get(&host).into_iter().flatten() {
                let here = stays.get(id).into_iter().flatten().filter(|stay| stay.host == host);
                here.for_each(|stay| stay.life.take_from(&mut missing));
            }
            if missing.is_empty() {
                return false;
            }
        }
        true
    }
}

impl Truth<Wanted, Option<(Text, Id)>> for ItemTruth {
    fn join(&mut self, id: Id, host: u32, at: Time) {
        ItemTruth::join(self, id, host, at);
    }

    fn leave(&mut self, id: Id, at: Time) {
        ItemTruth::leave(self, id, at);
    }

    fn judge(
        &mut self,
        wanted: &Wanted,
        best: &Option<(Text, Id)>,
        issued: Time,
        answered: Time,
    ) -> bool {
        ItemTruth::judge(self, *wanted, *best, issued, answered)
    }

    fn forget_before(&mut self, t: Time) {
        ItemTruth::forget_before(self, t);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Items;
    use hopwise_kernel::Distance;
    use hopwise_kernel::items::Match;
    use proptest::prelude::*;

    const IDS: u32 = 6;
    const HOSTS: u32 = 4;
    const ITEMS: u32 = 40;
    /// Few instants, so that events coincide.
    const INSTANTS: u64 = 24;

    fn id(number: u32) -> Id {
        Id::ZERO.add(Distance::multiple_of_power(number, 157))
    }

    fn at(ns: u64) -> Time {
        Time::from_ns(ns)
    }

    fn catalogue() -> Arc<Catalogue> {
        let items = Items { population: ITEMS, replicas: 1.5, ..Items::default() };
        Arc::new(Catalogue::new(&items, HOSTS, &[], 5))
    }

    /// A naive model: a list of stays, and every instant and every name is checked.
    struct Naive {
        catalogue: Arc<Catalogue>,
        /// Node, host, start and end.
        stays: Vec<(Id, u32, u64, u64)>,
    }

    impl Naive {
        /// The matches and their holders at an instant.
        fn held_at(&self, wanted: Wanted, t: u64) -> Vec<(u32, Id)> {
            let query = self.catalogue.query(wanted);
            let there = self.stays.iter().filter(|&&(_, _, joined, left)| joined <= t && t < left);
            there
                .flat_map(|&(id, host, ..)| {
                    self.catalogue.holdings(host).into_iter().map(move |item| (item, id))
                })
                .filter(|&(item, _)| query.score(self.catalogue.names().bytes_of(item)).is_some())
                .collect()
        }

        fn judge(
            &self,
            wanted: Wanted,
            best: Option<(u32, Id)>,
            issued: u64,
            answered: u64,
        ) -> bool {
            (issued..=answered).any(|t| {
                let held = self.held_at(wanted, t);
                best.map_or(held.is_empty(), |best| held.contains(&best))
            })
        }
    }

    /// A history per identifier: a host and the instant of joining there, the instant of leaving,
    /// and so on.
    fn histories() -> impl Strategy<Value = Vec<Vec<(u32, u64)>>> {
        let history =
            prop::collection::vec((0..HOSTS, 0..INSTANTS), 0..6).prop_map(|mut events| {
                events.sort_unstable_by_key(|&(_, at)| at);
                events
            });
        prop::collection::vec(history, IDS as usize)
    }

    fn build(histories: &[Vec<(u32, u64)>]) -> (ItemTruth, Naive) {
        let catalogue = catalogue();
        let mut truth = ItemTruth::new(catalogue.clone());
        let mut naive = Naive { catalogue, stays: Vec::new() };
        for (number, history) in (0..).zip(histories) {
            for stay in history.chunks(2) {
                let (host, joined) = stay[0];
                truth.join(id(number), host, at(joined));
                let left = stay.get(1).map(|&(_, left)| left);
                if let Some(left) = left {
                    truth.leave(id(number), at(left));
                }
                naive.stays.push((id(number), host, joined, left.unwrap_or(u64::MAX)));
            }
        }
        (truth, naive)
    }

    /// Queries and answers.
    fn cases() -> impl Strategy<Value = (Wanted, Option<(u32, Id)>)> {
        let wanted = (0..ITEMS, 0..4_u8).prop_map(|(item, how)| Wanted {
            item,
            how: Match::from_number(how).expect("there are four"),
        });
        (wanted, any::<bool>(), 0..ITEMS, 0..=IDS).prop_map(|(wanted, same, other, holder)| {
            let item = if same { wanted.item } else { other };
            (wanted, (holder < IDS).then(|| (item, id(holder))))
        })
    }

    fn named(naive: &Naive, best: Option<(u32, Id)>) -> Option<(Text, Id)> {
        best.map(|(item, id)| (naive.catalogue.names().name(item).expect("named"), id))
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_model(
            histories in histories(),
            cases in prop::collection::vec(cases(), 20),
        ) {
            let (mut truth, naive) = build(&histories);
            for (wanted, best) in cases {
                for issued in 0..INSTANTS {
                    for answered in [issued, issued + 1, issued + 7] {
                        prop_assert_eq!(
                            truth.judge(wanted, named(&naive, best), at(issued), at(answered)),
                            naive.judge(wanted, best, issued, answered),
                            "{:?} answered by {:?} from {} to {}", wanted, best, issued, answered
                        );
                    }
                }
            }
        }

        #[test]
        fn forgetting_the_past_changes_no_later_judgement(
            histories in histories(),
            cases in prop::collection::vec(cases(), 20),
            t in 0..INSTANTS,
        ) {
            let (mut truth, naive) = build(&histories);
            truth.forget_before(at(t));
            for (wanted, best) in cases {
                prop_assert_eq!(
                    truth.judge(wanted, named(&naive, best), at(t), at(t + 5)),
                    naive.judge(wanted, best, t, t + 5)
                );
            }
        }
    }

    #[test]
    fn a_name_that_no_item_has_is_no_answer() {
        let mut truth = ItemTruth::of_members(catalogue(), (0..HOSTS).map(|n| (id(n), n)), at(1));
        let stranger = Text::new(b"no such name").expect("short");
        let wanted = Wanted { item: 0, how: Match::Exact };
        assert!(!truth.judge(wanted, Some((stranger, id(0))), at(1), at(2)));
    }

    #[test]
    fn memory_returns_when_all_are_forgotten() {
        let mut truth = ItemTruth::new(catalogue());
        for number in 0..IDS {
            truth.join(id(number), number % HOSTS, at(1));
            truth.leave(id(number), at(5));
            truth.join(id(number), (number + 1) % HOSTS, at(6));
            truth.leave(id(number), at(7));
        }
        truth.forget_before(at(7));
        assert!(truth.stays.is_empty() && truth.guests.is_empty() && truth.departures.is_empty());
    }
}
