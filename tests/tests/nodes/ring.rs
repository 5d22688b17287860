//! The whole ring, compared with a naive model: a sorted list of its members.
//!
//! **Invariant:** every test sets its seed, and has the same result on every machine.

use std::time::Duration;

use hopwise_kernel::drive::Memory;
use hopwise_kernel::node::{
    Cookie, DropReason, INITIAL_TIMEOUT, LookupDone, RequestId, TimeoutPolicy,
};
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::message::{Purpose, Stage, Step};
use hopwise_kernel::ring::protocol::BUDGET_SPENT;
use hopwise_kernel::ring::{Event, LookupMode, Message, RingConfig, RingNode};
use hopwise_kernel::{Distance, Id, Peer, Peers};
use hopwise_tests::LinkedRing;
use hopwise_tests::ring::owner_in;

const MODES: [LookupMode; 2] = [LookupMode::Recursive, LookupMode::Iterative];
/// Long enough for any lookup between live nodes, too short for a stabilize round to matter.
const A_MOMENT: Duration = Duration::from_millis(100);

/// The configuration for a ring of `nodes`, in base 2.
fn config(nodes: usize, successors: u8) -> RingConfig {
    let shape = Shape::for_ring(1, nodes, successors.into());
    RingConfig { shape, successors, ..RingConfig::default() }
}

/// A configuration without maintenance: tables change only when messages arrive.
fn still(nodes: usize, successors: u8) -> RingConfig {
    RingConfig { stabilize: None, fix_fingers: None, ..config(nodes, successors) }
}

/// Looks up `count` random keys from random members, all at once, waits for `patience`, and checks
/// that each lookup has exactly one answer, which is correct.
fn look_up(memory: &mut Memory<RingNode>, count: u64, patience: Duration) -> Vec<LookupDone> {
    let ring = memory.members();
    memory.events().for_each(drop);
    for token in 0..count {
        let from = ring[memory.rng().below(ring.len() as u64) as usize];
        let key = Id::random(memory.rng());
        let begun = memory.with(from.address.slot.into(), |node, cx| node.lookup(cx, key, token));
        assert_eq!(begun, Some(true));
    }
    memory.run_for(patience);
    assert_eq!(
        memory.dropped(DropReason::Overload),
        0,
        "more lookups at once than there is room for"
    );
    let mut answers = vec![None; count as usize];
    for (_, event) in memory.events() {
        let Event::LookupDone(done) = event else { panic!("{event:?}") };
        assert_eq!(done.owner, owner_in(&ring, done.key), "owner of {}", done.key);
        let earlier = answers[done.token as usize].replace(done);
        assert_eq!(earlier, None, "answered twice");
    }
    answers.into_iter().map(|answer| answer.expect("every lookup is answered")).collect()
}

/// Checks that every member's successor list and predecessor are exact.
fn assert_exact(memory: &Memory<RingNode>, successors: usize) {
    let ring = memory.members();
    let count = ring.len();
    for (at, peer) in ring.iter().enumerate() {
        let clockwise = |steps: usize| ring[(at + steps) % count];
        let expected: Vec<_> = (1..=successors.min(count - 1)).map(clockwise).collect();
        let node = memory.node(peer.address.slot.into()).expect("members are there");
        assert_eq!(node.successors(), expected, "successor list of {peer:?}");
        assert_eq!(node.predecessor(), Some(clockwise(count - 1)), "predecessor of {peer:?}");
    }
}

#[test]
fn every_lookup_names_the_owner() {
    for (seed, count) in [(1, 64), (2, 100), (3, 512)] {
        for lookup in MODES {
            for successors in [1, 8] {
                let config = RingConfig { lookup, ..config(count, successors) };
                let mut memory = Memory::linked(count, config, seed);
                look_up(&mut memory, 2_000, A_MOMENT);
            }
        }
    }
}

