//! One core's share of the nodes, and the loop that drives them.
//!
//! ```text
//!        ┌──────────────── one turn ─────────────────┐
//!   poll │ read sockets → fire timers → pilot → flush │ …
//!        └───────────────────────────────────────────┘
//! ```
//!
//! Timers fire up to the time taken *before* the sockets were read, so that a reply which has
//! arrived while the thread was held up is seen before its request times out.
//!
//! **Invariant:** each turn's work is bounded by [`BATCHES_PER_SOCKET`] and [`TIMERS_PER_TURN`].

use std::io;
use std::ops::Range;
use std::os::fd::RawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::context::{Context, Drop, Event, Node, World};
use crate::message::Message;
use crate::peer::{Address, Peer};
use crate::reactor::clock::Clock;
use crate::reactor::counters::Counters;
use crate::reactor::emulation::Emulation;
use crate::reactor::outbox::Outbox;
use crate::reactor::sockets::{Batch, Layout, Sockets};
use crate::rng::Rng;
use crate::rpc::{RequestHandle, Requests};
use crate::time::Time;
use crate::timer::{Due, Timers};
use crate::wire::{BUNDLE_HEADER_BYTES, Bundle, DATAGRAM_OVERHEAD_BYTES, Frame, encode};

/// Batches of datagrams read from one socket before other work has its turn.
pub const BATCHES_PER_SOCKET: usize = 4;
/// Timers fired in one turn before sockets are read again.
pub const TIMERS_PER_TURN: usize = 4096;
/// Sockets reported ready by one poll.
const READY_PER_POLL: usize = 1024;
/// Events kept for the pilot before they are handed over.
const REPORTS: usize = 4096;

