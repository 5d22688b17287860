//! Nodes that choose where they take their places.
//!
//! **Invariant:** every test sets its seed, and has the same result on every machine.

use std::time::Duration;

use hopwise_kernel::drive::Memory;
use hopwise_kernel::node::{Cookie, INITIAL_TIMEOUT, RequestId};
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{Event, RingConfig, RingNode};
use hopwise_kernel::store::{self, Name, StoreLimits, Version};
use hopwise_kernel::{Id, Node as _, Peer};
use hopwise_tests::LinkedRing;
use hopwise_tests::store::{Event as StoreEvent, StoreRing, config as store_config};

const SUCCESSORS: u8 = 8;
const SAMPLES: u8 = 8;
/// Long enough for a visit or a join between live nodes.
const A_MOMENT: Duration = Duration::from_millis(200);

fn config(nodes: usize) -> RingConfig {
    let shape = Shape::for_ring(1, nodes, SUCCESSORS.into());
    RingConfig { shape, successors: SUCCESSORS, ..RingConfig::default() }
}

/// Lets a visitor in place `node` choose an identifier. Returns what it reports.
fn visit(
    memory: &mut Memory<RingNode>,
    node: u32,
    bootstraps: &[Peer],
    samples: u8,
    config: RingConfig,
    patience: Duration,
) -> Vec<Event> {
    memory.insert(node, config);
    memory.events().for_each(drop);
    memory.with(node, |it, cx| it.choose_place(cx, bootstraps, samples));
    memory.run_for(patience);
    memory.events().filter(|&(by, _)| by == node).map(|(_, event)| event).collect()
}

/// The arcs between members, as parts of the circle, each with the identifiers around it.
fn arcs(memory: &Memory<RingNode>) -> Vec<(f64, Id, Id)> {
    let ring = memory.members();
    let next = ring.iter().skip(1).chain(&ring);
    let length = |(from, to): (&Peer, &Peer)| {
        (from.id.arc_to(to.id).prefix() as f64 / 2_f64.powi(64), from.id, to.id)
    };
    ring.iter().zip(next).map(length).collect()
}

fn longest(memory: &Memory<RingNode>) -> f64 {
    arcs(memory).into_iter().map(|(length, ..)| length).fold(0.0, f64::max)
}

fn placed(events: &[Event]) -> Id {
    let ids = events.iter().filter_map(|event| match event {
        Event::Placed { id } => Some(*id),
        _ => None,
    });
    let ids: Vec<Id> = ids.collect();
    let [id] = ids[..] else { panic!("one place is chosen: {events:?}") };
    id
}

/// A node with this identifier joins from place `node`.
fn join_as(memory: &mut Memory<RingNode>, node: u32, id: Id, bootstrap: Peer, config: RingConfig) {
    memory.remove(node);
    memory.put(node, |peer, rng| RingNode::new(Peer { id, ..peer }, config, rng));
    memory.with(node, |it, cx| it.join(cx, &[bootstrap]));
}

/// 64 samples meet all arcs of 12 nodes but the shortest.
#[test]
fn a_visitor_chooses_the_middle_of_the_longest_arc() {
    const NODES: usize = 12;
    const MANY: u8 = 64;
    let config = config(NODES);
    let mut memory = Memory::new(NODES + 1, 31);
    memory.link(NODES, config);
    let (length, from, to) =
        arcs(&memory).into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).expect("there are arcs");
    let bootstrap = memory.peer(3);
    let events = visit(&mut memory, NODES as u32, &[bootstrap], MANY, config, A_MOMENT);
    assert_eq!(events.first(), Some(&Event::Contacted { through: bootstrap }), "{events:?}");
    let id = placed(&events);
    assert!(id.is_between(from, to), "in the longest arc");
    let part = from.arc_to(id).prefix() as f64 / 2_f64.powi(64) / length;
    assert!((0.25..=0.75).contains(&part), "near its middle: {part}");
    assert_eq!(memory.members().len(), NODES, "a visitor is no member");
    let before = memory.requests_in_flight();
    memory.remove(NODES as u32);
    assert_eq!(memory.requests_in_flight(), before, "nothing of the visit is left");
}

