//! The runs of a sweep on worker threads.
//!
//! **Invariant:** each run is given to one worker; what goes wrong in it ends no other.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::plan::Planned;
use crate::scenario::{Engine, Scenario};

/// Whether a run takes the whole host and measures it, so that nothing may run beside it.
pub(super) fn runs_alone(scenario: &Scenario) -> bool {
    match scenario.engine {
        Engine::Udp => true,
        Engine::Sim => false,
    }
}

/// Runs at a time: as many as asked for, or else as the cores can take; one if any runs alone.
pub(super) fn workers(runs: &[Planned], asked: Option<NonZeroUsize>) -> usize {
    if runs.iter().any(|run| runs_alone(&run.scenario)) {
        return 1;
    }
    let widest = runs.iter().map(|run| run.scenario.thread_count()).max().unwrap_or(1);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    asked.map_or((cores / widest).max(1), usize::from).min(runs.len())
}

/// Calls `work` once for each of `runs` on `workers` threads, in order of beginning, and `ended`
/// on this thread with each result as it comes; `None` for one that panicked. No run begins once
/// `interrupts` is no longer 0.
pub(super) fn each<T: Send>(
    runs: &[&Planned],
    workers: usize,
    interrupts: &AtomicU32,
    work: impl Fn(&Planned) -> T + Sync,
    mut ended: impl FnMut(&Planned, Option<T>),
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
                    let Some(&run) = runs.get(index) else { break };
                    // A worker shares nothing with `work` but what it has borrowed as shared.
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

    fn runs(count: usize) -> Vec<Planned> {
        let label = |point: usize| format!("run {point}");
        let run = |point| Planned { point, scenario: Scenario::default(), label: label(point) };
        (0..count).map(run).collect()
    }

    #[test]
    fn each_run_is_done_once_whatever_the_workers() {
        let runs = runs(50);
        let runs: Vec<&Planned> = runs.iter().collect();
        for workers in [1, 2, 7] {
            let mut seen = BTreeSet::new();
            let quiet = AtomicU32::new(0);
            each(
                &runs,
                workers,
                &quiet,
                |run| 2 * run.point,
                |run, result| {
                    assert_eq!(result, Some(2 * run.point));
                    assert!(seen.insert(run.point));
                },
            );
            assert_eq!(seen.len(), 50);
        }
    }

    #[test]
    fn a_panic_ends_one_run_and_an_interrupt_all_that_have_not_begun() {
        let runs = runs(6);
        let runs: Vec<&Planned> = runs.iter().collect();
        let interrupts = AtomicU32::new(0);
        let work = |run: &Planned| match run.point {
            // Unwinds as a panic does, without its message.
            1 => std::panic::resume_unwind(Box::new(())),
            3 => interrupts.store(1, Ordering::Relaxed),
            _ => {}
        };
        let mut ends = Vec::new();
        each(&runs, 1, &interrupts, work, |run, result| ends.push((run.point, result.is_some())));
        assert_eq!(ends, [(0, true), (1, false), (2, true), (3, true)]);
    }

    #[test]
    fn what_measures_the_host_runs_alone() {
        assert_eq!(workers(&runs(9), NonZeroUsize::new(4)), 1);
    }
}
