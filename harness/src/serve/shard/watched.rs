//! What the shard tells a live page: its nodes, some of their messages, and the tables of a small ring.
//!
//! **Invariant:** changes no node.

use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::{Id, Node as _, Time};

use super::Server;
use super::nodes::NodeShard;
use crate::live::Feed;
use crate::live::feed::{NodeTables, ShardFeed};
use crate::systems::ring::neighborhood;

/// Time between two looks.
const PERIOD: Duration = Duration::from_millis(20);

/// The part of a shard in a live page, if there is one.
#[derive(Debug, Default)]
pub(super) struct Watched {
    page: Option<(Arc<Feed>, ShardFeed)>,
    next: Time,
}

impl Watched {
    /// When there is something to tell.
    pub(super) fn next_due(&self) -> Time {
        if self.page.is_some() { self.next } else { Time::NEVER }
    }

    /// A node has become a member.
    pub(super) fn joined(&self, node: Id) {
        if let Some((feed, _)) = &self.page {
            feed.joined(node);
        }
    }

    /// A node has left, announced, or crashed.
    pub(super) fn gone(&self, node: Id, announced: bool) {
        if let Some((feed, _)) = &self.page {
            feed.gone(node, announced);
        }
    }
}

impl Server {
    /// Tells `feed` from here on.
    pub(crate) fn show_on(&mut self, feed: Arc<Feed>) {
        self.live.iter().for_each(|&place| feed.joined(self.peers[place as usize].id));
        self.watched.page = Some((feed.clone(), ShardFeed::new(feed)));
    }

    /// Tells messages and tables from time to time.
    pub(super) fn show(&mut self, shard: &mut NodeShard, now: Time) {
        let Watched { page: Some((_, feed)), next } = &mut self.watched else { return };
        if now < *next {
            return;
        }
        *next = now + PERIOD;
        let successors = usize::from(self.shared.replicas);
        feed.turn(shard.tap());
        feed.turn_tables(|| {
            let nodes = self.live.iter().filter_map(|&place| shard.node(place));
            NodeTables::of(
                nodes.map(|node| (node.peer().id, neighborhood(node.router(), successors))),
            )
        });
    }
}
