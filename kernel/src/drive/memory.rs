//! A network in memory: the way to test a node.
//!
//! Time is virtual and jumps to whatever comes next. A message is encoded when it is sent, takes
//! [`DELAY`], and is parsed when it arrives, as over UDP. None is lost unless its receiver is not
//! there; [`Memory::set_copies`] loses all of them, or repeats them, and [`Memory::set_cut`] loses some.
//! What nodes report is collected.
//!
//! ```
//! use core::time::Duration;
//! use hopwise_kernel::drive::Memory;
//! use hopwise_kernel::ring::{Event, RingConfig, RingNode};
//!
//! let mut memory = Memory::<RingNode>::new(3, 1);
//! for node in 0..3 {
//!     memory.put(node, |me, rng| RingNode::new(me, RingConfig::default(), rng));
//! }
//! // The first two are a ring, which the third one joins.
//! let mut ring = [memory.peer(0), memory.peer(1)];
//! ring.sort_by_key(|peer| peer.id);
//! for node in 0..2 {
//!     memory.with(node, |node, cx| node.start_linked(cx, &ring));
//! }
//! memory.with(2, |node, cx| node.join(cx, &ring[..1]));
//! memory.run_for(Duration::from_secs(1));
//! assert!(memory.events().any(|event| event == (2, Event::Joined)));
//! ```
//!
//! A network can be cloned: a test that needs the same network many times builds it once.
//!
//! **Invariant:** everything follows from the seed and the calls. Once all queues have been as long as
//! they get, or [room was made](Memory::make_room), nothing is allocated.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{Address, Id, Peer, Rng, Time};
use crate::codec::{Codec, DATAGRAM_OVERHEAD_BYTES, Envelope, Framed, WireError};
use crate::drive::counters::Counters;
use crate::drive::reports::Reports;
use crate::drive::timers::{Due, Timers};
use crate::node::{
    Context, DropReason, EventOf, MAX_PAYLOAD, MessageOf, Node, Protocol, RequestHandle,
    RequestTables, World,
};

/// How long every message takes.
pub const DELAY: Duration = Duration::from_micros(500);
/// Longest datagram, in bytes: longer than any single message of the kernel's protocols.
pub const DATAGRAM_BYTES: usize = 8 * 1024;

/// The socket that all nodes share, or the first of theirs.
const SOCKET: Address = Address::new([127, 0, 0, 1], 4000, 0);
/// Datagrams in flight and events kept for which room is made.
const ROOM: usize = 1024;
/// Requests in flight, of all nodes together: far more than tests begin at once.
const REQUESTS: usize = 32 * 1024;

/// Nodes and the network between them. A node is named by its place, `0 .. capacity`.
///
/// If the messages of `C` name their receiver, all nodes share one socket, and a node's place is its
/// [slot](Address::slot). Otherwise each node has a port of its own.
#[derive(Debug)]
pub struct Memory<N: Node, C = Framed<<N as Node>::Protocol>> {
    peers: Vec<Peer>,
    nodes: Vec<Option<N>>,
    requests: <N::Protocol as Protocol>::Requests,
    rng: Rng,
    now: Time,
    stopped: Option<u32>,
    is_cut: Option<fn(u32, u32) -> bool>,
    outside: Outside<N::Protocol, C>,
}

/// The clone is the same network at the same time. It goes on in the same way.
impl<N: Node + Clone, C: Codec<Protocol = N::Protocol>> Clone for Memory<N, C>
where
    <N::Protocol as Protocol>::Requests: Clone,
{
    fn clone(&self) -> Memory<N, C> {
        Memory {
            peers: self.peers.clone(),
            nodes: self.nodes.clone(),
            requests: self.requests.clone(),
            rng: self.rng.clone(),
            outside: self.outside.clone(),
            ..*self
        }
    }

    /// Keeps the buffers.
    fn clone_from(&mut self, source: &Memory<N, C>) {
        self.peers.clone_from(&source.peers);
        self.nodes.clone_from(&source.nodes);
        self.requests.clone_from(&source.requests);
        self.rng.clone_from(&source.rng);
        self.outside.clone_from(&source.outside);
        (self.now, self.stopped, self.is_cut) = (source.now, source.stopped, source.is_cut);
    }
}

/// A datagram in flight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Datagram<'a> {
    /// The sender's address.
    pub from: Address,
    /// The receiver's socket.
    pub to: Address,
    /// The content.
    pub bytes: &'a [u8],
}

