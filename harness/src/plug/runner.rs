//! The interface of engines.
//!
//! **Invariant:** an engine runs any [`System`] and knows none.

use std::sync::atomic::AtomicU32;

use super::System;
use crate::Scenario;
use crate::live::Progress;
use crate::measure::{EngineError, Measured, Observers};

/// An engine: runs nodes of any system.
pub trait Runner {
    /// Runs a scenario with nodes of `S`, to its end or until `interrupts` is not 0.
    /// `observers` look on; a log among them is ended.
    ///
    /// # Errors
    ///
    /// If the scenario cannot run; see [`EngineError`].
    fn run_system<S: System>(
        &self,
        scenario: &Scenario,
        interrupts: &AtomicU32,
        progress: &Progress,
        observers: Observers<'_>,
    ) -> Result<Measured, EngineError>;
}
