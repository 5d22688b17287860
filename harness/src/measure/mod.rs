//! Figures of a run: counters and histograms, the outcome made from them, and the machine and build
//! they belong to.
//!
//! **Invariant:** nothing here runs or times anything; engines and directors record into it.

pub(crate) mod bound;
pub mod event_log;
pub mod growth;
pub mod health;
pub mod histogram;
pub mod join_times;
pub mod key_load;
mod measured;
pub mod metrics;
mod observers;
pub mod outcome;
pub mod provenance;
pub(crate) mod quantity;
pub mod series;
pub mod stored;
pub mod tally;
pub mod trace;
pub mod value_tally;

pub use self::measured::{EngineError, Measured, Simulation};
pub use self::observers::Observers;
