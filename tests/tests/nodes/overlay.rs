//! Flooding peers under churn: the remaining peers stay connected.
//!
//! **Invariant:** the tests read the peers' tables directly; peers do not report them.

use std::collections::BTreeSet;
use std::time::Duration;

use hopwise_harness::systems::flood::graph::Graph;
use hopwise_kernel::flood::message::{Walk, WalkStage};
use hopwise_kernel::flood::protocol::{NO_WAY_BACK, REPEAT};
use hopwise_kernel::flood::seen::MAX_HITS;
use hopwise_kernel::flood::{FloodCodec, FloodConfig, Message};
use hopwise_kernel::items::{self, Event, Hit, Match, Query};
use hopwise_kernel::node::{Cookie, DropReason, RequestId};
use hopwise_kernel::{Address, Codec, Distance, Id, Peer, Rng};
use hopwise_tests::Flooding;
use hopwise_tests::flooding::{NAMES, attack, text};
use proptest::collection::vec;
use proptest::prelude::*;

const PING: Duration = Duration::from_secs(5);
/// Longer than three failed pings and some walks.
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
    // Some peers lose all their neighbors at once. They know other peers only from searches.
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
    // Up to 1 % of the peers may have lost every peer they ever knew, and stay alone.
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
fn joins_and_leaves_keep_the_overlay_connected() {
    let graph = Graph::random(60, 6.0, &mut Rng::new(2, 0));
    let mut peers = linked_in(&graph, 120);
    for node in 60..120 {
        let bootstrap = peers.memory.rng().below(node.into()) as u32;
        let bootstrap = peers.memory.peer(bootstrap);
        peers.put(node, &[]);
        peers.memory.with(node, |it, cx| it.join(cx, &[bootstrap]));
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
    // Neighbors dropped them at once, so hardly any peer pings an absent one.
    let in_vain = peers.memory.dropped(DropReason::NoSuchNode) - pinged;
    assert!(in_vain < 60, "{in_vain} messages to absent peers");
    peers.memory.run_for(HEALING);
    assert_eq!(reached(&peers, 0..120), (60..120).collect());
    assert_sound(&peers);
}

#[test]
fn two_peers_form_an_overlay() {
    let mut peers = Flooding::new(3, config(), 1);
    peers.put(0, &[0]);
    peers.link(0, &[]);
    let first = peers.memory.peer(0);
    for node in [1, 2] {
        peers.put(node, &[]);
        peers.memory.with(node, |it, cx| it.join(cx, &[first]));
        peers.memory.run_for(HEALING);
        assert!(matches!(peers.events()[..], [(joined, Event::Joined)] if joined == node));
    }
    assert_eq!(reached(&peers, 0..3), (0..3).collect());
    assert!(peers.ask(2, Match::Exact, NAMES[0], 1));
    peers.memory.run_for(Duration::from_secs(1));
    assert!(matches!(peers.events()[..], [(2, Event::Found(_)), (2, Event::Fetched { .. })]));
}

#[test]
fn joining_through_an_absent_peer_fails() {
    let mut peers = Flooding::new(2, config(), 1);
    let nobody = peers.memory.peer(1);
    peers.put(0, &[]);
    peers.memory.with(0, |it, cx| it.join(cx, &[nobody]));
    peers.memory.run_for(HEALING);
    assert!(matches!(peers.events()[..], [(0, Event::JoinFailed)]));
    assert!(!peers.ask(0, Match::Exact, NAMES[0], 1), "a node that is no member accepts no query");
}

/// Both neighbors of a peer crash. One of them rejoins elsewhere.
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
    peers.memory.with(2, |it, cx| it.join(cx, &[other]));
    peers.memory.run_for(HEALING);
    let rest = BTreeSet::from([0, 2, 3, 4]);
    assert_eq!(reached(&peers, [0, 2, 3, 4]), rest);
}

/// A peer that restarts has lost most of its links. It tells the peers at the other ends.
#[test]
fn a_link_that_one_end_forgot_is_given_up() {
    let graph = Graph::random(40, 6.0, &mut Rng::new(5, 0));
    let mut peers = linked(&graph);
    peers.put(0, &[]);
    peers.link(0, &graph.neighbors(0)[..1]);
    // The peer does not reply to searches it has already seen, so each neighbor starts its own.
    for node in 0..40 {
        assert!(peers.ask(node, Match::Exact, "nobody has it", 1));
        peers.memory.run_for(Duration::from_millis(100));
    }
    assert!(peers.memory.dropped(DropReason::UnknownPeer) > 0);
    assert_sound(&peers);
}

