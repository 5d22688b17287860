//! The threads of a simulation, in many orders of their steps.
//!
//! [`rounds`] is the file of the simulator, compiled with the threads and atomics of [`sync`]. They see each other's
//! writes in one order, as if all accesses were `SeqCst`: weaker orders are not tried.
//!
//! **Invariant:** a failure names the schedule that shows it.

#[path = "../../../harness/src/engine/sim/crew/rounds.rs"]
mod rounds;

mod sync;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::rounds::Rounds;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::thread::{self, Thread};

/// Runs so many rounds of `work` with helpers, and dismisses these. Returns what was done in each round.
fn run(
    threads: usize,
    shards: usize,
    rounds: u64,
    work: impl Fn(usize) -> u64 + Send + Sync + 'static,
) -> Vec<u64> {
    let crew = Arc::new(Rounds::new(threads, shards, work));
    let spawn = |index| {
        let crew = Arc::clone(&crew);
        thread::spawn(move || crew.help(index))
    };
    let (helpers, handles): (Vec<Thread>, Vec<_>) = (1..threads).map(spawn).unzip();
    let lead = AssertUnwindSafe(|| (1..=rounds).map(|round| crew.run(round, &helpers)).collect());
    let done = catch_unwind(lead);
    crew.dismiss(&helpers);
    handles.into_iter().for_each(|it| it.join().expect("a helper catches panics"));
    done.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Each shard counts the rounds it ran in, and checks that all have ended the round before.
fn count_rounds(threads: usize, shards: usize, rounds: u64) {
    let counts: Arc<Vec<AtomicU64>> = Arc::new((0..shards).map(|_| AtomicU64::new(0)).collect());
    let work = {
        let counts = Arc::clone(&counts);
        move |shard: usize| {
            let before = counts[shard].fetch_add(1, Ordering::SeqCst);
            for other in counts.iter() {
                let count = other.load(Ordering::SeqCst);
                assert!(count == before || count == before + 1, "{before} and {count} overlap");
            }
            1 + shard as u64
        }
    };
    let all = (1..=shards as u64).sum();
    assert_eq!(run(threads, shards, rounds, work), vec![all; rounds as usize]);
    assert!(counts.iter().all(|count| count.load(Ordering::SeqCst) == rounds));
}

#[test]
fn each_round_runs_each_shard_once_in_any_order() {
    for (threads, shards) in [(2, 2), (2, 3), (3, 2), (3, 3)] {
        shuttle::check_random(move || count_rounds(threads, shards, 3), 1_000);
        shuttle::check_pct(move || count_rounds(threads, shards, 3), 1_000, 3);
    }
}

/// The first of all orders, depth first.
#[test]
fn two_threads_end_a_round_in_similar_orders() {
    shuttle::check_dfs(|| count_rounds(2, 1, 1), Some(2_000));
}

#[test]
fn a_shard_that_breaks_ends_the_round_in_any_order() {
    let breaks = || {
        let work = |shard: usize| match shard {
            // Unwinds as a panic does, without its message.
            1 => resume_unwind(Box::new("a shard broke")),
            _ => 1,
        };
        let end = catch_unwind(AssertUnwindSafe(|| run(2, 2, 1, work)));
        assert_eq!(end.unwrap_err().downcast_ref(), Some(&"a shard broke"));
    };
    shuttle::check_random(breaks, 1_000);
}

#[test]
fn a_round_alone_runs_each_shard_once() {
    shuttle::check_random(
        || {
            let rounds = Rounds::new(1, 3, |shard| 1 + shard as u64);
            assert_eq!(rounds.run_alone(), 6);
        },
        1,
    );
}
