//! Figures for others to read, as OpenMetrics.
//!
//! The page asks for no password, so it is shown on this machine only.
//!
//! **Invariant:** reads what shards have published, and never waits for a shard.

mod page;
mod responder;

pub(crate) use self::responder::serve;