#[test]
fn a_nodes_own_identifier_and_its_neighbours_belong_to_the_right_nodes() {
    let mut memory = Memory::linked(64, still(64, 4), 4);
    let ring = memory.members();
    for (at, peer) in ring.iter().enumerate() {
        let next = peer.id.add(Distance::multiple_of_power(1, 0));
        for (key, owner) in [(peer.id, *peer), (next, ring[(at + 1) % ring.len()])] {
            for from in 0..64 {
                memory.with(from, |node, cx| node.lookup(cx, key, 0));
            }
            memory.run_for(A_MOMENT);
            let mut answers = 0;
            for (_, event) in memory.events() {
                let Event::LookupDone(done) = event else { panic!("{event:?}") };
                assert_eq!(done.owner, owner);
                answers += 1;
            }
            assert_eq!(answers, 64);
        }
    }
}

#[test]
fn mean_hops_follow_the_formula() {
    const NODES: usize = 4096;
    for lookup in MODES {
        let config = RingConfig { lookup, ..still(NODES, 1) };
        let mut memory = Memory::linked(NODES, config, 5);
        let (mut hops, mut lookups) = (0, 0);
        for _ in 0..10 {
            for done in look_up(&mut memory, NODES as u64, A_MOMENT) {
                hops += u64::from(done.hops);
                lookups += 1;
            }
        }
        let mean = hops as f64 / f64::from(lookups);
        // One more than to the node that knows the owner.
        let expected = 0.5 * (NODES as f64).log2() - 0.14 + 1.0;
        assert!((mean - expected).abs() <= 0.05, "{mean} hops, {expected} expected");
    }
}

#[test]
fn a_ring_grows_by_joins() {
    const NODES: usize = 64;
    const SUCCESSORS: u8 = 8;
    let config = config(NODES, SUCCESSORS);
    let first = u32::from(SUCCESSORS) + 1;
    let mut memory = Memory::new(NODES, 6);
    memory.link(first as usize, config);
    for node in first..NODES as u32 {
        let bootstrap = memory.rng().below(node.into()) as u32;
        let bootstrap = memory.peer(bootstrap);
        memory.insert(node, config);
        memory.with(node, |it, cx| it.join(cx, &[bootstrap]));
        memory.run_for(A_MOMENT);
        assert!(memory.events().any(|event| event == (node, Event::Joined)), "node {node}");
    }
    memory.run_for(Duration::from_secs(30));
    assert_exact(&memory, SUCCESSORS.into());
    look_up(&mut memory, 1_000, A_MOMENT);
}

/// What a node reports that joins through bootstraps of which the first `dead` do not answer, and when.
fn join_through(
    dead: u32,
    is_last_alive: bool,
    config: RingConfig,
) -> (Memory<RingNode>, u32, Vec<(Duration, Event)>) {
    const NODES: u32 = 16;
    let mut memory = Memory::new((NODES + dead + 1) as usize, 25);
    memory.link(NODES as usize, config);
    let newcomer = NODES + dead;
    let gone = NODES..newcomer;
    let alive = is_last_alive.then_some(3);
    let bootstraps: Vec<Peer> = gone.chain(alive).map(|node| memory.peer(node)).collect();
    memory.insert(newcomer, config);
    memory.events().for_each(drop);
    memory.with(newcomer, |it, cx| it.join(cx, &bootstraps));
    let mut events = Vec::new();
    let step = Duration::from_millis(1);
    for ms in 0..20_000 {
        let new = memory.events().filter(|&(node, _)| node == newcomer).map(|(_, event)| event);
        events.extend(new.map(|event| (step * ms, event)));
        memory.run_for(step);
    }
    (memory, newcomer, events)
}

