//! What every room may use: random values, the wall clock, worker threads.
//!
//! **Invariant:** the rooms above are not known here.

pub(crate) mod sampling;
pub mod wall_clock;
pub(crate) mod worker_pool;
