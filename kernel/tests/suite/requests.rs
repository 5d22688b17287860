//! The table of requests in flight, compared with a hash map; layered tables, compared with
//! several; and the bounds of adaptive timeouts.
//!
//! **Invariant:** names are drawn from a few places of the index, so that probes collide.

use std::collections::HashMap;
use std::time::Duration;

use hopwise_kernel::node::{
    Cookie, INITIAL_TIMEOUT, Layer, LayeredRequests, MAX_ATTEMPTS, MAX_PAYLOAD, MAX_TIMEOUT,
    MIN_TIMEOUT, PayloadHandle, PeerRoundTrips, Request, RequestHandle, RequestId, RequestKind,
    RequestTables, Requests, RoundTrips, Source, TimeoutPolicy,
};
use hopwise_kernel::ring::request::{Kind, NeighborsReason};
use hopwise_kernel::{Address, Peer, Time};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const CAPACITY: usize = 24;

#[derive(Clone, Debug)]
enum Step {
    Insert {
        id: u64,
        node: u32,
    },
    Remove(Index),
    /// A handle and a name that may be unknown.
    Miss {
        handle: u32,
        id: u64,
    },
}

/// A name. The low bits of most names collide and wrap around the end of the index.
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

fn request(id: RequestId, node: u32) -> Request<Kind> {
    request_of(
        id,
        node,
        Kind::Neighbors { reason: NeighborsReason::Stabilize, cookie: Cookie(id.0), cookies: 0 },
    )
}

fn request_of<K>(id: RequestId, node: u32, kind: K) -> Request<K> {
    let at = Time::from_ns(id.0);
    Request {
        id,
        node,
        to: Peer::default(),
        sent_at: at,
        last_at: at,
        retries: 0,
        source: Source::OWN,
        kind,
    }
}

/// The table and its model, a map by name.
struct Twins {
    table: Requests<Kind>,
    map: HashMap<u64, (RequestHandle, Request<Kind>)>,
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

    /// A source gets at most half of what is left, and a newcomer always some.
    #[test]
    fn no_source_takes_more_than_its_share(ports in vec(1..4_u16, 1..400)) {
        let capacity = 120;
        let mut table = Requests::new(capacity);
        let mut held: HashMap<Source, usize> = HashMap::new();
        for (name, port) in (0..).zip(ports) {
            let source = Source::of(Address::new([10, 0, 0, 1], port, name as u16));
            if table.has_room_for(source) {
                let request = Request { source, ..request(RequestId::first(name), 0) };
                table.insert(request).expect("there is room");
                *held.entry(source).or_default() += 1;
            }
        }
        let room = capacity - capacity / 4;
        let most = held.values().copied().max().unwrap_or(0);
        prop_assert!(most <= room / 2, "{most} of {room}");
        // At worst they come one after the other, and each takes half of what is left.
        let left = room - held.values().sum::<usize>();
        prop_assert!(left >= room >> held.len(), "{left} of {room}");
        let newcomer = Source::of(Address::new([10, 0, 0, 2], 9, 0));
        prop_assert!(table.has_room_for(newcomer));
    }

    /// All attempts of a request are found by their identifiers, and only the times of the first and
    /// the last attempt are known.
    #[test]
    fn a_reply_says_which_attempt_it_answers(name in any::<u64>(), attempts in 1..MAX_ATTEMPTS) {
        let mut table = Requests::new(4);
        let id = RequestId::first(name);
        let at = |second: u64| Time::from_ns(second * 1_000_000_000);
        let first = Request { sent_at: at(0), last_at: at(0), ..request(id, 0) };
        let handle = table.insert(first).expect("there is room");
        for attempt in 1..attempts {
            let again = table.retransmit(handle, at(attempt.into())).expect("it is there");
            prop_assert_eq!(again, id.with_attempt(attempt));
            prop_assert_eq!(again.attempt(), attempt);
        }
        let now = at(100);
        for attempt in 0..attempts {
            let reply = id.with_attempt(attempt);
            prop_assert_eq!(table.find(reply), Some(handle));
            let request = table.at(handle).expect("it is there");
            let known = attempt == 0 || attempt + 1 == attempts;
            let expected = known.then(|| now.since(at(attempt.into())));
            prop_assert_eq!(request.round_trip(reply, now), expected);
        }
        prop_assert_eq!(table.find(RequestId::first(!name)), None);
    }