/// However long that takes together: longer than a join through one bootstrap may take.
#[test]
fn each_dead_bootstrap_costs_one_timeout() {
    for (timeout, dead) in [
        (TimeoutPolicy::Adaptive, 0),
        (TimeoutPolicy::Adaptive, 1),
        (TimeoutPolicy::Adaptive, 7),
        (TimeoutPolicy::Fixed(Duration::from_secs(1)), 7),
        (TimeoutPolicy::Fixed(Duration::from_secs(5)), 2),
    ] {
        let first = match timeout {
            TimeoutPolicy::Adaptive => INITIAL_TIMEOUT,
            TimeoutPolicy::Fixed(timeout) => timeout,
        };
        let config = RingConfig { timeout, ..config(16, 8) };
        let (memory, newcomer, events) = join_through(dead, true, config);
        let contacts = events.iter().filter(|(_, it)| matches!(it, Event::Contacted { .. }));
        let contacts: Vec<Duration> = contacts.map(|&(at, _)| at).collect();
        let silence = first * dead;
        let a_moment = Duration::from_millis(3);
        assert!(
            matches!(contacts[..], [at] if at >= silence && at <= silence + a_moment),
            "{timeout:?}, {dead} dead: contact after {contacts:?}"
        );
        assert!(events.iter().any(|&(_, it)| it == Event::Joined), "{events:?}");
        assert!(!events.iter().any(|&(_, it)| it == Event::JoinFailed), "{events:?}");
        assert!(memory.node(newcomer).is_some_and(RingNode::is_member));
    }
}

#[test]
fn a_join_fails_only_when_all_bootstraps_are_silent() {
    for (dead, tried) in [(0, 0), (1, 1), (5, 5), (8, 8), (12, 8)] {
        let (memory, newcomer, events) = join_through(dead, false, config(16, 8));
        let [(at, Event::JoinFailed)] = events[..] else { panic!("{dead} dead: {events:?}") };
        let silence = INITIAL_TIMEOUT * tried;
        let a_moment = Duration::from_millis(3);
        assert!(at >= silence && at <= silence + a_moment, "{dead} dead: failed after {at:?}");
        assert!(memory.node(newcomer).is_some_and(|it| !it.is_member()));
    }
}

/// What was left of the join that failed does not end the second one early.
#[test]
fn a_node_whose_join_failed_joins_through_others() {
    const NODES: u32 = 16;
    let config =
        RingConfig { timeout: TimeoutPolicy::Fixed(Duration::from_secs(1)), ..config(16, 8) };
    let mut memory = Memory::new((NODES + 5) as usize, 26);
    memory.link(NODES as usize, config);
    let newcomer = NODES + 4;
    memory.insert(newcomer, config);
    let gone: Vec<Peer> = (NODES..newcomer).map(|node| memory.peer(node)).collect();
    memory.with(newcomer, |it, cx| it.join(cx, &gone[..2]));
    memory.run_for(Duration::from_millis(2001));
    assert!(memory.events().any(|event| event == (newcomer, Event::JoinFailed)));
    let bootstraps: Vec<Peer> = gone.into_iter().chain([memory.peer(3)]).collect();
    memory.with(newcomer, |it, cx| it.join(cx, &bootstraps));
    memory.run_for(Duration::from_secs(5));
    let events: Vec<Event> =
        memory.events().filter(|&(node, _)| node == newcomer).map(|(_, event)| event).collect();
    assert!(events.contains(&Event::Joined), "{events:?}");
    assert!(!events.contains(&Event::JoinFailed), "{events:?}");
}

#[test]
fn many_joins_at_once_lead_to_the_same_ring() {
    const NODES: usize = 64;
    const SUCCESSORS: u8 = 8;
    let config = config(NODES, SUCCESSORS);
    let first = u32::from(SUCCESSORS) + 1;
    let mut memory = Memory::new(NODES, 7);
    memory.link(first as usize, config);
    for node in first..NODES as u32 {
        memory.insert(node, config);
    }
    // A join may fail when many nodes join at once. The driver then tries again.
    for _ in 0..10 {
        for node in first..NODES as u32 {
            let bootstrap = memory.rng().below(first.into()) as u32;
            let bootstrap = memory.peer(bootstrap);
            if memory.node(node).is_some_and(|it| !it.is_member()) {
                memory.with(node, |it, cx| it.join(cx, &[bootstrap]));
            }
        }
        memory.run_for(Duration::from_secs(4));
    }
    assert_eq!(memory.members().len(), NODES);
    memory.run_for(Duration::from_secs(60));
    assert_exact(&memory, SUCCESSORS.into());
    look_up(&mut memory, 1_000, A_MOMENT);
}

