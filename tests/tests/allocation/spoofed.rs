//! Valid messages of every kind from a million addresses, none of which has a node behind it: a node keeps
//! nothing for each of them.
//!
//! **Invariant:** everything follows from the seed. Each message comes from an address of its own.

use std::ops::Range;

use hopwise_kernel::codec::{Codec, Envelope, Framed};
use hopwise_kernel::directory::DirectoryNode;
use hopwise_kernel::drive::Memory;
use hopwise_kernel::drive::memory::{DATAGRAM_BYTES, DELAY};
use hopwise_kernel::flood::FloodNode;
use hopwise_kernel::node::DropReason;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{Event, RingConfig, RingNode};
use hopwise_kernel::store::StoreNode;
use hopwise_kernel::{Address, Distance, Id, Node, Peer, Rng};
use hopwise_tests::central::{Central, REFRESH, SERVER};
use hopwise_tests::forge::{Forge, Forged, Lists, Script};
use hopwise_tests::ring::owner_in;
use hopwise_tests::{Directory, Flooding, LinkedRing, StoreRing};

use crate::{allocations_in, assert_counting_works};

/// Addresses of the attacker.
const SOURCES: u32 = 1_000_000;
/// Addresses from which it sends before allocations are counted.
const WARM_UP: u32 = 50_000;
/// Different contents of each kind of message.
const VARIATIONS: usize = 20;
/// Messages that arrive at a time.
const BURST: u32 = 64;
/// Requests in flight that there is room for.
const REQUESTS: usize = 1024;
/// The slot that all spoofed addresses have, and the one that forged messages name.
const SLOT: u16 = 60_000;

/// Messages of every kind, as datagrams.
fn forged<P: Forged>(nodes: &[Peer], rng: &mut Rng) -> Vec<Vec<u8>> {
    let stranger = Address::new([127, 0, 0, 2], 9, SLOT);
    let forge = Forge { ring: nodes, stranger, genuine: &[] };
    let envelope = Envelope::new(Peer { id: Id::ZERO, address: stranger }, nodes[0]);
    let mut all = Vec::new();
    for kind in 0..P::KINDS {
        let mut left = VARIATIONS;
        while left > 0 {
            let mut script = [0; 4096];
            rng.fill(&mut script);
            let mut script = Script::new(&script);
            let lists = Lists::forge(&forge, &mut script);
            let message = P::message(&forge, kind, &mut script, &lists);
            let mut bytes = vec![0; DATAGRAM_BYTES];
            let written = Framed::<P>::default().write_datagram(&envelope, &message, &mut bytes);
            if let Some(length) = written {
                bytes.truncate(length);
                all.push(bytes);
                left -= 1;
            }
        }
    }
    all
}

/// Sends one message from each of these addresses to `nodes`. Returns the most requests that were in flight.
fn strike<N: Node>(
    memory: &mut Memory<N>,
    nodes: &[Peer],
    messages: &[Vec<u8>],
    sources: Range<u32>,
    rng: &mut Rng,
) -> usize
where
    N::Protocol: Forged,
{
    let (codec, mut in_flight_max) = (Framed::<N::Protocol>::default(), 0);
    for source in sources {
        let to = nodes[rng.below(nodes.len() as u64) as usize];
        let near = nodes[rng.below(nodes.len() as u64) as usize].id;
        let id = match rng.below(4) {
            0 => near,
            1 => near.add(Distance::MAX),
            _ => Id::random(rng),
        };
        let [_, a, b, c] = source.to_be_bytes();
        let from = Peer { id, address: Address::new([10, a, b, c], 9, SLOT) };
        let datagram = &messages[rng.below(messages.len() as u64) as usize];
        for (_, message) in codec.parse(datagram).expect("it is valid") {
            memory.inject(from, to, &message);
        }
        if source % BURST == 0 {
            memory.run_for(DELAY);
            memory.events().for_each(drop);
            in_flight_max = in_flight_max.max(memory.requests_in_flight());
        }
    }
    memory.run_for(DELAY);
    in_flight_max
}

