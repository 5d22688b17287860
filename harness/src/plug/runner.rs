//! What an engine must do.
//!
//! **Invariant:** an engine takes any [`System`] and knows none.

use std::sync::atomic::AtomicU32;

use super::System;
use crate::Scenario;
use crate::measure::progress::Progress;
use crate::measure::{EngineError, Measured};

/// What runs nodes of any system: an engine.
pub trait Runner {
    /// Runs a scenario with nodes of `S`, from start to end or until `interrupts` is no longer 0.
    ///
    /// # Errors
    ///
    /// Why it could not run; see [`EngineError`].
    fn run_system<S: System>(
        &self,
        scenario: &Scenario,
        interrupts: &AtomicU32,
        progress: &Progress,
    ) -> Result<Measured, EngineError>;
}