#[test]
fn simultaneous_joins_settle_before_the_next_round() {
    const NODES: usize = 64;
    const SUCCESSORS: u8 = 8;
    // No regular round occurs within this test, only the quick checks after a join.
    let config =
        RingConfig { stabilize: Some(Duration::from_hours(1)), ..config(NODES, SUCCESSORS) };
    let first = 2 * u32::from(SUCCESSORS);
    let mut memory = Memory::new(NODES, 17);
    memory.link(first as usize, config);
    for node in first..NODES as u32 {
        memory.insert(node, config);
        let bootstrap = memory.peer(node % first);
        memory.with(node, |it, cx| it.join(cx, &[bootstrap]));
    }
    memory.run_for(Duration::from_secs(4));
    assert_eq!(memory.members().len(), NODES);
    look_up(&mut memory, 1_000, A_MOMENT);
}

/// Lists of nodes between which dozens have joined since name owners that are far beyond the key. A
/// lookup does not walk back all the way.
#[test]
fn lookups_are_short_while_a_ring_grows() {
    const NODES: u32 = 2_000;
    const SUCCESSORS: u8 = 16;
    for lookup in MODES {
        let config = RingConfig { lookup, ..config(NODES as usize, SUCCESSORS) };
        let mut memory = Memory::new(NODES as usize, 23);
        memory.link(17, config);
        for node in 17..NODES {
            memory.insert(node, config);
            let bootstrap = memory.rng().below(17) as u32;
            let bootstrap = memory.peer(bootstrap);
            memory.with(node, |it, cx| it.join(cx, &[bootstrap]));
            memory.run_for(Duration::from_millis(1));
        }
        memory.run_for(Duration::from_millis(20));
        let answers = look_up(&mut memory, 1_000, Duration::from_secs(1));
        let hops: u64 = answers.iter().map(|done| u64::from(done.hops)).sum();
        let most = answers.iter().map(|done| done.hops).max();
        assert!(hops < 16 * 1_000 && most < Some(48), "{lookup:?}: {hops} hops, at most {most:?}");
        assert_eq!(memory.dropped(BUDGET_SPENT), 0, "{lookup:?}");
    }
}

#[test]
fn an_isolated_node_rejoins() {
    const NODES: usize = 32;
    let config = config(NODES, 4);
    let mut memory = Memory::linked(NODES, config, 18);
    let known = |memory: &Memory<RingNode>, node| memory.node(node).map(RingNode::entries);
    memory.set_copies(0);
    memory.run_for(Duration::from_mins(10));
    assert!((0..NODES as u32).all(|node| known(&memory, node) == Some(0)));
    memory.set_copies(1);
    memory.run_for(Duration::from_mins(1));
    assert!((0..NODES as u32).all(|node| known(&memory, node) > Some(0)));
}