/// Lets a million addresses send to `targets`. `size` is the memory of a node.
fn withstand<N: Node>(memory: &mut Memory<N>, targets: &[Peer], size: impl Fn(&N) -> usize)
where
    N::Protocol: Forged,
{
    memory.make_room();
    let mut rng = Rng::new(1, 0);
    let messages = forged::<N::Protocol>(targets, &mut rng);
    let sizes = |memory: &Memory<N>| memory.nodes().map(&size).sum::<usize>();
    let before = sizes(memory);
    strike(memory, targets, &messages, 0..WARM_UP, &mut rng);
    let (received, mut in_flight_max) = (memory.counters().received, 0);
    let allocations = allocations_in(|| {
        in_flight_max = strike(memory, targets, &messages, WARM_UP..SOURCES, &mut rng);
    });
    assert_eq!(allocations, 0, "heap allocations");
    assert_eq!(sizes(memory), before, "bytes of all nodes");
    assert!(in_flight_max <= REQUESTS, "{in_flight_max} requests in flight");
    let received = memory.counters().received - received;
    assert!(received >= u64::from(SOURCES - WARM_UP), "{received}: every message arrives");
    assert!(memory.dropped(DropReason::Unmatched) > 1000, "replies without a request are dropped");
    assert_counting_works();
}

#[test]
fn a_million_sources_leave_a_ring_as_it_is() {
    let config =
        RingConfig { shape: Shape::for_ring(1, 12, 4), successors: 4, ..RingConfig::default() };
    let mut memory = Memory::<RingNode>::with_requests(12, REQUESTS, 1);
    memory.link(12, config);
    let ring = memory.members();
    let entries: Vec<usize> = memory.nodes().map(RingNode::entries).collect();
    withstand(&mut memory, &ring, RingNode::memory_bytes);
    assert!(memory.nodes().map(RingNode::entries).eq(entries), "the tables are as full as before");
    let key = Id::of_name(b"an honest request");
    assert_eq!(memory.with(3, |it, cx| it.lookup(cx, key, 7)), Some(true));
    memory.run_for(config.deadline);
    let is_right = |(node, event)| match event {
        Event::LookupDone(done) => (node, done.token, done.owner) == (3, 7, owner_in(&ring, key)),
        _ => false,
    };
    assert!(memory.events().any(is_right));
}

#[test]
fn a_million_sources_leave_a_store_as_it_is() {
    let mut store = StoreRing::small(2);
    let targets = store.ring();
    let size = |node: &StoreNode<RingNode>| node.memory_bytes() + node.router().memory_bytes();
    withstand(&mut store.memory, &targets, size);
    store.heal_early();
    store.ends();
    store.assert_works_at_once();
}

#[test]
fn a_million_sources_leave_a_directory_as_it_is() {
    let mut directory = Directory::small(3);
    let targets = directory.ring();
    let size = |node: &DirectoryNode<RingNode>| node.memory_bytes() + node.router().memory_bytes();
    withstand(&mut directory.memory, &targets, size);
    directory.heal_early();
    directory.ends();
    directory.assert_all_found_by_some();
}

#[test]
fn a_million_sources_leave_peers_that_flood_as_they_are() {
    let mut peers = Flooding::small(4);
    let targets: Vec<Peer> = peers.memory.nodes().map(Node::peer).collect();
    withstand(&mut peers.memory, &targets, FloodNode::memory_bytes);
    peers.heal_early();
    peers.assert_found();
}

#[test]
fn a_million_sources_leave_a_central_index_as_it_is() {
    let mut central = Central::small(5);
    let server = [central.memory.peer(SERVER)];
    withstand(&mut central.memory, &server, |node| node.memory_bytes());
    central.memory.run_for(REFRESH);
    central.assert_intact();
}
