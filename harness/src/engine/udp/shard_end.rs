//! What the thread of a shard returns.
//!
//! **Invariant:** plain data.

use std::thread;

use crate::engine::totals::Sums;

/// What a shard reports at its end, apart from its sums.
#[derive(Debug)]
pub(super) struct Conduct {
    /// Whether its thread is pinned, if that was requested.
    pub(super) pinned: bool,
    /// Records that were lost because the judge was too slow.
    pub(super) unjudged: u64,
}

/// The thread of a shard.
pub(super) type ShardHandle = thread::JoinHandle<std::io::Result<(Sums, Conduct)>>;
