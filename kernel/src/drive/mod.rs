//! Building blocks of drivers: timers, counters, and what to drop from long queues. And two drivers: [`Host`] for
//! one node in an event loop of one's own, [`Memory`] for tests.
//!
//! **Invariant:** no I/O, no clock.

pub mod counters;
pub mod deferred;
pub mod heavy_origins;
pub mod host;
pub mod memory;
pub mod queue_delay;
mod reports;
pub mod tap;
pub mod timers;
pub mod transit;
pub mod wheel;

pub use counters::Counters;
pub use deferred::Deferred;
pub use heavy_origins::HeavyOrigins;
pub use host::Host;
pub use memory::Memory;
pub use queue_delay::QueueDelay;
#[cfg(feature = "reactor")]
pub(crate) use reports::Reports;
pub use tap::{Tap, Tapped};
pub use timers::{Due, Timers};
pub use transit::Transit;
pub use wheel::{TICK_NS, TimerWheel};
