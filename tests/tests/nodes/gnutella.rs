//! Flooding peers, compared with a model of floods.
//!
//! **Invariant:** all messages take equally long, so a flood is breadth first, and the model
//! ([`Graph::reach`]) gives its exact number of messages.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use hopwise_harness::systems::flood::graph::{EdgeList, Graph, Reach};
use hopwise_kernel::Rng;
use hopwise_kernel::flood::message::MAX_TTL;
use hopwise_kernel::flood::protocol::REPEAT;
use hopwise_kernel::flood::{FloodConfig, Strategy};
use hopwise_kernel::items::{Event, Match};
use hopwise_tests::Flooding;
use hopwise_tests::flooding::{ITEM_BYTES, NAMES};
use proptest::prelude::*;

const DEADLINE: Duration = Duration::from_secs(2);
/// A configuration without repair, so that peers send only searches.
const STILL: FloodConfig = FloodConfig {
    strategy: Strategy::Flood,
    ttl: 7,
    walk_ttl: 64,
    target_neighbors: 6,
    max_neighbors: 16,
    remember: Duration::from_secs(3),
    max_searches: 64,
    ping: None,
    deadline: DEADLINE,
};
/// Longer than a search takes and than peers remember it.
const LATER: Duration = Duration::from_secs(5);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn floods_reach_as_far_as_the_model_predicts(
        seed: u64, nodes in 2_usize..120, degree in 1.0..8.0_f64, ttl in 1..=MAX_TTL,
    ) {
        let graph = Graph::random(nodes, degree, &mut Rng::new(seed, 0));
        let mut peers = linked(&graph, FloodConfig { ttl, ..STILL }, &[]);
        for source in [0, nodes / 2, nodes - 1] {
            let model = reach(&graph, source, ttl);
            prop_assert_eq!(flood(&mut peers, source as u32), model);
        }
    }

    #[test]
    fn a_full_flood_sends_twice_the_edges_less_a_tree(
        seed: u64, nodes in 2_usize..120, degree in 2.0..8.0_f64,
    ) {
        let graph = Graph::power_law(nodes, degree, &mut Rng::new(seed, 0));
        let mut peers = linked(&graph, FloodConfig { ttl: MAX_TTL, ..STILL }, &[]);
        let exact = (2 * graph.edges() - (nodes - 1)) as u64;
        let full = Reach { peers: nodes as u32 - 1, messages: exact };
        prop_assert_eq!(flood(&mut peers, 0), full);
    }
}

/// The project does not include the data set. Without it, this test is skipped.
#[test]
fn gnutella_floods_reach_as_far_as_the_model_predicts() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/gnutella04-edges.txt");
    if !data.exists() {
        eprintln!("skipped: there is no {}", data.display());
        return;
    }
    let graph = EdgeList::load(&data.to_string_lossy()).expect("it is a graph").graph;
    for ttl in [3, 4, 5, 7] {
        let mut peers = linked(&graph, FloodConfig { ttl, ..STILL }, &[]);
        for source in [0, 77, 5_000, 10_874] {
            let model = reach(&graph, source, ttl);
            assert_eq!(flood(&mut peers, source as u32), model, "TTL {ttl} from {source}");
        }
    }
}

#[test]
fn a_hit_returns_along_the_path_of_its_search() {
    let graph = Graph::random(200, 6.0, &mut Rng::new(1, 0));
    for holder in [1, 50, 199] {
        let mut peers = linked(&graph, STILL, &[holder]);
        let distance = distance(&graph, 0, holder);
        let before = peers.memory.sent("lookup");
        assert!(peers.ask(0, Match::Exact, NAMES[0], 9));
        peers.memory.run_for(LATER);
        let events = peers.events();
        let [(0, Event::Found(found)), (0, Event::Fetched { token: 9, holder: from, bytes, .. })] =
            events[..]
        else {
            panic!("{} events", events.len());
        };
        let best = found.best.expect("it was found");
        assert!(best.holder == peers.memory.peer(holder) && from == best.holder);
        assert!(found.token == 9 && found.hits == 1 && bytes == ITEM_BYTES);
        assert_eq!(best.name.as_str(), NAMES[0]);
        assert_eq!(found.hops, distance);
        let sent = peers.memory.sent("lookup") - before;
        assert_eq!(sent, reach(&graph, 0, STILL.ttl).messages + u64::from(distance));
    }
}