/// Random identifiers of 200 nodes have a longest arc of ln 200 = 5.3 times the mean on average.
#[test]
fn arcs_are_even_after_nodes_have_chosen_their_places() {
    const NODES: usize = 200;
    let config = config(NODES);
    let mut memory = Memory::new(NODES, 32);
    memory.link(9, config);
    for node in 9..NODES as u32 {
        let bootstrap = memory.rng().below(node.into()) as u32;
        let bootstrap = memory.node(bootstrap).map(RingNode::peer).expect("a member");
        let id = placed(&visit(&mut memory, node, &[bootstrap], SAMPLES, config, A_MOMENT));
        join_as(&mut memory, node, id, bootstrap, config);
        memory.run_for(A_MOMENT);
        assert!(memory.events().any(|event| event == (node, Event::Joined)), "node {node}");
    }
    let over_mean = longest(&memory) * NODES as f64;
    assert!(over_mean < 2.5, "the longest arc is {over_mean} times the mean");
}

/// Both may see the same longest arc.
#[test]
fn two_newcomers_that_choose_the_same_arc_both_join() {
    const NODES: usize = 17;
    let config = config(NODES);
    for seed in 33..38 {
        let mut memory = Memory::new(NODES + 2, seed);
        memory.link(NODES, config);
        let (one, other) = (NODES as u32, NODES as u32 + 1);
        let bootstrap = memory.peer(0);
        for node in [one, other] {
            memory.insert(node, config);
            memory.with(node, |it, cx| it.choose_place(cx, &[bootstrap], SAMPLES));
        }
        memory.run_for(A_MOMENT);
        let events: Vec<(u32, Event)> = memory.events().collect();
        let of = |node| -> Vec<Event> {
            events.iter().filter(|&&(by, _)| by == node).map(|&(_, event)| event).collect()
        };
        let (first, second) = (placed(&of(one)), placed(&of(other)));
        assert_ne!(first, second, "seed {seed}");
        join_as(&mut memory, one, first, bootstrap, config);
        join_as(&mut memory, other, second, bootstrap, config);
        memory.run_for(Duration::from_secs(20));
        let joined = memory.events().filter(|(_, event)| *event == Event::Joined).count();
        assert_eq!((joined, memory.members().len()), (2, NODES + 2), "seed {seed}");
    }
}

#[test]
fn a_single_node_is_visited() {
    let config = config(2);
    let mut memory = Memory::new(2, 34);
    memory.link(1, config);
    let alone = memory.peer(0);
    let id = placed(&visit(&mut memory, 1, &[alone], SAMPLES, config, A_MOMENT));
    let part = alone.id.distance_to(id).prefix() as f64 / 2_f64.powi(64);
    assert!((0.25..=0.75).contains(&part), "opposite: {part}");
}

#[test]
fn a_visitor_goes_round_dead_bootstraps() {
    const NODES: u32 = 16;
    for (dead, is_last_alive) in [(3, true), (7, true), (1, false), (8, false)] {
        let config = config(16);
        let mut memory = Memory::new((NODES + dead + 1) as usize, 35);
        memory.link(NODES as usize, config);
        let alive = is_last_alive.then_some(5);
        let bootstraps: Vec<Peer> =
            (NODES..NODES + dead).chain(alive).map(|node| memory.peer(node)).collect();
        let silence = INITIAL_TIMEOUT * dead;
        let visitor = NODES + dead;
        let early = silence - Duration::from_millis(1);
        let events = visit(&mut memory, visitor, &bootstraps, SAMPLES, config, early);
        assert!(events.is_empty(), "{dead} dead: {events:?}");
        memory.run_for(A_MOMENT);
        let events: Vec<Event> =
            memory.events().filter(|&(by, _)| by == visitor).map(|(_, event)| event).collect();
        match is_last_alive {
            true => drop(placed(&events)),
            false => assert_eq!(events, [Event::JoinFailed], "{dead} dead"),
        }
    }
}

