//! The worlds a scenario runs in, and what each of them gives back.
//!
//! **Invariant:** whatever an engine is, it takes a [`Scenario`] and gives [`Measured`]; it prints
//! nothing and writes no file.

mod planned_nodes;
pub mod sim;
mod totals;
pub mod udp;

use std::sync::atomic::AtomicU32;

use crate::Scenario;
use crate::measure::progress::Progress;
use crate::measure::{EngineError, Measured};

/// Where scenarios run.
pub trait Engine {
    /// Runs a scenario from start to end, or until `interrupts` is no longer 0.
    ///
    /// # Errors
    ///
    /// Why it could not run; see [`EngineError`].
    fn run(
        &self,
        scenario: &Scenario,
        interrupts: &AtomicU32,
        progress: &Progress,
    ) -> Result<Measured, EngineError>;
}
