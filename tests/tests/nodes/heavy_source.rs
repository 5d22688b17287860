//! One source that sends a hundred times its fair share of valid requests, to a ring of nodes that each have a
//! table of requests of their own. The lookups of the others succeed.
//!
//! **Invariant:** everything follows from the seed.

use std::collections::VecDeque;
use std::time::Duration;

use hopwise_kernel::codec::{Envelope, Framed};
use hopwise_kernel::drive::Host;
use hopwise_kernel::drive::memory::DATAGRAM_BYTES;
use hopwise_kernel::node::{Cookie, DropReason, RequestId};
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::message::{Lookup, MAX_HOP_BUDGET, Purpose, Stage};
use hopwise_kernel::ring::{Event, LookupMode, Message, Ring, RingConfig, RingNode};
use hopwise_kernel::{Address, Codec, Id, Peer, Rng, Time};
use hopwise_tests::ring::{owner_in, sorted};

/// Honest nodes, each of which is a source of lookups.
const NODES: usize = 32;
/// How many times its share the heavy source sends.
const TIMES: u64 = 100;
/// Between two lookups of an honest node.
const PERIOD_MS: u64 = 10;
/// How long a message takes. So long that many requests are in flight.
const DELAY: Duration = Duration::from_millis(50);
/// How long there is load.
const LOAD_MS: u64 = 5_000;
/// After that, all lookups end.
const REST_MS: u64 = 1_500;
/// Shorter than the load lasts, so that waiting for its end does not help.
const DEADLINE: Duration = Duration::from_secs(1);
/// Messages that can wait at a host.
const QUEUE: usize = 256;
/// The place of the node to which the heavy source sends, if it does not send to all.
const VICTIM: Option<usize> = Some(3);
const TICK: Duration = Duration::from_millis(1);
/// The heavy source. It reads nothing.
const HEAVY: Peer = Peer { id: Id::ZERO, address: Address::new([10, 9, 9, 9], 9, 0) };

/// What the heavy source sends.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Lookup,
    FindNext,
    Neighbors,
    Ping,
    Notify,
    /// All of these in turn.
    Mixed,
}

/// Hosts and the network between them.
struct Network {
    ring: Vec<Peer>,
    hosts: Vec<Host<RingNode>>,
    in_flight: VecDeque<(Time, Address, Address, Vec<u8>)>,
    now: Time,
    rng: Rng,
    /// Messages that a host handles in a tick.
    capacity: u64,
    /// Messages that wait at each host, in the order of their arrival, with its time.
    queues: Vec<VecDeque<(Time, Address, Vec<u8>)>>,
    /// Messages for which a queue had no place.
    lost: u64,
    /// Honest lookups, and those that were answered right.
    begun: u64,
    right: u64,
}

impl Network {
    fn new(lookup: LookupMode, capacity: u64) -> Network {
        let mut rng = Rng::new(1, 0);
        let shape = Shape::for_ring(1, NODES, 4);
        let config = RingConfig {
            shape,
            successors: 4,
            lookup,
            deadline: DEADLINE,
            ..RingConfig::default()
        };
        let ring = sorted((0..NODES as u8).map(|node| Peer {
            id: Id::random(&mut rng),
            address: Address::new([10, 0, 0, node], 4000, 0),
        }));
        let hosts = ring.iter().zip(1..).map(|(&me, stream)| {
            let mut rng = Rng::new(2, stream);
            let node = RingNode::new(me, config, &mut rng);
            let mut host = Host::new(node, rng);
            host.with(Time::ZERO, |it, cx| it.start_linked(cx, &ring));
            host
        });
        Network {
            hosts: hosts.collect(),
            in_flight: VecDeque::new(),
            now: Time::ZERO,
            rng,
            capacity,
            queues: vec![VecDeque::new(); NODES],
            lost: 0,
            begun: 0,
            right: 0,
            ring,
        }
    }

    /// One tick: what has arrived is handled, and timers fire.
    fn tick(&mut self) {
        self.now = self.now + TICK;
        while let Some((_, from, to, bytes)) = self.in_flight.pop_front_if(|it| it.0 <= self.now) {
            let place = self.ring.iter().position(|peer| peer.address == to);
            let Some(place) = place else { continue };
            if self.queues[place].len() < QUEUE || self.capacity == u64::MAX {
                self.queues[place].push_back((self.now, from, bytes));
            } else {
                self.lost += 1;
            }
        }
        for (place, host) in self.hosts.iter_mut().enumerate() {
            // To defer or to drop a message takes hardly any time: nothing is sent.
            let handled = |host: &Host<RingNode>| host.counters().received;
            let end = handled(host).saturating_add(self.capacity);
            // As in a reactor, deferred messages are also handled while others wait, but few.
            if self.now.since(Time::ZERO).as_millis().is_multiple_of(8) {
                host.handle_deferred(self.now);
            }
            while handled(host) < end {
                if let Some((since, from, bytes)) = self.queues[place].pop_front() {
                    host.record_wait(self.now.since(since));
                    host.receive(self.now, from, &bytes);
                } else if !host.handle_deferred(self.now) {
                    break;
                }
            }
            if host.next_expiry() <= self.now {
                host.expire(self.now);
            }
            let (at, from) = (self.now + DELAY, self.ring[place].address);
            self.in_flight
                .extend(host.datagrams().map(|(to, bytes)| (at, from, to, bytes.to_vec())));
            for (event, _) in host.events() {
                if let Event::LookupDone(done) = event {
                    self.right += u64::from(done.owner == owner_in(&self.ring, done.key));
                }
            }
        }
    }

