//! A run while it goes on: the line on the terminal, and the feed of live pages.
//!
//! **Invariant:** what is shown never decides anything in a run.

pub mod feed;
mod progress;
mod snapshot;
mod sparkline;

pub use self::feed::Feed;
pub use self::progress::Progress;
pub use self::snapshot::Snapshot;
