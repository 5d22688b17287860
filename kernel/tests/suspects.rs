//! Suspects against a plain list of who was suspected when.
//!
//! **Invariant:** the model keeps exact times.

use std::collections::VecDeque;
use std::time::Duration;

use hopwise_kernel::ring::suspects::{CAPACITY, GRAIN, SUSPICION, Suspects};
use hopwise_kernel::{Address, Id, Peer, Time};
use proptest::collection::vec;
use proptest::prelude::*;

/// More than there is room for, each two at one address.
const PEERS: u64 = 12;
const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone, Debug)]
enum Step {
    Insert { peer: u64, dead: bool },
    Remove { peer: u64 },
    Pass(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..PEERS, any::<bool>())
            .prop_map(|(peer, dead)| Step::Insert { peer, dead }),
        2 => (0..PEERS).prop_map(|peer| Step::Remove { peer }),
        3 => (0..12_000_u64).prop_map(|ms| Step::Pass(Duration::from_millis(ms))),
        1 => (0..100_u32).prop_map(|days| Step::Pass(DAY * days)),
    ]
}

fn peer_of(number: u64) -> Peer {
    let id = Id::from_parts((number % 2) << 40, Id::ZERO.tail());
    Peer { id, address: Address::from_bits(number / 2 + 1) }
}

struct Entry {
    peer: Peer,
    /// When it was suspected last, unless it has answered since.
    since: Option<Time>,
    dead: bool,
}

#[derive(Default)]
struct Twins {
    suspects: Suspects,
    entries: VecDeque<Entry>,
    now: Time,
}

impl Twins {
    fn take(&mut self, step: &Step) {
        match *step {
            Step::Insert { peer, dead } => self.insert(peer_of(peer), dead),
            Step::Remove { peer } => {
                let peer = peer_of(peer);
                self.suspects.remove(peer);
                let answered = self.entries.iter_mut().find(|entry| entry.peer == peer);
                answered.into_iter().for_each(|entry| entry.since = None);
            }
            Step::Pass(duration) => self.now = self.now + duration,
        }
    }

    fn insert(&mut self, peer: Peer, dead: bool) {
        self.suspects.insert(peer, self.now, dead);
        let entry = Entry { peer, since: Some(self.now), dead };
        match self.entries.iter_mut().find(|entry| entry.peer == peer) {
            Some(known) => *known = entry,
            None => self.entries.push_back(entry),
        }
        if self.entries.len() > CAPACITY {
            self.entries.pop_front();
        }
    }

    fn check(&self) {
        for peer in (0..PEERS).map(peer_of) {
            let entry = self.entries.iter().find(|entry| entry.peer == peer);
            let suspected = entry.and_then(|entry| Some((entry.since?, entry.dead)));
            let found = self.suspects.contains(peer, self.now);
            let found_dead = self.suspects.is_dead(peer, self.now);
            match suspected {
                Some((since, dead)) if self.now < since + SUSPICION => {
                    assert!(found, "{peer:?} is forgotten");
                    assert_eq!(found_dead, dead, "{peer:?}");
                }
                Some((since, dead)) if self.now < since + SUSPICION + GRAIN => {
                    assert_eq!(found_dead, found && dead, "{peer:?}");
                }
                _ => assert!(!found && !found_dead, "{peer:?} is suspected for nothing"),
            }
        }
    }
}

proptest! {
    #[test]
    fn remembers_as_a_list_does(steps in vec(step(), 1..100)) {
        let mut twins = Twins::default();
        for step in &steps {
            twins.take(step);
            twins.check();
        }
    }
}

/// Past what 32 bits count, forgetting is what remains.
#[test]
fn after_decades_nobody_is_suspected() {
    let mut suspects = Suspects::default();
    let now = Time::ZERO + DAY * 366 * 40;
    suspects.insert(peer_of(1), now, true);
    assert!(!suspects.contains(peer_of(1), now));
}
