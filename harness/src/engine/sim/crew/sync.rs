//! What [`rounds`](super::rounds) takes from the system.

pub(super) use std::sync::atomic;
pub(super) use std::{hint, thread};

/// Times a waiting thread checks for its turn before it sleeps.
pub(super) const SPINS: u32 = 4096;
