//! Helpers for every room: random values, the wall clock, worker threads.
//!
//! **Invariant:** uses no other room.

pub(crate) mod nanoseconds;
pub(crate) mod sampling;
pub mod wall_clock;
pub(crate) mod worker_pool;