impl<N: Node, C: Codec<Protocol = N::Protocol>> Memory<N, C> {
    /// A network with room for `capacity` nodes, without any node yet. Draws the identifiers of all
    /// places.
    ///
    /// # Panics
    ///
    /// If there is no address for so many nodes; there are for 60,000.
    #[must_use]
    pub fn new(capacity: usize, seed: u64) -> Memory<N, C> {
        Memory::with_requests(capacity, REQUESTS, seed)
    }

    /// As [`new`](Self::new), but with room for only so many requests in flight in each
    /// [table](RequestTables). A small network is quick to build and to clone.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    #[must_use]
    pub fn with_requests(capacity: usize, requests: usize, seed: u64) -> Memory<N, C> {
        let mut rng = Rng::new(seed, 0);
        let peer_at = |place| Peer { id: Id::random(&mut rng), address: address_of::<C>(place) };
        let requests = <N::Protocol as Protocol>::Requests::with_capacity(requests);
        let timers = Timers::new(capacity, requests.handles());
        Memory {
            peers: (0..capacity).map(peer_at).collect(),
            nodes: (0..capacity).map(|_| None).collect(),
            requests,
            rng,
            now: Time::ZERO,
            stopped: None,
            is_cut: None,
            outside: Outside {
                codec: C::default(),
                timers,
                in_flight: VecDeque::with_capacity(ROOM),
                spare: Vec::with_capacity(ROOM),
                room: vec![0; DATAGRAM_BYTES].into_boxed_slice(),
                copies: 1,
                now: Time::ZERO,
                reports: Reports::with_capacity(ROOM),
                counters: Counters::default(),
            },
        }
    }

    /// Gives each place the identifier that [belongs to its address](Peer::of_address). Call it before nodes are
    /// put there.
    pub fn bind_identifiers(&mut self) {
        for peer in &mut self.peers {
            *peer = Peer::of_address(peer.address);
        }
    }

    /// Puts a new node, made for its place, in place `node`.
    pub fn put(&mut self, node: u32, make: impl FnOnce(Peer, &mut Rng) -> N) {
        self.nodes[node as usize] = Some(make(self.peers[node as usize], &mut self.rng));
    }

    /// Takes a node away, with its timers and requests, without a word to the others.
    pub fn remove(&mut self, node: u32) {
        self.outside.timers.disarm_node(node);
        while let Some(handle) = self.requests.abandon_one(node) {
            self.outside.timers.disarm_request(handle);
        }
        self.nodes[node as usize] = None;
    }

    /// The identifier and address of place `node`, whether or not a node is there.
    #[must_use]
    pub fn peer(&self, node: u32) -> Peer {
        self.peers[node as usize]
    }

    /// The node in place `node`.
    #[must_use]
    pub fn node(&self, node: u32) -> Option<&N> {
        self.nodes.get(node as usize)?.as_ref()
    }

    /// All nodes that are there, in the order of their places.
    pub fn nodes(&self) -> impl Iterator<Item = &N> {
        self.nodes.iter().flatten()
    }

    /// Randomness for the test, which its nodes draw from too.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Gives a command to a node. Returns what it returns, or `None` if the node is not there.
    pub fn with<T>(
        &mut self,
        node: u32,
        command: impl FnOnce(&mut N, &mut Context<'_, N::Protocol>) -> T,
    ) -> Option<T> {
        let it = self.nodes.get_mut(node as usize)?.as_mut()?;
        self.outside.now = self.now;
        let mut cx = Context {
            now: self.now,
            node,
            rng: &mut self.rng,
            requests: &mut self.requests,
            world: &mut self.outside,
        };
        Some(command(it, &mut cx))
    }

    /// Sends a message as if `from` had.
    ///
    /// # Panics
    ///
    /// If it cannot be encoded.
    pub fn inject(&mut self, from: Peer, to: Peer, message: &MessageOf<'_, N::Protocol>) {
        self.outside.now = self.now;
        self.outside.send(from, to, message);
    }

    /// Sends any bytes from `from` to the socket at `to`.
    ///
    /// # Panics
    ///
    /// If they are more than [`DATAGRAM_BYTES`].
    pub fn inject_bytes(&mut self, from: Address, to: Address, bytes: &[u8]) {
        self.outside.now = self.now;
        self.outside.put_in_flight(from, to, |_, room| {
            room[..bytes.len()].copy_from_slice(bytes);
            bytes.len()
        });
    }

    /// The datagrams in flight, in the order of arrival.
    pub fn in_flight(&self) -> impl Iterator<Item = Datagram<'_>> {
        self.outside.in_flight.iter().map(|it| Datagram {
            from: it.from,
            to: it.to,
            bytes: &it.bytes,
        })
    }

