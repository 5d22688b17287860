//! A ring in memory: the same run every time, in virtual time.
//!
//! Twenty of a hundred nodes crash at once. Ten seconds later the others look up a thousand keys, and
//! every answer is compared with the truth. Exits with status 0 if all are right, and if a second run
//! gives the same.

use std::process::ExitCode;
use std::time::Duration;

use hopwise_kernel::drive::Memory;
use hopwise_kernel::ring::{Event, RingConfig, RingNode};
use hopwise_kernel::{Id, Node, Peer};

const NODES: u32 = 100;
const CRASHED: u32 = 20;
const LOOKUPS: u64 = 1000;

/// What came of a run.
#[derive(PartialEq, Eq, Debug, Default)]
struct Outcome {
    correct: u64,
    incorrect: u64,
    failed: u64,
    hops: u64,
    messages: u64,
}

fn main() -> ExitCode {
    let outcome = run(1);
    println!("{NODES} nodes, of which {CRASHED} crash, and {LOOKUPS} lookups: {outcome:?}");
    println!("mean {:.2} hops", outcome.hops as f64 / LOOKUPS as f64);
    let is_same = run(1) == outcome;
    println!("a second run with the same seed gives the same: {is_same}");
    if outcome.correct == LOOKUPS && is_same { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(seed: u64) -> Outcome {
    let mut memory = Memory::<RingNode>::new(NODES as usize, seed);
    let mut ring: Vec<Peer> = (0..NODES).map(|node| memory.peer(node)).collect();
    ring.sort_by_key(|peer| peer.id);
    for node in 0..NODES {
        memory.put(node, |me, rng| RingNode::new(me, RingConfig::default(), rng));
        memory.with(node, |node, cx| node.start_linked(cx, &ring));
    }
    // Places are in no order of identifiers: these are random nodes.
    (0..CRASHED).for_each(|node| memory.remove(node));
    memory.run_for(Duration::from_secs(10));

    for token in 0..LOOKUPS {
        let node = CRASHED + memory.rng().below(u64::from(NODES - CRASHED)) as u32;
        let key = Id::random(memory.rng());
        memory.with(node, |node, cx| node.lookup(cx, key, token));
    }
    memory.run_for(Duration::from_secs(10));

    let mut live: Vec<Id> = memory.nodes().map(|node| node.peer().id).collect();
    live.sort();
    let owner_of = |key: Id| live[live.partition_point(|&id| id < key) % live.len()];
    let messages = memory.counters().messages.iter().sum();
    let mut outcome = Outcome { messages, ..Outcome::default() };
    for (_, event) in memory.events() {
        match event {
            Event::LookupDone(done) if done.owner.id == owner_of(done.key) => {
                outcome.correct += 1;
                outcome.hops += u64::from(done.hops);
            }
            Event::LookupDone(_) => outcome.incorrect += 1,
            Event::LookupFailed { .. } => outcome.failed += 1,
            _ => {}
        }
    }
    outcome
}
