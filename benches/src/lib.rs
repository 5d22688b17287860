//! Shared set-up of the benches: how they measure, the rings they route over, and the machine's
//! own cost of memory to compare with.
//!
//! **Invariant:** every input comes from a fixed seed; only measured times differ between runs.

pub mod lines;
pub mod measure;
pub mod ring;