    /// From now on every message arrives so many times, all at once: 0 loses it, 1 is as it was.
    pub fn set_copies(&mut self, copies: usize) {
        self.outside.copies = copies;
    }

    /// From now on no message arrives for which `is_cut` holds, given the places of sender and receiver.
    /// `None` heals the network.
    pub fn set_cut(&mut self, is_cut: Option<fn(u32, u32) -> bool>) {
        self.is_cut = is_cut;
    }

    /// Stops a node, as a process that is stopped: its timers wait, and it loses all messages. `None` lets
    /// it go on.
    pub fn stop(&mut self, node: Option<u32>) {
        self.stopped = node;
    }

    /// Lets time pass.
    ///
    /// # Panics
    ///
    /// If a node sends a message that cannot be encoded.
    pub fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let arrival = self.outside.in_flight.front().map_or(Time::NEVER, |first| first.at);
            let next = arrival.min(self.outside.timers.next_expiry());
            if next > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(next);
            if let Some(datagram) =
                self.outside.in_flight.pop_front_if(|first| first.at <= self.now)
            {
                self.deliver(&datagram);
                self.outside.spare.push(datagram.bytes);
            } else if let Some(due) = self.outside.timers.expire(self.now) {
                self.fire(due);
            }
        }
    }

    /// Allocates now what would otherwise be allocated when it is first needed.
    pub fn make_room(&mut self) {
        self.outside.spare.resize_with(ROOM, new_buffer);
        self.outside.reports.make_room(ROOM * MAX_PAYLOAD);
    }

    /// What nodes have reported since this or [`reports`](Self::reports) was last called, in order,
    /// each event with its node.
    pub fn events(&mut self) -> impl Iterator<Item = (u32, EventOf<N::Protocol>)> {
        self.reports().map(|(node, event, _)| (node, event))
    }

    /// The same, each event with its node and its payload.
    pub fn reports(&mut self) -> impl Iterator<Item = (u32, EventOf<N::Protocol>, &[u8])> {
        self.outside.reports.drain()
    }

    /// Requests in flight, of all nodes together.
    #[must_use]
    pub fn requests_in_flight(&self) -> usize {
        self.requests.in_flight()
    }

    /// What has been counted since the start. Messages are counted when they are sent, wherever they
    /// are sent to, and once however many copies of them arrive.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.outside.counters
    }

    /// Messages sent since the start, of the [classes](Protocol::CLASSES) of this name.
    ///
    /// # Panics
    ///
    /// If there is no class of this name.
    #[must_use]
    pub fn sent(&self, class: &str) -> u64 {
        let all = N::Protocol::CLASSES.iter().zip(self.outside.counters.messages);
        let sent = all.filter(|(it, _)| it.name == class).map(|(_, count)| count);
        sent.reduce(|sum, count| sum + count).expect("the protocol has a class of this name")
    }

    /// Messages not acted on for this reason since the start.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.outside.counters.dropped[reason.index()]
    }

    /// Datagrams refused for this reason since the start.
    #[must_use]
    pub fn refused(&self, reason: WireError) -> u64 {
        self.outside.counters.refused[reason as usize]
    }

    fn deliver(&mut self, datagram: &InFlight) {
        let messages = match self.outside.codec.parse(&datagram.bytes) {
            Ok(messages) => messages,
            Err(reason) => return self.outside.counters.refused[reason as usize] += 1,
        };
        for (envelope, message) in messages {
            let sender = envelope.sender(datagram.from.socket());
            let node = place_of::<C>(datagram.to, envelope.to_slot);
            if self.stopped == Some(node) || self.is_cut(sender.address, node) {
                continue;
            }
            if self.node(node).is_some_and(|node| envelope.is_for(node.peer().id)) {
                self.outside.counters.received += 1;
                self.with(node, |node, cx| node.handle_message(cx, sender, message));
            } else {
                self.outside.count_drop(DropReason::NoSuchNode);
            }
        }
    }

    /// Whether nothing that `from` sends reaches `node`.
    fn is_cut(&self, from: Address, node: u32) -> bool {
        let is_cut = self.is_cut.filter(|_| is_inside::<C>(from));
        is_cut.is_some_and(|is_cut| is_cut(place_of::<C>(from, from.slot), node))
    }

    fn fire(&mut self, due: Due) {
        let node = match due {
            Due::Node(node) => Some(node),
            Due::Request(handle) => self.requests.node_of(handle),
        };
        let Some(node) = node else { return };
        let is_stopped = self.stopped == Some(node);
        let soon = self.now + DELAY;
        match due {
            Due::Node(node) if is_stopped => self.outside.timers.arm_node(node, soon),
            Due::Request(handle) if is_stopped => self.outside.timers.arm_request(handle, soon),
            Due::Node(_) => {
                self.with(node, |node, cx| node.handle_timeout(cx));
            }
            Due::Request(handle) => {
                self.with(node, |node, cx| node.handle_request_timeout(cx, handle));
            }
        }
    }
}

