//! Shared set-up of the benches: timing, the objects under test, and the machine's own costs for
//! comparison.
//!
//! **Invariant:** every input comes from a fixed seed; only measured times differ between runs.

pub mod baseline;
pub mod callgrind;
pub mod exact;
pub mod floors;
pub mod frames;
pub mod lines;
pub mod measure;
pub mod node;
pub mod paths;
pub mod reactors;
pub mod ring;
pub mod series;
pub mod statistics;
pub mod timers;
