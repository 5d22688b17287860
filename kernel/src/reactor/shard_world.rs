//! The world of a shard's nodes: sends their messages, keeps their timers, queues their events.
//!
//! **Invariant:** a call of a node appends to queues, which the shard sends and delivers. The
//! outbox sends earlier only if it is full.

use std::time::Duration;

use crate::base::{Peer, Time};
use crate::codec::{Codec, DATAGRAM_OVERHEAD_BYTES, Envelope};
use crate::drive::{Counters, Reports, Tap, Timers};
use crate::node::{DropReason, MessageOf, Protocol, RequestHandle, World};
use crate::reactor::budget::Budget;
use crate::reactor::disturbed::Disturbed;
use crate::reactor::emulation::Emulation;
use crate::reactor::lag::Lag;
use crate::reactor::outbox::Outbox;
use crate::reactor::sockets::{Layout, Sockets};

/// Threads of a busy machine are stopped for this long now and then.
const STALL: Duration = Duration::from_millis(150);

/// A shard with less lag is on schedule: what it does not get an answer to is lost or dead, not late.
const ON_SCHEDULE: Duration = Duration::from_millis(10);

/// The world of a shard's nodes.
pub(super) struct ShardWorld<P: Protocol, C> {
    pub(super) timers: Timers,
    pub(super) outbox: Outbox<C>,
    pub(super) codec: C,
    /// The emulated network between the nodes and the outbox, if there is one.
    pub(super) emulation: Option<Emulation>,
    pub(super) sockets: Sockets,
    pub(super) counters: Counters,
    pub(super) reports: Reports<P>,
    pub(super) lag: Lag,
    pub(super) budget: Budget,
    /// A tap on the messages, if there is one, and the time of the current turn.
    pub(super) tap: Option<(Tap, Time)>,
    /// What disturbs the nodes, if anything does.
    pub(super) disturbed: Option<Disturbed>,
}

impl<P: Protocol, C: Codec<Protocol = P>> ShardWorld<P, C> {
    /// Sends all messages that are due.
    pub(super) fn flush(&mut self) {
        if let Some(emulation) = &mut self.emulation {
            emulation.release(&self.sockets, &mut self.counters, &mut self.outbox);
        }
        self.outbox.push_due_probes(&self.sockets, &mut self.counters);
        self.outbox.flush(&self.sockets, &mut self.counters);
    }

    /// When the clock of the node that is called shows `at`.
    #[inline]
    fn when_clock_shows(&mut self, at: Time) -> Time {
        match &mut self.disturbed {
            None => at,
            Some(disturbed) => disturbed.when_clock_shows(at),
        }
    }

    /// The time of the next timer or delayed message.
    pub(super) fn next_wake(&self) -> Time {
        let due = self.emulation.as_ref().map_or(Time::NEVER, Emulation::next_due);
        due.min(self.timers.next_expiry())
    }
}

impl<P: Protocol, C: Codec<Protocol = P>> World<P> for ShardWorld<P, C> {
    #[inline]
    fn send(&mut self, from: Peer, to: Peer, message: &MessageOf<'_, P>) {
        let mut envelope = Envelope::new(from, to);
        let socket = match self.sockets.layout() {
            Layout::PerCore => 0,
            Layout::PerNode => {
                envelope.from_slot = 0;
                self.sockets.socket_at(from.address)
            }
        };
        let codec = self.outbox.codec_for(socket, to.address);
        let write = |room: &mut [u8]| codec.write(&envelope, message, room);
        let counters = &mut self.counters;
        let pushed = match &mut self.emulation {
            None => self.outbox.push(&self.sockets, counters, codec, socket, to.address, write),
            Some(emulation) => emulation.push(counters, codec.version(), socket, (from, to), write),
        };
        let Some(bytes) = pushed else { return };
        if let Some((tap, now)) = &mut self.tap {
            tap.pass::<P>(*now, None, (&from, &to), message);
        }
        let class = P::class(message);
        if P::starts_work(message) {
            self.budget.earn();
        }
        self.counters.messages[class] += 1;
        self.counters.bytes[class] += (C::HEADER_BYTES + bytes + DATAGRAM_OVERHEAD_BYTES) as u64;
    }

    fn arm_node(&mut self, node: u32, at: Time) {
        let at = self.when_clock_shows(at);
        self.timers.arm_node(node, at);
    }

    fn arm_request(&mut self, request: RequestHandle, at: Time) {
        let at = self.when_clock_shows(at);
        self.timers.arm_request(request, at);
    }

    fn disarm_request(&mut self, request: RequestHandle) {
        self.timers.disarm_request(request);
    }

    fn report(&mut self, node: u32, event: P::Event, payload: &[u8]) {
        self.reports.push(node, event, payload);
    }

    fn count_drop(&mut self, reason: DropReason) {
        self.counters.dropped[reason.index()] += 1;
    }

    fn count_spurious(&mut self) {
        self.counters.spurious += 1;
    }

    fn may_retransmit(&mut self) -> bool {
        self.lag.get() < ON_SCHEDULE || self.budget.spend()
    }

    fn lag(&self) -> Duration {
        self.lag.get()
    }

    fn stall(&self) -> Duration {
        STALL.max(self.lag.get() * 4)
    }
}