    /// Sends a valid request of the heavy source.
    fn strike(&mut self, kind: Kind, to: Peer) {
        let request = RequestId::first(self.rng.next_u64());
        let (key, purpose) = (Id::random(&mut self.rng), Purpose::User);
        let kinds = [Kind::Lookup, Kind::FindNext, Kind::Neighbors, Kind::Ping, Kind::Notify];
        let kind = match kind {
            Kind::Mixed => kinds[self.rng.below(kinds.len() as u64) as usize],
            _ => kind,
        };
        let message = match kind {
            Kind::Lookup | Kind::Mixed => {
                let lookup = Lookup {
                    lookup: request,
                    purpose,
                    key,
                    origin: HEAVY,
                    budget: MAX_HOP_BUDGET,
                    hops: 0,
                    timeouts: 0,
                    stage: Stage::Route,
                    left_ms: 10_000,
                };
                Message::Lookup { request, lookup }
            }
            Kind::FindNext => {
                Message::FindNext { request, purpose, key, limit: key, stage: Stage::Route }
            }
            Kind::Neighbors => Message::Neighbors {
                request,
                cookie: Cookie::default(),
                purpose: Purpose::Stabilize,
            },
            Kind::Ping => Message::Ping { request },
            Kind::Notify => Message::Notify,
        };
        let mut bytes = vec![0; DATAGRAM_BYTES];
        let envelope = Envelope::new(HEAVY, to);
        let length = Framed::<Ring>::default().write_datagram(&envelope, &message, &mut bytes);
        bytes.truncate(length.expect("it is valid"));
        self.in_flight.push_back((self.now + DELAY, HEAVY.address, to.address, bytes));
    }

    /// Load of all honest nodes, and [`TIMES`] the load of one of them from the heavy source: to `victim`, or to all
    /// in turn. Returns the share of the honest lookups that are answered right.
    fn run(&mut self, kind: Kind, victim: Option<usize>) -> f64 {
        let mut struck = 0;
        for ms in 0..LOAD_MS {
            for place in 0..NODES {
                if ms % PERIOD_MS == place as u64 % PERIOD_MS {
                    let key = Id::random(&mut self.rng);
                    // One that is refused is not answered.
                    self.hosts[place].with(self.now, |it, cx| it.lookup(cx, key, 0));
                    self.begun += 1;
                }
            }
            while (struck as u64) < ms * TIMES / PERIOD_MS {
                let to = self.ring[victim.unwrap_or(struck % NODES)];
                self.strike(kind, to);
                struck += 1;
            }
            self.tick();
        }
        for _ in 0..REST_MS {
            self.tick();
        }
        self.right as f64 / self.begun as f64
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.hosts.iter().map(|host| host.counters().dropped[reason.index()]).sum()
    }
}

/// Asserts that of the lookups of the others at least 99 % are answered right. Returns the network.
fn assert_others_succeed(
    lookup: LookupMode,
    capacity: u64,
    kind: Kind,
    victim: Option<usize>,
) -> Network {
    let mut network = Network::new(lookup, capacity);
    let share = network.run(kind, victim);
    let case = format!("{lookup:?}, {kind:?} to {victim:?} with capacity {capacity}");
    assert!(network.begun > 15_000 && share >= 0.99, "{case}: {share} of {}", network.begun);
    network
}

/// A node has room for 1,024 requests. Those for the heavy source would fill it, but it gets half of what is left
/// to others.
#[test]
fn a_heavy_source_does_not_fill_the_table_of_requests() {
    for lookup in [LookupMode::Recursive, LookupMode::Iterative] {
        assert_others_succeed(lookup, u64::MAX, Kind::Lookup, None);
        let network = assert_others_succeed(lookup, u64::MAX, Kind::Lookup, VICTIM);
        let refused = network.dropped(DropReason::Overload);
        assert!(refused > 1_000, "{refused} lookups of the heavy source are refused");
    }
}

/// More arrives at one node than it can handle. It drops most lookups of the heavy source. Other messages of that source
/// fill its queue, and lookups go round it.
#[test]
fn a_heavy_source_that_overloads_one_node_harms_no_lookup_of_others() {
    for kind in
        [Kind::Lookup, Kind::FindNext, Kind::Neighbors, Kind::Ping, Kind::Notify, Kind::Mixed]
    {
        let network = assert_others_succeed(LookupMode::Recursive, 5, kind, VICTIM);
        let dropped = match kind {
            Kind::Lookup | Kind::FindNext => network.dropped(DropReason::Overload),
            _ => 0,
        };
        let lost = network.lost + dropped;
        assert!(lost > 1_000, "{kind:?}: {lost} messages find no place");
    }
}

/// Spread over all nodes, the heavy source makes most of the load: without it, nodes handle about one message in a
/// tick, with it more than three.
#[test]
fn a_heavy_source_within_the_capacity_of_all_nodes_harms_no_lookup_of_others() {
    for lookup in [LookupMode::Recursive, LookupMode::Iterative] {
        for kind in [Kind::Lookup, Kind::Mixed] {
            let network = assert_others_succeed(lookup, 10, kind, None);
            assert_eq!(network.lost, 0);
        }
    }
}

/// All nodes together cannot do the work that the heavy source asks for: they would have to handle more than three
/// messages in a tick. If nodes did not defer its lookups, 34 to 54 % of the honest lookups would be answered.
#[test]
fn a_heavy_source_that_overloads_all_nodes_harms_no_lookup_of_others() {
    for lookup in [LookupMode::Recursive, LookupMode::Iterative] {
        let network = assert_others_succeed(lookup, 3, Kind::Lookup, None);
        let dropped = network.dropped(DropReason::Overload);
        assert!(dropped > 10_000, "{dropped} lookups of the heavy source are dropped");
    }
}
