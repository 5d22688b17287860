//! Crashing nodes on request.
//!
//! **Invariant:** each shard keeps one node, so that its clients are served.

use std::collections::VecDeque;
use std::time::Duration;

use hopwise_kernel::Time;

use super::Server;
use super::nodes::NodeShard;
use crate::resp::Reply;
use crate::serve::figures::Figure;
use crate::serve::shared::{CrashOrder, Letter};
use crate::serve::slab::Slab;

/// Crashes that are to come, and orders that other shards have not answered yet.
#[derive(Debug, Default)]
pub(super) struct Crashes {
    /// When nodes crash, in order.
    due: VecDeque<Time>,
    orders: Slab<Order>,
}

/// An order of a client.
#[derive(Debug)]
struct Order {
    connection: u64,
    sequence: u64,
    /// Shards that have not answered.
    waiting: usize,
    /// Nodes that have crashed, or will.
    crashed: u32,
}

impl Crashes {
    /// When the next node crashes.
    pub(super) fn next_due(&self) -> Time {
        self.due.front().copied().unwrap_or(Time::NEVER)
    }
}

impl Server {
    /// Gives the order of a client to all shards.
    pub(super) fn order_crash(&mut self, token: u64, count: u32, over: Duration) {
        let shards = self.shared.mailboxes.len();
        let live = (0..shards).map(|shard| self.shared.figures[shard].of(Figure::Nodes) as u32);
        let live: Vec<u32> = live.collect();
        let most: u32 = live.iter().map(|live| live.saturating_sub(1)).sum();
        if count > most {
            let why =
                format!("ERR at most {most} nodes can crash: each of {shards} shards keeps one");
            return self.answer_now(token, &Reply::error(why));
        }
        let Some(connection) = self.connections.at_mut(token) else { return };
        let sequence = connection.begin(connection.version);
        connection.barrier = Some(sequence);
        let order = Order { connection: token, sequence, waiting: shards, crashed: 0 };
        let from = (self.index, self.crashes.orders.insert(order));
        for (shard, count) in shares(count, &live).into_iter().enumerate() {
            // Its own mailbox as well, so that all shards crash nodes at the same time.
            self.send(shard, Letter::Crash(CrashOrder { count, over, from }));
        }
    }

    /// Crashes nodes of this shard, or plans to.
    pub(super) fn on_crash_order(&mut self, shard: &mut NodeShard, order: CrashOrder, now: Time) {
        let planned = self.crashes.due.len();
        let room = self.live.len().saturating_sub(1 + planned);
        let count = order.count.min(room as u32);
        for index in 0..count {
            self.crashes.due.push_back(now + order.over * index / count);
        }
        self.crashes.due.make_contiguous().sort_unstable();
        self.crash_due(shard, now);
        self.send(order.from.0, Letter::Crashed(order.from.1, count));
    }

    /// Takes note that a shard has carried out an order.
    pub(super) fn on_crashed(&mut self, order: u64, count: u32) {
        let Some(at) = self.crashes.orders.at_mut(order) else { return };
        at.crashed += count;
        at.waiting -= 1;
        if at.waiting > 0 {
            return;
        }
        let Some(order) = self.crashes.orders.remove(order) else { return };
        if let Some(connection) = self.connections.at_mut(order.connection) {
            connection.end(order.sequence, &[], &Reply::Integer(order.crashed.into()));
        }
        self.queue(order.connection);
    }

    /// Crashes the nodes that are due.
    pub(super) fn crash_due(&mut self, shard: &mut NodeShard, now: Time) {
        while self.crashes.next_due() <= now && self.live.len() > 1 {
            self.crashes.due.pop_front();
            let at = shard.rng().below(self.live.len() as u64) as usize;
            let place = self.live.swap_remove(at);
            self.watched.gone(self.peers[place as usize].id, false);
            if let Some(node) = shard.remove(place) {
                self.published.keep(&node);
            }
            self.tasks.on_crash(now, place);
            self.shared.figures[self.index].publish(Figure::Nodes, self.live.len() as u64);
        }
    }
}

/// Divides `count` nodes among shards with so many live nodes, in proportion to these; each shard keeps
/// one.
fn shares(count: u32, live: &[u32]) -> Vec<u32> {
    let all: u64 = live.iter().map(|&live| u64::from(live)).sum();
    let share = |live: u32| (u64::from(count) * u64::from(live) / all.max(1)) as u32;
    let mut shares: Vec<u32> =
        live.iter().map(|&live| share(live).min(live.saturating_sub(1))).collect();
    let mut left = count - shares.iter().sum::<u32>().min(count);
    while left > 0 {
        let before = left;
        for (share, &live) in shares.iter_mut().zip(live) {
            if left > 0 && *share + 1 < live {
                *share += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_in_proportion_and_leave_one_node_each() {
        assert_eq!(shares(30, &[50, 50]), [15, 15]);
        assert_eq!(shares(33, &[50, 50]), [17, 16]);
        assert_eq!(shares(0, &[50, 50]), [0, 0]);
        assert_eq!(shares(98, &[50, 50]), [49, 49]);
        assert_eq!(shares(9, &[1, 10]), [0, 9]);
        assert_eq!(shares(5, &[1, 1]), [0, 0]);
    }
}
