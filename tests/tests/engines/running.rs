//! Runs of scenarios that a test writes as text.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::live::Progress;
use hopwise_harness::measure::Measured;
use hopwise_harness::systems::Registry;

/// Runs the scenario `toml` with this seed.
pub(crate) fn run_seed(toml: &str, seed: u64) -> Measured {
    let set = [("seed".to_owned(), seed.to_string())];
    let scenario =
        Registry::built_in().from_toml(toml, "test", &set).expect("the scenario is valid");
    let progress = Progress::new(true, Duration::ZERO);
    Registry::built_in().run(&scenario, &AtomicU32::new(0), &progress).expect("the scenario runs")
}
