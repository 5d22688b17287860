//! The number of runs at a time.
//!
//! **Invariant:** a run that measures the host has the host to itself.

use std::num::NonZeroUsize;
use std::thread;

use crate::scenario::{Engine, Scenario};

/// Whether this run must run alone, because it measures the host.
pub(super) fn runs_alone(scenario: &Scenario) -> bool {
    match scenario.engine {
        Engine::Udp => true,
        Engine::Sim => false,
    }
}

/// The number of runs at a time: `requested`, or else as many as the cores allow. 1 if any run must
/// run alone.
pub(super) fn workers<'a>(
    runs: impl Iterator<Item = &'a Scenario> + Clone,
    requested: Option<NonZeroUsize>,
) -> usize {
    if runs.clone().any(runs_alone) {
        return 1;
    }
    let widest = runs.clone().map(Scenario::thread_count).max().unwrap_or(1);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    requested.map_or((cores / widest).max(1), usize::from).min(runs.count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::Registry;

    #[test]
    fn runs_that_measure_the_host_run_alone() {
        let scenario = Registry::built_in().schema().default_scenario();
        let over_udp = vec![scenario; 9];
        assert_eq!(workers(over_udp.iter(), NonZeroUsize::new(4)), 1);
    }
}
