//! The systems that come with Hopwise: one implementation of [`System`](crate::plug::System) for each
//! value of the scenario's `system`, and the one place that knows which belongs to which.
//!
//! ```text
//!   Scenario ──run──▶ System ──▶ Runner::run_system::<S>() ──▶ nodes of S, built and asked through S
//!           (registry)            (an engine)
//! ```
//!
//! Another system is a module beside these and a line in [`run`].
//!
//! **Invariant:** no system knows another, but for the store, which knows the ring below it.

mod central;
pub mod flood;
mod items;
pub mod ring;
mod store;

use std::sync::atomic::AtomicU32;

pub use self::central::CentralSystem;
pub use self::flood::FloodSystem;
pub use self::ring::RingSystem;
pub use self::store::Stored;
use crate::Scenario;
use crate::measure::progress::Progress;
use crate::measure::{EngineError, Measured};
use crate::plug::Runner;
use crate::scenario::System as SystemKey;

/// Runs a scenario in `runner`, with nodes of the system that it names.
///
/// # Errors
///
/// As [`Runner::run_system`].
pub fn run(
    runner: &impl Runner,
    scenario: &Scenario,
    interrupts: &AtomicU32,
    progress: &Progress,
) -> Result<Measured, EngineError> {
    match scenario.system {
        SystemKey::Central => runner.run_system::<CentralSystem>(scenario, interrupts, progress),
        SystemKey::Flood => runner.run_system::<FloodSystem>(scenario, interrupts, progress),
        SystemKey::Ring if scenario.items.is_some() => {
            runner.run_system::<Stored<RingSystem>>(scenario, interrupts, progress)
        }
        SystemKey::Ring => runner.run_system::<RingSystem>(scenario, interrupts, progress),
    }
}
