//! Building blocks of drivers: timers and counters. And two drivers: [`Host`] for one node in an
//! event loop of one's own, [`Memory`] for tests.
//!
//! **Invariant:** no I/O, no clock.

pub mod counters;
pub mod host;
pub mod memory;
mod reports;
pub mod timers;
pub mod wheel;

pub use counters::Counters;
pub use host::Host;
pub use memory::Memory;
#[cfg(feature = "reactor")]
pub(crate) use reports::Reports;
pub use timers::{Due, Timers};
pub use wheel::{TICK_NS, TimerWheel};
