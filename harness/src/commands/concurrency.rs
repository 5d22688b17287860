//! How many runs go on at a time.
//!
//! **Invariant:** a run that measures the host has it to itself.

use std::num::NonZeroUsize;
use std::thread;

use crate::scenario::{Engine, Scenario};

/// Whether a run takes the whole host and measures it, so that nothing may run beside it.
pub(super) fn runs_alone(scenario: &Scenario) -> bool {
    match scenario.engine {
        Engine::Udp => true,
        Engine::Sim => false,
    }
}

/// Runs at a time: as many as asked for, or else as the cores can take; one if any runs alone.
pub(super) fn workers<'a>(
    runs: impl Iterator<Item = &'a Scenario> + Clone,
    asked: Option<NonZeroUsize>,
) -> usize {
    if runs.clone().any(runs_alone) {
        return 1;
    }
    let widest = runs.clone().map(Scenario::thread_count).max().unwrap_or(1);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    asked.map_or((cores / widest).max(1), usize::from).min(runs.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_measures_the_host_runs_alone() {
        let over_udp = vec![Scenario::default(); 9];
        assert_eq!(workers(over_udp.iter(), NonZeroUsize::new(4)), 1);
    }
}
