//! Publishing the figures of a shard, and the texts made of them.
//!
//! **Invariant:** counts never fall, also when the nodes that counted are gone.

use std::fmt::Write;
use std::time::Duration;

use hopwise_kernel::Time;
use hopwise_kernel::store::StoreCounts;

use super::Server;
use super::nodes::{Node, NodeShard};
use crate::resp::Reply;
use crate::serve::figures::{FIGURES, Figure};
use crate::serve::shared::Shared;

/// Time between two publications.
const PERIOD: Duration = Duration::from_millis(250);

/// What was published, and what nodes that are gone have counted.
#[derive(Debug, Default)]
pub(super) struct Published {
    next: Time,
    gone: StoreCounts,
}

impl Published {
    /// When to publish next.
    pub(super) fn next_due(&self) -> Time {
        self.next
    }

    /// Keeps the counts of a node that is gone.
    pub(super) fn keep(&mut self, node: &Node) {
        add(&mut self.gone, &node.counts());
    }
}

impl Server {
    /// Publishes the figures of this shard from time to time.
    pub(super) fn publish(&mut self, shard: &NodeShard, now: Time) {
        if now < self.published.next {
            return;
        }
        self.published.next = now + PERIOD;
        let (mut counts, mut items, mut bytes) = (self.published.gone, 0, 0);
        for node in self.live.iter().filter_map(|&place| shard.node(place)) {
            add(&mut counts, &node.counts());
            items += u64::from(node.items());
            bytes += u64::from(node.bytes());
        }
        let counters = shard.counters();
        let (newest, older) = shard.sockets_by_version();
        let figures = &self.shared.figures[self.index];
        for (figure, value) in [
            (Figure::Nodes, self.live.len() as u64),
            (Figure::Items, items),
            (Figure::Bytes, bytes),
            (Figure::Reads, counts.reads),
            (Figure::Writes, counts.writes),
            (Figure::Conflicts, counts.conflicts),
            (Figure::Repairs, counts.repairs),
            (Figure::RepairBytes, counts.repair_bytes),
            (Figure::DigestBytes, counts.digest_bytes),
            (Figure::Full, counts.full),
            (Figure::Messages, counters.received),
            (Figure::Datagrams, counters.datagrams),
            (Figure::Connections, self.connections.len() as u64),
            (Figure::InProgress, self.tasks.len() as u64),
            (Figure::Keys, self.ledger.len() as u64),
            (Figure::KeysBeyond, self.ledger.beyond()),
            (Figure::Receivers, self.receivers.count()),
            (Figure::Lost, self.receivers.lost()),
            (Figure::NewestSockets, newest as u64),
            (Figure::OlderSockets, older as u64),
        ] {
            figures.publish(figure, value);
        }
    }
}

/// The reply to `INFO`.
pub(super) fn info(shared: &Shared, now_ms: u64) -> String {
    let uptime_s = now_ms.saturating_sub(shared.start_ms) / 1000;
    let mut text = format!("# Server\r\nserver_name:hopwise\r\nuptime_in_seconds:{uptime_s}\r\n");
    // Writing to memory cannot fail.
    let _ = write!(text, "replicas:{}\r\nwire_version:{}\r\n", shared.replicas, shared.wire);
    text += "\r\n# Figures\r\n";
    for about in FIGURES {
        let _ = write!(text, "{}:{}\r\n", about.name, shared.sum(about.figure));
    }
    text += "\r\n# Users\r\n";
    for user in shared.users.all() {
        let counts = user.account.counts();
        let _ = write!(
            text,
            "user_{}:requests={},bytes_in={},bytes_out={},bytes_stored={},refused={}\r\n",
            user.name,
            counts.requests,
            counts.bytes_in,
            counts.bytes_out,
            counts.stored,
            counts.refused,
        );
    }
    text
}

/// The reply to `HOPWISE.TOPOLOGY`.
pub(super) fn topology(shared: &Shared) -> Reply {
    let number = |count: u64| Reply::Integer(count as i64);
    let shards = shared.figures.iter().zip(&shared.ports).map(|(figures, &port)| {
        Reply::Map(vec![
            ("port", number(port.into())),
            ("nodes", number(figures.of(Figure::Nodes))),
            ("items", number(figures.of(Figure::Items))),
            ("bytes", number(figures.of(Figure::Bytes))),
            ("connections", number(figures.of(Figure::Connections))),
        ])
    });
    Reply::Map(vec![
        ("nodes", number(shared.sum(Figure::Nodes))),
        ("replicas", number(shared.replicas.into())),
        ("items", number(shared.sum(Figure::Items))),
        ("shards", Reply::Array(shards.collect())),
    ])
}

fn add(to: &mut StoreCounts, more: &StoreCounts) {
    to.reads += more.reads;
    to.writes += more.writes;
    to.conflicts += more.conflicts;
    to.repairs += more.repairs;
    to.repair_bytes += more.repair_bytes;
    to.digest_bytes += more.digest_bytes;
    to.full += more.full;
}
