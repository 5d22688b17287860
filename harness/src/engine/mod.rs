//! The engines: real sockets and the simulator.
//!
//! **Invariant:** an engine takes a [`Scenario`] and returns
//! [`Measured`]. It prints nothing and writes no file.

mod interruption;
mod lies;
mod memory;
mod planned_nodes;
pub mod sim;
mod store_work;
mod totals;
pub mod udp;

use std::sync::atomic::AtomicU32;

pub(crate) use self::interruption::Interruption;
use self::sim::SimEngine;
use self::udp::UdpEngine;
use crate::Scenario;
use crate::live::Progress;
use crate::measure::{EngineError, Measured, Observers};
use crate::plug::{Runner, System};
use crate::scenario::Engine;

/// Why a run over UDP has no traces.
const NO_TRACES: &str = "lookups are traced in the simulator only: add --engine sim";

/// Runs a scenario in its engine with nodes of `S`, from start to end or until `interrupts` is no
/// longer 0.
///
/// # Errors
///
/// Why it could not run; see [`EngineError`].
pub fn run<S: System>(
    scenario: &Scenario,
    interrupts: &AtomicU32,
    progress: &Progress,
    observers: Observers<'_>,
) -> Result<Measured, EngineError> {
    match scenario.engine {
        Engine::Udp if observers.tracer.is_some() => {
            Err(EngineError::Request(NO_TRACES.to_owned()))
        }
        Engine::Udp => UdpEngine.run_system::<S>(scenario, interrupts, progress, observers),
        Engine::Sim => SimEngine.run_system::<S>(scenario, interrupts, progress, observers),
    }
}
