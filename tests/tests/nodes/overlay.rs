//! Flooding peers come, go and crash; those that are left find each other.
//!
//! **Invariant:** the truth is read from the peers' tables, by nobody who takes part.

use std::collections::BTreeSet;
use std::time::Duration;

use hopwise_harness::systems::flood::graph::Graph;
use hopwise_kernel::flood::message::{Walk, WalkStage};
use hopwise_kernel::flood::protocol::{NO_WAY_BACK, REPEAT};
use hopwise_kernel::flood::{FloodCodec, FloodConfig, Message};
use hopwise_kernel::items::{self, Event, Hit, Match, Query};
use hopwise_kernel::node::{Cookie, DropReason, RequestId};
use hopwise_kernel::{Address, Codec, Id, Peer, Rng};
use hopwise_tests::Flooding;
use hopwise_tests::flooding::{NAMES, attack, text};
use proptest::collection::vec;
use proptest::prelude::*;

const PING: Duration = Duration::from_secs(5);
/// Three pings in vain, and some walks.
const HEALING: Duration = Duration::from_secs(40);
const MAX_NEIGHBORS: u16 = 12;
const WANTED: u16 = 6;

fn config() -> FloodConfig {
    let (target_neighbors, max_neighbors) = (WANTED, MAX_NEIGHBORS);
    let remember = Duration::from_secs(2);
    FloodConfig {
        ping: Some(PING),
        target_neighbors,
        max_neighbors,
        remember,
        ..FloodConfig::default()
    }
}

#[test]
fn a_third_crashes_and_the_rest_stays_connected() {
    let graph = Graph::random(300, 6.0, &mut Rng::new(1, 0));
    let mut peers = linked(&graph);
    // Some lose all their neighbors at once. What they know of others, they know from searches.
    for node in 0..300 {
        peers.ask(node, Match::Exact, NAMES[0], 1);
        peers.memory.run_for(Duration::from_millis(100));
    }
    let mut crashed = BTreeSet::new();
    while crashed.len() < 100 {
        let node = peers.memory.rng().below(300) as u32;
        crashed.insert(node);
        peers.memory.remove(node);
    }
    peers.memory.run_for(HEALING);
    let alive: BTreeSet<u32> = (0..300).filter(|node| !crashed.contains(node)).collect();
    // Whoever lost all it ever dealt with, which one in a hundred may, has nobody to turn to.
    let together = reached(&peers, 0..300);
    let alone = alive.difference(&together).count();
    assert!(together.is_subset(&alive) && alone * 100 <= alive.len(), "{alone} are alone");
    assert_sound(&peers);
    for &node in &together {
        let before = graph.neighbors(node as usize).len();
        let now = peers.neighbors(node).len();
        assert!(now >= before.min(WANTED.into()), "{node}: {before} neighbors, then {now}");
    }
}

#[test]
fn peers_that_join_and_leave_are_taken_in_and_let_go() {
    let graph = Graph::random(60, 6.0, &mut Rng::new(2, 0));
    let mut peers = linked_in(&graph, 120);
    for node in 60..120 {
        let bootstrap = peers.memory.rng().below(node.into()) as u32;
        let bootstrap = peers.memory.peer(bootstrap);
        peers.put(node, &[]);
        peers.memory.with(node, |it, cx| it.join(cx, bootstrap));
        peers.memory.run_for(Duration::from_secs(1));
    }
    peers.memory.run_for(HEALING);
    let joined: BTreeSet<u32> = peers
        .events()
        .into_iter()
        .map(|(node, event)| {
            assert!(matches!(event, Event::Joined));
            node
        })
        .collect();
    assert_eq!(joined, (60..120).collect());
    assert_eq!(reached(&peers, 0..120), (0..120).collect());
    assert_sound(&peers);
    assert!((60..120).all(|node| peers.neighbors(node).len() >= usize::from(WANTED)));

    let pinged = peers.memory.dropped(DropReason::NoSuchNode);
    for node in 0..60 {
        peers.memory.with(node, |it, cx| it.leave(cx));
        peers.memory.run_for(Duration::from_millis(500));
        peers.memory.remove(node);
    }
    // They were let go at once: hardly anybody pings who is not there.
    let in_vain = peers.memory.dropped(DropReason::NoSuchNode) - pinged;
    assert!(in_vain < 60, "{in_vain} messages in vain");
    peers.memory.run_for(HEALING);
    assert_eq!(reached(&peers, 0..120), (60..120).collect());
    assert_sound(&peers);
}