/// The address of place `node`.
fn address_of<C: Codec>(node: usize) -> Address {
    let number = u16::try_from(node).expect("addresses have room for the place");
    if C::SHARES_SOCKETS {
        return Address { slot: number, ..SOCKET };
    }
    let port = SOCKET.port.checked_add(number).expect("there is a port for the place");
    Address { port, ..SOCKET }
}

/// The place of the node at `slot` behind the socket at `to`.
fn place_of<C: Codec>(to: Address, slot: u16) -> u32 {
    if C::SHARES_SOCKETS { slot.into() } else { u32::from(to.port - SOCKET.port) }
}

/// Whether a node can be behind the socket at `to`.
fn is_inside<C: Codec>(to: Address) -> bool {
    if C::SHARES_SOCKETS {
        to.socket() == SOCKET
    } else {
        to.ip == SOCKET.ip && to.port >= SOCKET.port
    }
}

/// A buffer with room for any datagram, so that it never grows.
fn new_buffer() -> Vec<u8> {
    Vec::with_capacity(DATAGRAM_BYTES)
}

/// Everything outside the nodes.
#[derive(Debug)]
struct Outside<P: Protocol, C> {
    codec: C,
    timers: Timers,
    /// In the order of arrival, because all take equally long.
    in_flight: VecDeque<InFlight>,
    /// Buffers of datagrams that have arrived.
    spare: Vec<Vec<u8>>,
    /// Where a datagram is written.
    room: Box<[u8]>,
    copies: usize,
    now: Time,
    reports: Reports<P>,
    counters: Counters,
}

impl<P: Protocol, C: Codec<Protocol = P>> Clone for Outside<P, C> {
    fn clone(&self) -> Outside<P, C> {
        Outside {
            timers: self.timers.clone(),
            in_flight: self.in_flight.clone(),
            spare: Vec::new(),
            room: self.room.clone(),
            reports: self.reports.clone(),
            ..*self
        }
    }

    fn clone_from(&mut self, source: &Outside<P, C>) {
        self.spare.extend(self.in_flight.drain(..).map(|datagram| datagram.bytes));
        self.timers.clone_from(&source.timers);
        self.reports.clone_from(&source.reports);
        for datagram in &source.in_flight {
            let mut bytes = self.spare.pop().unwrap_or_else(new_buffer);
            bytes.clone_from(&datagram.bytes);
            self.in_flight.push_back(InFlight { bytes, ..*datagram });
        }
        (self.codec, self.copies, self.now) = (source.codec, source.copies, source.now);
        self.counters = source.counters;
    }
}

#[derive(Clone, Debug)]
struct InFlight {
    at: Time,
    from: Address,
    to: Address,
    bytes: Vec<u8>,
}

impl<P: Protocol, C: Codec<Protocol = P>> Outside<P, C> {
    /// `write` writes the datagram at the start of the room that it gets, and returns its length.
    fn put_in_flight(
        &mut self,
        from: Address,
        to: Address,
        write: impl FnOnce(C, &mut [u8]) -> usize,
    ) {
        if !is_inside::<C>(to) {
            return;
        }
        let length = write(self.codec, &mut self.room);
        let mut bytes = self.spare.pop().unwrap_or_else(new_buffer);
        bytes.clear();
        bytes.extend_from_slice(&self.room[..length]);
        self.counters.datagrams += 1;
        self.in_flight.push_back(InFlight { at: self.now + DELAY, from, to, bytes });
    }
}

impl<P: Protocol, C: Codec<Protocol = P>> World<P> for Outside<P, C> {
    fn send(&mut self, from: Peer, to: Peer, message: &MessageOf<'_, P>) {
        let class = P::class(message);
        let bytes = C::HEADER_BYTES + self.codec.length(message) + DATAGRAM_OVERHEAD_BYTES;
        self.counters.messages[class] += 1;
        self.counters.bytes[class] += bytes as u64;
        let envelope = Envelope::new(from, to);
        for _ in 0..self.copies {
            self.put_in_flight(from.address, to.address, |codec, room| {
                let written = codec.write_datagram(&envelope, message, room);
                written.expect("nodes send only what can be encoded")
            });
        }
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
