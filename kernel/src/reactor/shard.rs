//! One core's share of the nodes, and the loop that drives them.
//!
//! ```text
//!        ┌──────────────── one turn ─────────────────┐
//!   poll │ read sockets → fire timers → application → flush │ …
//!        └───────────────────────────────────────────┘
//! ```
//!
//! Timers fire up to the time taken *before* the sockets were read, so that a reply which has
//! arrived while the thread was held up is seen before its request times out.
//!
//! **Invariant:** each turn's work is bounded by [`BATCHES_PER_SOCKET`] and [`TIMERS_PER_TURN`].

use std::io;
use std::ops::Range;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::base::{Address, Peer, Rng, Time};
use crate::codec::{Codec, DATAGRAM_OVERHEAD_BYTES, Envelope};
use crate::drive::{Counters, Due, Timers};
use crate::node::{
    Context, DropReason, EventOf, MessageOf, Node, Protocol, RequestHandle, RequestTables, World,
};
use crate::reactor::alarm::{ALARM, Alarm};
use crate::reactor::clock::Clock;
use crate::reactor::emulation::Emulation;
use crate::reactor::outbox::Outbox;
use crate::reactor::sockets::{Batch, Layout, Sockets};

/// Batches of datagrams read from one socket before other work has its turn.
pub const BATCHES_PER_SOCKET: usize = 4;
/// Timers fired in one turn before sockets are read again.
pub const TIMERS_PER_TURN: usize = 4096;
/// Sockets reported ready by one poll.
const READY_PER_POLL: usize = 1024;
/// Events kept for the application before they are handed over.
const REPORTS: usize = 4096;

/// What the user of a shard does: offers load, brings nodes and takes them away, keeps totals.
pub trait Application<N: Node, C> {
    /// A node has reported something.
    fn on_event(&mut self, now: Time, node: u32, event: EventOf<N::Protocol>, payload: &[u8]);

    /// Called once per turn: may act on the nodes. Returns when it must be called again at the latest.
    fn turn(&mut self, shard: &mut Shard<N, C>) -> Turn;
}

/// How the loop goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Until something happens, or this time comes.
    Until(Time),
    /// Not at all.
    Stop,
}

/// Nodes, their sockets, timers and requests.
pub struct Shard<N: Node, C> {
    places: Vec<Place<N>>,
    requests: RequestsOf<N>,
    rng: Rng,
    outside: Outside<N::Protocol, C>,
    clock: Clock,
    datagram_bytes: usize,
    poll: Poll,
    inbox: Option<Batch>,
    /// Sockets that may have more to read.
    unread: Vec<usize>,
    is_unread: Vec<bool>,
}

/// A place for a node.
#[derive(Debug)]
struct Place<N> {
    node: Option<N>,
    /// Messages handed to it.
    received: u64,
}

type RequestsOf<N> = <<N as Node>::Protocol as Protocol>::Requests;

impl<N: Node, C: Codec<Protocol = N::Protocol>> Shard<N, C> {
    /// A shard with room for `capacity` nodes and `requests` requests in flight, and datagrams of up
    /// to `datagram_bytes`.
    ///
    /// # Errors
    ///
    /// What the system says if it gives no poll.
    pub fn new(
        sockets: Sockets,
        capacity: usize,
        requests: usize,
        datagram_bytes: usize,
        clock: Clock,
        rng: Rng,
    ) -> io::Result<Shard<N, C>> {
        let poll = Poll::new()?;
        for (index, descriptor) in sockets.descriptors().enumerate() {
            let token = Token(index);
            poll.registry().register(&mut SourceFd(&descriptor), token, Interest::READABLE)?;
        }
        let requests = RequestsOf::<N>::with_capacity(requests);
        let timers = Timers::new(capacity, requests.handles());
        let socket_count = sockets.descriptors().count();
        Ok(Shard {
            places: (0..capacity).map(|_| Place { node: None, received: 0 }).collect(),
            requests,
            rng,
            outside: Outside {
                timers,
                outbox: Outbox::new(datagram_bytes, C::default()),
                emulation: None,
                codec: C::default(),
                sockets,
                counters: Counters::default(),
                reports: Vec::with_capacity(REPORTS),
                payloads: Vec::new(),
            },
            clock,
            datagram_bytes,
            poll,
            inbox: Some(Batch::new(datagram_bytes)),
            unread: Vec::with_capacity(socket_count),
            is_unread: vec![false; socket_count],
        })
    }