#[test]
fn two_are_enough_for_an_overlay() {
    let mut peers = Flooding::new(3, config(), 1);
    peers.put(0, &[0]);
    peers.link(0, &[]);
    let first = peers.memory.peer(0);
    for node in [1, 2] {
        peers.put(node, &[]);
        peers.memory.with(node, |it, cx| it.join(cx, first));
        peers.memory.run_for(HEALING);
        assert!(matches!(peers.events()[..], [(joined, Event::Joined)] if joined == node));
    }
    assert_eq!(reached(&peers, 0..3), (0..3).collect());
    assert!(peers.ask(2, Match::Exact, NAMES[0], 1));
    peers.memory.run_for(Duration::from_secs(1));
    assert!(matches!(peers.events()[..], [(2, Event::Found(_)), (2, Event::Fetched { .. })]));
}

#[test]
fn joining_through_nobody_fails() {
    let mut peers = Flooding::new(2, config(), 1);
    let nobody = peers.memory.peer(1);
    peers.put(0, &[]);
    peers.memory.with(0, |it, cx| it.join(cx, nobody));
    peers.memory.run_for(HEALING);
    assert!(matches!(peers.events()[..], [(0, Event::JoinFailed)]));
    assert!(!peers.ask(0, Match::Exact, NAMES[0], 1), "who takes no part does not ask");
}

/// Its two neighbors crash; one comes back among others.
#[test]
fn an_isolated_peer_contacts_known_peers() {
    let mut peers = Flooding::new(5, config(), 1);
    for (node, neighbors) in [(0, &[1, 2][..]), (1, &[0, 2]), (2, &[0, 1]), (3, &[4]), (4, &[3])] {
        peers.put(node, &[]);
        peers.link(node, neighbors);
    }
    peers.memory.remove(1);
    peers.memory.remove(2);
    peers.memory.run_for(HEALING);
    assert!(peers.neighbors(0).is_empty());
    let other = peers.memory.peer(3);
    peers.put(2, &[]);
    peers.memory.with(2, |it, cx| it.join(cx, other));
    peers.memory.run_for(HEALING);
    let rest = BTreeSet::from([0, 2, 3, 4]);
    assert_eq!(reached(&peers, [0, 2, 3, 4]), rest);
}

/// A peer that comes back anew is no neighbor of those who hold it to be one: it tells them.
#[test]
fn a_link_that_one_end_forgot_is_given_up() {
    let graph = Graph::random(40, 6.0, &mut Rng::new(5, 0));
    let mut peers = linked(&graph);
    peers.put(0, &[]);
    peers.link(0, &graph.neighbors(0)[..1]);
    // Whose search it has from elsewhere already hears nothing, but nobody is faster than who asks.
    for node in 0..40 {
        assert!(peers.ask(node, Match::Exact, "nobody has it", 1));
        peers.memory.run_for(Duration::from_millis(100));
    }
    assert!(peers.memory.dropped(DropReason::UnknownPeer) > 0);
    assert_sound(&peers);
}

#[test]
fn only_neighbors_are_heard() {
    let mut peers = Flooding::new(4, FloodConfig { ping: None, ..config() }, 1);
    for (node, neighbors) in [(0, &[1][..]), (1, &[0, 2]), (2, &[1]), (3, &[])] {
        peers.put(node, &[0]);
        peers.link(node, neighbors);
    }
    let (to, stranger) = (peers.memory.peer(1), peers.memory.peer(3));
    let search = RequestId(7);
    let query = Query { how: Match::Exact, text: text(NAMES[0]) };
    let walk = Walk { query, origin: stranger, ttl: 9, hops: 1 };
    let hit = Hit { holder: stranger, name: query.text };
    let messages = [
        Message::Search { search, query, ttl: 7, hops: 1 },
        Message::Walk { search, walk, stage: WalkStage::Step },
        Message::SearchHit { search, hit, hops: 1 },
    ];
    for message in messages {
        let before = peers.memory.sent("lookup");
        peers.memory.inject(stranger, to, &message);
        peers.memory.run_for(Duration::from_secs(1));
        // Injecting counts as sending.
        assert_eq!(peers.memory.sent("lookup"), before + 1);
    }
    assert_eq!(peers.memory.sent("leave"), 3, "each is told that it is no neighbor");
    assert_eq!(peers.memory.dropped(DropReason::UnknownPeer), 3 + 3);
    for stage in [WalkStage::Check, WalkStage::Resume] {
        peers.memory.inject(stranger, to, &Message::Walk { search, walk, stage });
    }
    peers.memory.run_for(Duration::from_secs(1));
    assert_eq!(peers.memory.dropped(DropReason::Unmatched), 2);
}

