//! The finger table with the successor list, compared with a scan over all their entries.
//!
//! **Invariant:** the model compares whole identifiers, except for fingers, which store only the
//! prefix.

use std::collections::BTreeMap;

use hopwise_kernel::ring::fingers::{FingerTable, Shape};
use hopwise_kernel::ring::successors::SuccessorList;
use hopwise_kernel::{Address, Distance, Id, Peer, Peers};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Digit bits of the bases 2, 4, 8 and 16.
const DIGIT_BITS: [u32; 4] = [1, 2, 3, 4];

/// A point on the circle, relative to the table's owner or to another point.
#[derive(Clone, Copy, Debug)]
enum Spot {
    /// Ahead of the owner by the low `bits` bits of a random distance, so that all levels occur.
    Ahead { bits: u32, random: [u8; 20] },
    /// Next to a peer, so that the prefixes tie.
    Near { peer: Index, tail: i8 },
    /// Next to the owner, before or after.
    NearOwn { tail: i8 },
    /// A few prefixes beside the start of a slot, where digits carry.
    NearStart { slot: Index, prefix: i8, tail: i8 },
}

fn spot() -> impl Strategy<Value = Spot> {
    let tail = || prop_oneof![-1..=1_i8, any::<i8>()];
    prop_oneof![
        5 => (1..=160_u32, any::<[u8; 20]>())
            .prop_map(|(bits, random)| Spot::Ahead { bits, random }),
        3 => (any::<Index>(), tail()).prop_map(|(peer, tail)| Spot::Near { peer, tail }),
        1 => tail().prop_map(|tail| Spot::NearOwn { tail }),
        2 => (any::<Index>(), -1..=1_i8, tail())
            .prop_map(|(slot, prefix, tail)| Spot::NearStart { slot, prefix, tail }),
    ]
}

fn moved(id: Id, prefix: i8, tail: i8) -> Id {
    let by = |id: Id, steps: i8, unit: Distance| {
        (0..steps.unsigned_abs()).fold(id, |id, _| match steps > 0 {
            true => id.add(unit),
            false => id.add(unit_back(unit)),
        })
    };
    by(by(id, prefix, Distance::multiple_of_power(1, 96)), tail, Distance::multiple_of_power(1, 0))
}

/// The distance back over `unit`.
fn unit_back(unit: Distance) -> Distance {
    Id::ZERO.add(unit).distance_to(Id::ZERO)
}

fn place(spot: Spot, own: Id, shape: Shape, peers: &[Peer]) -> Id {
    match spot {
        Spot::Ahead { bits, mut random } => {
            let zeros = (160 - bits) as usize;
            random[..zeros / 8].fill(0);
            random[zeros / 8..].iter_mut().take(1).for_each(|byte| *byte &= 0xff >> (zeros % 8));
            own.add(Distance::from_bytes(random))
        }
        Spot::Near { tail, .. } if peers.is_empty() => moved(own, 0, tail),
        Spot::Near { peer, tail } => moved(peer.get(peers).id, 0, tail),
        Spot::NearOwn { tail } => moved(own, 0, tail),
        Spot::NearStart { slot, prefix, tail } => {
            moved(own.add(shape.start(slot.index(shape.slots()))), prefix, tail)
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Index),
    Remove(Index),
    Clear {
        from: Index,
        to: Index,
    },
    /// Sets the successor list to the nearest `count` of every `every`-th peer.
    Reach {
        every: usize,
        count: usize,
    },
    Look(Spot),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<Index>().prop_map(Step::Insert),
        2 => any::<Index>().prop_map(Step::Remove),
        1 => any::<[Index; 2]>().prop_map(|[from, to]| Step::Clear { from, to }),
        2 => (1..4_usize, 0..6_usize).prop_map(|(every, count)| Step::Reach { every, count }),
        8 => spot().prop_map(Step::Look),
    ]
}

/// The table and the list, with a model of the fingers: one per slot beyond the list.
struct Twins {
    own: Id,
    shape: Shape,
    /// All nodes but the owner, nearest first.
    peers: Vec<Peer>,
    table: FingerTable,
    list: SuccessorList,
    fingers: BTreeMap<usize, Peer>,
}

impl Twins {
    fn new(own: Id, shape: Shape, spots: &[Spot]) -> Twins {
        let mut peers: Vec<Peer> = Vec::new();
        for &spot in spots {
            let id = place(spot, own, shape, &peers);
            if id != own && peers.iter().all(|peer| peer.id != id) {
                peers.push(Peer { id, address: Address::from_bits(peers.len() as u64 + 1) });
            }
        }
        peers.sort_by_key(|peer| own.distance_to(peer.id));
        Twins {
            own,
            shape,
            peers,
            table: FingerTable::new(own, shape),
            list: SuccessorList::new(8),
            fingers: BTreeMap::new(),
        }
    }

    fn boundary(&self) -> usize {
        self.list.last().map_or(0, |last| self.slot_of(last.id))
    }

    /// The last slot that starts at or before `id`. Compares prefixes.
    fn slot_of(&self, id: Id) -> usize {
        let distance = self.ahead(id);
        // Slot 0 holds all nodes nearer than slot 1's start.
        let starts_before = |&slot: &usize| self.shape.start(slot).prefix() <= distance;
        (1..self.shape.slots()).rfind(starts_before).unwrap_or(0)
    }

