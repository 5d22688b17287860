//! The last node of a ring: alone, it owns every key and takes in others again. A node that has
//! merely lost its contacts does not.
//!
//! **Invariant:** every test sets its seed, and has the same result on every machine.

use std::time::Duration;

use hopwise_kernel::Id;
use hopwise_kernel::drive::Memory;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{AnswerRule, Event, LookupMode, RingConfig, RingNode};
use hopwise_tests::LinkedRing;
use hopwise_tests::ring::owner_in;

/// Some rounds of stabilize.
const ROUNDS: Duration = Duration::from_secs(5);
/// Long enough to declare several silent peers dead, one after another.
const DETECTION: Duration = Duration::from_secs(60);

fn config(successors: u8) -> RingConfig {
    let shape = Shape::for_ring(1, 16, successors.into());
    RingConfig { shape, successors, ..RingConfig::default() }
}

/// All ways to look up.
fn configs() -> impl Iterator<Item = RingConfig> {
    let modes = [LookupMode::Recursive, LookupMode::Iterative];
    let rules = [AnswerRule::Owner, AnswerRule::Predecessor];
    let ways = modes.into_iter().flat_map(move |lookup| rules.map(|answer| (lookup, answer)));
    let of = |successors| ways.clone().map(move |(lookup, answer)| (lookup, answer, successors));
    let all: Vec<_> = [1, 4].into_iter().flat_map(of).collect();
    all.into_iter().map(|(lookup, answer, successors)| RingConfig {
        lookup,
        answer,
        ..config(successors)
    })
}

/// Lets every member look up random keys, and checks that each is answered with its owner.
fn assert_every_lookup_is_right(memory: &mut Memory<RingNode>) {
    const LOOKUPS: usize = 20;
    let ring = memory.members();
    memory.events().for_each(drop);
    for peer in &ring {
        for token in 0..LOOKUPS as u64 {
            let key = Id::random(memory.rng());
            let begun =
                memory.with(peer.address.slot.into(), |node, cx| node.lookup(cx, key, token));
            assert_eq!(begun, Some(true));
        }
    }
    memory.run_for(Duration::from_millis(500));
    let mut answers = 0;
    for (_, event) in memory.events() {
        let Event::LookupDone(done) = event else { panic!("{event:?}") };
        assert_eq!(done.owner, owner_in(&ring, done.key));
        assert!(ring.len() > 1 || done.hops == 0, "alone, a node answers at once");
        answers += 1;
    }
    assert_eq!(answers, ring.len() * LOOKUPS);
}

/// Checks that predecessors and first successors are exact.
fn assert_one_ring(memory: &Memory<RingNode>, members: usize) {
    let ring = memory.members();
    assert_eq!(ring.len(), members);
    for (at, peer) in ring.iter().enumerate() {
        let node = memory.node(peer.address.slot.into()).expect("members are there");
        let next = ring[(at + 1) % members];
        let before = ring[(at + members - 1) % members];
        assert_eq!(node.predecessor(), Some(before), "predecessor of {peer:?}");
        let first = (members > 1).then_some(next);
        assert_eq!(node.successors().first().copied(), first, "successor of {peer:?}");
        assert!(!node.successors().contains(peer), "no node is in its own list");
    }
}

fn leave(memory: &mut Memory<RingNode>, node: u32) {
    memory.with(node, |it, cx| it.leave(cx));
    memory.remove(node);
}

fn join(memory: &mut Memory<RingNode>, node: u32, through: u32, config: RingConfig) {
    let bootstrap = memory.peer(through);
    memory.insert(node, config);
    memory.with(node, |it, cx| it.join(cx, &[bootstrap]));
}

#[test]
fn the_last_of_two_answers_itself_and_takes_in_others() {
    for (seed, config) in (1..).zip(configs()) {
        for announced in [true, false] {
            let mut memory = Memory::linked(2, config, seed);
            memory.run_for(ROUNDS);
            if announced {
                leave(&mut memory, 1);
            } else {
                memory.remove(1);
                memory.run_for(DETECTION);
            }
            memory.run_for(ROUNDS);
            assert_one_ring(&memory, 1);
            assert_every_lookup_is_right(&mut memory);

            join(&mut memory, 1, 0, config);
            memory.run_for(ROUNDS);
            assert_one_ring(&memory, 2);
            assert_every_lookup_is_right(&mut memory);

            // The first one leaves in turn.
            leave(&mut memory, 0);
            memory.run_for(ROUNDS);
            assert_one_ring(&memory, 1);
            assert_every_lookup_is_right(&mut memory);
        }
    }
}

