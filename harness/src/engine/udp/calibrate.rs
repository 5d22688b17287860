//! Calibration over UDP: a closed loop on all shards, before the warm-up.
//!
//! **Invariant:** when it is over, none of its lookups is in progress any more, unless one has taken
//! longer than its deadline.

use std::sync::atomic::Ordering;

use super::control::{Control, Display, TURN};
use super::shard_end::ShardHandle;
use crate::director::calibration;
use crate::measure::EngineError;
use crate::plug::System;
use crate::workload::judge::Judge;

impl<S: System> Control<'_, S> {
    /// Finds the capacity in lookups per second, if the scenario needs it; `None` also if the user
    /// interrupts the run.
    pub(super) fn calibrate(
        &self,
        judge: &mut Judge<S::Workload>,
        display: &mut Display,
        handles: &[ShardHandle],
    ) -> Result<Option<f64>, EngineError> {
        if !self.scenario.workload.needs_capacity() {
            return Ok(None);
        }
        let start = self.clock.now();
        self.shared.calibrate_from.store(start.as_ns(), Ordering::Release);
        let end = start + calibration::LENGTH;
        let drained = end + self.scenario.workload.deadline + TURN * 5;
        loop {
            let now = self.turn(judge, display, "calibrate", handles)?;
            if self.interruption.is_requested() {
                return Ok(None);
            }
            // All shards have seen the end before the lookups in progress are counted.
            if now > drained || (now > end + TURN * 5 && self.in_progress() == 0) {
                break;
            }
        }
        let shards = self.shared.shards.iter();
        let completed = shards.map(|shard| shard.calibrated.load(Ordering::Relaxed)).sum();
        let capacity = calibration::capacity_per_s(completed).map_err(EngineError::Broken)?;
        self.shared.capacity_per_s.store(capacity.to_bits(), Ordering::Release);
        Ok(Some(capacity))
    }

    fn in_progress(&self) -> usize {
        let shards = self.shared.shards.iter();
        shards.map(|shard| shard.in_progress.load(Ordering::Relaxed)).sum()
    }
}
