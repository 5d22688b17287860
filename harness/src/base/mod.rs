//! Helpers for every room: hash maps, random values, files, the wall clock, worker threads, CPU time.
//!
//! **Invariant:** uses no other room.

pub(crate) mod cpu_time;
pub(crate) mod descriptors;
pub(crate) mod hash;
pub(crate) mod nanoseconds;
pub(crate) mod quiet_panics;
pub(crate) mod random;
pub(crate) mod sampling;
pub(crate) mod skip;
pub(crate) mod text_file;
pub mod wall_clock;
pub(crate) mod whole_file;
pub(crate) mod worker_pool;