#[test]
fn a_ring_grows_from_one_node_and_shrinks_to_one() {
    const NODES: u32 = 8;
    for (seed, config) in (1..).zip(configs()) {
        let mut memory = Memory::linked(NODES as usize, config, seed);
        for node in 1..NODES {
            leave(&mut memory, node);
            memory.run_for(ROUNDS);
        }
        assert_one_ring(&memory, 1);

        let mut memory = Memory::new(NODES as usize, seed);
        memory.link(1, config);
        assert_every_lookup_is_right(&mut memory);
        // Two at a time, through the first one.
        for node in 1..NODES {
            join(&mut memory, node, 0, config);
            if node % 2 == 0 {
                memory.run_for(ROUNDS);
            }
        }
        memory.run_for(ROUNDS * 2);
        assert_one_ring(&memory, NODES as usize);
        assert_every_lookup_is_right(&mut memory);
        for node in (1..NODES).rev() {
            leave(&mut memory, node);
            memory.run_for(ROUNDS);
        }
        assert_one_ring(&memory, 1);
        assert_every_lookup_is_right(&mut memory);
    }
}

#[test]
fn two_of_three_leave_at_once() {
    for (seed, config) in (1..).zip(configs()) {
        let mut memory = Memory::linked(3, config, seed);
        memory.run_for(ROUNDS);
        leave(&mut memory, 1);
        leave(&mut memory, 2);
        memory.run_for(DETECTION);
        assert_one_ring(&memory, 1);
        assert_every_lookup_is_right(&mut memory);
    }
}

#[test]
fn a_joiner_that_goes_before_it_is_known_leaves_the_other_alone() {
    let mut memory = Memory::new(2, 1);
    memory.link(1, config(4));
    for round in 0..2_000 {
        join(&mut memory, 1, 0, config(4));
        while !memory.node(1).expect("just inserted").is_member() {
            memory.run_for(Duration::from_micros(100));
        }
        let wait = memory.rng().below(40_000);
        memory.run_for(Duration::from_micros(wait));
        if round % 2 == 0 {
            leave(&mut memory, 1);
        } else {
            memory.remove(1);
        }
        memory.run_for(DETECTION);
        assert_one_ring(&memory, 1);
        assert_every_lookup_is_right(&mut memory);
    }
}

/// It may be cut off from nodes that live.
#[test]
fn a_node_that_lost_all_contacts_owns_nothing() {
    const NODES: usize = 6;
    for (seed, config) in (1..).zip(configs()) {
        let mut memory = Memory::linked(NODES, config, seed);
        memory.run_for(ROUNDS);
        (1..NODES as u32).for_each(|node| memory.remove(node));
        memory.run_for(DETECTION * 2);
        let node = memory.node(0).expect("it is still there");
        assert!(node.successors().is_empty() && node.predecessor().is_none(), "it lost them all");
        assert!(!node.is_alone());
        memory.events().for_each(drop);
        for token in 0..20 {
            let key = Id::random(memory.rng());
            memory.with(0, |node, cx| node.lookup(cx, key, token));
        }
        memory.run_for(DETECTION);
        let answered = memory.events().any(|(_, event)| matches!(event, Event::LookupDone(_)));
        assert!(!answered, "seed {seed}");
    }
}

/// A node is stopped while its only contact crashes. That one may have taken in others meanwhile.
#[test]
fn a_node_that_was_stopped_is_not_alone() {
    let mut memory = Memory::linked(2, config(4), 1);
    memory.run_for(ROUNDS);
    memory.stop(Some(0));
    memory.run_for(DETECTION);
    assert!(memory.node(1).expect("it runs").is_alone());
    memory.remove(1);
    memory.stop(None);
    memory.run_for(DETECTION);
    assert!(!memory.node(0).expect("it runs again").is_alone());
}

#[test]
fn two_that_took_each_other_for_dead_find_each_other_again() {
    let mut memory = Memory::linked(2, config(4), 1);
    memory.run_for(ROUNDS);
    memory.stop(Some(1));
    memory.run_for(DETECTION);
    assert!(memory.node(0).expect("it runs").is_alone());
    memory.stop(None);
    memory.run_for(ROUNDS);
    assert_one_ring(&memory, 2);
    assert_every_lookup_is_right(&mut memory);
}
