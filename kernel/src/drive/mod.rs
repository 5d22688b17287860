//! What drivers of nodes need: timers and counters.
//!
//! **Invariant:** no I/O, no clock.

pub mod counters;
pub mod timers;
pub mod wheel;

pub use counters::Counters;
pub use timers::{Due, Timers};
pub use wheel::{TICK_NS, TimerWheel};
