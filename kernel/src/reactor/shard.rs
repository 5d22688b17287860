//! A shard: the nodes of one core, and the loop that drives them.
//!
//! ```text
//!        ┌───────────────────────── one turn ─────────────────────────┐
//!   poll │ read sockets → deferred → fire timers → application → flush │ …
//!        └────────────────────────────────────────────────────────────┘
//! ```
//!
//! Timers fire up to the last time before which everything that had arrived was read. So a reply that
//! arrived while the thread was stalled, or that waits behind others, is handled before its request
//! times out. But timers are not held back for longer than [`HELD_BACK_MAX`].
//!
//! If datagrams wait too long, and not just for a moment ([`QueueDelay`]), the shard has more to do than
//! it can. Old messages that ask for new work are then dropped, so that acknowledgements, answers and
//! maintenance do not wait behind them. Earlier than that, lookups of origins that ask for far more than the others
//! are [`Deferred`].
//!
//! **Invariant:** the work of a turn is bounded by [`BATCHES_PER_SOCKET`], [`TIMERS_PER_TURN`] and
//! [`DEFERRED_PER_TURN`].

use std::io;
use std::time::Duration;

use mio::event::Event as Readiness;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};

use crate::base::{Address, Peer, Rng, Time};
use crate::codec::Codec;
use crate::drive::deferred::Decision;
use crate::drive::{Counters, Deferred, Due, QueueDelay, Reports, Tap, Timers, Transit};
use crate::node::{Context, DropReason, EventOf, MessageOf, Node, Protocol, RequestTables, World};
use crate::reactor::alarm::{ALARM, Alarm};
use crate::reactor::batch::Batch;
use crate::reactor::budget::Budget;
use crate::reactor::clock::Clock;
use crate::reactor::disturbed::{DisturbNodes, Disturbed};
use crate::reactor::emulation::Emulation;
use crate::reactor::lag::Lag;
use crate::reactor::outbox::Outbox;
use crate::reactor::seal::{ClusterKey, Seal};
use crate::reactor::shard_world::ShardWorld;
use crate::reactor::sockets::Sockets;
use crate::reactor::versions::Versions;

/// Maximum number of batches of datagrams read from one socket per turn.
pub const BATCHES_PER_SOCKET: usize = 4;
/// Maximum number of timers fired per turn.
pub const TIMERS_PER_TURN: usize = 4096;
/// Maximum number of deferred messages handled per turn.
pub const DEFERRED_PER_TURN: usize = 256;
/// The same while datagrams wait.
const DEFERRED_PER_BUSY_TURN: usize = 32;
/// Timers are late by at most this much because of unread messages: whoever floods a socket must not
/// stop them.
pub const HELD_BACK_MAX: Duration = Duration::from_millis(250);
/// The first token for sources that the application registers ([`Shard::registry`]). They use it and
/// the [`APPLICATION_TOKENS`] tokens from it.
pub const FIRST_APPLICATION_TOKEN: Token = Token(1 << 24);
/// The number of tokens for sources of the application.
pub const APPLICATION_TOKENS: usize = 1 << 24;
/// Maximum number of sockets that one poll reports as readable.
const READY_PER_POLL: usize = 1024;
/// Capacity of the queue of events for the application.
const EVENT_CAPACITY: usize = 4096;

/// The application on top of a shard: starts lookups, adds and removes nodes, handles events.
pub trait Application<N: Node, C> {
    /// Handles an event of a node.
    fn on_event(&mut self, now: Time, node: u32, event: EventOf<N::Protocol>, payload: &[u8]);

    /// Handles a message in the place of `node`. Returns false if the node is to handle it.
    ///
    /// By default, nodes handle all their messages.
    #[inline(always)]
    fn intercept(
        &mut self,
        _node: &mut N,
        _cx: &mut Context<'_, N::Protocol>,
        _from: Peer,
        _message: &MessageOf<'_, N::Protocol>,
    ) -> bool {
        false
    }