/// A node that was stopped for so long that all took it for dead owns nothing when it goes on. It
/// comes back as a member that has just joined.
#[test]
fn a_node_that_was_stopped_for_long_comes_back() {
    const NODES: usize = 32;
    let mut memory = Memory::linked(NODES, config(NODES, 4), 21);
    memory.run_for(Duration::from_secs(5));
    let ring = memory.members();
    let stopped = ring[7];
    let place = stopped.address.slot.into();
    let its_key = ring[6].id.add(Distance::multiple_of_power(1, 0));
    let ask = |memory: &mut Memory<RingNode>| {
        memory.events().for_each(drop);
        memory.with(place, |node, cx| node.lookup(cx, its_key, 7));
        memory.events().find_map(|(_, event)| match event {
            Event::LookupDone(done) => Some(done.owner),
            _ => None,
        })
    };
    assert_eq!(ask(&mut memory), Some(stopped), "it owns its keys");
    memory.stop(Some(place));
    memory.run_for(Duration::from_secs(60));
    let knows = |node: &RingNode| {
        node.successors().contains(&stopped) || node.predecessor() == Some(stopped)
    };
    assert!(!memory.nodes().any(knows), "all took it for dead");
    memory.stop(None);
    memory.set_copies(0);
    memory.run_for(Duration::from_millis(2));
    assert_eq!(ask(&mut memory), None, "it owns nothing until it has heard from others");
    memory.set_copies(1);
    memory.run_for(Duration::from_secs(30));
    assert_exact(&memory, 4);
    assert_eq!(ask(&mut memory), Some(stopped));
}

/// A node that no successor takes for its predecessor has not joined, and says so in the end.
#[test]
fn a_join_that_nobody_confirms_fails() {
    const NODES: usize = 16;
    let config = config(NODES, 4);
    let mut memory = Memory::new(NODES + 1, 22);
    memory.link(NODES, config);
    memory.insert(NODES as u32, config);
    let bootstrap = memory.peer(0);
    memory.with(NODES as u32, |it, cx| it.join(cx, &[bootstrap]));
    // The lookup of its position ends, but none of its notifications arrives.
    let is_placed = |memory: &Memory<RingNode>| {
        memory.node(NODES as u32).is_some_and(|node| !node.successors().is_empty())
    };
    while !is_placed(&memory) {
        memory.run_for(Duration::from_micros(100));
    }
    memory.set_copies(0);
    memory.run_for(Duration::from_mins(2));
    let events: Vec<Event> =
        memory.events().filter(|&(node, _)| node == NODES as u32).map(|(_, it)| it).collect();
    assert_eq!(events.last(), Some(&Event::JoinFailed), "{events:?}");
    assert!(!events.contains(&Event::Joined));
    assert_eq!(memory.node(NODES as u32).map(RingNode::is_member), Some(false));
}

#[test]
fn the_crash_of_a_fifth_heals() {
    const NODES: u32 = 200;
    const SUCCESSORS: u8 = 15;
    for lookup in MODES {
        let config = RingConfig { lookup, ..config(NODES as usize, SUCCESSORS) };
        let mut memory = Memory::linked(NODES as usize, config, 8);
        memory.run_for(Duration::from_secs(5));
        // The order of places is independent of identifiers, so these are random nodes.
        for node in 0..NODES / 5 {
            memory.remove(node);
        }
        memory.run_for(Duration::from_secs(40));
        assert_exact(&memory, SUCCESSORS.into());
        look_up(&mut memory, 2_000, Duration::from_secs(5));
    }
}

/// Neighbors that crash together are declared dead together, and not one after the other: their keys have
/// no owner until the last one is declared dead.
#[test]
fn several_neighbors_are_missed_nearly_as_soon_as_one() {
    const NODES: u32 = 40;
    const STEP: Duration = Duration::from_millis(10);
    let healing_ms = |crashed: usize| {
        let mut sum = 0;
        for seed in 30..40 {
            // As long as a busy machine makes them wait.
            let timeout = TimeoutPolicy::Fixed(Duration::from_millis(200));
            let config = RingConfig { timeout, ..config(NODES as usize, 8) };
            let mut memory = Memory::linked(NODES as usize, config, seed);
            memory.run_for(Duration::from_secs(20));
            let ring = memory.members();
            for peer in &ring[10..10 + crashed] {
                memory.remove(peer.address.slot.into());
            }
            let heir = u32::from(ring[10 + crashed].address.slot);
            let before = Some(ring[9]);
            let from = memory.now();
            while memory.node(heir).and_then(RingNode::predecessor) != before {
                memory.run_for(STEP);
            }
            sum += memory.now().since(from).as_millis();
        }
        sum / 10
    };
    let (one, five) = (healing_ms(1), healing_ms(5));
    println!("{one} ms, {five} ms");
    assert!(five < one * 5 / 4, "one {one} ms, five {five} ms");
}

