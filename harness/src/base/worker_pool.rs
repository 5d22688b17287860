//! Runs jobs on worker threads.
//!
//! **Invariant:** each job runs at most once, and its failure ends no other job.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Starts `work` for each of `runs`, in order, on `workers` threads. Calls `ended` on this thread
/// with each result as it arrives, or with `None` if `work` panicked. Starts no more work once
/// `interrupts` is not 0.
pub(crate) fn each<'r, R: Sync, T: Send>(
    runs: &'r [R],
    workers: usize,
    interrupts: &AtomicU32,
    work: impl Fn(&R) -> T + Sync,
    mut ended: impl FnMut(&'r R, Option<T>),
) {
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::sync_channel(workers);
    let (next, work) = (&next, &work);
    thread::scope(|scope| {
        for _ in 0..workers {
            let sender = sender.clone();
            scope.spawn(move || {
                while interrupts.load(Ordering::Relaxed) == 0 {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(run) = runs.get(index) else { break };
                    // A panic leaves nothing half-changed: `work` has only shared borrows.
                    let result = catch_unwind(AssertUnwindSafe(|| work(run))).ok();
                    if sender.send((run, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        results.into_iter().for_each(|(run, result)| ended(run, result));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_run_is_done_once_with_any_number_of_workers() {
        let runs: Vec<usize> = (0..50).collect();
        for workers in [1, 2, 7] {
            let mut seen = BTreeSet::new();
            let quiet = AtomicU32::new(0);
            each(
                &runs,
                workers,
                &quiet,
                |run| 2 * run,
                |&run, result| {
                    assert_eq!(result, Some(2 * run));
                    assert!(seen.insert(run));
                },
            );
            assert_eq!(seen.len(), 50);
        }
    }

    #[test]
    fn a_panic_ends_one_run_and_an_interrupt_starts_no_more() {
        let runs: Vec<usize> = (0..6).collect();
        let interrupts = AtomicU32::new(0);
        let work = |run: &usize| match run {
            // Unwinds as a panic does, without its message.
            1 => std::panic::resume_unwind(Box::new(())),
            3 => interrupts.store(1, Ordering::Relaxed),
            _ => {}
        };
        let mut ends = Vec::new();
        each(&runs, 1, &interrupts, work, |run, result| ends.push((*run, result.is_some())));
        assert_eq!(ends, [(0, true), (1, false), (2, true), (3, true)]);
    }
}
