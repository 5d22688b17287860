//! The table of requests in flight against a hash map, and the measured timeout's bounds.
//!
//! **Invariant:** names are drawn from few places of the index, so that searches run into each other.

use std::collections::HashMap;
use std::time::Duration;

use hopwise_kernel::message::{Cookie, MAX_PAYLOAD};
use hopwise_kernel::rpc::{
    Ask, INITIAL_TIMEOUT, MAX_TIMEOUT, MIN_TIMEOUT, Request, RequestHandle, RequestKind, Requests,
    RoundTrips, TimeoutPolicy,
};
use hopwise_kernel::{Peer, RequestId, Time};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

const CAPACITY: usize = 24;

#[derive(Clone, Debug)]
enum Step {
    Insert {
        id: u64,
        node: u32,
    },
    Remove(Index),
    /// A handle and a name that may mean nothing.
    Miss {
        handle: u32,
        id: u64,
    },
}

/// Names whose low bits collide and wrap around the end of the index.
fn name() -> impl Strategy<Value = u64> {
    let crowded =
        (any::<u64>(), prop_oneof![60..64_u64, 0..3_u64]).prop_map(|(high, low)| high << 6 | low);
    prop_oneof![3 => crowded, 1 => any::<u64>()]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (name(), 0..4_u32).prop_map(|(id, node)| Step::Insert { id, node }),
        2 => any::<Index>().prop_map(Step::Remove),
        1 => (0..2 * CAPACITY as u32, name()).prop_map(|(handle, id)| Step::Miss { handle, id }),
    ]
}

fn request(id: RequestId, node: u32) -> Request {
    Request {
        id,
        node,
        to: Peer::default(),
        sent_at: Time::from_ns(id.0),
        retries: 0,
        kind: RequestKind::Neighbors { reason: Ask::Stabilize, cookie: Cookie(id.0) },
    }
}

/// The table and its twin, by name.
struct Twins {
    table: Requests,
    map: HashMap<u64, (RequestHandle, Request)>,
}

impl Twins {
    fn take(&mut self, step: &Step) {
        match *step {
            Step::Insert { id, node } if !self.map.contains_key(&id) => self.insert(id, node),
            Step::Insert { .. } => {}
            Step::Remove(which) => self.remove(which),
            Step::Miss { handle, id } => self.miss(RequestHandle(handle), id),
        }
        self.compare();
    }

    fn insert(&mut self, id: u64, node: u32) {
        let request = request(RequestId(id), node);
        match self.table.insert(request) {
            Some(handle) => {
                assert!((handle.0 as usize) < CAPACITY);
                self.map.insert(id, (handle, request));
            }
            None => assert_eq!(self.map.len(), CAPACITY, "only a full table refuses"),
        }
    }

    fn remove(&mut self, which: Index) {
        let mut ids: Vec<u64> = self.map.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        ids.sort_unstable();
        let (handle, request) = self.map.remove(which.get(&ids)).unwrap();
        assert_eq!(self.table.remove(handle), Some(request));
        assert_eq!(self.table.remove(handle), None, "a request ends once");
    }

    fn miss(&mut self, handle: RequestHandle, id: u64) {
        if !self.map.values().any(|&(used, _)| used == handle) {
            assert_eq!(self.table.at(handle), None);
            assert_eq!(self.table.remove(handle), None);
        }
        if !self.map.contains_key(&id) {
            assert_eq!(self.table.find(RequestId(id)), None);
        }
    }

    fn compare(&self) {
        assert_eq!(self.table.len(), self.map.len());
        assert_eq!(self.table.is_empty(), self.map.is_empty());
        assert_eq!(self.table.is_crowded(), self.map.len() >= CAPACITY - CAPACITY / 4);
        for (&id, &(handle, ref request)) in &self.map {
            assert_eq!(self.table.find(RequestId(id)), Some(handle));
            assert_eq!(self.table.at(handle), Some(request));
        }
    }
}

