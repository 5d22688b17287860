//! Rings whose nodes get the protocol wrong, for tests of what is to catch them.
//!
//! **Invariant:** compiled only with the feature `mistakes`.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_kernel::ring::{Mistake, RingConfig};

use super::RingSystem;
use crate::Scenario;
use crate::engine::sim;
use crate::measure::progress::Progress;
use crate::measure::{EngineError, Measured};
use crate::plug::Setting;

/// Simulates `scenario` with ring nodes that make `mistake`.
///
/// # Errors
///
/// As [`run`](crate::systems::run).
pub fn run_mistaken(scenario: &Scenario, mistake: Mistake) -> Result<Measured, EngineError> {
    let wrong = |setting: &Setting<'_>| {
        let right = super::config(setting.scenario, setting.most_nodes);
        Ok(RingSystem { config: Arc::new(RingConfig { mistake: Some(mistake), ..right }) })
    };
    let progress = Progress::new(true, Duration::ZERO);
    sim::simulate(scenario, wrong, &AtomicU32::new(0), &progress)
}
