//! What a flooding peer remembers, against plain lists.
//!
//! **Invariant:** the models keep exact times.

use std::collections::HashMap;
use std::time::Duration;

use hopwise_kernel::flood::neighbors::{Neighbors, Way};
use hopwise_kernel::flood::seen::{GRAIN, Known, Seen};
use hopwise_kernel::node::RequestId;
use hopwise_kernel::{Address, Id, Peer, Rng, Time};
use proptest::collection::vec;
use proptest::prelude::*;

const REMEMBER: Duration = Duration::from_secs(10);
/// A bucket.
const PLACES: u32 = 4;

proptest! {
    /// Whatever is remembered stays so for its time and no more than a grain longer, and room is
    /// refused only if there is none: never with less than a bucket's worth of searches remembered,
    /// always when all places are taken.
    #[test]
    fn searches_are_known_again_for_their_time(
        room in 1_u32..40,
        key: u64,
        steps in vec((0_u64..60, 0_u64..1_500), 1..400),
    ) {
        let mut seen = Seen::new(room, key);
        let mut model: HashMap<u64, (Way, Time)> = HashMap::new();
        let mut neighbors = Neighbors::new(60);
        let ways: Vec<Way> = (0..60).map(|number| {
            neighbors.insert(peer(number));
            neighbors.way_to(peer(number)).expect("it is in")
        }).collect();
        let mut now = Time::ZERO;
        for (search, ms) in steps {
            now = now + Duration::from_millis(ms);
            // An entry that may or may not be forgotten already proves nothing.
            let kept = model.values().filter(|(_, at)| now.since(*at) < REMEMBER).count();
            let surely_over = |at: Time| now.since(at) >= REMEMBER + GRAIN;
            match seen.look_up(RequestId(search), now) {
                Known::Seen(way) => {
                    let (expected, at) = model[&search];
                    prop_assert!(way == expected && !surely_over(at));
                }
                Known::New(place) => {
                    let known = model.get(&search);
                    prop_assert!(known.is_none_or(|&(_, at)| now.since(at) >= REMEMBER));
                    prop_assert!(kept < seen.room());
                    let way = ways[search as usize];
                    seen.remember(place, RequestId(search), way, now + REMEMBER);
                    model.insert(search, (way, now));
                }
                Known::NoRoom => {
                    let known = model.get(&search);
                    prop_assert!(known.is_none_or(|&(_, at)| now.since(at) >= REMEMBER));
                    let maybe = model.values().filter(|(_, at)| !surely_over(*at)).count();
                    prop_assert!(maybe >= PLACES as usize);
                }
            }
        }
    }

    /// The twin is a list of who is in, with the way to each as it was when it came in.
    #[test]
    fn a_way_leads_to_whom_it_was_laid_to_or_nowhere(
        capacity in 1_u16..12,
        steps in vec((0_u64..20, any::<bool>()), 1..300),
        seed: u64,
    ) {
        let mut neighbors = Neighbors::new(capacity);
        let (mut twin, mut left): (Vec<(Peer, Way)>, Vec<Way>) = (Vec::new(), Vec::new());
        let mut rng = Rng::new(seed, 0);
        for (number, inserts) in steps {
            let peer = peer(number);
            let at = twin.iter().position(|&(other, _)| other == peer);
            if inserts {
                let fits = at.is_none() && twin.len() < capacity.into();
                prop_assert_eq!(neighbors.insert(peer), fits);
                if fits {
                    twin.push((peer, neighbors.way_to(peer).expect("it is in")));
                }
            } else {
                prop_assert_eq!(neighbors.remove(peer), at.is_some());
                left.extend(at.map(|at| twin.swap_remove(at).1));
            }
            prop_assert_eq!(neighbors.len(), twin.len());
            prop_assert_eq!(neighbors.is_full(), twin.len() == usize::from(capacity));
            prop_assert_eq!(neighbors.iter().count(), twin.len());
            for &(peer, way) in &twin {
                prop_assert_eq!(neighbors.follow(way), Some(peer));
                prop_assert!(neighbors.contains(peer));
            }
            prop_assert!(left.iter().all(|&way| neighbors.follow(way).is_none()));
            prop_assert!(neighbors.follow(Way::OWN).is_none());
            let even = |peer: Peer| peer.address.to_bits().is_multiple_of(2);
            let any = neighbors.any(&mut rng, even);
            prop_assert_eq!(any.is_some(), twin.iter().any(|&(peer, _)| even(peer)));
            prop_assert!(any.is_none_or(|any| even(any) && neighbors.contains(any)));
        }
    }
}

/// With random names, and half of its room in use, next to nothing is refused: a bucket has 2 on
/// average, and more than 4 with a chance of 5 % (Poisson).
#[test]
fn half_full_there_is_room_for_most() {
    let mut rng = Rng::new(1, 0);
    let (mut refused, mut tried) = (0, 0);
    for _ in 0..100 {
        let mut seen = Seen::new(256, rng.next_u64());
        for _ in 0..128 {
            let search = RequestId(rng.next_u64());
            tried += 1;
            match seen.look_up(search, Time::ZERO) {
                Known::New(place) => {
                    seen.remember(place, search, Way::OWN, Time::ZERO + REMEMBER);
                }
                Known::NoRoom => refused += 1,
                Known::Seen(_) => panic!("64 random bits came twice"),
            }
        }
    }
    assert!(refused * 20 < tried, "{refused} of {tried}");
}

fn peer(number: u64) -> Peer {
    Peer {
        id: Id::from_parts(number, Id::ZERO.tail()),
        // Some share an address: an identifier tells them apart.
        address: Address::from_bits(number / 2 + 1),
    }
}
