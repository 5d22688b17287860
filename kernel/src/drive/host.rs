//! One node for an event loop of one's own: datagrams go in and come out, and the caller moves them.
//!
//! ```text
//!   socket ── receive ──▶ ┌──────┐ ── datagrams ──▶ socket
//!   clock  ── expire ───▶ │ Host │ ── next_expiry ─▶ when to call again
//!   caller ── with ─────▶ └──────┘ ── events ─────▶ caller
//! ```
//!
//! After every call the caller sends what [`Host::datagrams`] gives and reads what [`Host::events`]
//! gives. It calls [`Host::expire`] at the time of [`Host::next_expiry`] or soon after.
//!
//! **Invariant:** no I/O, no clock. Once all queues have been as long as they get, nothing is
//! allocated; none is longer than [`MAX_DATAGRAMS`].

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use crate::base::{Address, Peer, Rng, Time};
use crate::codec::{Codec, DATAGRAM_OVERHEAD_BYTES, Envelope, Framed};
use crate::drive::counters::Counters;
use crate::drive::reports::Reports;
use crate::drive::timers::{Due, Timers};
use crate::node::{
    Context, Drop, EventOf, MessageOf, Node, Protocol, RequestHandle, Tables, World,
};

/// Longest datagram that is sent, in bytes: what an Ethernet frame carries.
pub const DATAGRAM_BYTES: usize = 1472;
/// Most datagrams that wait for [`Host::datagrams`]; more are counted as unsent.
pub const MAX_DATAGRAMS: usize = 1024;
/// Most timers that one call of [`Host::expire`] fires.
pub const MAX_TIMERS: usize = 4096;
/// Requests in flight for which there is room.
const REQUESTS: usize = 1024;
/// Events for which there is room at first.
const EVENTS: usize = 64;
/// The driver's number of its one node.
const NODE: u32 = 0;

/// A node and its driver. See the [module](self).
#[derive(Debug)]
pub struct Host<N: Node, C = Framed<<N as Node>::Protocol>> {
    node: N,
    requests: <N::Protocol as Protocol>::Requests,
    rng: Rng,
    outside: Outside<N::Protocol, C>,
}

impl<N: Node, C: Codec<Protocol = N::Protocol>> Host<N, C> {
    /// A host of this node. `rng` must be seeded from what others cannot guess.
    #[must_use]
    pub fn new(node: N, rng: Rng) -> Host<N, C> {
        let requests = <N::Protocol as Protocol>::Requests::with_capacity(REQUESTS);
        let timers = Timers::new(1, requests.handles());
        let outside = Outside {
            codec: C::default(),
            timers,
            datagrams: Vec::with_capacity(MAX_DATAGRAMS),
            bytes: Vec::new(),
            scratch: vec![0; DATAGRAM_BYTES],
            reports: Reports::with_capacity(EVENTS),
            counters: Counters::default(),
        };
        Host { node, requests, rng, outside }
    }

    /// The node.
    #[must_use]
    pub const fn node(&self) -> &N {
        &self.node
    }

    /// Gives a command to the node. `now` must never go back.
    pub fn with<T>(
        &mut self,
        now: Time,
        command: impl FnOnce(&mut N, &mut Context<'_, N::Protocol>) -> T,
    ) -> T {
        let mut cx = Context {
            now,
            node: NODE,
            rng: &mut self.rng,
            requests: &mut self.requests,
            world: &mut self.outside,
        };
        command(&mut self.node, &mut cx)
    }

    /// Hands a datagram that came from the socket at `from` to the node. One that is no datagram of
    /// this format is refused, and counted.
    pub fn receive(&mut self, now: Time, from: Address, datagram: &[u8]) {
        let messages = match self.outside.codec.parse(datagram) {
            Ok(messages) => messages,
            Err(reason) => return self.outside.counters.refused[reason as usize] += 1,
        };
        for (envelope, message) in messages {
            if envelope.is_for(self.node.peer().id) {
                self.outside.counters.received += 1;
                let sender = envelope.sender(from);
                self.with(now, |node, cx| node.handle_message(cx, sender, message));
            } else {
                self.outside.count_drop(Drop::NoSuchNode);
            }
        }
    }

    /// Fires the timers whose time has come by `now`, at most [`MAX_TIMERS`] of them.
    pub fn expire(&mut self, now: Time) {
        for _ in 0..MAX_TIMERS {
            let Some(due) = self.outside.timers.expire(now) else { return };
            match due {
                Due::Node(_) => self.with(now, |node, cx| node.handle_timeout(cx)),
                Due::Request(handle) => {
                    self.with(now, |node, cx| node.handle_request_timeout(cx, handle));
                }
            }
        }
    }

    /// When to call [`expire`](Self::expire) next: no later than the next timer, or
    /// [`Time::NEVER`].
    #[must_use]
    pub fn next_expiry(&self) -> Time {
        self.outside.timers.next_expiry()
    }

    /// Takes out the datagrams to send, in order, each with the address to send it to.
    pub fn datagrams(&mut self) -> impl Iterator<Item = (Address, &[u8])> {
        let bytes = &self.outside.bytes;
        self.outside.datagrams.drain(..).map(|(to, datagram)| (to, &bytes[datagram]))
    }

    /// Takes out what the node has reported, in order, each event with its payload.
    pub fn events(&mut self) -> impl Iterator<Item = (EventOf<N::Protocol>, &[u8])> {
        self.outside.reports.drain().map(|(_, event, payload)| (event, payload))
    }

    /// What has been counted since the start.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.outside.counters
    }
}

/// Everything outside the node.
#[derive(Debug)]
struct Outside<P: Protocol, C> {
    codec: C,
    timers: Timers,
    datagrams: Vec<(Address, Range<usize>)>,
    /// The bytes of all datagrams, one after the other.
    bytes: Vec<u8>,
    /// Where a datagram is written.
    scratch: Vec<u8>,
    reports: Reports<P>,
    counters: Counters,
}

impl<P: Protocol, C: Codec<Protocol = P>> World<P> for Outside<P, C> {
    fn send(&mut self, from: Peer, to: Peer, message: &MessageOf<'_, P>) {
        if self.datagrams.is_empty() {
            self.bytes.clear();
        }
        let envelope = Envelope::new(from, to);
        let Some(length) = self.codec.write_datagram(&envelope, message, &mut self.scratch) else {
            self.counters.unsendable += 1;
            return;
        };
        if self.datagrams.len() == MAX_DATAGRAMS {
            self.counters.unsent += 1;
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&self.scratch[..length]);
        self.datagrams.push((to.address.socket(), start..start + length));
        let class = P::class(message);
        self.counters.messages[class] += 1;
        self.counters.bytes[class] += (length + DATAGRAM_OVERHEAD_BYTES) as u64;
        self.counters.datagrams += 1;
    }

    fn arm_node(&mut self, node: u32, at: Time) {
        self.timers.arm_node(node, at);
    }

    fn arm_request(&mut self, request: RequestHandle, at: Time) {
        self.timers.arm_request(request, at);
    }

    fn disarm_request(&mut self, request: RequestHandle) {
        self.timers.disarm_request(request);
    }

    fn report(&mut self, node: u32, event: P::Event, payload: &[u8]) {
        self.reports.push(node, event, payload);
    }

    fn count_drop(&mut self, reason: Drop) {
        self.counters.dropped[reason.index()] += 1;
    }
}
