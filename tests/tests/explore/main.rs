//! Small rings explored: every order in which messages arrive, requests time out, nodes join and fail, and
//! stabilize, within bounds. After every step the ring keeps what it [promises](promise).
//!
//! ```text
//! setup     the ring, who may join and fail, the bounds     network   takes a step
//! state     nodes and messages, and what may follow         promise   Zave's invariant, the exact ring
//! digest    which states are the same                       search    all states, or random walks
//! ```
//!
//! *What is explored.* The nodes of the kernel, r = 2. Members are linked at the start. Any of them may fail, as
//! far as the promise allows it. Nodes join through any member. A round of stabilize begins at any time. Messages
//! arrive in any order; some may arrive twice. Detection of failures is exact: a request times out when no
//! answer can come any more.
//!
//! *What is not.* Lost messages and live nodes that are taken for dead. Fingers are not refreshed; lookups are
//! those of joins alone. No node announces that it leaves, and no failed node comes back. Suspicion does not
//! expire, lost contacts are not asked, and a join is given up only when a node on its way has failed. A
//! message without a number (a notification, an introduction) is in flight once at most from one node to another.
//! A node joins through one bootstrap. Which messages [arrive at once](setup::AtOnce) is a bound of each setup.
//!
//! The figures of larger rings are in `results/explored.md`.
//!
//! **Invariant:** tests do not depend on time, and each setup names its bounds.

mod digest;
mod network;
mod promise;
mod search;
mod setup;
mod state;

use std::time::Instant;

use hopwise_kernel::ring::Defect;

use crate::search::{Order, Report, explore, walk};
use crate::setup::{ANY_ROUNDS, AtOnce, Setup};

/// More states than any complete search here has.
const MAX_STATES: usize = 1_000_000;
/// States within which a defect must show.
const STATES_TO_DEFECT: usize = 20_000;

const fn at_once(ring: &'static str, failures: u8, rounds: u8) -> Setup {
    Setup { at_once: AtOnce::Requests, ..Setup::of(ring, failures, rounds) }
}

const fn delayed(ring: &'static str, failures: u8, rounds: u8) -> Setup {
    Setup { at_once: AtOnce::Nothing, ..Setup::of(ring, failures, rounds) }
}

/// Explored completely in each run of the suite.
const SMALL: [Setup; 6] = [
    at_once("oooo", 0, ANY_ROUNDS),
    delayed("oooo", 1, 2),
    at_once("ooo+o", 1, 1),
    at_once("oooo++", 0, 1),
    at_once("oo+o+o", 0, 1),
    at_once("ooooo", 2, 2),
];

/// Walked through in each run of the suite.
const WALKED: [Setup; 3] =
    [delayed("oooo++", 2, 10), delayed("ooo+o+", 2, 10), delayed("oo+oo+", 2, 10)];

fn assert_complete(setup: Setup) -> Report {
    let report = explore(setup, Order::DepthFirst, MAX_STATES);
    assert_eq!(report.finding, None, "{setup:?}");
    assert!(report.is_complete, "{setup:?}");
    report
}

#[test]
fn small_rings_keep_the_promise_in_every_order() {
    let states: usize = SMALL.map(|setup| assert_complete(setup).states).into_iter().sum();
    assert!(states > 15_000, "{states}");
}

#[test]
fn random_walks_through_larger_rings_keep_the_promise() {
    for setup in WALKED {
        let report = walk(setup, 0..60);
        assert_eq!(report.finding, None, "{setup:?}");
        assert!(report.steps > 2_000 && report.rounds_to_exact > 0, "{report:?}");
    }
}

#[test]
fn a_search_is_the_same_each_time() {
    let setup = Setup { repeats: 1, ..delayed("ooo+o", 0, 0) };
    let [first, second] = [(); 2].map(|()| explore(setup, Order::DepthFirst, MAX_STATES));
    let breadth = explore(setup, Order::BreadthFirst, MAX_STATES);
    assert_eq!(first, second);
    assert!(first.is_complete && breadth.is_complete, "{first:?}");
    assert_eq!((first.states, first.at_rest), (breadth.states, breadth.at_rest));
}

/// The shortest way to a violation of the promise by nodes with `defect`.
fn finding(setup: Setup, defect: Defect) -> String {
    let setup = Setup { defect: Some(defect), ..setup };
    let report = explore(setup, Order::BreadthFirst, STATES_TO_DEFECT);
    let finding = report.finding.expect("the defect shows");
    println!("{defect:?}: {finding:?}");
    finding.broken
}

#[test]
fn self_as_successor_is_found() {
    let broken = finding(at_once("ooo+o", 0, 0), Defect::SelfAsSuccessor);
    assert!(broken.contains("too few members"), "{broken}");
}

#[test]
fn copying_the_first_entry_only_is_found() {
    let broken = finding(at_once("ooo+o", 1, 0), Defect::FirstEntryOnly);
    assert!(broken.contains("no live member"), "{broken}");
}

/// A predecessor that is not watched is never replaced after its failure.
#[test]
fn a_neighbor_that_is_not_probed_is_found() {
    for defect in [Defect::UnprobedSuccessor, Defect::UnprobedPredecessor] {
        let broken = finding(at_once("oooo", 1, 0), defect);
        assert!(broken.contains("the predecessor of node"), "{broken}");
    }
}

/// It takes a reply that arrives twice.
#[test]
fn a_stale_reply_is_found() {
    let setup = at_once("ooo+o", 0, 0);
    let broken = finding(Setup { repeats: 1, ..setup }, Defect::StaleReply);
    assert!(broken.contains("too few members"), "{broken}");
}

/// Explored completely, or walked through from this many seeds, for `results/explored.md`.
const LARGE: [(Setup, Option<u64>); 16] = [
    (at_once("oooo", 1, ANY_ROUNDS), None),
    (delayed("oooo", 1, ANY_ROUNDS), None),
    (at_once("ooo+o", 0, ANY_ROUNDS), None),
    (at_once("ooo+o", 1, 3), None),
    (delayed("ooo+o", 1, 1), None),
    (Setup { repeats: 1, ..delayed("ooo+o", 1, 1) }, None),
    (at_once("oooo++", 2, 1), None),
    (at_once("ooo+o+", 2, 1), None),
    (at_once("oo+oo+", 2, 1), None),
    (at_once("ooooo", 2, 3), None),
    (at_once("oooooo", 2, 2), None),
    (Setup { repeats: 1, ..delayed("oooo++", 2, 10) }, Some(20_000)),
    (Setup { repeats: 1, ..delayed("ooo+o+", 2, 10) }, Some(20_000)),
    (Setup { repeats: 1, ..delayed("oo+oo+", 2, 10) }, Some(20_000)),
    (Setup { repeats: 1, ..delayed("oooo+o+o", 2, 20) }, Some(20_000)),
    (Setup { repeats: 1, ..delayed("oooooo++", 2, 20) }, Some(20_000)),
];

/// Prints the rows of the table in `results/explored.md`.
#[test]
#[ignore = "takes minutes"]
fn larger_rings_keep_the_promise() {
    for (setup, seeds) in LARGE {
        #[expect(clippy::disallowed_methods, reason = "the table tells how long a search took")]
        let begun = Instant::now();
        let report = match seeds {
            None => explore(setup, Order::DepthFirst, 3 * MAX_STATES),
            Some(seeds) => walk(setup, 0..seeds),
        };
        let took_s = begun.elapsed().as_secs_f64();
        println!("{setup:?}\n  {took_s:.1} s, {report:?}");
        assert_eq!(report.finding, None, "{setup:?}");
    }
}