#[test]
fn peers_with_matching_items_answer() {
    let mut peers = Flooding::new(3, STILL, 1);
    for (node, items) in [(0, &[0][..]), (1, &[1, 3]), (2, &[0, 2])] {
        peers.put(node, items);
    }
    peers.link(0, &[1]);
    peers.link(1, &[0, 2]);
    peers.link(2, &[1]);
    let asked = [
        (Match::Exact, NAMES[2], Some((2, NAMES[2]))),
        (Match::Prefix, "red", Some((1, NAMES[3]))),
        (Match::Substring, "pear", Some((1, NAMES[1]))),
        (Match::Words, "apple red", Some((2, NAMES[0]))),
        (Match::Exact, "red", None),
        (Match::Words, "red pear", None),
    ];
    for (token, (how, what, answer)) in (0..).zip(asked) {
        assert!(peers.ask(0, how, what, token));
        peers.memory.run_for(LATER);
        let (events, answer) =
            (peers.events(), answer.map(|(node, name)| (peers.memory.peer(node), name)));
        match (events[..].first(), answer) {
            (Some((0, Event::Found(found))), Some((holder, name))) => {
                let best = found.best.expect("it was found");
                assert!(best.holder == holder && best.name.as_str() == name, "{what}");
            }
            (Some((0, Event::NotFound { token: failed, .. })), None) => {
                assert_eq!((*failed, events.len()), (token, 1), "{what}");
            }
            _ => panic!("{what}: {} events", events.len()),
        }
    }
}

#[test]
fn items_of_the_origin_do_not_answer_its_search() {
    let graph = Graph::random(20, 4.0, &mut Rng::new(1, 0));
    let mut peers = linked(&graph, STILL, &[0]);
    assert!(peers.ask(0, Match::Exact, NAMES[0], 1));
    peers.memory.run_for(DEADLINE - Duration::from_millis(100));
    assert!(peers.events().is_empty());
    peers.memory.run_for(Duration::from_millis(200));
    assert!(matches!(peers.events()[..], [(0, Event::NotFound { token: 1, .. })]));
}

#[test]
fn a_ring_expands_until_there_is_a_hit() {
    let strategy = Strategy::ExpandingRing { round_wait: Duration::from_millis(100) };
    let config = FloodConfig { strategy, ..STILL };
    let graph = Graph::random(400, 4.0, &mut Rng::new(2, 0));
    let sent_with = |holders: &[u32]| {
        let mut peers = linked(&graph, config, holders);
        assert!(peers.ask(0, Match::Exact, NAMES[0], 1));
        peers.memory.run_for(LATER);
        let found = matches!(peers.events()[..].first(), Some((0, Event::Found(_))));
        (found, peers.memory.sent("lookup"))
    };
    let rounds = [1, 3, 5, 7].map(|ttl| (ttl, reach(&graph, 0, ttl).messages));
    for wanted in 1..=7 {
        let holder = (1..400).find(|&node| distance(&graph, 0, node) == wanted);
        let holder = holder.expect("the graph is that wide");
        let needed = rounds.iter().position(|&(ttl, _)| u16::from(ttl) >= wanted).expect("enough");
        let floods: u64 = rounds[..=needed].iter().map(|&(_, messages)| messages).sum();
        assert_eq!(sent_with(&[holder]), (true, floods + u64::from(wanted)), "{wanted} away");
    }
    assert_eq!(sent_with(&[]), (false, rounds.iter().map(|&(_, messages)| messages).sum()));
}

