//! What a shard counts, published for everybody to read.
//!
//! **Invariant:** only the shard writes its figures; no reader makes it wait.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A figure of a shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(crate) enum Figure {
    /// Live nodes.
    Nodes,
    /// Items of all nodes.
    Items,
    /// Bytes of values of all nodes.
    Bytes,
    /// Reads answered by owners.
    Reads,
    /// Writes carried out by owners.
    Writes,
    /// Versions that won over one that their writer had not seen.
    Conflicts,
    /// Copies sent to mend others.
    Repairs,
    /// Bytes of these copies.
    RepairBytes,
    /// Bytes of the messages that compare ranges.
    DigestBytes,
    /// Items refused for want of room.
    Full,
    /// Messages between nodes.
    Messages,
    /// Datagrams between nodes.
    Datagrams,
    /// Connections.
    Connections,
    /// Commands in progress.
    InProgress,
    /// Requests of all connections.
    Requests,
    /// Bytes received from all connections.
    BytesIn,
    /// Bytes sent to all connections.
    BytesOut,
    /// Keys in the ledger.
    Keys,
    /// Keys that were written beyond the bound of the ledger.
    KeysBeyond,
    /// Keys whose messages connections receive.
    Receivers,
    /// Messages to connections that had no room for them.
    Lost,
    /// Sockets that are written to in the newest version of the wire format.
    NewestSockets,
    /// Sockets of programs that write in an older one.
    OlderSockets,
}

/// What a figure is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    /// The figure.
    pub(crate) figure: Figure,
    /// Its name.
    pub(crate) name: &'static str,
    /// What it counts.
    pub(crate) help: &'static str,
    /// Whether it never falls.
    pub(crate) is_counter: bool,
}

const fn gauge(figure: Figure, name: &'static str, help: &'static str) -> About {
    About { figure, name, help, is_counter: false }
}

const fn counter(figure: Figure, name: &'static str, help: &'static str) -> About {
    About { figure, name, help, is_counter: true }
}

/// All figures, in the order of their numbers.
pub(crate) const FIGURES: [About; 23] = [
    gauge(Figure::Nodes, "nodes", "Live nodes"),
    gauge(Figure::Items, "items", "Items of all nodes, with copies"),
    gauge(Figure::Bytes, "item_bytes", "Bytes of the values of all nodes, with copies"),
    counter(Figure::Reads, "owner_reads", "Reads answered by owners"),
    counter(Figure::Writes, "owner_writes", "Writes carried out by owners"),
    counter(Figure::Conflicts, "conflicts", "Versions that won over one unknown to their writer"),
    counter(Figure::Repairs, "repairs", "Copies sent to mend or hand over items"),
    counter(Figure::RepairBytes, "repair_bytes", "Bytes of copies sent to mend or hand over items"),
    counter(Figure::DigestBytes, "digest_bytes", "Bytes of messages that compare ranges of items"),
    counter(Figure::Full, "refused_full", "Items refused for want of room"),
    counter(Figure::Messages, "messages", "Messages between nodes"),
    counter(Figure::Datagrams, "datagrams", "Datagrams between nodes"),
    gauge(Figure::Connections, "connections", "Open connections"),
    gauge(Figure::InProgress, "commands_in_progress", "Commands in progress"),
    counter(Figure::Requests, "requests", "Requests of all connections"),
    counter(Figure::BytesIn, "bytes_in", "Bytes received from all connections"),
    counter(Figure::BytesOut, "bytes_out", "Bytes sent to all connections"),
    gauge(Figure::Keys, "accounted_keys", "Keys whose users and lives are known"),
    counter(Figure::KeysBeyond, "unaccounted_writes", "Writes of keys beyond the bound"),
    gauge(Figure::Receivers, "receivers", "Keys whose messages connections receive"),
    counter(Figure::Lost, "lost_messages", "Messages to connections without room for them"),
    gauge(
        Figure::NewestSockets,
        "wire_newest_sockets",
        "Sockets that a thread writes to in the newest version of the wire format, of all threads",
    ),
    gauge(
        Figure::OlderSockets,
        "wire_older_sockets",
        "Sockets that still write in an older version of the wire format, of all threads",
    ),
];

/// The figures of a shard.
#[derive(Debug, Default)]
pub(crate) struct Figures([AtomicU64; FIGURES.len()]);

impl Figures {
    /// The value of a figure.
    pub(crate) fn of(&self, figure: Figure) -> u64 {
        self.0[figure as usize].load(Relaxed)
    }

    /// Publishes the value of a figure.
    pub(crate) fn publish(&self, figure: Figure, value: u64) {
        self.0[figure as usize].store(value, Relaxed);
    }

    /// Adds to a figure.
    pub(crate) fn add(&self, figure: Figure, count: u64) {
        // No other thread writes it.
        self.publish(figure, self.of(figure) + count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_in_the_order_of_their_numbers() {
        assert!(FIGURES.iter().enumerate().all(|(at, about)| about.figure as usize == at));
    }
}