#[test]
fn messages_from_strangers_are_dropped() {
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
    assert_eq!(peers.memory.sent("leave"), 3, "each message is answered with a departure");
    assert_eq!(peers.memory.dropped(DropReason::UnknownPeer), 3 + 3);
    for stage in [WalkStage::Check, WalkStage::Resume] {
        peers.memory.inject(stranger, to, &Message::Walk { search, walk, stage });
    }
    peers.memory.run_for(Duration::from_secs(1));
    assert_eq!(peers.memory.dropped(DropReason::Unmatched), 2);
}

/// Messages reach their receiver by the first bits of its identifier. It does not become a neighbor under a name
/// that differs in the others, whoever offers or asks for that.
#[test]
fn a_peer_is_a_neighbor_only_by_its_own_name() {
    let mut peers = Flooding::new(3, FloodConfig { ping: None, ..config() }, 1);
    for (node, neighbors) in [(0, &[1][..]), (1, &[0, 2]), (2, &[1])] {
        peers.put(node, &[0]);
        peers.link(node, neighbors);
    }
    let [to, neighbor, other] = [0, 1, 2].map(|node| peers.memory.peer(node));
    for Peer { id, address } in [neighbor, other] {
        let alias = Peer { id: Id::from_parts(id.prefix(), Id::ZERO.tail()), address };
        let request = RequestId(7);
        peers.memory.inject(alias, to, &Message::Connect { request });
        peers.memory.inject(alias, to, &Message::Seek { origin: alias, ttl: 1 });
        peers.memory.run_for(Duration::from_secs(5));
        let node = peers.memory.node(0).expect("it is there");
        assert!(node.neighbors().all(|it| it == neighbor || it == other), "{alias:?}");
    }
}

/// A search in the name of a peer that has not sent it makes paths back that go in a circle.
#[test]
fn hits_do_not_go_in_circles_for_long() {
    let mut peers = Flooding::new(4, FloodConfig { ping: None, ..config() }, 1);
    for node in 0..4 {
        peers.put(node, if node == 3 { &[0] } else { &[] });
        peers.link(node, &[(node + 1) % 4, (node + 3) % 4]);
    }
    let query = Query { how: Match::Exact, text: text(NAMES[0]) };
    let message = Message::Search { search: RequestId(7), query, ttl: 7, hops: 1 };
    peers.memory.inject(peers.memory.peer(0), peers.memory.peer(1), &message);
    peers.memory.run_for(Duration::from_millis(200));
    assert_eq!(peers.memory.in_flight().count(), 0);
    let hits = u64::from(MAX_HITS);
    let sent = peers.memory.sent("lookup");
    assert!((hits..=4 * (hits + 2)).contains(&sent), "{sent} messages");
}

