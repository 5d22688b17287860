//! What drivers of nodes need, and a driver for tests.
//!
//! **Invariant:** no I/O, no clock.

pub mod counters;
pub mod memory;
pub mod timers;
pub mod wheel;

pub use counters::Counters;
pub use memory::Memory;
pub use timers::{Due, Timers};
pub use wheel::{TICK_NS, TimerWheel};
