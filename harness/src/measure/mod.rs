//! Figures of a run: how they are counted, what they are put together to, and where they come from.
//!
//! **Invariant:** measures nothing itself; engines and directors fill it in.

pub mod histogram;
mod measured;
pub mod metrics;
pub mod outcome;
pub mod progress;
pub mod provenance;
pub mod tally;

pub use self::measured::{EngineError, Measured, Simulation};