proptest! {
    #[test]
    fn answers_as_a_hash_map_does(steps in vec(step(), 1..300)) {
        let mut twins = Twins { table: Requests::new(CAPACITY), map: HashMap::new() };
        steps.iter().for_each(|step| twins.take(step));
        for node in 0..4 {
            let expected = twins.map.values().filter(|(_, request)| request.node == node).count();
            let abandoned = std::iter::from_fn(|| twins.table.abandon_one(node)).count();
            prop_assert_eq!(abandoned, expected);
        }
        prop_assert!(twins.table.is_empty());
    }

    /// Every adaptive timeout keeps its bounds, and grows while nothing answers.
    #[test]
    fn timeouts_keep_their_bounds(round_trips_us in vec(0..100_000_000_u64, 1..50)) {
        let mut measured = RoundTrips::default();
        prop_assert_eq!(measured.timeout(TimeoutPolicy::Adaptive), INITIAL_TIMEOUT);
        let mut unanswered = measured;
        unanswered.record_timeout();
        prop_assert_eq!(unanswered.timeout(TimeoutPolicy::Adaptive), INITIAL_TIMEOUT * 2);
        for us in round_trips_us {
            measured.record(Duration::from_micros(us));
            let timeout = measured.timeout(TimeoutPolicy::Adaptive);
            prop_assert!((MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout), "{timeout:?}");
            let mut patient = measured;
            patient.record_timeout();
            let longer = patient.timeout(TimeoutPolicy::Adaptive);
            prop_assert_eq!(longer, (timeout * 2).min(MAX_TIMEOUT));
        }
        let fixed = Duration::from_millis(7);
        prop_assert_eq!(measured.timeout(TimeoutPolicy::Fixed(fixed)), fixed);
    }

    /// Round trips that do not vary are waited for little longer than they take, but longer.
    #[test]
    fn a_steady_round_trip_is_learned(us in 1000..1_000_000_u64) {
        let mut measured = RoundTrips::default();
        (0..100).for_each(|_| measured.record(Duration::from_micros(us)));
        let timeout = measured.timeout(TimeoutPolicy::Adaptive);
        let longest = Duration::from_micros(us * 5 / 4) + MIN_TIMEOUT;
        prop_assert!(timeout > Duration::from_micros(us) + MIN_TIMEOUT / 2 && timeout <= longest);
    }

    #[test]
    fn payloads_are_kept_until_freed(
        payloads in vec(vec(any::<u8>(), 0..MAX_PAYLOAD + 2), 1..100),
        freed in any::<Index>(),
    ) {
        let mut table = Requests::new(1);
        let mut kept = Vec::new();
        for payload in &payloads {
            match table.keep_payload(payload) {
                Some(handle) => kept.push((handle, payload)),
                None => prop_assert!(payload.len() > MAX_PAYLOAD || kept.len() >= 64),
            }
        }
        if !kept.is_empty() {
            let (handle, _) = kept.swap_remove(freed.index(kept.len()));
            table.free_payload(handle);
            prop_assert_eq!(table.keep_payload(b"new"), Some(handle), "freed room is used again");
        }
        for (handle, payload) in kept {
            prop_assert_eq!(table.payload(handle), payload.as_slice());
        }
    }
}

/// A full table refuses, forgets nothing, and takes another once one has left.
#[test]
fn a_full_table_refuses() {
    let mut table = Requests::new(3);
    let handles: Vec<_> =
        (0..3).map(|id| table.insert(request(RequestId(id), 0)).unwrap()).collect();
    assert_eq!(table.insert(request(RequestId(3), 0)), None);
    assert_eq!((table.len(), table.find(RequestId(3))), (3, None));
    table.remove(handles[1]);
    assert_eq!(table.insert(request(RequestId(3), 0)), Some(handles[1]));
    assert_eq!(table.find(RequestId(0)), Some(handles[0]));
    assert_eq!(Requests::new(0).insert(request(RequestId(0), 0)), None);
}
