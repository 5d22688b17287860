//! Suspects, compared with a list of peers and the times at which they were suspected.
//!
//! **Invariant:** the model keeps exact times.

use std::collections::VecDeque;
use std::time::Duration;

use hopwise_kernel::node::Secret;
use hopwise_kernel::ring::suspects::{CAPACITY, RESOLUTION, SUSPICION, Suspects, Verdict};
use hopwise_kernel::{Address, Id, Peer, Rng, Time};
use proptest::collection::vec;
use proptest::prelude::*;

/// Number of peers: more than fit. Each address has two of them.
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
    /// When the peer was last suspected.
    since: Time,
    dead: bool,
}

struct Twins {
    secret: Secret,
    suspects: Suspects,
    /// The model: latest suspects first.
    entries: VecDeque<Entry>,
    now: Time,
}

impl Twins {
    fn take(&mut self, step: &Step) {
        match *step {
            Step::Insert { peer, dead } => self.insert(peer_of(peer), dead),
            Step::Remove { peer } => {
                let peer = peer_of(peer);
                self.suspects.remove(self.secret, peer, self.now);
                self.entries.retain(|entry| entry.peer != peer);
            }
            Step::Pass(duration) => self.now = self.now + duration,
        }
    }

    fn insert(&mut self, peer: Peer, dead: bool) {
        let was_dead = match self.entries.iter().find(|entry| entry.peer == peer) {
            Some(entry) if self.now < entry.since + SUSPICION => entry.dead,
            // Whether the suspicion is over is a matter of rounding.
            Some(entry) if self.now < entry.since + SUSPICION + RESOLUTION => {
                entry.dead && self.suspects.is_dead(self.secret, peer, self.now)
            }
            _ => false,
        };
        self.suspects.insert(self.secret, peer, self.now, dead);
        let dead = dead || was_dead;
        self.entries.retain(|entry| entry.peer != peer);
        self.entries.push_front(Entry { peer, since: self.now, dead });
        self.entries.truncate(CAPACITY);
    }

    fn check(&self) {
        for peer in (0..PEERS).map(peer_of) {
            let entry = self.entries.iter().find(|entry| entry.peer == peer);
            let found = self.suspects.contains(self.secret, peer, self.now);
            let found_dead = self.suspects.is_dead(self.secret, peer, self.now);
            match entry {
                Some(&Entry { since, dead, .. }) if self.now < since + SUSPICION => {
                    assert!(found, "{peer:?} is forgotten");
                    assert_eq!(found_dead, dead, "{peer:?}");
                }
                Some(&Entry { since, dead, .. }) if self.now < since + SUSPICION + RESOLUTION => {
                    assert_eq!(found_dead, found && dead, "{peer:?}");
                }
                _ => assert!(!found && !found_dead, "{peer:?} is suspected without cause"),
            }
        }
    }
}

proptest! {
    #[test]
    fn remembers_as_a_list_does(seed in any::<u64>(), steps in vec(step(), 1..100)) {
        let secret = Secret::random(&mut Rng::new(seed, 0));
        let (suspects, entries) = (Suspects::default(), VecDeque::new());
        let mut twins = Twins { secret, suspects, entries, now: Time::ZERO };
        for step in &steps {
            twins.take(step);
            twins.check();
        }
    }
}

/// Times beyond the range of 32 bits are not remembered.
#[test]
fn after_decades_no_peer_is_suspected() {
    let (mut suspects, secret) = (Suspects::default(), Secret::random(&mut Rng::new(1, 0)));
    let now = Time::ZERO + DAY * 366 * 40;
    suspects.insert(secret, peer_of(1), now, true);
    assert!(!suspects.contains(secret, peer_of(1), now));
}

#[test]
fn a_dead_peer_that_is_silent_again_stays_dead() {
    let (mut suspects, secret) = (Suspects::default(), Secret::random(&mut Rng::new(1, 0)));
    let (now, peer) = (Time::ZERO, peer_of(1));
    suspects.insert(secret, peer, now, true);
    suspects.insert(secret, peer, now + RESOLUTION, false);
    assert!(suspects.is_dead(secret, peer, now + RESOLUTION));
    assert_eq!(suspects.remove(secret, peer, now + RESOLUTION), Some(Verdict::Dead));
    suspects.insert(secret, peer, now + RESOLUTION, false);
    assert!(!suspects.is_dead(secret, peer, now + RESOLUTION), "it has answered in between");
}