/// What a neighbor says is found must fit, and nobody is told that it has what it lacks.
#[test]
fn hits_that_are_no_answer_answer_nothing() {
    let mut peers = Flooding::new(2, FloodConfig { ping: None, ..config() }, 1);
    peers.put(0, &[]);
    peers.link(0, &[1]);
    let (me, neighbor) = (peers.memory.peer(0), peers.memory.peer(1));
    assert!(peers.ask(0, Match::Exact, NAMES[0], 1));
    // Its neighbor, which is not there, would have seen the name of the search.
    let search = peers.memory.in_flight().next().map(|datagram| search_in(datagram.bytes));
    let search = search.expect("the search is on its way");
    let name = text(NAMES[0]);
    let hits = [
        Hit { holder: neighbor, name: text(NAMES[1]) },
        Hit { holder: me, name },
        Hit { holder: neighbor, name },
    ];
    for (hit, answers) in hits.into_iter().zip([0, 0, 1]) {
        peers.memory.inject(neighbor, me, &Message::SearchHit { search, hit, hops: 1 });
        peers.memory.run_for(Duration::from_millis(10));
        assert_eq!(peers.events().len(), answers);
    }
    let unknown = Message::SearchHit { search: RequestId(!search.0), hit: hits[2], hops: 1 };
    peers.memory.inject(neighbor, me, &unknown);
    peers.memory.run_for(Duration::from_millis(10));
    assert_eq!(peers.memory.dropped(NO_WAY_BACK), 1);
}

/// With its memory full a peer forwards no search rather than one of them twice.
#[test]
fn more_searches_than_can_be_remembered_are_dropped() {
    let max_searches = 64;
    let mut peers = Flooding::new(3, FloodConfig { ping: None, max_searches, ..config() }, 1);
    peers.put(1, &[]);
    peers.link(1, &[0, 2]);
    let (neighbor, to) = (peers.memory.peer(0), peers.memory.peer(1));
    let query = Query { how: Match::Exact, text: text(NAMES[0]) };
    let flood = |peers: &mut Flooding| {
        let before = peers.memory.sent("lookup");
        for number in 0..1_000 {
            let search = RequestId(Rng::light(number).next_u64());
            let message = Message::Search { search, query, ttl: 2, hops: 1 };
            peers.memory.inject(neighbor, to, &message);
        }
        peers.memory.run_for(Duration::from_millis(10));
        peers.memory.sent("lookup") - before - 1_000
    };
    let forwarded = flood(&mut peers);
    assert_eq!(forwarded, u64::from(max_searches), "as many as there is room for");
    assert_eq!(flood(&mut peers), 0, "each of them once");
    assert_eq!(peers.memory.dropped(REPEAT), u64::from(max_searches));
    assert_eq!(peers.memory.dropped(DropReason::Overload), 2 * (1_000 - u64::from(max_searches)));
}

#[test]
fn a_long_attack_does_bounded_harm() {
    let mut script = vec![0; 1 << 19];
    Rng::new(15, 0).fill(&mut script);
    attack(&script, 15);
}

/// What an attacker may send: from whom, to whom, which kind, and numbers to fill it with.
type Strike = (u32, u32, u8, u64, u16);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_attack_does_no_lasting_harm(script in vec(any::<u8>(), 0..1024), seed in 0..1000_u64) {
        attack(&script, seed);
    }

    /// Anything may come from anybody, members included: tables keep their bounds, what is sent
    /// keeps in proportion, and the overlay heals. Departures in the name of others cut links at
    /// both ends, and can so split it into parts that have all the neighbors they look for; but
    /// they leave nobody alone.
    #[test]
    fn hostile_messages_do_bounded_harm(
        strikes in vec((0_u32..12, 0_u32..10, 0_u8..13, 0_u64..4, any::<u16>()), 1..200),
    ) {
        withstands(&strikes)?;
    }
}

/// Once found to split an overlay.
#[test]
fn forged_departures_isolate_no_peer() {
    let strikes = [
        (7, 4, 8, 0, 0),
        (3, 4, 8, 0, 0),
        (6, 2, 8, 0, 7563),
        (3, 0, 8, 0, 13528),
        (0, 5, 8, 1, 491),
    ];
    withstands(&strikes).expect("all that is promised holds");
}

