//! The nodes leave the ring when the server stops, one after the other, if other processes are in it.
//!
//! A node that is carrying out an operation as an owner leaves after it. Nodes that have left stay for
//! [`LINGER`], outside the ring: to a question that was on its way they answer that they own nothing, or what
//! they have answered before. So a write that came from another process is confirmed, and not unknown.
//!
//! **Invariant:** all nodes have left within [`LEAVE_MAX`].

use std::time::Duration;

use hopwise_kernel::Time;

use super::Server;
use super::nodes::NodeShard;
use crate::serve::figures::Figure;

/// The time between the departures of two nodes, so that neighbours take note of each, and the most that all
/// of these take together.
const GAP: Duration = Duration::from_millis(20);
const LEAVE: Duration = Duration::from_secs(2);
/// After this time, nodes leave whatever they are doing.
const LEAVE_MAX: Duration = Duration::from_secs(4);
/// How long nodes that have left still answer.
const LINGER: Duration = Duration::from_secs(1);
/// How often a node that has to finish something is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// The departures of a shard.
#[derive(Debug)]
pub(super) struct Leaves {
    since: Time,
    next_at: Time,
    gap: Duration,
    /// When a node left last.
    last_at: Time,
}

impl Server {
    /// Lets nodes leave. Returns whether all have left, or need not.
    pub(super) fn leave(&mut self, shard: &mut NodeShard, now: Time) -> bool {
        if self.leaves.is_none() && !self.is_with_others(shard) {
            return true;
        }
        if self.leaves.is_none() {
            // Clients go on elsewhere at once.
            let tokens: Vec<u64> = self.connections.iter().map(|(token, _)| token).collect();
            tokens.into_iter().for_each(|token| self.close(shard, token));
        }
        let nodes = self.live.len().max(1) as u32;
        let leaves = self.leaves.get_or_insert_with(|| Leaves {
            since: now,
            next_at: now,
            last_at: now,
            gap: GAP.min(LEAVE / nodes),
        });
        let is_late = now.since(leaves.since) >= LEAVE_MAX;
        while leaves.next_at <= now || is_late {
            let is_ready =
                |&place: &u32| is_late || shard.node(place).is_none_or(|node| node.is_idle());
            let Some(at) = self.live.iter().position(is_ready) else {
                // None is left, or all have to finish something.
                leaves.next_at = now + LOOK;
                break;
            };
            leaves.next_at = leaves.next_at.max(now) + leaves.gap;
            leaves.last_at = now;
            let place = self.live.swap_remove(at);
            self.watched.gone(self.peers[place as usize].id, true);
            shard.with(place, |node, cx| node.leave(cx, |ring, cx| ring.leave(cx)));
            if let Some(node) = shard.node(place) {
                self.published.keep(node);
            }
            self.tasks.on_crash(now, place);
            self.shared.figures[self.index].publish(Figure::Nodes, self.live.len() as u64);
            if self.live.is_empty() {
                break;
            }
        }
        self.live.is_empty() && now.since(leaves.last_at) >= LINGER
    }

    /// Whether a neighbour of a node lies in another process.
    fn is_with_others(&self, shard: &NodeShard) -> bool {
        let ports = &self.shared.ports;
        let nodes = self.live.iter().filter_map(|&place| shard.node(place));
        let mut neighbours = nodes.flat_map(|node| node.router().successors());
        neighbours.any(|peer| {
            let own = self.peers.first().map_or(peer.address.ip, |own| own.address.ip);
            peer.address.ip != own || !ports.contains(&peer.address.port)
        })
    }
}