    /// The distance from the owner to `id`, as prefixes.
    fn ahead(&self, id: Id) -> u64 {
        id.prefix().wrapping_sub(self.own.prefix())
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Insert(which) if !self.peers.is_empty() => {
                let peer = *which.get(&self.peers);
                self.table.insert(peer);
                let slot = self.slot_of(peer.id);
                if slot > self.boundary() {
                    self.fingers.insert(slot, peer);
                }
            }
            Step::Remove(which) if !self.peers.is_empty() => {
                let address = which.get(&self.peers).address;
                self.table.remove(address);
                self.fingers.retain(|_, finger| finger.address != address);
            }
            Step::Insert(_) | Step::Remove(_) => {}
            Step::Clear { from, to } => {
                let (from, to) =
                    (from.index(self.shape.slots() + 1), to.index(self.shape.slots() + 1));
                self.table.clear(from, to);
                self.fingers.retain(|&slot, _| slot < from || slot >= to);
            }
            Step::Reach { every, count } => self.reach(every, count),
            Step::Look(spot) => {
                self.look(place(spot, self.own, self.shape, &self.peers));
            }
        }
        let entries: Vec<(usize, Peer)> = self.table.entries().collect();
        let known = |(&slot, &finger): (&usize, &Peer)| (slot, without_tail(finger));
        let expected: Vec<(usize, Peer)> = self.fingers.iter().map(known).collect();
        assert_eq!(entries, expected);
        assert!(self.fingers.values().all(|&finger| self.table.contains(finger)));
        assert_eq!(self.table.boundary(), self.boundary());
    }

    fn reach(&mut self, every: usize, count: usize) {
        let ordered: Vec<Peer> = self.peers.iter().copied().step_by(every).take(count).collect();
        self.list = SuccessorList::new(8);
        if let [first, rest @ ..] = ordered.as_slice() {
            self.list.adopt(self.own, *first, Peers::Table(rest), |_| true);
        }
        self.table.set_reach(self.list.last());
        let boundary = self.boundary();
        self.fingers.retain(|&slot, _| slot > boundary);
    }

    fn look(&self, key: Id) {
        let found = self.table.closest_preceding(key).or_else(|| {
            let before = self.list.count_before(self.own, key);
            before.checked_sub(1).map(|at| self.list.peers()[at])
        });
        assert!(found.is_none_or(|peer| peer.id.is_between(self.own, key)), "{found:?}: {key:?}");
        // A list that reaches round to the owner's own prefix does not show its reach. The check
        // above must suffice.
        if self.list.last().is_some_and(|last| self.ahead(last.id) == 0) {
            return;
        }
        let listed = self.list.peers().iter().filter(|peer| peer.id.is_between(self.own, key));
        let fingers = self.fingers.values().filter(|peer| self.ahead(peer.id) < self.ahead(key));
        let expected = listed.chain(fingers).max_by_key(|peer| self.own.distance_to(peer.id));
        assert_eq!(
            found.map(without_tail),
            expected.copied().map(without_tail),
            "own {:?}, key {key:?}",
            self.own,
        );
    }
}

/// The part of a peer that a finger table stores.
fn without_tail(peer: Peer) -> Peer {
    Peer { id: Id::from_parts(peer.id.prefix(), Id::ZERO.tail()), ..peer }
}

fn shape() -> impl Strategy<Value = Shape> {
    (select(&DIGIT_BITS[..]), 1..=64_u32)
        .prop_map(|(digit_bits, levels)| Shape::new(digit_bits, levels))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn closest_preceding_equals_a_scan(
        own in any::<[u8; 20]>().prop_map(Id::from_bytes),
        shape in shape(),
        peers in vec(spot(), 0..40),
        steps in vec(step(), 1..120),
    ) {
        let mut twins = Twins::new(own, shape, &peers);
        for step in &steps {
            twins.take(step);
        }
        for peer in &twins.peers {
            for tail in -1..=1 {
                twins.look(moved(peer.id, 0, tail));
            }
        }
    }

    /// Slots are contiguous: each distance is in the last slot that starts at or before it.
    #[test]
    fn slots_partition_the_circle(
        digit_bits in 1..=8_u32,
        levels in 1..=64_u32,
        spot in spot(),
    ) {
        let shape = Shape::new(digit_bits, levels);
        let twins = Twins::new(Id::ZERO, shape, &[]);
        let id = place(spot, Id::ZERO, shape, &[]);
        prop_assert_eq!(shape.slot_of(Id::ZERO.distance_to(id)), twins.slot_of(id));
        let starts: Vec<Distance> = (0..shape.slots()).map(|slot| shape.start(slot)).collect();
        prop_assert!(starts.is_sorted_by(|a, b| a < b));
    }
}

/// A key with the prefix of a finger may lie before or after it, so the previous finger is chosen.
#[test]
fn a_finger_that_ties_with_the_key_is_passed_over() {
    let address = Address::from_bits;
    let near = Peer { id: Id::from_parts(1 << 62, Id::ZERO.tail()), address: address(1) };
    let far = Peer { id: Id::from_parts(1 << 63, Id::ZERO.tail()), address: address(2) };
    let mut table = FingerTable::new(Id::ZERO, Shape::new(1, 16));
    table.insert(near);
    table.insert(far);
    let tie = Id::from_parts(far.id.prefix(), Id::MAX.tail());
    assert_eq!(table.closest_preceding(tie), Some(near));
    assert_eq!(table.closest_preceding(moved(tie, 0, 1)), Some(far));
}