/// What the nodes' user does: offers load, brings nodes and takes them away, keeps books.
pub trait Pilot<N> {
    /// A node has told something.
    fn on_event(&mut self, now: Time, node: u32, event: Event<'_>);

    /// Once per turn: may act on the nodes. Says when it must be called again at the latest.
    fn turn(&mut self, shard: &mut Shard<N>) -> Turn;
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
#[derive(Debug)]
pub struct Shard<N> {
    places: Vec<Place<N>>,
    requests: Requests,
    rng: Rng,
    outside: Outside,
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

impl<N: Node> Shard<N> {
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
    ) -> io::Result<Shard<N>> {
        let poll = Poll::new()?;
        for (index, descriptor) in sockets.descriptors().enumerate() {
            let token = Token(index);
            poll.registry().register(&mut SourceFd(&descriptor), token, Interest::READABLE)?;
        }
        let socket_count = sockets.descriptors().count();
        Ok(Shard {
            places: (0..capacity).map(|_| Place { node: None, received: 0 }).collect(),
            requests: Requests::new(requests),
            rng,
            outside: Outside {
                timers: Timers::new(capacity, requests),
                outbox: Outbox::new(datagram_bytes),
                emulation: None,
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
        let emulation = Emulation::new(transit, self.clock, self.datagram_bytes);
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
        command: impl FnOnce(&mut N, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let now = self.clock.now();
        self.with_at(now, node, command)
    }

    /// Randomness for what is built outside.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Runs until the pilot stops it.
    ///
    /// # Errors
    ///
    /// What the system says if polling fails.
    pub fn run(&mut self, pilot: &mut impl Pilot<N>) -> io::Result<()> {
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
            self.read_sockets(pilot);
            self.fire_timers(before_reading, pilot);
            let turn = pilot.turn(self);
            self.hand_over(pilot);
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
        command: impl FnOnce(&mut N, &mut Context<'_>) -> T,
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

    fn read_sockets(&mut self, pilot: &mut impl Pilot<N>) {
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
                self.hand_over(pilot);
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
        match Bundle::parse(bytes) {
            Err(reason) => self.outside.counters.refused[reason as usize] += 1,
            Ok(bundle) => {
                for frame in bundle.frames() {
                    let node = self.outside.sockets.node_at(socket, frame.to_slot);
                    let sender = frame.sender(from);
                    let is_meant = self
                        .node(node)
                        .is_some_and(|node| node.peer().id.prefix() == frame.to_prefix);
                    let taken = is_meant
                        .then(|| {
                            self.with_at(now, node, |node, cx| {
                                node.handle_message(cx, sender, frame.message);
                            })
                        })
                        .flatten();
                    match taken {
                        Some(()) => {
                            self.outside.counters.received += 1;
                            self.places[node as usize].received += 1;
                        }
                        None => self.outside.count_drop(Drop::NoSuchNode),
                    }
                }
            }
        }
    }

    fn fire_timers(&mut self, now: Time, pilot: &mut impl Pilot<N>) {
        for _ in 0..TIMERS_PER_TURN {
            let Some(due) = self.outside.timers.expire(now) else { break };
            match due {
                Due::Node(node) => {
                    self.with_at(now, node, |node, cx| node.handle_timeout(cx));
                }
                Due::Request(handle) => {
                    let Some(request) = self.requests.at(handle) else { continue };
                    let node = request.node;
                    let fired =
                        self.with_at(now, node, |node, cx| node.handle_request_timeout(cx, handle));
                    if fired.is_none() {
                        self.requests.remove(handle);
                    }
                }
            }
            if self.outside.reports.len() >= REPORTS / 2 {
                self.hand_over(pilot);
            }
        }
        self.hand_over(pilot);
    }

    fn hand_over(&mut self, pilot: &mut impl Pilot<N>) {
        let now = self.clock.now();
        for (node, event, payload) in self.outside.reports.drain(..) {
            let event = match event {
                Event::Received { key, from, .. } => {
                    Event::Received { key, from, payload: &self.outside.payloads[payload] }
                }
                other => other,
            };
            pilot.on_event(now, node, event);
        }
        self.outside.payloads.clear();
    }
}

/// Everything outside a shard's nodes.
#[derive(Debug)]
struct Outside {
    timers: Timers,
    outbox: Outbox,
    /// What stands between the nodes and the outbox, if anything does.
    emulation: Option<Emulation>,
    sockets: Sockets,
    counters: Counters,
    reports: Vec<(u32, Event<'static>, Range<usize>)>,
    /// Payloads of the reports.
    payloads: Vec<u8>,
}

impl Outside {
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

impl World for Outside {
    #[inline]
    fn send(&mut self, from: Peer, to: Peer, message: &Message<'_>) {
        let (from_slot, socket) = match self.sockets.layout() {
            Layout::PerCore => (from.address.slot, 0),
            Layout::PerNode => (0, self.sockets.socket_at(from.address)),
        };
        let frame = Frame {
            from_id: from.id,
            from_slot,
            to_slot: to.address.slot,
            to_prefix: to.id.prefix(),
            message: *message,
        };
        let write = |room: &mut [u8]| encode(&frame, room);
        let counters = &mut self.counters;
        let pushed = match &mut self.emulation {
            None => self.outbox.push(&self.sockets, counters, socket, to.address, write),
            Some(emulation) => emulation.push(counters, socket, to.address, write),
        };
        let Some(bytes) = pushed else { return };
        let class = message.class() as usize;
        self.counters.messages[class] += 1;
        self.counters.bytes[class] +=
            (bytes + BUNDLE_HEADER_BYTES + DATAGRAM_OVERHEAD_BYTES) as u64;
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

    fn report(&mut self, node: u32, event: Event<'_>) {
        let start = self.payloads.len();
        if let Event::Received { payload, .. } = event {
            self.payloads.extend_from_slice(payload);
        }
        self.reports.push((node, event.detach(), start..self.payloads.len()));
    }

    fn count_drop(&mut self, reason: Drop) {
        self.counters.dropped[reason as usize] += 1;
    }
}

const ALARM: Token = Token(usize::MAX - 1);

/// A timer descriptor: polls wait in whole milliseconds, which is too coarse for an open loop.
struct Alarm(RawFd);

impl Alarm {
    fn new(poll: &Poll) -> io::Result<Alarm> {
        // SAFETY: no pointers are passed; the result is checked.
        let descriptor = unsafe {
            libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC)
        };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        let alarm = Alarm(descriptor);
        poll.registry().register(&mut SourceFd(&alarm.0), ALARM, Interest::READABLE)?;
        Ok(alarm)
    }

    fn set(&self, after: Duration) {
        let once = libc::itimerspec {
            it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: libc::timespec {
                tv_sec: after.as_secs() as libc::time_t,
                tv_nsec: after.subsec_nanos().max(1).into(),
            },
        };
        // SAFETY: the descriptor is open, `once` is valid, and no old value is asked for.
        unsafe { libc::timerfd_settime(self.0, 0, &raw const once, std::ptr::null_mut()) };
    }

    fn clear(&self) {
        let mut count = [0u8; 8];
        // SAFETY: the descriptor is open and the buffer has the 8 bytes a timer writes.
        unsafe { libc::read(self.0, count.as_mut_ptr().cast(), count.len()) };
    }
}

impl std::ops::Drop for Alarm {
    fn drop(&mut self) {
        // SAFETY: this owns the descriptor.
        unsafe { libc::close(self.0) };
    }
}
