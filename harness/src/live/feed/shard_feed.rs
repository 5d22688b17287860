//! What one shard feeds.
//!
//! **Invariant:** reads nodes only while there are viewers, and a bounded number of them.

use std::sync::Arc;

use hopwise_kernel::drive::Tap;

use super::{Feed, NodeTables};

/// The part of one shard in a feed.
#[derive(Debug)]
pub struct ShardFeed {
    feed: Arc<Feed>,
    /// The last frame for which tables were told.
    frame: u64,
}

impl ShardFeed {
    /// The part of a shard in `feed`.
    #[must_use]
    pub fn new(feed: Arc<Feed>) -> ShardFeed {
        ShardFeed { feed, frame: 0 }
    }

    /// Feeds what has passed into `tap`, and chooses what passes next.
    pub fn turn(&mut self, tap: &mut Tap) {
        if !tap.is_empty() && self.feed.is_watched() {
            self.feed.messages(tap.take());
        }
        tap.choose(self.feed.choice());
    }

    /// Feeds the tables of the nodes of the shard, which `tables` returns, if the next frame should tell them.
    pub fn turn_tables(&mut self, tables: impl FnOnce() -> Vec<NodeTables>) {
        if self.feed.is_watched()
            && let Some(frame) = self.feed.frame_with_tables()
            && frame != self.frame
        {
            self.frame = frame;
            self.feed.tables(tables());
        }
    }
}