    /// Treats every message sent from now on as a worse network would: `transit` says how long the
    /// next one waits before it is sent, or nothing if it is lost. What waits is bounded, and what
    /// finds no room is dropped; see [`Counters`] for how both are counted.
    pub fn emulate(&mut self, transit: impl FnMut() -> Option<Duration> + 'static) {
        let emulation = Emulation::new(transit, self.clock, self.datagram_bytes, C::HEADER_BYTES);
        self.outside.emulation = Some(emulation);
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// What has been counted since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.outside.counters
    }

    /// Where node `node` receives messages.
    #[must_use]
    pub fn address_of(&self, node: u32) -> Address {
        self.outside.sockets.address_of(node)
    }

    /// The node in place `node`.
    #[must_use]
    pub fn node(&self, node: u32) -> Option<&N> {
        self.places.get(node as usize)?.node.as_ref()
    }

    /// Places for nodes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.places.len()
    }

    /// Messages handed to the node in place `node`, or to the last one there; since it came, or since
    /// they were [forgotten](Self::forget_received).
    #[must_use]
    pub fn received(&self, node: u32) -> u64 {
        self.places.get(node as usize).map_or(0, |place| place.received)
    }

    /// The most of these over all places.
    #[must_use]
    pub fn received_max(&self) -> u64 {
        self.places.iter().map(|place| place.received).max().unwrap_or(0)
    }

    /// Begins to count anew what each node receives.
    pub fn forget_received(&mut self) {
        self.places.iter_mut().for_each(|place| place.received = 0);
    }

    /// Puts a node in place `node`, in place of any that was there.
    pub fn insert(&mut self, node: u32, it: N) {
        self.places[node as usize] = Place { node: Some(it), received: 0 };
    }

    /// Takes a node away, with its timers and requests. Nobody is told.
    pub fn remove(&mut self, node: u32) -> Option<N> {
        self.outside.timers.disarm_node(node);
        while let Some(handle) = self.requests.abandon_one(node) {
            self.outside.disarm_request(handle);
        }
        self.places.get_mut(node as usize)?.node.take()
    }

    /// Gives a command to a node; nothing if it is not there.
    pub fn with<T>(
        &mut self,
        node: u32,
        command: impl FnOnce(&mut N, &mut Context<'_, N::Protocol>) -> T,
    ) -> Option<T> {
        let now = self.clock.now();
        self.with_at(now, node, command)
    }

    /// Randomness for what is built outside.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Runs until the application stops it.
    ///
    /// # Errors
    ///
    /// What the system says if polling fails.
    pub fn run(&mut self, application: &mut impl Application<N, C>) -> io::Result<()> {
        let alarm = Alarm::new(&self.poll)?;
        let mut events = Events::with_capacity(READY_PER_POLL);
        let mut wake = Time::ZERO;
        loop {
            let now = self.clock.now();
            let wait = if self.unread.is_empty() { wake.since(now) } else { Duration::ZERO };
            if !wait.is_zero() && wake != Time::NEVER {
                alarm.set(wait);
            }
            let timeout = if wait.is_zero() { Some(Duration::ZERO) } else { None };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                if event.token() == ALARM {
                    alarm.clear();
                } else {
                    self.mark_unread(event.token().0);
                }
            }
            let before_reading = self.clock.now();
            self.read_sockets(application);
            self.fire_timers(before_reading, application);
            let turn = application.turn(self);
            self.hand_over(application);
            self.outside.flush();
            match turn {
                Turn::Stop => return Ok(()),
                Turn::Until(time) => wake = time.min(self.outside.next_wake()),
            }
        }
    }

    fn with_at<T>(
        &mut self,
        now: Time,
        node: u32,
        command: impl FnOnce(&mut N, &mut Context<'_, N::Protocol>) -> T,
    ) -> Option<T> {
        let it = self.places.get_mut(node as usize)?.node.as_mut()?;
        let mut cx = Context {
            now,
            node,
            rng: &mut self.rng,
            requests: &mut self.requests,
            world: &mut self.outside,
        };
        Some(command(it, &mut cx))
    }

    fn mark_unread(&mut self, socket: usize) {
        if let Some(marked) = self.is_unread.get_mut(socket)
            && !*marked
        {
            *marked = true;
            self.unread.push(socket);
        }
    }

    fn read_sockets(&mut self, application: &mut impl Application<N, C>) {
        let Some(mut inbox) = self.inbox.take() else { return };
        let most = self.outside.sockets.batch();
        for at in (0..self.unread.len()).rev() {
            let socket = self.unread[at];
            let descriptor = self.outside.sockets.descriptor(socket);
            let mut drained = false;
            for _ in 0..BATCHES_PER_SOCKET {
                let count = inbox.receive(descriptor, most);
                let now = self.clock.now();
                for index in 0..count {
                    self.take_datagram(now, socket, inbox.received(index));
                }
                self.hand_over(application);
                drained = count < most;
                if drained {
                    break;
                }
            }
            if drained {
                self.is_unread[socket] = false;
                self.unread.swap_remove(at);
            }
        }
        self.inbox = Some(inbox);
    }

    fn take_datagram(&mut self, now: Time, socket: usize, datagram: Option<(Address, &[u8])>) {
        let Some((from, bytes)) = datagram else {
            self.outside.counters.oversized += 1;
            return;
        };
        let codec = self.outside.codec;
        match codec.parse(bytes) {
            Err(reason) => self.outside.counters.refused[reason as usize] += 1,
            Ok(messages) => {
                for (envelope, message) in messages {
                    let node = self.outside.sockets.node_at(socket, envelope.to_slot);
                    let sender = envelope.sender(from);
                    let is_meant =
                        self.node(node).is_some_and(|node| envelope.is_for(node.peer().id));
                    let taken = is_meant
                        .then(|| {
                            self.with_at(now, node, |node, cx| {
                                node.handle_message(cx, sender, message);
                            })
                        })
                        .flatten();
                    match taken {
                        Some(()) => {
                            self.outside.counters.received += 1;
                            self.places[node as usize].received += 1;
                        }
                        None => self.outside.count_drop(DropReason::NoSuchNode),
                    }
                }
            }
        }
    }

    fn fire_timers(&mut self, now: Time, application: &mut impl Application<N, C>) {
        for _ in 0..TIMERS_PER_TURN {
            let Some(due) = self.outside.timers.expire(now) else { break };
            match due {
                Due::Node(node) => {
                    self.with_at(now, node, |node, cx| node.handle_timeout(cx));
                }
                Due::Request(handle) => {
                    let Some(node) = self.requests.node_of(handle) else { continue };
                    self.with_at(now, node, |node, cx| node.handle_request_timeout(cx, handle));
                }
            }
            if self.outside.reports.len() >= REPORTS / 2 {
                self.hand_over(application);
            }
        }
        self.hand_over(application);
    }

    fn hand_over(&mut self, application: &mut impl Application<N, C>) {
        let now = self.clock.now();
        for (node, event, payload) in self.outside.reports.drain(..) {
            application.on_event(now, node, event, &self.outside.payloads[payload]);
        }
        self.outside.payloads.clear();
    }
}