/// Whenever the network goes, a visit ends, and leaves nothing behind.
#[test]
fn a_visit_ends_whatever_is_lost() {
    const NODES: u32 = 16;
    for cut in 0..12 {
        let config = RingConfig { stabilize: None, fix_fingers: None, ..config(16) };
        let mut memory = Memory::new(NODES as usize + 1, 36);
        memory.link(NODES as usize, config);
        let bootstrap = memory.peer(2);
        let lasts = Duration::from_micros(250 + 500 * cut);
        let mut events = visit(&mut memory, NODES, &[bootstrap], SAMPLES, config, lasts);
        memory.set_copies(0);
        memory.run_for(Duration::from_secs(31));
        events.extend(memory.events().filter(|&(by, _)| by == NODES).map(|(_, event)| event));
        let ends = events
            .iter()
            .filter(|event| matches!(event, Event::Placed { .. } | Event::JoinFailed))
            .count();
        assert_eq!(ends, 1, "cut after {lasts:?}: {events:?}");
        assert_eq!(memory.requests_in_flight(), 0, "cut after {lasts:?}");
    }
}

/// Node 7 has 300 of 400 items. A node that chooses by items takes over about half of them, though their keys
/// lie close together.
#[test]
fn a_newcomer_takes_half_of_the_items_of_the_fullest() {
    const NODES: u32 = 24;
    const NEWCOMER: u32 = NODES;
    let limits = StoreLimits { items: 1_000, bytes: 200_000 };
    let config = store::StoreConfig { limits, replicas: 1, ..store_config() };
    let mut ring = StoreRing::new(NODES, config, 37);
    let members = ring.ring();
    let at = members.iter().position(|it| *it == ring.memory.peer(7)).expect("it is a member");
    let count = members.len();
    let (from, to) = (members[(at + count - 1) % count].id, members[at].id);
    let tenth = from.arc_to(to).part(u64::MAX / 10);
    let mut keys: Vec<Id> =
        (1..=300_u64).map(|number| from.add(tenth.part(u64::MAX / 301 * number))).collect();
    keys.sort_by_key(|key| from.distance_to(*key));
    for (number, key) in (1..).zip(&keys) {
        let version = Version { number, writer: 1 };
        ring.memory.with(7, |it, cx| it.preload(cx.now, Name::value(*key), version, b"value"));
    }
    for other in (0..NODES).filter(|&node| node != 7) {
        let key = ring.memory.peer(other).id;
        let version = Version { number: 1, writer: 1 };
        ring.memory.with(other, |it, cx| it.preload(cx.now, Name::value(key), version, b"value"));
    }
    let bootstraps = [ring.memory.peer(0)];
    ring.insert(NEWCOMER);
    // Enough to meet every node, with this seed.
    let samples = 64;
    ring.memory.with(NEWCOMER, |it, cx| it.choose_place(cx, &bootstraps, samples));
    ring.memory.run_for(Duration::from_secs(1));
    let events: Vec<StoreEvent> =
        ring.memory.events().filter(|&(by, _)| by == NEWCOMER).map(|(_, event)| event).collect();
    let Some(&StoreEvent::Placed { id }) = events.last() else { panic!("{events:?}") };
    assert!(id.is_between(from, to), "at the fullest node");
    let taken = keys.iter().filter(|key| from.distance_to(**key) <= from.distance_to(id)).count();
    assert!((75..=225).contains(&taken), "{taken} of 300 keys");
}

/// A census is answered only to an address that has proved to receive messages: a reply to any other is not
/// longer than the census.
#[test]
fn a_census_of_a_stranger_gets_a_cookie_only() {
    let mut ring = StoreRing::new(8, store_config(), 38);
    let owner = ring.memory.peer(0);
    let stranger = Peer { id: Id::of_name(b"stranger"), ..ring.memory.peer(9) };
    let census =
        |cookie| store::MessageWith::Census { request: RequestId(7), cookie: Cookie(cookie) };
    let class = store::protocol::TrafficClass::Census as usize;
    let bytes = |ring: &StoreRing| ring.memory.counters().bytes[class];
    ring.memory.run_for(Duration::from_secs(1));
    for cookie in [0, 1, u64::MAX] {
        let before = bytes(&ring);
        ring.memory.inject(stranger, owner, &census(cookie));
        let sent = bytes(&ring) - before;
        ring.memory.run_for(Duration::from_millis(10));
        let replied = bytes(&ring) - before - sent;
        assert!(replied > 0 && replied <= sent, "{replied} bytes for {sent}");
    }
}