    /// Called once per turn. May act on the nodes. Returns the latest time of the next call.
    fn turn(&mut self, shard: &mut Shard<N, C>) -> Turn;

    /// A source that the application has registered with [`Shard::registry`] is ready. Called before
    /// the [`turn`](Application::turn), which should do the work.
    fn on_ready(&mut self, _readiness: &Readiness) {}
}

/// How the loop continues after a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Waits for input, at most until this time.
    Until(Time),
    /// Stops.
    Stop,
}

/// The nodes of one core, with their sockets, timers and requests.
pub struct Shard<N: Node, C> {
    slots: Vec<Slot<N>>,
    requests: RequestsOf<N>,
    rng: Rng,
    world: ShardWorld<N::Protocol, C>,
    clock: Clock,
    datagram_bytes: usize,
    poll: Poll,
    inbox: Option<Batch>,
    delay: QueueDelay,
    /// Sockets that may have unread datagrams.
    unread: Vec<usize>,
    is_unread: Vec<bool>,
}

/// A slot for a node.
#[derive(Debug)]
struct Slot<N> {
    node: Option<N>,
    /// Messages that the node has received.
    received: u64,
}

type RequestsOf<N> = <<N as Node>::Protocol as Protocol>::Requests;

impl<N: Node, C: Codec<Protocol = N::Protocol>> Shard<N, C> {
    /// A shard with room for `capacity` nodes and `requests` requests in flight, and datagrams of
    /// up to `datagram_bytes` bytes.
    ///
    /// # Errors
    ///
    /// The error of the operating system if it cannot create a poll.
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
            slots: (0..capacity).map(|_| Slot { node: None, received: 0 }).collect(),
            requests,
            rng,
            world: ShardWorld {
                timers,
                outbox: Outbox::new(datagram_bytes, C::default()),
                emulation: None,
                codec: C::default(),
                sockets,
                counters: Counters::default(),
                reports: Reports::with_capacity(EVENT_CAPACITY),
                lag: Lag::default(),
                budget: Budget::default(),
                tap: None,
                disturbed: None,
            },
            clock,
            datagram_bytes,
            poll,
            inbox: Some(Batch::new(datagram_bytes)),
            delay: QueueDelay::default(),
            unread: Vec::with_capacity(socket_count),
            is_unread: vec![false; socket_count],
        })
    }

    /// Emulates a slow and lossy network for all messages sent from now on. `transit` is given the sender
    /// and the receiver of the next message, and returns its fate. The queue of delayed messages is bounded;
    /// further ones are dropped. [`Counters`] counts what is lost or dropped.
    pub fn emulate(&mut self, transit: impl FnMut(Peer, Peer) -> Transit + 'static) {
        let emulation = Emulation::new(transit, self.clock, self.datagram_bytes, C::HEADER_BYTES);
        self.world.emulation = Some(emulation);
    }

    /// Lets `by` disturb the nodes from now on: their timers, and the times at which they are called. What
    /// happens to messages is up to the [emulated](Shard::emulate) network.
    pub fn disturb_nodes(&mut self, by: impl DisturbNodes + 'static) {
        self.world.disturbed = Some(Disturbed::new(Box::new(by)));
    }

    /// Seals all datagrams with this key from now on, and accepts only those that are sealed with it.
    pub fn seal(&mut self, key: ClusterKey) {
        self.world.outbox.seal = Some(Seal::new(key));
    }

    /// Talks to sockets of programs that do not know the newest version of the wire format, from now on. What
    /// each socket reads is found out by [`Probe`](crate::codec::Probe)s, and until then it is written to in
    /// the oldest version. Unless this is called, all sockets are written to in the newest version.
    pub fn tell_versions_apart(&mut self) {
        let codec = self.world.codec;
        let rng = Rng::new(self.rng.next_u64(), 0);
        let oldest = codec.in_version(0).version();
        self.world.outbox.versions = Some(Versions::new(oldest, codec.newest(), rng));
    }

    /// Reads and writes as `codec` says from now on.
    pub fn speak(&mut self, codec: C) {
        self.world.codec = codec;
        self.world.outbox.set_codec(codec);
    }

    /// The sockets that were written to lately: those that read the newest version, and those that still
    /// write in an older one. 0 if [versions are not told apart](Shard::tell_versions_apart).
    #[must_use]
    pub fn sockets_by_version(&self) -> (usize, usize) {
        self.world.outbox.versions.as_ref().map_or((0, 0), Versions::in_use)
    }

    /// The tap on the messages of this shard, which is there from the first call on. The time of a message
    /// is that of the turn in which it was sent.
    pub fn tap(&mut self) -> &mut Tap {
        let now = self.clock.now();
        &mut self.world.tap.get_or_insert_with(|| (Tap::default(), now)).0
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// The counts since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.world.counters
    }

    /// The address of node `node`.
    #[must_use]
    pub fn address_of(&self, node: u32) -> Address {
        self.world.sockets.address_of(node)
    }

    /// The node in slot `node`.
    #[must_use]
    pub fn node(&self, node: u32) -> Option<&N> {
        self.slots.get(node as usize)?.node.as_ref()
    }

    /// Where the application registers sources of its own, with tokens from
    /// [`FIRST_APPLICATION_TOKEN`]. [`Application::on_ready`] learns when they are ready.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// The number of slots for nodes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// The number of messages that the current or last node in slot `node` has received, since it
    /// was inserted or since [`reset_received`](Self::reset_received).
    #[must_use]
    pub fn received(&self, node: u32) -> u64 {
        self.slots.get(node as usize).map_or(0, |slot| slot.received)
    }

    /// The maximum of [`received`](Self::received) over all slots.
    #[must_use]
    pub fn received_max(&self) -> u64 {
        self.slots.iter().map(|slot| slot.received).max().unwrap_or(0)
    }

    /// Resets the counts of received messages of all nodes.
    pub fn reset_received(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.received = 0);
    }

    /// Puts a node into slot `node`. Replaces the one that was there.
    pub fn insert(&mut self, node: u32, new: N) {
        self.slots[node as usize] = Slot { node: Some(new), received: 0 };
    }

    /// Removes a node with its timers and requests, without announcing it.
    pub fn remove(&mut self, node: u32) -> Option<N> {
        self.world.timers.disarm_node(node);
        while let Some(handle) = self.requests.abandon_one(node) {
            self.world.disarm_request(handle);
        }
        self.slots.get_mut(node as usize)?.node.take()
    }

    /// Runs a command of a node. Returns `None` if the slot is empty.
    pub fn with<T>(
        &mut self,
        node: u32,
        command: impl FnOnce(&mut N, &mut Context<'_, N::Protocol>) -> T,
    ) -> Option<T> {
        let now = self.clock.now();
        self.with_at(now, node, command)
    }

    /// The random number generator of the shard, for building nodes.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Runs until the application stops it.
    ///
    /// # Errors
    ///
    /// The error of the operating system if polling fails.
    pub fn run(&mut self, application: &mut impl Application<N, C>) -> io::Result<()> {
        let alarm = Alarm::new(&self.poll)?;
        let mut events = Events::with_capacity(READY_PER_POLL);
        let mut wake = Time::ZERO;
        let mut all_read_at = self.clock.now();
        let mut deferred = Deferred::default();
        loop {
            let now = self.clock.now();
            let is_idle = self.unread.is_empty() && deferred.is_empty();
            let wait = if is_idle { wake.since(now) } else { Duration::ZERO };
            if !wait.is_zero() && wake != Time::NEVER {
                alarm.set(wait);
            }
            let timeout = if wait.is_zero() { Some(Duration::ZERO) } else { None };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                match event.token() {
                    ALARM => alarm.clear(),
                    token if token < FIRST_APPLICATION_TOKEN => self.mark_unread(token.0),
                    _ => application.on_ready(event),
                }
            }
            let before_reading = self.clock.now();
            if let Some((_, now)) = &mut self.world.tap {
                *now = before_reading;
            }
            if let Some(versions) = &mut self.world.outbox.versions {
                versions.time_is(before_reading);
            }
            if wake != Time::NEVER {
                self.world.lag.record(before_reading, before_reading.since(wake.max(now)));
            }
            self.read_sockets(&mut deferred, application);
            if self.unread.is_empty() {
                all_read_at = before_reading;
            }
            self.handle_deferred(&mut deferred, application);
            let until = all_read_at.max(before_reading - HELD_BACK_MAX);
            self.fire_timers(until, application);
            let turn = application.turn(self);
            self.deliver_events(application);
            self.world.flush();
            let end = self.clock.now();
            self.world.lag.record(end, end.since(before_reading));
            match turn {
                Turn::Stop => return Ok(()),
                Turn::Until(time) => wake = time.min(self.world.next_wake()),
            }
        }
    }

    fn with_at<T>(
        &mut self,
        now: Time,
        node: u32,
        command: impl FnOnce(&mut N, &mut Context<'_, N::Protocol>) -> T,
    ) -> Option<T> {
        let it = self.slots.get_mut(node as usize)?.node.as_mut()?;
        let now = match &mut self.world.disturbed {
            None => now,
            Some(disturbed) => disturbed.call(it.peer().id, now),
        };
        let mut cx = Context {
            now,
            node,
            rng: &mut self.rng,
            requests: &mut self.requests,
            world: &mut self.world,
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

    fn read_sockets(
        &mut self,
        deferred: &mut Deferred<N::Protocol>,
        application: &mut impl Application<N, C>,
    ) {
        let Some(mut inbox) = self.inbox.take() else { return };
        let most = self.world.sockets.batch();
        let mut longest = Duration::ZERO;
        for at in (0..self.unread.len()).rev() {
            let socket = self.unread[at];
            let descriptor = self.world.sockets.descriptor(socket);
            let mut drained = false;
            for _ in 0..BATCHES_PER_SOCKET {
                let count = inbox.receive(descriptor, most);
                let now = self.clock.now();
                let since = |at| Clock::time_of_day().saturating_sub(at);
                let wait = inbox.first_arrived_at().map_or(Duration::ZERO, since);
                longest = longest.max(wait);
                let is_too_old = self.delay.is_too_old(now, wait);
                deferred.record_wait(wait);
                for index in 0..count {
                    let datagram = inbox.received(index);
                    self.handle_datagram(now, socket, datagram, is_too_old, deferred, application);
                }
                self.deliver_events(application);
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
        self.delay.record(self.clock.now(), longest);
        self.inbox = Some(inbox);
    }

    /// Handles a datagram; drops what asks for new work if the first datagram of its batch is too old.
    fn handle_datagram(
        &mut self,
        now: Time,
        socket: usize,
        datagram: Option<(Address, &[u8])>,
        is_too_old: bool,
        deferred: &mut Deferred<N::Protocol>,
        application: &mut impl Application<N, C>,
    ) {
        let Some((from, bytes)) = datagram else {
            self.world.counters.oversized += 1;
            return;
        };
        let codec = self.world.codec;
        let opened = match &mut self.world.outbox.seal {
            None => Ok(bytes),
            Some(seal) => seal.open(from, self.world.sockets.address(socket), bytes),
        };
        let bytes = match opened {
            Ok(bytes) => bytes,
            Err(reason) => return self.world.counters.refused[reason as usize] += 1,
        };
        let world = &mut self.world;
        if let Some(versions) = &mut world.outbox.versions {
            if let Some(probe) = codec.read_probe(bytes) {
                if let Some(answer) = versions.on_probe(from, probe) {
                    let (sockets, counters) = (&world.sockets, &mut world.counters);
                    world.outbox.push_probe(sockets, counters, socket, from, &answer);
                }
                return;
            }
            if let Ok((written, _)) = codec.read_header(bytes) {
                versions.on_datagram(from, written.version());
            }
        }
        match codec.parse(bytes) {
            Err(reason) => self.world.counters.refused[reason as usize] += 1,
            Ok(messages) => {
                for (envelope, message) in messages {
                    if is_too_old && N::Protocol::starts_work(&message) {
                        self.world.count_drop(DropReason::Overload);
                        continue;
                    }
                    let node = self.world.sockets.node_at(socket, envelope.to_slot);
                    let sender = envelope.sender(from);
                    let meant = self.node(node).map(Node::peer).filter(|it| envelope.is_for(it.id));
                    let Some(to) = meant else {
                        self.world.count_drop(DropReason::NoSuchNode);
                        continue;
                    };
                    match deferred.offer(now, (node, to), sender, &message) {
                        Decision::Handle => {
                            self.handle_message(now, node, sender, message, application);
                        }
                        Decision::Defer => {}
                        Decision::Drop => self.world.count_drop(DropReason::Overload),
                    }
                }
            }
        }
    }

    fn handle_message(
        &mut self,
        now: Time,
        node: u32,
        from: Peer,
        message: MessageOf<'_, N::Protocol>,
        application: &mut impl Application<N, C>,
    ) {
        let taken = self.with_at(now, node, |node, cx| {
            if !application.intercept(node, cx, from, &message) {
                node.handle_message(cx, from, message);
            }
        });
        match taken {
            Some(()) => {
                self.world.counters.received += 1;
                self.slots[node as usize].received += 1;
            }
            None => self.world.count_drop(DropReason::NoSuchNode),
        }
    }

    /// Handles or drops deferred messages: a few while datagrams wait, otherwise more.
    fn handle_deferred(
        &mut self,
        deferred: &mut Deferred<N::Protocol>,
        application: &mut impl Application<N, C>,
    ) {
        if deferred.is_empty() {
            return;
        }
        let now = self.clock.now();
        let is_busy = !self.unread.is_empty();
        for _ in 0..if is_busy { DEFERRED_PER_BUSY_TURN } else { DEFERRED_PER_TURN } {
            let Some(taken) = deferred.take_next(now) else { break };
            let is_there = |node: &N| node.peer().id.prefix() == taken.to_prefix;
            if taken.is_too_old {
                self.world.count_drop(DropReason::Overload);
            } else if self.node(taken.node).is_some_and(is_there) {
                self.handle_message(now, taken.node, taken.from, taken.message, application);
            } else {
                self.world.count_drop(DropReason::NoSuchNode);
            }
        }
        self.deliver_events(application);
    }

    /// Fires the timers that were due by `until`.
    fn fire_timers(&mut self, until: Time, application: &mut impl Application<N, C>) {
        let now = self.clock.now();
        for _ in 0..TIMERS_PER_TURN {
            let Some(due) = self.world.timers.expire(until) else { break };
            match due {
                Due::Node(node) => {
                    if let Some(until) = self.hold_timers(node, now) {
                        self.world.timers.arm_node(node, until);
                        continue;
                    }
                    self.with_at(now, node, |node, cx| node.handle_timeout(cx));
                }
                Due::Request(handle) => {
                    let Some(node) = self.requests.node_of(handle) else { continue };
                    if let Some(until) = self.hold_timers(node, now) {
                        self.world.timers.arm_request(handle, until);
                        continue;
                    }
                    self.world.counters.timeouts +=
                        u64::from(self.requests.is_silent_contact(handle));
                    self.with_at(now, node, |node, cx| node.handle_request_timeout(cx, handle));
                }
            }
            if self.world.reports.len() >= EVENT_CAPACITY / 2 {
                self.deliver_events(application);
            }
        }
        self.deliver_events(application);
    }

    /// Until when the timers of this node wait, if it is paused.
    fn hold_timers(&mut self, node: u32, now: Time) -> Option<Time> {
        let disturbed = self.world.disturbed.as_mut()?;
        let id = self.slots.get(node as usize)?.node.as_ref()?.peer().id;
        disturbed.hold_timers(id, now)
    }

    fn deliver_events(&mut self, application: &mut impl Application<N, C>) {
        let now = self.clock.now();
        for (node, event, payload) in self.world.reports.drain() {
            application.on_event(now, node, event, payload);
        }
    }
}