    /// The compact round trips agree with the exact ones within their resolution.
    #[test]
    fn round_trips_to_one_peer_are_those_to_all_if_there_is_one(us in vec(2_000..900_000_u64, 1..60)) {
        let (mut one, mut all) = (PeerRoundTrips::default(), RoundTrips::default());
        prop_assert_eq!(one.timeout(), None);
        for us in us {
            let round_trip = Duration::from_micros(us);
            one.record(round_trip);
            all.record(round_trip);
        }
        let exact = all.timeout(TimeoutPolicy::Adaptive).as_secs_f64();
        let compact = one.timeout().expect("it was measured").as_secs_f64();
        prop_assert!((exact - compact).abs() < 0.05 * exact + 0.005, "{} {}", exact, compact);
    }

    /// Every adaptive timeout is within its bounds, and doubles after a timeout.
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

    /// The timeout for constant round trips is only slightly longer than a round trip.
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
        let mut table = Requests::<Kind>::new(1);
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

/// A full table refuses requests, keeps those it has, and accepts another after a removal.
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

/// A request kind of the layered tables: its layer, and possibly a payload.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Layered<const LAYER: usize>(Option<PayloadHandle>);

impl<const LAYER: usize> RequestKind for Layered<LAYER> {
    fn payload(&self) -> Option<PayloadHandle> {
        self.0
    }
}

/// Three layers: each protocol carries the next.
type Tower = LayeredRequests<Layered<0>, LayeredRequests<Layered<1>, Requests<Layered<2>>>>;
const LAYERS: usize = 3;
/// Capacity of each layer: not a power of two, and so small that tables are sometimes full.
const EACH: usize = 5;

/// Inserts a request of `node` into a layer and returns its handle in the tower.
fn insert_layered(tower: &mut Tower, layer: usize, id: u64, node: u32) -> Option<RequestHandle> {
    fn insert<const LAYER: usize>(
        tables: &mut impl RequestTables<Kind = Layered<LAYER>>,
        id: u64,
        node: u32,
    ) -> Option<RequestHandle> {
        let own = tables.own_mut();
        // Every second request has a payload, which must be freed.
        let payload = id.is_multiple_of(2).then(|| own.keep_payload(b"anything")).flatten();
        let inserted = own.insert(request_of(RequestId(id), node, Layered(payload)));
        if let (None, Some(payload)) = (inserted, payload) {
            own.free_payload(payload);
        }
        inserted
    }
    if layer == 0 {
        return insert(tower, id, node);
    }
    let (carried, first) = tower.carried_mut();
    if layer == 1 {
        let RequestHandle(handle) = insert(carried, id, node)?;
        return Some(RequestHandle(first + handle));
    }
    let (carried, second) = carried.carried_mut();
    let RequestHandle(handle) = insert(carried, id, node)?;
    Some(RequestHandle(first + second + handle))
}

/// The layer of a handle, and the handle within that layer.
fn layer_of(tower: &mut Tower, handle: RequestHandle) -> (usize, RequestHandle) {
    match tower.layer_of(handle) {
        Layer::Own(handle) => (0, handle),
        Layer::Carried(handle) => match tower.carried_mut().0.layer_of(handle) {
            Layer::Own(handle) => (1, handle),
            Layer::Carried(handle) => (2, handle),
        },
    }
}

/// Removes the request at a handle and returns its layer and name, or `None` if there is none.
fn remove_layered(tower: &mut Tower, handle: RequestHandle) -> Option<(usize, RequestId)> {
    let (layer, handle) = layer_of(tower, handle);
    let id = match layer {
        0 => tower.own_mut().remove(handle)?.id,
        1 => tower.carried_mut().0.own_mut().remove(handle)?.id,
        _ => tower.carried_mut().0.carried_mut().0.remove(handle)?.id,
    };
    Some((layer, id))
}

#[derive(Clone, Debug)]
enum LayeredStep {
    Insert { layer: usize, id: u64, node: u32 },
    Remove(Index),
    AbandonOne { node: u32 },
}

fn layered_step() -> impl Strategy<Value = LayeredStep> {
    prop_oneof![
        5 => (0..LAYERS, name(), 0..4_u32)
            .prop_map(|(layer, id, node)| LayeredStep::Insert { layer, id, node }),
        2 => any::<Index>().prop_map(LayeredStep::Remove),
        1 => (0..4_u32).prop_map(|node| LayeredStep::AbandonOne { node }),
    ]
}

proptest! {
    /// Handles are unique across all layers, and each maps to its request's node. Abandoning a
    /// node's requests removes them from all layers.
    #[test]
    fn handles_are_unique_across_layers(steps in vec(layered_step(), 1..200)) {
        let mut tower = Tower::with_capacity(EACH);
        prop_assert_eq!(tower.handles(), LAYERS * EACH);
        let mut twin: HashMap<u32, (usize, u64, u32)> = HashMap::new();
        for step in steps {
            match step {
                LayeredStep::Insert { layer, id, node } => {
                    if twin.values().any(|&(at, name, _)| (at, name) == (layer, id)) {
                        continue;
                    }
                    match insert_layered(&mut tower, layer, id, node) {
                        Some(RequestHandle(handle)) => {
                            prop_assert!((handle as usize) < tower.handles());
                            let before = twin.insert(handle, (layer, id, node));
                            prop_assert_eq!(before, None, "a handle refers to one request");
                        }
                        None => {
                            let there = twin.values().filter(|&&(at, ..)| at == layer).count();
                            prop_assert_eq!(there, EACH, "only a full table refuses");
                        }
                    }
                }
                LayeredStep::Remove(which) => {
                    let handles: Vec<u32> = (0..tower.handles() as u32).collect();
                    let handle = *which.get(&handles);
                    let expected = twin.remove(&handle).map(|(layer, id, _)| (layer, RequestId(id)));
                    prop_assert_eq!(remove_layered(&mut tower, RequestHandle(handle)), expected);
                }
                LayeredStep::AbandonOne { node } => {
                    let is_its = |&&(_, _, of): &&(usize, u64, u32)| of == node;
                    let first = twin.values().filter(is_its).map(|&(layer, ..)| layer).min();
                    let abandoned = tower.abandon_one(node);
                    prop_assert_eq!(abandoned.is_some(), first.is_some());
                    if let Some(RequestHandle(handle)) = abandoned {
                        let gone = twin.remove(&handle).map(|(layer, _, of)| (layer, of));
                        prop_assert_eq!(gone, first.map(|layer| (layer, node)), "outer first");
                    }
                }
            }
            prop_assert_eq!(tower.in_flight(), twin.len());
            for handle in 0..=tower.handles() as u32 {
                let expected = twin.get(&handle);
                let node = tower.node_of(RequestHandle(handle));
                prop_assert_eq!(node, expected.map(|&(_, _, node)| node));
                if let Some(&(layer, ..)) = expected {
                    prop_assert_eq!(layer_of(&mut tower, RequestHandle(handle)).0, layer);
                }
            }
        }
        for node in 0..4 {
            while tower.abandon_one(node).is_some() {}
        }
        prop_assert_eq!(tower.in_flight(), 0);
    }

    /// Abandoning a node's requests frees their payloads, in every layer.
    #[test]
    fn abandoned_requests_free_their_payloads(layers in vec(select(vec![0, 1, 2]), 1..400)) {
        let mut tower = Tower::with_capacity(EACH);
        for (id, layer) in layers.into_iter().enumerate() {
            // Even names have payloads.
            let inserted = insert_layered(&mut tower, layer, 2 * id as u64, 7);
            prop_assert!(inserted.is_some());
            prop_assert_eq!(tower.abandon_one(7), inserted);
        }
        let first = Requests::<Layered<0>>::new(0).keep_payload(b"new");
        prop_assert_eq!(tower.own_mut().keep_payload(b"new"), first);
        let (carried, _) = tower.carried_mut();
        prop_assert_eq!(carried.own_mut().keep_payload(b"new"), first);
        prop_assert_eq!(carried.carried_mut().0.keep_payload(b"new"), first);
    }
}