#[test]
fn walkers_find_what_is_there_and_stop() {
    let (walkers, check_every) = (8, 4);
    let strategy = Strategy::RandomWalk { walkers, check_every };
    let config = FloodConfig { strategy, walk_ttl: 4_000, remember: LATER, ..STILL };
    let graph = Graph::random(200, 6.0, &mut Rng::new(3, 0));
    let mut peers = linked(&graph, config, &[60, 90, 120, 150]);
    for (token, node) in (0..20).enumerate() {
        assert!(peers.ask(node, Match::Exact, NAMES[0], token as u64));
        // Each walker makes at most 2,000 steps before the deadline. The probability that 8 walkers
        // miss 4 of 200 peers is about (1 - 4/200)^16000.
        peers.memory.run_for(DEADLINE);
        let events = peers.events();
        assert!(matches!(events[..], [(_, Event::Found(_)), (_, Event::Fetched { .. })]));
        let sent = peers.memory.sent("lookup");
        peers.memory.run_for(LATER);
        assert_eq!(peers.memory.sent("lookup"), sent, "no walker continues");
    }
    // The average search took a few hundred steps, far fewer than allowed.
    assert!(peers.memory.sent("lookup") < 20 * 1_000);
}

/// No peer has the item. Each walker makes all its steps, and checks back at every fourth step
/// except the last.
#[test]
fn walkers_make_all_allowed_steps() {
    let strategy = Strategy::RandomWalk { walkers: 10, check_every: 4 };
    let config = FloodConfig { strategy, walk_ttl: 64, ..STILL };
    let graph = Graph::random(100, 6.0, &mut Rng::new(4, 0));
    let mut peers = linked(&graph, config, &[]);
    assert!(peers.ask(0, Match::Exact, NAMES[0], 1));
    peers.memory.run_for(DEADLINE / 2);
    let sent = peers.memory.sent("lookup");
    // A check at the origin itself needs no message.
    let (steps, checks) = (10 * 64, 2 * 10 * 15);
    assert!((steps + checks * 9 / 10..=steps + checks).contains(&sent), "{sent}");
    peers.memory.run_for(LATER);
    assert_eq!(peers.memory.sent("lookup"), sent);
    assert!(matches!(peers.events()[..], [(0, Event::NotFound { token: 1, .. })]));
}

/// Walkers stop at their first check after the deadline.
#[test]
fn walkers_end_with_their_search() {
    let strategy = Strategy::RandomWalk { walkers: 4, check_every: 4 };
    let config = FloodConfig { strategy, walk_ttl: 4_096, remember: LATER, ..STILL };
    let graph = Graph::random(100, 6.0, &mut Rng::new(4, 0));
    let mut peers = linked(&graph, config, &[]);
    assert!(peers.ask(0, Match::Exact, NAMES[0], 1));
    peers.memory.run_for(DEADLINE);
    let sent = peers.memory.sent("lookup");
    peers.memory.run_for(LATER);
    let more = peers.memory.sent("lookup") - sent;
    assert!(sent < 4 * 4_096 && more <= 4 * 5, "{sent}, then {more}");
}

fn linked(graph: &Graph, config: FloodConfig, holders: &[u32]) -> Flooding {
    let rows = (0..graph.nodes()).map(|node| graph.neighbors(node));
    Flooding::linked(rows, config, holders, 1)
}

/// Floods a query without a match. Peers reached are the messages that are not repeats.
fn flood(peers: &mut Flooding, source: u32) -> Reach {
    let counts = |peers: &Flooding| (peers.memory.sent("lookup"), peers.memory.dropped(REPEAT));
    let before = counts(peers);
    assert!(peers.ask(source, Match::Exact, "nobody has it", 1));
    peers.memory.run_for(LATER);
    assert!(matches!(peers.events()[..], [(_, Event::NotFound { token: 1, .. })]));
    let (messages, repeats) = counts(peers);
    let (messages, repeats) = (messages - before.0, repeats - before.1);
    Reach { peers: (messages - repeats) as u32, messages }
}

fn reach(graph: &Graph, source: usize, ttl: u8) -> Reach {
    graph.reach(source, ttl).last().copied().unwrap_or_default()
}

fn distance(graph: &Graph, from: usize, to: u32) -> u16 {
    let mut distances = vec![u16::MAX; graph.nodes()];
    distances[from] = 0;
    let mut ring = VecDeque::from([from as u32]);
    while let Some(node) = ring.pop_front() {
        for &next in graph.neighbors(node as usize) {
            if distances[next as usize] == u16::MAX {
                distances[next as usize] = distances[node as usize] + 1;
                ring.push_back(next);
            }
        }
    }
    distances[to as usize]
}