#[test]
fn lookups_right_after_the_crash_of_a_fifth_end_soon() {
    const NODES: u32 = 200;
    const STEP: Duration = Duration::from_millis(1);
    for lookup in MODES {
        let mut times = Vec::new();
        for seed in 20..30 {
            let config = RingConfig { lookup, ..config(NODES as usize, 15) };
            let mut memory = Memory::linked(NODES as usize, config, seed);
            memory.run_for(Duration::from_secs(5));
            (0..NODES / 5).for_each(|node| memory.remove(node));
            // One after the other, like an application that waits for each answer.
            for token in 0..25 {
                let key = Id::random(memory.rng());
                let from = NODES / 5 + memory.rng().below(u64::from(NODES - NODES / 5)) as u32;
                memory.with(from, |node, cx| node.lookup(cx, key, token));
                let begun = memory.now();
                loop {
                    let is_death = |event: &Event| matches!(event, Event::DeclaredDead { .. });
                    if let Some((_, event)) = memory.events().find(|(_, it)| !is_death(it)) {
                        assert!(matches!(event, Event::LookupDone(_)), "{event:?}");
                        break;
                    }
                    memory.run_for(STEP);
                }
                times.push(memory.now().since(begun));
            }
        }
        times.sort();
        let percentile = |percent: usize| times[times.len() * percent / 100];
        assert!(percentile(50) <= Duration::from_millis(5), "{lookup:?}: {:?}", percentile(50));
        // An iterative lookup asks a silent owner three times before it goes on.
        let most = if lookup == LookupMode::Iterative { 500 } else { 100 };
        assert!(percentile(99) <= Duration::from_millis(most), "{lookup:?}: {:?}", percentile(99));
    }
}

/// All nodes know each other, so a lookup meets only the dead nodes right after its key. Contacts
/// name them again, but that must not cost a second timeout.
#[test]
fn an_iterative_lookup_waits_for_each_node_once() {
    let config =
        RingConfig { lookup: LookupMode::Iterative, remember_failures: false, ..still(24, 23) };
    let mut waits = 0;
    for seed in 0..20 {
        let mut memory = Memory::linked(24, config, seed);
        let before = memory.members();
        for node in 0..4 {
            memory.remove(node);
        }
        let ring = memory.members();
        for token in 0..20 {
            let from = ring[memory.rng().below(ring.len() as u64) as usize];
            let key = Id::random(memory.rng());
            memory.with(from.address.slot.into(), |node, cx| node.lookup(cx, key, token));
        }
        memory.run_for(Duration::from_secs(10));
        let is_dead = |peer: &&Peer| !ring.contains(peer);
        for (_, event) in memory.events() {
            let Event::LookupDone(done) = event else { panic!("{event:?}") };
            let next = before.partition_point(|peer| peer.id < done.key);
            let clockwise = before[next..].iter().chain(&before[..next]);
            let expected = clockwise.take_while(is_dead).count();
            assert_eq!(usize::from(done.timeouts), expected, "seed {seed}: {}", done.key);
            waits += expected;
        }
    }
    assert!(waits > 50, "only {waits} timeouts");
}

#[test]
fn a_neighbour_that_gave_a_cookie_has_all_its_attempts_left() {
    let mut memory = Memory::linked(2, still(2, 1), 60);
    // Only node 0 checks its neighbour.
    let ring = memory.members();
    memory.insert(0, RingConfig { stabilize: Some(Duration::from_secs(1)), ..still(2, 1) });
    memory.with(0, |node, cx| node.start_linked(cx, &ring));
    let run_until_sent = |memory: &mut Memory<RingNode>, count: u64| {
        while memory.sent("stabilize") < count {
            memory.run_for(Duration::from_micros(100));
        }
    };
    // The first request is lost, the second obtains the cookie, and the third, with it, is lost.
    memory.set_copies(0);
    run_until_sent(&mut memory, 1);
    memory.set_copies(1);
    run_until_sent(&mut memory, 3);
    memory.set_copies(0);
    run_until_sent(&mut memory, 4);
    memory.set_copies(1);
    for _ in 0..100 {
        memory.run_for(Duration::from_millis(50));
        let successors = memory.node(0).expect("it is there").successors();
        assert_eq!(successors, [memory.peer(1)]);
    }
}

