//! The counters of a driver: messages by class, datagrams, drops by reason.
//!
//! **Invariant:** plain numbers, written by one thread.

use crate::codec::WireError;
use crate::node::{DropReason, MAX_CLASSES, MAX_DROP_REASONS, Protocol};

/// Counts since the driver's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages sent, by class: an index into [`Protocol::CLASSES`].
    pub messages: [u64; MAX_CLASSES],
    /// Bytes of those messages, each counted as if it traveled alone: frame, bundle header, and 28
    /// bytes of IPv4 and UDP headers.
    pub bytes: [u64; MAX_CLASSES],
    /// Messages received and handled by a node.
    pub received: u64,
    /// Datagrams sent.
    pub datagrams: u64,
    /// Dropped messages, by [`DropReason::index`].
    pub dropped: [u64; MAX_DROP_REASONS],
    /// Rejected datagrams, by [`WireError`].
    pub refused: [u64; WireError::ALL.len()],
    /// Datagrams longer than the configured size.
    pub oversized: u64,
    /// Datagrams that the operating system did not accept.
    pub unsent: u64,
    /// Messages that do not fit into a datagram.
    pub unsendable: u64,
    /// Contacts of lookups that did not answer in time; see
    /// [`RequestKind::is_contact`](crate::node::RequestKind::is_contact).
    pub timeouts: u64,
    /// Sent messages that [`Shard::emulate`](crate::reactor::Shard::emulate) lost.
    pub lost: u64,
    /// Retransmissions that were not necessary: an earlier attempt was answered.
    pub spurious: u64,
    /// Messages dropped because the queue of [`Shard::emulate`](crate::reactor::Shard::emulate)
    /// was full.
    pub delay_overflow: u64,
    /// Messages dropped because the queue of a node that was busy was full.
    pub queue_full: u64,
    /// Messages that start work for a lookup, dropped because they had waited too long in the queue
    /// of a busy node.
    pub waited_too_long: u64,
}

impl Counters {
    /// The difference to the earlier counts.
    #[must_use]
    pub fn since(&self, earlier: &Counters) -> Counters {
        let mut difference = *self;
        difference.combine(earlier, u64::wrapping_sub);
        difference
    }

    /// Adds the counts of another driver.
    pub fn merge(&mut self, other: &Counters) {
        self.combine(other, u64::wrapping_add);
    }

    /// All counts of drops with their names, for nodes that speak `P`.
    pub fn drops<P: Protocol>(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let dropped = DropReason::names(P::DROPS).zip(self.dropped);
        let refused = WireError::ALL.iter().map(|reason| reason.name()).zip(self.refused);
        let others = [
            ("oversized", self.oversized),
            ("unsent", self.unsent),
            ("unsendable", self.unsendable),
            ("lost", self.lost),
            ("delay_overflow", self.delay_overflow),
            ("queue_full", self.queue_full),
            ("waited_too_long", self.waited_too_long),
        ];
        dropped.chain(refused).chain(others)
    }

    fn combine(&mut self, other: &Counters, with: fn(u64, u64) -> u64) {
        fn each(to: &mut [u64], from: &[u64], with: fn(u64, u64) -> u64) {
            for (to, from) in to.iter_mut().zip(from) {
                *to = with(*to, *from);
            }
        }
        each(&mut self.messages, &other.messages, with);
        each(&mut self.bytes, &other.bytes, with);
        each(&mut self.dropped, &other.dropped, with);
        each(&mut self.refused, &other.refused, with);
        self.received = with(self.received, other.received);
        self.datagrams = with(self.datagrams, other.datagrams);
        self.oversized = with(self.oversized, other.oversized);
        self.unsent = with(self.unsent, other.unsent);
        self.unsendable = with(self.unsendable, other.unsendable);
        self.timeouts = with(self.timeouts, other.timeouts);
        self.lost = with(self.lost, other.lost);
        self.spurious = with(self.spurious, other.spurious);
        self.delay_overflow = with(self.delay_overflow, other.delay_overflow);
        self.queue_full = with(self.queue_full, other.queue_full);
        self.waited_too_long = with(self.waited_too_long, other.waited_too_long);
    }
}
