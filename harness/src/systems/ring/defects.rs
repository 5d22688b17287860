//! Rings whose nodes have a defect, for tests of the checks that must find it.
//!
//! **Invariant:** compiled only with the feature `defects`.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_kernel::ring::{Defect, RingConfig};

use super::RingSystem;
use crate::Scenario;
use crate::engine::sim;
use crate::live::Progress;
use crate::measure::{EngineError, Measured, Observers};
use crate::plug::Setting;
use crate::workload::KeyWorkload;

/// Simulates `scenario` with ring nodes that have `defect`.
///
/// # Errors
///
/// Why it could not run; see [`EngineError`].
pub fn run_with_defect(scenario: &Scenario, defect: Defect) -> Result<Measured, EngineError> {
    let wrong = |setting: &Setting<'_, KeyWorkload>| {
        let right = super::config(setting.scenario, setting.most_nodes);
        let config = Arc::new(RingConfig { defect: Some(defect), ..right });
        Ok(RingSystem { config, place_samples: 0 })
    };
    let progress = Progress::new(true, Duration::ZERO);
    sim::simulate(scenario, wrong, &AtomicU32::new(0), &progress, Observers::default())
}
