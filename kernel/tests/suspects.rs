//! Suspects against a plain list of who was suspected when.
//!
//! **Invariant:** the model keeps exact times.

use std::collections::VecDeque;
use std::time::Duration;

use hopwise_kernel::ring::suspects::{CAPACITY, GRAIN, SUSPICION, Suspects};
use hopwise_kernel::{Address, Time};
use proptest::collection::vec;
use proptest::prelude::*;

/// More than there is room for.
const ADDRESSES: u64 = 12;
const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone, Debug)]
enum Step {
    Insert { address: u64, dead: bool },
    Remove { address: u64 },
    Pass(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..ADDRESSES, any::<bool>())
            .prop_map(|(address, dead)| Step::Insert { address, dead }),
        2 => (0..ADDRESSES).prop_map(|address| Step::Remove { address }),
        3 => (0..12_000_u64).prop_map(|ms| Step::Pass(Duration::from_millis(ms))),
        1 => (0..100_u32).prop_map(|days| Step::Pass(DAY * days)),
    ]
}

struct Entry {
    address: Address,
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
            Step::Insert { address, dead } => self.insert(Address::from_bits(address), dead),
            Step::Remove { address } => {
                let address = Address::from_bits(address);
                self.suspects.remove(address);
                let answered = self.entries.iter_mut().find(|entry| entry.address == address);
                answered.into_iter().for_each(|entry| entry.since = None);
            }
            Step::Pass(duration) => self.now = self.now + duration,
        }
    }

    fn insert(&mut self, address: Address, dead: bool) {
        self.suspects.insert(address, self.now, dead);
        let entry = Entry { address, since: Some(self.now), dead };
        match self.entries.iter_mut().find(|entry| entry.address == address) {
            Some(known) => *known = entry,
            None => self.entries.push_back(entry),
        }
        if self.entries.len() > CAPACITY {
            self.entries.pop_front();
        }
    }

    fn check(&self) {
        for address in (0..ADDRESSES).map(Address::from_bits) {
            let entry = self.entries.iter().find(|entry| entry.address == address);
            let suspected = entry.and_then(|entry| Some((entry.since?, entry.dead)));
            let found = self.suspects.contains(address, self.now);
            let found_dead = self.suspects.is_dead(address, self.now);
            match suspected {
                Some((since, dead)) if self.now < since + SUSPICION => {
                    assert!(found, "{address} is forgotten");
                    assert_eq!(found_dead, dead, "{address}");
                }
                Some((since, dead)) if self.now < since + SUSPICION + GRAIN => {
                    assert_eq!(found_dead, found && dead, "{address}");
                }
                _ => assert!(!found && !found_dead, "{address} is suspected for nothing"),
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
    suspects.insert(Address::from_bits(1), now, true);
    assert!(!suspects.contains(Address::from_bits(1), now));
}