/// A hit must match the query, and its holder must be another peer.
#[test]
fn hits_that_do_not_answer_the_query_are_ignored() {
    let mut peers = Flooding::new(2, FloodConfig { ping: None, ..config() }, 1);
    peers.put(0, &[]);
    peers.link(0, &[1]);
    let (me, neighbor) = (peers.memory.peer(0), peers.memory.peer(1));
    assert!(peers.ask(0, Match::Exact, NAMES[0], 1));
    // The search's identifier, which the neighbor, absent here, would receive.
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

/// With its memory full, a peer drops new searches, so that it forwards none twice.
#[test]
fn more_searches_than_can_be_remembered_are_dropped() {
    let max_searches = 60;
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

/// A forged sender turns the reverse paths of three peers into a circle. Once the hits went round in it until
/// the search was forgotten.
#[test]
fn hits_do_not_go_round_for_ever() {
    let mut peers = Flooding::new(4, FloodConfig { ping: None, ..config() }, 1);
    for (node, neighbors) in [(0, &[1, 2][..]), (1, &[0, 2]), (2, &[0, 1, 3]), (3, &[2])] {
        peers.put(node, if node == 3 { &[0] } else { &[] });
        peers.link(node, neighbors);
    }
    let query = Query { how: Match::Exact, text: text(NAMES[0]) };
    let message = Message::Search { search: RequestId(7), query, ttl: 4, hops: 1 };
    let (to, pretended) = (peers.memory.peer(0), peers.memory.peer(1));
    peers.memory.inject(pretended, to, &message);
    peers.memory.run_for(HEALING);
    let forwarded = peers.memory.sent("lookup");
    assert!(forwarded <= 10 + 3 * u64::from(MAX_HITS), "{forwarded} messages");
    assert_eq!(peers.memory.dropped(DropReason::Overload), 1);
}

/// Both ends of a link compare as much of an identifier as a message names. Once a peer told its neighbor that
/// they are none because of the rest of it, and the neighbor believed that.
#[test]
fn a_neighbor_under_a_similar_identifier_is_no_stranger() {
    let mut peers = Flooding::new(3, FloodConfig { ping: None, ..config() }, 1);
    for (node, neighbors) in [(0, &[1, 2][..]), (1, &[0, 2]), (2, &[0, 1])] {
        peers.put(node, &[]);
        peers.link(node, neighbors);
    }
    let query = Query { how: Match::Exact, text: text(NAMES[0]) };
    let (to, neighbor) = (peers.memory.peer(0), peers.memory.peer(1));
    let id = neighbor.id.add(Distance::multiple_of_power(1, 0));
    for similar in [Peer { id, ..neighbor }, Peer { id: Id::ZERO, ..neighbor }] {
        for message in [
            Message::Search { search: RequestId(7), query, ttl: 4, hops: 1 },
            Message::Seek { origin: neighbor, ttl: 4 },
        ] {
            peers.memory.inject(similar, to, &message);
            peers.memory.run_for(HEALING);
        }
    }
    for node in 0..3 {
        assert_eq!(peers.neighbors(node).len(), 2, "{node} has both neighbors");
    }
}

#[test]
fn a_long_attack_does_bounded_harm() {
    let mut script = vec![0; 1 << 19];
    Rng::new(15, 0).fill(&mut script);
    attack(&script, 15);
}

/// A forged message: sender, receiver, kind, and two numbers that fill its fields.
type Strike = (u32, u32, u8, u64, u16);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_attack_does_no_lasting_harm(script in vec(any::<u8>(), 0..1024), seed in 0..1000_u64) {
        attack(&script, seed);
    }

    /// Any peer, members included, may send any message. Tables keep their bounds, each message
    /// causes a bounded number of others, and no link is cut, forged departures or not.
    #[test]
    fn hostile_messages_do_bounded_harm(
        strikes in vec((0_u32..12, 0_u32..10, 0_u8..13, 0_u64..4, any::<u16>()), 1..200),
    ) {
        withstands(&strikes)?;
    }
}

/// These departures once split an overlay.
#[test]
fn forged_departures_cut_no_link() {
    let strikes = [
        (7, 4, 8, 0, 0),
        (3, 4, 8, 0, 0),
        (6, 2, 8, 0, 7563),
        (3, 0, 8, 0, 13528),
        (0, 5, 8, 1, 491),
    ];
    withstands(&strikes).expect("the guarantees hold");
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
        // A search may reach every peer, and each may answer. A walker stops at its next check.
        let most = 4 * graph.edges() as u64 + 10 * 7;
        prop_assert!(sent(&peers) - before <= most, "kind {}", kind);
    }
    prop_assert!((0..10).all(|node| peers.neighbors(node).len() <= MAX_NEIGHBORS.into()));
    peers.memory.run_for(2 * HEALING);
    for node in 0..10 {
        let neighbors = peers.neighbors(node);
        let is_kept = |&it: &u32| neighbors.contains(&it);
        prop_assert!(
            graph.neighbors(node as usize).iter().all(is_kept),
            "{}: {:?}",
            node,
            neighbors
        );
    }
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
        // No peer keeps an index.
        _ => {
            let cookie = Cookie(number);
            Message::Items(items::Message::Publish { request, cookie, name: hit.name })
        }
    }
}

/// Asserts that every link exists at both ends.
fn assert_sound(peers: &Flooding) {
    for node in 0..300 {
        for neighbor in peers.neighbors(node) {
            let back = peers.neighbors(neighbor).contains(&node);
            assert!(back, "{node} has the neighbor {neighbor}, but not the reverse");
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
    let mut messages = FloodCodec::default().parse(datagram).expect("nodes send valid datagrams");
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