#[test]
fn a_returned_non_member_has_no_place() {
    let config = config(64, 8);
    let mut memory = Memory::linked(64, config, 14);
    memory.run_for(Duration::from_secs(5));
    memory.remove(0);
    memory.insert(0, config);
    memory.run_for(Duration::from_secs(30));
    assert_eq!(memory.members().len(), 63);
    assert_exact(&memory, 8);
}

#[test]
fn a_ring_recovers_from_churn() {
    const PLACES: u32 = 200;
    const SUCCESSORS: u8 = 15;
    let config = config(PLACES as usize, SUCCESSORS);
    for seed in 30..33 {
        let mut memory = Memory::linked(PLACES as usize, config, seed);
        // Three changes a second: crashes, departures and joins by turns.
        for step in 0..300 {
            let node = memory.rng().below(PLACES.into()) as u32;
            if memory.node(node).is_some() {
                if step % 2 == 0 {
                    memory.with(node, |it, cx| it.leave(cx));
                }
                memory.remove(node);
            } else {
                let members = memory.members();
                let bootstrap = members[memory.rng().below(members.len() as u64) as usize];
                memory.insert(node, config);
                memory.with(node, |it, cx| it.join(cx, &[bootstrap]));
            }
            memory.run_for(Duration::from_millis(333));
        }
        memory.run_for(Duration::from_secs(60));
        assert_exact(&memory, SUCCESSORS.into());
        look_up(&mut memory, 1_000, Duration::from_secs(5));
    }
}

#[test]
fn an_announced_departure_mends_the_gap_at_once() {
    let mut memory = Memory::linked(64, config(64, 8), 9);
    memory.run_for(Duration::from_secs(5));
    let ring = memory.members();
    let [before, leaving, after] = [10, 11, 12].map(|at| u32::from(ring[at].address.slot));
    memory.with(leaving, |node, cx| node.leave(cx));
    memory.remove(leaving);
    memory.run_for(Duration::from_millis(10));
    let first = memory.node(before).and_then(|node| node.successors().first().copied());
    assert_eq!(first, Some(ring[12]));
    assert_eq!(memory.node(after).and_then(|node| node.predecessor()), Some(ring[10]));
    memory.run_for(Duration::from_secs(30));
    assert_exact(&memory, 8);
    look_up(&mut memory, 1_000, Duration::from_secs(5));
}

#[test]
fn neighbors_that_leave_one_after_the_other_leave_no_gap() {
    const NODES: u32 = 200;
    for seed in 50..60 {
        let mut memory = Memory::linked(NODES as usize, config(NODES as usize, 8), seed);
        memory.run_for(Duration::from_secs(5));
        for _ in 0..NODES / 2 {
            let members = memory.members();
            let leaving = members[memory.rng().below(members.len() as u64) as usize];
            let leaving = u32::from(leaving.address.slot);
            memory.with(leaving, |node, cx| node.leave(cx));
            memory.remove(leaving);
            memory.run_for(Duration::from_millis(5));
        }
        let ring = memory.members();
        for (at, member) in ring.iter().enumerate() {
            let node = memory.node(member.address.slot.into()).expect("a member");
            let next = ring[(at + 1) % ring.len()];
            let before = ring[(at + ring.len() - 1) % ring.len()];
            assert_eq!(node.successors().first(), Some(&next), "seed {seed}");
            assert_eq!(node.predecessor(), Some(before), "seed {seed}");
        }
    }
}