/// Everything outside a shard's nodes.
struct Outside<P: Protocol, C> {
    timers: Timers,
    outbox: Outbox<C>,
    codec: C,
    /// What stands between the nodes and the outbox, if anything does.
    emulation: Option<Emulation>,
    sockets: Sockets,
    counters: Counters,
    reports: Vec<(u32, P::Event, Range<usize>)>,
    /// Payloads of the reports.
    payloads: Vec<u8>,
}

impl<P: Protocol, C: Codec<Protocol = P>> Outside<P, C> {
    /// Sends what is to be sent by now.
    fn flush(&mut self) {
        if let Some(emulation) = &mut self.emulation {
            emulation.release(&self.sockets, &mut self.counters, &mut self.outbox);
        }
        self.outbox.flush(&self.sockets, &mut self.counters);
    }

    /// When there is something to do of its own accord.
    fn next_wake(&self) -> Time {
        let due = self.emulation.as_ref().map_or(Time::NEVER, Emulation::next_due);
        due.min(self.timers.next_expiry())
    }
}

impl<P: Protocol, C: Codec<Protocol = P>> World<P> for Outside<P, C> {
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
        let codec = self.codec;
        let write = |room: &mut [u8]| codec.write(&envelope, message, room);
        let counters = &mut self.counters;
        let pushed = match &mut self.emulation {
            None => self.outbox.push(&self.sockets, counters, socket, to.address, write),
            Some(emulation) => emulation.push(counters, socket, to.address, write),
        };
        let Some(bytes) = pushed else { return };
        let class = P::class(message);
        self.counters.messages[class] += 1;
        self.counters.bytes[class] += (C::HEADER_BYTES + bytes + DATAGRAM_OVERHEAD_BYTES) as u64;
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
        let start = self.payloads.len();
        self.payloads.extend_from_slice(payload);
        self.reports.push((node, event, start..self.payloads.len()));
    }

    fn count_drop(&mut self, reason: DropReason) {
        self.counters.dropped[reason.index()] += 1;
    }
}
