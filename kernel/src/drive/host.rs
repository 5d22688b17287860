//! A driver of one node for an event loop of one's own: the caller moves the datagrams.
//!
//! ```text
//!   socket ── receive ──▶ ┌──────┐ ── datagrams ──▶ socket
//!   clock  ── expire ───▶ │ Host │ ── next_expiry ─▶ when to call again
//!   caller ── with ─────▶ └──────┘ ── events ─────▶ caller
//! ```
//!
//! After every call the caller sends the [`Host::datagrams`] and handles the [`Host::events`]. It
//! calls [`Host::expire`] at the time of [`Host::next_expiry`] or soon after.
//!
//! **Invariant:** no I/O, no clock. Nothing is allocated once all queues have reached their
//! longest; the datagram queue is never longer than [`MAX_DATAGRAMS`].

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use crate::base::{Address, Peer, Rng, Time};
use crate::codec::{Codec, DATAGRAM_OVERHEAD_BYTES, Envelope, Framed};
use crate::drive::counters::Counters;
use crate::drive::deferred::{Decision, Deferred};
use crate::drive::reports::Reports;
use crate::drive::timers::{Due, Timers};
use crate::node::{
    Context, DropReason, EventOf, MessageOf, Node, Protocol, RequestHandle, RequestTables, World,
};

/// Longest datagram that is sent, in bytes: the UDP payload of an Ethernet frame.
pub const DATAGRAM_BYTES: usize = 1472;
/// Maximum number of datagrams that wait for [`Host::datagrams`]. More are counted as unsent.
pub const MAX_DATAGRAMS: usize = 1024;
/// Maximum number of timers that one call of [`Host::expire`] fires.
pub const MAX_TIMERS: usize = 4096;
/// Capacity of the table of requests in flight.
const REQUESTS: usize = 1024;
/// Initial capacity of the event queue.
const EVENTS: usize = 64;
/// The driver's number of its one node.
const NODE: u32 = 0;

/// A node and its driver. See the [module](self).
#[derive(Debug)]
pub struct Host<N: Node, C = Framed<<N as Node>::Protocol>> {
    node: N,
    requests: <N::Protocol as Protocol>::Requests,
    rng: Rng,
    world: HostWorld<N::Protocol, C>,
    /// Since a wait was first recorded.
    deferred: Option<Box<Deferred<N::Protocol>>>,
}

impl<N: Node, C: Codec<Protocol = N::Protocol>> Host<N, C> {
    /// A host of this node. Seed `rng` with a value that other nodes cannot guess.
    #[must_use]
    pub fn new(node: N, rng: Rng) -> Host<N, C> {
        let requests = <N::Protocol as Protocol>::Requests::with_capacity(REQUESTS);
        let timers = Timers::new(1, requests.handles());
        let world = HostWorld {
            codec: C::default(),
            timers,
            datagrams: Vec::with_capacity(MAX_DATAGRAMS),
            bytes: Vec::new(),
            scratch: vec![0; DATAGRAM_BYTES],
            reports: Reports::with_capacity(EVENTS),
            counters: Counters::default(),
        };
        Host { node, requests, rng, world, deferred: None }
    }

    /// The node.
    #[must_use]
    pub const fn node(&self) -> &N {
        &self.node
    }

    /// Runs a command of the node. `now` must never go back.
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
            world: &mut self.world,
        };
        command(&mut self.node, &mut cx)
    }

    /// Records how long the datagrams that are [received](Self::receive) next have waited. While they wait long, lookups
    /// of heavy origins are [`Deferred`], for [`handle_deferred`](Self::handle_deferred). No timer is due because of them.
    pub fn record_wait(&mut self, wait: Duration) {
        self.deferred.get_or_insert_default().record_wait(wait);
    }

    /// Handles or drops the message that was deferred first. Returns false if there is none. To be called when no
    /// datagram waits, and now and then while datagrams wait.
    pub fn handle_deferred(&mut self, now: Time) -> bool {
        let Some(mut deferred) = self.deferred.take() else { return false };
        let taken = deferred.take_next(now);
        let is_there = taken.is_some();
        match taken {
            Some(taken) if taken.is_too_old => self.world.count_drop(DropReason::Overload),
            Some(taken) => self.handle(now, taken.from, taken.message),
            None => {}
        }
        self.deferred = Some(deferred);
        is_there
    }

    /// Handles a datagram that came from the socket at `from`. Invalid datagrams are rejected and
    /// counted.
    pub fn receive(&mut self, now: Time, from: Address, datagram: &[u8]) {
        let messages = match self.world.codec.parse(datagram) {
            Ok(messages) => messages,
            Err(reason) => return self.world.counters.refused[reason as usize] += 1,
        };
        for (envelope, message) in messages {
            let me = self.node.peer();
            if !envelope.is_for(me.id) {
                self.world.count_drop(DropReason::NoSuchNode);
                continue;
            }
            let sender = envelope.sender(from);
            let deferred = self.deferred.as_mut();
            match deferred
                .map_or(Decision::Handle, |it| it.offer(now, (NODE, me), sender, &message))
            {
                Decision::Handle => self.handle(now, sender, message),
                Decision::Defer => {}
                Decision::Drop => self.world.count_drop(DropReason::Overload),
            }
        }
    }

    fn handle(&mut self, now: Time, from: Peer, message: MessageOf<'_, N::Protocol>) {
        self.world.counters.received += 1;
        self.with(now, |node, cx| node.handle_message(cx, from, message));
    }

    /// Fires the timers that are due at `now`, at most [`MAX_TIMERS`] of them.
    pub fn expire(&mut self, now: Time) {
        for _ in 0..MAX_TIMERS {
            let Some(due) = self.world.timers.expire(now) else { return };
            match due {
                Due::Node(_) => self.with(now, |node, cx| node.handle_timeout(cx)),
                Due::Request(handle) => {
                    self.with(now, |node, cx| node.handle_request_timeout(cx, handle));
                }
            }
        }
    }

    /// The time at which to call [`expire`](Self::expire) next, or [`Time::NEVER`].
    #[must_use]
    pub fn next_expiry(&self) -> Time {
        self.world.timers.next_expiry()
    }

    /// Removes and returns the datagrams to send, in order, each with its destination.
    pub fn datagrams(&mut self) -> impl Iterator<Item = (Address, &[u8])> {
        let bytes = &self.world.bytes;
        self.world.datagrams.drain(..).map(|(to, datagram)| (to, &bytes[datagram]))
    }

    /// Removes and returns the reported events, in order, each with its payload.
    pub fn events(&mut self) -> impl Iterator<Item = (EventOf<N::Protocol>, &[u8])> {
        self.world.reports.drain().map(|(_, event, payload)| (event, payload))
    }

    /// The counts since the start.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.world.counters
    }
}

/// The node's world.
#[derive(Debug)]
struct HostWorld<P: Protocol, C> {
    codec: C,
    timers: Timers,
    datagrams: Vec<(Address, Range<usize>)>,
    /// The bytes of all datagrams, one after the other.
    bytes: Vec<u8>,
    /// The buffer in which a datagram is encoded.
    scratch: Vec<u8>,
    reports: Reports<P>,
    counters: Counters,
}

impl<P: Protocol, C: Codec<Protocol = P>> World<P> for HostWorld<P, C> {
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

    fn count_drop(&mut self, reason: DropReason) {
        self.counters.dropped[reason.index()] += 1;
    }

    fn count_spurious(&mut self) {
        self.counters.spurious += 1;
    }
}