fn withstands(strikes: &[Strike]) -> Result<(), TestCaseError> {
    let graph = Graph::random(10, 4.0, &mut Rng::new(6, 0));
    let mut peers = linked_in(&graph, 12);
    for (from, to, kind, number, more) in strikes.iter().copied() {
        let (from, to) = (peers.memory.peer(from), peers.memory.peer(to));
        let elsewhere = Address::new([127, 0, 0, 9], 9, more);
        let named = if number % 2 == 0 { from.address } else { elsewhere };
        let origin = Peer { id: Id::from_parts(number, Id::ZERO.tail()), address: named };
        let before = sent(&peers);
        peers.memory.inject(
            from,
            to,
            &forged((from.address.slot.into(), 0, kind, number, more), origin),
        );
        peers.memory.run_for(Duration::from_millis(2));
        // A search goes everywhere, and every peer may answer; a walker goes to its next check.
        let most = 4 * graph.edges() as u64 + 10 * 7;
        prop_assert!(sent(&peers) - before <= most, "kind {}", kind);
    }
    prop_assert!((0..10).all(|node| peers.neighbors(node).len() <= MAX_NEIGHBORS.into()));
    peers.memory.run_for(2 * HEALING);
    let departures_forged = strikes.iter().any(|strike| strike.2 == DEPARTURE);
    let is_whole = reached(&peers, 0..10) == (0..10).collect();
    prop_assert!(is_whole || departures_forged, "it has healed");
    prop_assert!((0..10).all(|node| !peers.neighbors(node).is_empty()), "nobody is alone");
    assert_sound(&peers);
    Ok(())
}

/// The kind of a forged departure.
const DEPARTURE: u8 = 8;

fn forged((from, _, kind, number, more): Strike, origin: Peer) -> Message<'static> {
    let request = RequestId(number);
    let query =
        Query { how: Match::ALL[number as usize % 4], text: text(NAMES[more as usize % 4]) };
    let (ttl, hops) = (more as u8 % 32 + 1, from as u8);
    let walk = Walk { query, origin, ttl: more % 4_096 + 1, hops: more };
    let hit = Hit { holder: origin, name: query.text };
    match kind {
        0 => Message::Search { search: request, query, ttl, hops },
        1 => Message::Walk { search: request, walk, stage: WalkStage::Step },
        2 => Message::Walk { search: request, walk, stage: WalkStage::Check },
        3 => Message::Walk { search: request, walk, stage: WalkStage::Resume },
        4 => Message::SearchHit { search: request, hit, hops: more },
        5 => Message::Seek { origin, ttl },
        6 => Message::Connect { request },
        7 => Message::Connected { request, accepted: more % 2 == 0 },
        DEPARTURE => Message::Leave,
        9 => Message::Ping { request },
        10 => Message::Pong { request },
        11 => Message::Items(items::Message::Item { request, payload: b"anything" }),
        // Nobody here keeps an index.
        _ => {
            let cookie = Cookie(number);
            Message::Items(items::Message::Publish { request, cookie, name: hit.name })
        }
    }
}

/// Every link is one at both ends, and nobody has more than it may.
fn assert_sound(peers: &Flooding) {
    for node in 0..300 {
        for neighbor in peers.neighbors(node) {
            let back = peers.neighbors(neighbor).contains(&node);
            assert!(back, "{node} holds {neighbor} to be a neighbor, which does not");
        }
    }
}

/// The largest set of `nodes` that are connected.
fn reached(peers: &Flooding, nodes: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
    let components = nodes.into_iter().filter(|&node| peers.memory.node(node).is_some());
    let components = components.map(|start| {
        let (mut seen, mut left) = (BTreeSet::from([start]), vec![start]);
        while let Some(node) = left.pop() {
            left.extend(peers.neighbors(node).into_iter().filter(|&next| seen.insert(next)));
        }
        seen
    });
    components.max_by_key(BTreeSet::len).unwrap_or_default()
}

fn sent(peers: &Flooding) -> u64 {
    peers.memory.counters().messages.iter().sum()
}

fn search_in(datagram: &[u8]) -> RequestId {
    let mut messages = FloodCodec::default().parse(datagram).expect("nodes send what is sound");
    let search = messages.find_map(|(_, message)| match message {
        Message::Search { search, .. } => Some(search),
        _ => None,
    });
    search.expect("it is a search")
}

fn linked(graph: &Graph) -> Flooding {
    linked_in(graph, graph.nodes())
}

fn linked_in(graph: &Graph, capacity: usize) -> Flooding {
    let mut peers = Flooding::new(capacity, config(), 1);
    for node in 0..graph.nodes() {
        peers.put(node as u32, if node % 10 == 0 { &[0] } else { &[] });
        peers.link(node as u32, graph.neighbors(node));
    }
    peers
}
