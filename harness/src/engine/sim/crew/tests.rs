use std::hint;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;

/// Runs `rounds` rounds of `shards` shards. Each shard counts the rounds it ran in, and checks that all
/// shards have ended the round before.
fn count_rounds(threads: usize, shards: usize, rounds: u64) {
    let counts: Vec<AtomicU64> = (0..shards).map(|_| AtomicU64::new(0)).collect();
    let work = |shard: usize| {
        let before = counts[shard].fetch_add(1, Ordering::SeqCst);
        for other in &counts {
            let count = other.load(Ordering::SeqCst);
            assert!(count == before || count == before + 1, "rounds {before} and {count} overlap");
        }
        1
    };
    with_crew(threads, shards, work, |lead| {
        for round in 1..=rounds {
            lead.run_round();
            let all: Vec<u64> = counts.iter().map(|count| count.load(Ordering::SeqCst)).collect();
            assert!(all.iter().all(|&count| count == round), "round {round}: {all:?}");
        }
    });
}

#[test]
fn each_round_runs_each_shard_once_on_any_number_of_threads() {
    for (threads, shards) in [(1, 1), (1, 5), (2, 2), (2, 3), (3, 3), (8, 8), (8, 3)] {
        count_rounds(threads, shards, 2000);
    }
}

/// More threads than cores, and other programs on every core.
#[test]
fn rounds_end_while_every_core_is_busy() {
    let is_over = AtomicBool::new(false);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            });
        }
        count_rounds(cores + 6, cores + 6, 20_000);
        is_over.store(true, Ordering::Relaxed);
    });
}

/// Helpers that slept through rounds that the lead ran alone wake up again.
#[test]
fn helpers_come_back_after_a_sleep() {
    let helper_ran = AtomicBool::new(false);
    let lead = thread::current().id();
    let work = |_| {
        if thread::current().id() != lead {
            helper_ran.store(true, Ordering::SeqCst);
        }
        // Long enough for a helper to wake up and to take the other shard.
        thread::sleep(std::time::Duration::from_millis(2));
        1
    };
    with_crew(2, 2, work, |lead| {
        for _ in 0..3 {
            thread::sleep(std::time::Duration::from_millis(20));
            helper_ran.store(false, Ordering::SeqCst);
            (0..200)
                .take_while(|_| !helper_ran.load(Ordering::SeqCst))
                .for_each(|_| lead.run_round());
            assert!(helper_ran.load(Ordering::SeqCst), "the helper sleeps for ever");
        }
    });
}

#[test]
fn a_panic_of_any_thread_ends_the_crew() {
    for panics in [0, 1] {
        let work = |shard: usize| {
            if shard == panics {
                // Unwinds as a panic does, without its message.
                resume_unwind(Box::new("a shard broke"));
            }
            1
        };
        let end = catch_unwind(AssertUnwindSafe(|| with_crew(2, 2, work, |lead| lead.run_first())));
        assert_eq!(end.unwrap_err().downcast_ref(), Some(&"a shard broke"));
    }
}
