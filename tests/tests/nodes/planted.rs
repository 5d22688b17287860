//! Planted mistakes of the store and of the failure detector: a campaign must find each of them.
//!
//! A campaign is a law that holds for all seeds. The correct nodes pass it with each seed that is run.
//!
//! **Invariant:** everything follows from the seed, so a finding can be replayed.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::time::Duration;

use hopwise_kernel::drive::Memory;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{Defect, Event, RingConfig, RingNode};
use hopwise_kernel::store::StoreDefect;
use hopwise_kernel::{Address, Rng, Time};
use hopwise_tests::LinkedRing;

use crate::linearizable::{Faults, Plan, trial};

/// Seeds within which each mistake must be found.
const SEEDS: u64 = 500;

/// Asserts that a campaign finds the defect. `first` is the first seed that does (results/planted.md). If the nodes
/// have changed so that it does not any more, all seeds are tried. The correct nodes must pass with the seed that
/// finds the defect.
fn assert_found(law: impl Fn(u64, bool) -> Option<String>, defect: &str, first: u64) {
    let mut seeds = std::iter::once(first).chain(1..=SEEDS);
    let found = seeds.find_map(|seed| Some((seed, law(seed, true)?)));
    let (seed, why) = found.expect("none of the seeds shows the defect");
    println!("{defect}: seed {seed}: {why}");
    assert_eq!(law(seed, false), None, "seed {seed} of the correct nodes");
}

/// Why a trial of the store failed.
fn complaint(plan: Plan) -> Option<String> {
    let payload = catch_unwind(|| trial(plan)).err()?;
    let text = payload.downcast_ref::<String>().map(String::as_str);
    Some(text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned())
}

/// Asserts that random histories (see [`linearizable`](crate::linearizable)) show the defect.
fn assert_store_defect_is_found(plan: impl Fn(u64) -> Plan, defect: StoreDefect, first: u64) {
    let law = |seed, wrong: bool| complaint(plan(seed).with_defect(wrong.then_some(defect)));
    assert_found(law, &format!("{defect:?}"), first);
}

/// Without faults of the network.
fn calm(seed: u64) -> Plan {
    Plan::of(seed)
}

/// Messages are lost for moments.
fn lossy(seed: u64) -> Plan {
    Plan::of(seed).with_faults(Faults::Messages)
}

/// Messages are lost for moments, and no value is popular.
fn lossy_without_popular_values(seed: u64) -> Plan {
    lossy(seed).without_popular_values()
}

/// A ring of nodes of which none fails, while no message gets through from time to time. What is wrong, if
/// anything is:
///
/// * A node declares another one dead meanwhile. It hears from nobody, and needs longer to be sure than an
///   outage lasts.
/// * A node that declares another one dead afterwards does not take that back at once. It asks that node a
///   last time, and is answered.
fn broken_promise_of_detector(seed: u64, defect: Option<Defect>) -> Option<String> {
    const OUTAGES: usize = 4;
    const LONGEST: Duration = Duration::from_millis(1_500);
    const PAUSE: Duration = Duration::from_secs(15);
    const ANSWERED: Duration = Duration::from_secs(1);
    const STEP: Duration = Duration::from_millis(10);
    let mut rng = Rng::new(seed, 11);
    let (nodes, successors) = (5 + rng.below(8) as usize, 3);
    let shape = Shape::for_ring(1, nodes, successors.into());
    let config = RingConfig { shape, successors, defect, ..RingConfig::default() };
    let mut memory = Memory::<RingNode>::linked(nodes, config, seed);
    for _ in 0..OUTAGES {
        memory.run_for(PAUSE);
        memory.events().for_each(drop);
        memory.set_copies(0);
        memory.run_for(Duration::from_micros(rng.below(LONGEST.as_micros() as u64)));
        for (node, event) in memory.events() {
            if let Event::DeclaredDead { peer } = event {
                return Some(format!("node {node} declared {peer:?} dead in an outage"));
            }
        }
        memory.set_copies(1);
        let mut dead: BTreeMap<(u32, Address), Time> = BTreeMap::new();
        let end = memory.now() + PAUSE;
        while memory.now() < end {
            memory.run_for(STEP);
            let now = memory.now();
            for (node, event) in memory.events() {
                match event {
                    Event::DeclaredDead { peer } => dead.insert((node, peer.address), now),
                    Event::Refuted { peer } => dead.remove(&(node, peer.address)),
                    _ => None,
                };
            }
            if let Some(((node, peer), _)) = dead.iter().find(|it| now.since(*it.1) > ANSWERED) {
                return Some(format!("node {node} still takes {peer:?} for dead, which answered"));
            }
        }
    }
    None
}

fn assert_detector_defect_is_found(defect: Defect, first: u64) {
    let law = |seed, wrong: bool| broken_promise_of_detector(seed, wrong.then_some(defect));
    assert_found(law, &format!("{defect:?}"), first);
}

#[test]
fn a_majority_of_copies_is_not_enough() {
    assert_store_defect_is_found(lossy, StoreDefect::MajoritySuffices, 3);
}

#[test]
fn one_source_is_not_enough() {
    assert_store_defect_is_found(calm, StoreDefect::FirstSourceSuffices, 494);
}

#[test]
fn a_deletion_is_kept() {
    assert_store_defect_is_found(lossy_without_popular_values, StoreDefect::DeletionsPurged, 6);
}

#[test]
fn a_write_is_carried_out_once() {
    assert_store_defect_is_found(lossy_without_popular_values, StoreDefect::RepeatedWrite, 1);
}

#[test]
fn a_node_that_hears_nothing_doubts_itself() {
    assert_detector_defect_is_found(Defect::NoSelfDoubt, 1);
}

#[test]
fn a_node_that_answers_is_not_dead() {
    assert_detector_defect_is_found(Defect::AnsweredStaysDead, 1);
}

/// In 88, a node that was taken for dead was silent once more, and then counted as one that is only silent.
#[test]
fn a_death_that_was_a_mistake_is_taken_back() {
    for seed in (1..=20).chain([88]) {
        assert_eq!(broken_promise_of_detector(seed, None), None, "seed {seed}");
    }
}