#[test]
fn a_message_for_a_key_arrives_at_its_owner_once() {
    for lookup in MODES {
        let mut memory = Memory::linked(100, RingConfig { lookup, ..config(100, 8) }, 10);
        let ring = memory.members();
        for token in 0..500_u32 {
            let key = Id::random(memory.rng());
            let from = memory.rng().below(100) as u32;
            let begun = memory.with(from, |node, cx| {
                node.send_to_key(cx, key, &token.to_be_bytes(), token.into())
            });
            assert_eq!(begun, Some(true));
            memory.run_for(A_MOMENT);
            let owner = owner_in(&ring, key);
            let received = Event::Received { key, from: memory.peer(from) };
            let sent = Event::Sent { token: token.into(), owner };
            let payload = token.to_be_bytes();
            let expected = [(owner.address.slot.into(), received, &payload[..]), (from, sent, &[])];
            assert_eq!(memory.reports().collect::<Vec<_>>(), expected);
        }
    }
}

#[test]
fn repeated_messages_change_nothing() {
    for lookup in MODES {
        let mut memory = Memory::linked(64, RingConfig { lookup, ..config(64, 8) }, 11);
        let before = memory.tables();
        memory.set_copies(2);
        look_up(&mut memory, 50, A_MOMENT);
        memory.run_for(Duration::from_secs(10));
        assert!(memory.dropped(DropReason::Unmatched) > 0, "second replies are counted");
        assert_eq!(memory.tables(), before);
    }
}

#[test]
fn replies_to_nothing_are_dropped() {
    let mut memory = Memory::linked(64, still(64, 8), 12);
    let before = memory.tables();
    let ring = memory.members();
    let stranger = Peer { id: Id::random(memory.rng()), ..ring[20] };
    let (request, purpose) = (RequestId(7), Purpose::Stabilize);
    let replies = [
        Message::Pong { request },
        Message::NeighborsReply {
            request,
            purpose,
            predecessor: Some(stranger),
            successors: Peers::Table(&ring[30..34]),
        },
        Message::CookieReply { request, purpose, cookie: Cookie(1) },
        Message::Ack { request, purpose },
        Message::Answer {
            lookup: request,
            purpose,
            owner: stranger,
            under_suspicion: false,
            hops: 1,
            timeouts: 0,
        },
        Message::FindNextReply {
            request,
            purpose,
            step: Step::Owner(stranger),
            stage: Stage::Owner,
            under_suspicion: false,
        },
        Message::Delivered { request },
    ];
    for (count, reply) in (1..).zip(&replies) {
        memory.inject(ring[11], ring[10], reply);
        memory.inject(stranger, ring[10], reply);
        memory.run_for(A_MOMENT);
        assert_eq!(memory.dropped(DropReason::Unmatched), 2 * count, "{reply:?}");
    }
    assert_eq!(memory.events().count(), 0);
    assert_eq!(memory.tables(), before);
}

#[test]
fn messages_from_ones_own_identifier_are_dropped() {
    let mut memory = Memory::linked(64, still(64, 8), 13);
    let before = memory.tables();
    let ring = memory.members();
    let twin = Peer { id: ring[10].id, ..ring[40] };
    let request = RequestId(7);
    let messages = [
        Message::Ping { request },
        Message::Notify,
        Message::Introduce { peer: ring[40] },
        Message::Leave { predecessor: Some(ring[40]), successors: Peers::Table(&ring[41..44]) },
        Message::Deliver { request, key: ring[10].id, payload: b"mine" },
    ];
    for (count, message) in (1..).zip(&messages) {
        memory.inject(twin, ring[10], message);
        memory.run_for(A_MOMENT);
        assert_eq!(memory.dropped(DropReason::FromSelf), count, "{message:?}");
    }
    assert_eq!(memory.events().count(), 0);
    assert_eq!(memory.tables(), before);
}
