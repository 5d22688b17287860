//! Joining the ring of another process.
//!
//! **Invariant:** at most [`MAX_JOINING`] nodes of a shard join at a time; one whose join fails tries again
//! through another member.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hopwise_kernel::node::MAX_BOOTSTRAPS;
use hopwise_kernel::{Peer, Time};
use smallvec::SmallVec;

use super::Server;
use super::nodes::NodeShard;
use crate::serve::figures::Figure;

/// The most nodes of a shard that join at a time.
const MAX_JOINING: usize = 32;
/// Time between two looks at nodes that have joined and may lack items.
const LOOK: Duration = Duration::from_millis(50);

/// The nodes of a shard that are to join.
#[derive(Debug)]
pub(crate) struct Joins {
    /// Places of nodes whose join has not begun, or has failed.
    pub(crate) waiting: Vec<u32>,
    /// Members of the ring.
    pub(crate) bootstraps: Arc<Vec<Peer>>,
    joining: BTreeSet<u32>,
    look_at: Time,
    /// Set once all nodes are members and have the items of their ranges.
    has_started: Arc<AtomicBool>,
    is_over: bool,
}

impl Joins {
    /// Nodes at these places are to join through `bootstraps`. `has_started` is set when they have.
    pub(crate) fn new(
        waiting: Vec<u32>,
        bootstraps: Arc<Vec<Peer>>,
        has_started: Arc<AtomicBool>,
    ) -> Joins {
        let (joining, look_at) = (BTreeSet::new(), Time::ZERO);
        Joins { waiting, bootstraps, joining, look_at, has_started, is_over: false }
    }

    /// When there is something to do without being told.
    pub(super) fn next_due(&self) -> Time {
        if self.is_over { Time::NEVER } else { self.look_at }
    }
}

impl Server {
    /// Begins joins, and looks whether all are over.
    pub(super) fn turn_joins(&mut self, shard: &mut NodeShard, now: Time) {
        if self.joins.is_over {
            return;
        }
        while self.joins.joining.len() < MAX_JOINING
            && let Some(place) = self.joins.waiting.pop()
        {
            let bootstraps = &self.joins.bootstraps;
            let Some(count) = u64::try_from(bootstraps.len()).ok().filter(|&count| count > 0)
            else {
                return;
            };
            // Any of them may be dead by now.
            let mut known: SmallVec<[Peer; MAX_BOOTSTRAPS]> = SmallVec::new();
            for _ in 0..MAX_BOOTSTRAPS {
                let bootstrap = bootstraps[shard.rng().below(count) as usize];
                if !known.contains(&bootstrap) {
                    known.push(bootstrap);
                }
            }
            self.joins.joining.insert(place);
            shard.with(place, |node, cx| {
                node.with_router(cx, |ring, cx| ring.join(cx, &known));
            });
        }
        if now < self.joins.look_at {
            return;
        }
        self.joins.look_at = now + LOOK;
        let is_ready = |&place: &u32| shard.node(place).is_some_and(|node| node.is_ready());
        if self.joins.joining.is_empty() && self.live.iter().all(is_ready) {
            self.joins.is_over = true;
            self.joins.has_started.store(true, Ordering::Release);
        }
    }

    /// The node at `place` has become a member, or its join has failed.
    pub(super) fn on_join_end(&mut self, place: u32, is_member: bool) {
        if !self.joins.joining.remove(&place) {
            return;
        }
        if is_member {
            self.live.push(place);
            self.watched.joined(self.peers[place as usize].id);
            self.shared.figures[self.index].publish(Figure::Nodes, self.live.len() as u64);
        } else {
            self.joins.waiting.push(place);
        }
    }
}
