//! A flooding peer's memory of searches and neighbors, compared with plain lists.
//!
//! **Invariant:** the models keep exact times.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use hopwise_kernel::flood::neighbors::{NeighborHandle, Neighbors};
use hopwise_kernel::flood::seen::{RESOLUTION, SearchStatus, SeenSearches};
use hopwise_kernel::node::RequestId;
use hopwise_kernel::{Address, Id, Peer, Rng, Time};
use proptest::collection::vec;
use proptest::prelude::*;

const REMEMBER: Duration = Duration::from_secs(10);
/// Number of entries in a bucket.
const ENTRIES_PER_BUCKET: u32 = 5;

proptest! {
    /// A search is remembered for its time, and at most one resolution longer. Searches are refused
    /// only for lack of room: never while fewer than a bucket's worth are remembered, and always
    /// when all entries are taken.
    #[test]
    fn searches_are_known_again_for_their_time(
        room in 1_u32..40,
        key: u64,
        steps in vec((0_u64..60, 0_u64..1_500), 1..400),
    ) {
        let mut seen = SeenSearches::new(room, key);
        let mut model: HashMap<u64, (NeighborHandle, Time)> = HashMap::new();
        let mut neighbors = Neighbors::new(60);
        let handles: Vec<NeighborHandle> = (0..60).map(|number| {
            neighbors.insert(peer(number));
            neighbors.handle_of(peer(number)).expect("it is in")
        }).collect();
        let mut now = Time::ZERO;
        for (search, ms) in steps {
            now = now + Duration::from_millis(ms);
            // Ignores entries that may already be forgotten.
            let kept = model.values().filter(|(_, at)| now.since(*at) < REMEMBER).count();
            let surely_over = |at: Time| now.since(at) >= REMEMBER + RESOLUTION;
            match seen.look_up(RequestId(search), now) {
                SearchStatus::Seen(handle) => {
                    let (expected, at) = model[&search];
                    prop_assert!(handle == expected && !surely_over(at));
                }
                SearchStatus::New(free) => {
                    let known = model.get(&search);
                    prop_assert!(known.is_none_or(|&(_, at)| now.since(at) >= REMEMBER));
                    prop_assert!(kept < seen.capacity());
                    let handle = handles[search as usize];
                    seen.remember(free, RequestId(search), handle, now + REMEMBER);
                    model.insert(search, (handle, now));
                }
                SearchStatus::NoRoom => {
                    let known = model.get(&search);
                    prop_assert!(known.is_none_or(|&(_, at)| now.since(at) >= REMEMBER));
                    let maybe = model.values().filter(|(_, at)| !surely_over(*at)).count();
                    prop_assert!(maybe >= ENTRIES_PER_BUCKET as usize);
                }
            }
        }
    }

    /// The model is a list of neighbors, each with the handle it had when it was inserted.
    #[test]
    fn a_handle_refers_to_its_neighbor_or_to_none(
        capacity in 1_u16..12,
        steps in vec((0_u64..20, any::<bool>()), 1..300),
        seed: u64,
    ) {
        let mut neighbors = Neighbors::new(capacity);
        let (mut twin, mut left): (Vec<(Peer, NeighborHandle)>, Vec<NeighborHandle>) = (Vec::new(), Vec::new());
        let mut rng = Rng::new(seed, 0);
        for (number, inserts) in steps {
            let peer = peer(number);
            let at = twin.iter().position(|&(other, _)| other == peer);
            if inserts {
                let fits = at.is_none() && twin.len() < capacity.into();
                prop_assert_eq!(neighbors.insert(peer), fits);
                if fits {
                    twin.push((peer, neighbors.handle_of(peer).expect("it is in")));
                }
            } else {
                prop_assert_eq!(neighbors.remove(peer), at.is_some());
                left.extend(at.map(|at| twin.swap_remove(at).1));
            }
            prop_assert_eq!(neighbors.len(), twin.len());
            prop_assert_eq!(neighbors.is_full(), twin.len() == usize::from(capacity));
            prop_assert_eq!(neighbors.iter().count(), twin.len());
            for &(peer, handle) in &twin {
                prop_assert_eq!(neighbors.peer_at(handle), Some(peer));
                prop_assert!(neighbors.contains(peer));
            }
            prop_assert!(left.iter().all(|&handle| neighbors.peer_at(handle).is_none()));
            prop_assert!(neighbors.peer_at(NeighborHandle::SELF).is_none());
            let even = |peer: Peer| peer.address.to_bits().is_multiple_of(2);
            let any = neighbors.random(&mut rng, even);
            prop_assert_eq!(any.is_some(), twin.iter().any(|&(peer, _)| even(peer)));
            prop_assert!(any.is_none_or(|any| even(any) && neighbors.contains(any)));
        }
    }
}

/// Half full, a table refuses next to no search, however small it is, and forgets none before its time. The twin
/// is a map.
#[test]
fn half_full_there_is_room_for_nearly_all() {
    const SEARCHES: u32 = 100_000;
    let mut rng = Rng::new(1, 0);
    for capacity in [10, 15, 20, 40, 64, 128, 256, 1024, 4096] {
        let mut seen = SeenSearches::new(capacity, rng.next_u64());
        // Searches are remembered for at most one resolution longer.
        let pause = (REMEMBER + RESOLUTION) / (seen.capacity() as u32 / 2);
        let (mut twin, mut order) = (HashMap::new(), VecDeque::new());
        let (mut now, mut refused) = (Time::ZERO, 0);
        for _ in 0..SEARCHES {
            now = now + pause;
            while let Some(&(search, at)) = order.front()
                && now.since(at) >= REMEMBER
            {
                twin.remove(&search);
                order.pop_front();
            }
            assert!(twin.len() <= seen.capacity() / 2);
            let remembered = [order.front(), order.get(order.len() / 2), order.back()];
            for (search, _) in remembered.into_iter().flatten() {
                assert_eq!(seen.look_up(*search, now), SearchStatus::Seen(twin[search]));
            }
            let search = RequestId(rng.next_u64());
            match seen.look_up(search, now) {
                SearchStatus::New(free) => {
                    seen.remember(free, search, NeighborHandle::SELF, now + REMEMBER);
                    twin.insert(search, NeighborHandle::SELF);
                    order.push_back((search, now));
                }
                SearchStatus::NoRoom => refused += 1,
                SearchStatus::Seen(_) => panic!("64 random bits came twice"),
            }
        }
        let share = f64::from(refused) / f64::from(SEARCHES);
        let most = if capacity < 128 { 1e-3 } else { 2e-4 };
        assert!(share < most, "{capacity}: {share}");
    }
}

fn peer(number: u64) -> Peer {
    Peer {
        id: Id::from_parts(number, Id::ZERO.tail()),
        // Some peers share an address and differ only in their identifiers.
        address: Address::from_bits(number / 2 + 1),
    }
}
