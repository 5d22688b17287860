//! Shared set-up of the benches: how they measure, what they measure it on, and the machine's own
//! cost of memory to compare with.
//!
//! **Invariant:** every input comes from a fixed seed; only measured times differ between runs.

pub mod baseline;
pub mod callgrind;
pub mod floors;
pub mod frames;
pub mod lines;
pub mod measure;
pub mod node;
pub mod packets;
pub mod paths;
pub mod reactors;
pub mod ring;
pub mod series;
pub mod statistics;
pub mod timers;
