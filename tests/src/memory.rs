//! Nodes in memory, ring nodes unless others are named: the smallest driver that keeps the kernel's contract.
//!
//! Time is virtual and jumps to whatever comes next. A message is encoded when it is sent, takes
//! [`DELAY`], and is parsed when it arrives, as it would be over UDP; none is lost unless nobody is
//! there to take it. All nodes are behind one socket; what is sent anywhere else is gone.
//!
//! **Invariant:** everything follows from the seed. Once all queues have been as long as they get,
//! or [room was made](Memory::make_room), nothing is allocated, except to keep payloads.

use std::collections::VecDeque;
use std::time::Duration;

use hopwise_kernel::context::Drop;
use hopwise_kernel::message::Class;
use hopwise_kernel::ring::{RingConfig, RingNode};
use hopwise_kernel::rpc::{RequestHandle, Requests};
use hopwise_kernel::timer::{Due, Timers};
use hopwise_kernel::wire::{self, Bundle, Frame, WireError};
use hopwise_kernel::{Address, Context, Event, Id, Message, Node, Peer, Rng, Time, World};

/// How long every message takes.
pub const DELAY: Duration = Duration::from_micros(500);

/// Longer than any single message, in bytes.
pub const DATAGRAM_BYTES: usize = 8 * 1024;
/// The one socket that all nodes are behind.
const SOCKET: Address = Address::new([127, 0, 0, 1], 4000, 0);
/// Datagrams in flight and events kept for which room is made.
const ROOM: usize = 1024;
/// Requests in flight, of all nodes together: far more than tests begin at once.
const REQUESTS: usize = 16 * 1024;

/// Nodes, and the world they live in. A node is named by its place, `0 .. capacity`.
#[derive(Debug)]
pub struct Memory<N = RingNode> {
    peers: Vec<Peer>,
    nodes: Vec<Option<N>>,
    requests: Requests,
    rng: Rng,
    now: Time,
    outside: Outside,
}

impl<N: Node> Memory<N> {
    /// Room for `capacity` nodes, at most 65,536, none of them there yet. Their identifiers are
    /// drawn here.
    #[must_use]
    pub fn new(capacity: usize, seed: u64) -> Memory<N> {
        let mut rng = Rng::new(seed, 0);
        let peer_at = |slot: usize| Peer {
            id: Id::random(&mut rng),
            address: Address { slot: slot as u16, ..SOCKET },
        };
        Memory {
            peers: (0..capacity).map(peer_at).collect(),
            nodes: (0..capacity).map(|_| None).collect(),
            requests: Requests::new(REQUESTS),
            rng,
            now: Time::ZERO,
            outside: Outside {
                timers: Timers::new(capacity, REQUESTS),
                in_flight: VecDeque::with_capacity(ROOM),
                spare: Vec::with_capacity(ROOM),
                copies: 1,
                now: Time::ZERO,
                events: Vec::with_capacity(ROOM),
                payloads: Vec::new(),
                keeps_payloads: true,
                dropped: [0; Drop::ALL.len()],
                refused: [0; WireError::ALL.len()],
                sent: [0; Class::ALL.len()],
            },
        }
    }

    /// Puts a new node, which is made for its place, in place `node`.
    pub fn put(&mut self, node: u32, make: impl FnOnce(Peer, &mut Rng) -> N) {
        self.nodes[node as usize] = Some(make(self.peers[node as usize], &mut self.rng));
    }

    /// Takes a node away, with its timers and requests. Nobody is told.
    pub fn remove(&mut self, node: u32) {
        self.outside.timers.disarm_node(node);
        while let Some(handle) = self.requests.abandon_one(node) {
            self.outside.disarm_request(handle);
        }
        self.nodes[node as usize] = None;
    }

    /// Who is, was or will be in place `node`.
    #[must_use]
    pub fn peer(&self, node: u32) -> Peer {
        self.peers[node as usize]
    }

    /// The node in place `node`.
    #[must_use]
    pub fn node(&self, node: u32) -> Option<&N> {
        self.nodes.get(node as usize)?.as_ref()
    }

    /// Randomness for the test.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Gives a command to a node; nothing if it is not there.
    pub fn with<T>(
        &mut self,
        node: u32,
        command: impl FnOnce(&mut N, &mut Context<'_>) -> T,
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
    pub fn inject(&mut self, from: Peer, to: Peer, message: &Message<'_>) {
        self.outside.now = self.now;
        self.outside.send(from, to, message);
    }

    /// Sends any bytes as if they came from the socket at `from`.
    ///
    /// # Panics
    ///
    /// If they are more than [`DATAGRAM_BYTES`].
    pub fn inject_bytes(&mut self, from: Address, bytes: &[u8]) {
        self.outside.now = self.now;
        self.outside.put_on_the_way(from, |buffer| {
            buffer[..bytes.len()].copy_from_slice(bytes);
            bytes.len()
        });
    }

    /// The datagrams on their way, each with the address of who sent it, in order of arrival.
    pub fn in_flight(&self) -> impl Iterator<Item = (Address, &[u8])> {
        self.outside.in_flight.iter().map(|it| (it.from, &it.bytes[..it.length]))
    }

    /// From now on every message arrives so many times, all at once.
    pub fn set_copies(&mut self, copies: usize) {
        self.outside.copies = copies;
    }

    /// Lets time pass.
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

    /// Takes the room for datagrams now that would otherwise be taken when it is first needed.
    pub fn make_room(&mut self) {
        self.outside.spare.resize_with(ROOM, || vec![0; DATAGRAM_BYTES]);
    }

    /// From now on no payloads are kept.
    pub fn forget_payloads(&mut self) {
        self.outside.keeps_payloads = false;
    }

    /// What nodes have told since this was last called, with who told it, in order. Payloads are
    /// left out; see [`payloads`](Self::payloads).
    pub fn events(&mut self) -> impl Iterator<Item = (u32, Event<'static>)> + '_ {
        self.outside.events.drain(..)
    }

    /// The payloads of all [`Event::Received`] since the start, or until they were
    /// [forgotten](Self::forget_payloads).
    #[must_use]
    pub fn payloads(&self) -> &[Vec<u8>] {
        &self.outside.payloads
    }

    /// Requests in flight, of all nodes together.
    #[must_use]
    pub const fn requests_in_flight(&self) -> usize {
        self.requests.len()
    }

    /// Messages not acted on for this reason since the start.
    #[must_use]
    pub fn dropped(&self, reason: Drop) -> u64 {
        self.outside.dropped[reason as usize]
    }

    /// Datagrams refused for this reason since the start.
    #[must_use]
    pub fn refused(&self, reason: WireError) -> u64 {
        self.outside.refused[reason as usize]
    }

    /// Messages of this class sent since the start.
    #[must_use]
    pub fn sent(&self, class: Class) -> u64 {
        self.outside.sent[class as usize]
    }

    fn deliver(&mut self, datagram: &Datagram) {
        let bundle = match Bundle::parse(&datagram.bytes[..datagram.length]) {
            Ok(bundle) => bundle,
            Err(reason) => return self.outside.refused[reason as usize] += 1,
        };
        for frame in bundle.frames() {
            let sender = frame.sender(datagram.from.socket());
            let node = frame.to_slot.into();
            if self.node(node).is_some_and(|node| node.peer().id.prefix() == frame.to_prefix) {
                self.with(node, |node, cx| node.handle_message(cx, sender, frame.message));
            } else {
                self.outside.count_drop(Drop::NoSuchNode);
            }
        }
    }

    fn fire(&mut self, due: Due) {
        match due {
            Due::Node(node) => {
                self.with(node, |node, cx| node.handle_timeout(cx));
            }
            Due::Request(handle) => {
                let Some(request) = self.requests.at(handle) else { return };
                let node = request.node;
                self.with(node, |node, cx| node.handle_request_timeout(cx, handle));
            }
        }
    }
}

impl Memory<RingNode> {
    /// A linked ring of `count` nodes.
    #[must_use]
    pub fn linked(count: usize, config: RingConfig, seed: u64) -> Memory {
        let mut memory = Memory::new(count, seed);
        memory.link(count, config);
        memory
    }

    /// Makes the first `count` places a linked ring.
    pub fn link(&mut self, count: usize, config: RingConfig) {
        let mut ring = self.peers[..count].to_vec();
        ring.sort_by_key(|peer| peer.id);
        for node in 0..count as u32 {
            self.insert(node, config);
            self.with(node, |it, cx| it.start_linked(cx, &ring));
        }
    }

    /// Puts a new node, not yet a member of any ring, in place `node`.
    pub fn insert(&mut self, node: u32, config: RingConfig) {
        self.put(node, |me, rng| RingNode::new(me, config, rng));
    }

    /// All members of the ring, in ascending order of identifiers: the truth.
    #[must_use]
    pub fn members(&self) -> Vec<Peer> {
        let members = self.nodes.iter().flatten().filter(|node| node.is_member());
        let mut peers: Vec<_> = members.map(Node::peer).collect();
        peers.sort_by_key(|peer| peer.id);
        peers
    }

    /// What all members know, in ascending order of their identifiers.
    #[must_use]
    pub fn tables(&self) -> Vec<Tables> {
        let members = self.members();
        let nodes = members.iter().filter_map(|peer| self.node(peer.address.slot.into()));
        nodes.map(Tables::of).collect()
    }
}

/// What a node knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tables {
    /// Its predecessor.
    pub predecessor: Option<Peer>,
    /// Its successor list.
    pub successors: Vec<Peer>,
    /// Its fingers, each with its slot.
    pub fingers: Vec<(usize, Peer)>,
}

impl Tables {
    /// What `node` knows now.
    #[must_use]
    pub fn of(node: &RingNode) -> Tables {
        Tables {
            predecessor: node.predecessor(),
            successors: node.successors().to_vec(),
            fingers: node.fingers().entries().collect(),
        }
    }
}

/// The first of `ring`, which is in ascending order, at or clockwise after `key`: its owner.
///
/// # Panics
///
/// If `ring` is empty.
#[must_use]
pub fn owner_in(ring: &[Peer], key: Id) -> Peer {
    ring[ring.partition_point(|peer| peer.id < key) % ring.len()]
}

/// Everything outside the nodes.
#[derive(Debug)]
struct Outside {
    timers: Timers,
    /// In the order of arrival, because all take equally long.
    in_flight: VecDeque<Datagram>,
    spare: Vec<Vec<u8>>,
    copies: usize,
    now: Time,
    events: Vec<(u32, Event<'static>)>,
    payloads: Vec<Vec<u8>>,
    keeps_payloads: bool,
    dropped: [u64; Drop::ALL.len()],
    refused: [u64; WireError::ALL.len()],
    sent: [u64; Class::ALL.len()],
}

#[derive(Debug)]
struct Datagram {
    at: Time,
    from: Address,
    length: usize,
    bytes: Vec<u8>,
}

impl Outside {
    /// `write` fills a buffer and says how much of it is the datagram.
    fn put_on_the_way(&mut self, from: Address, write: impl FnOnce(&mut [u8]) -> usize) {
        let mut bytes = self.spare.pop().unwrap_or_else(|| vec![0; DATAGRAM_BYTES]);
        let length = write(&mut bytes);
        self.in_flight.push_back(Datagram { at: self.now + DELAY, from, length, bytes });
    }
}

impl World for Outside {
    fn send(&mut self, from: Peer, to: Peer, message: &Message<'_>) {
        self.sent[message.class() as usize] += 1;
        let frame = Frame {
            from_id: from.id,
            from_slot: from.address.slot,
            to_slot: to.address.slot,
            to_prefix: to.id.prefix(),
            message: *message,
        };
        if to.address.socket() != SOCKET {
            return;
        }
        for _ in 0..self.copies {
            self.put_on_the_way(from.address, |bytes| {
                wire::begin_bundle(bytes)
                    .and_then(|header| Some(header + wire::encode(&frame, &mut bytes[header..])?))
                    .expect("nodes send only what can be encoded")
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

    fn report(&mut self, node: u32, event: Event<'_>) {
        if let Event::Received { payload, .. } = event
            && self.keeps_payloads
        {
            self.payloads.push(payload.to_vec());
        }
        self.events.push((node, event.detach()));
    }

    fn count_drop(&mut self, reason: Drop) {
        self.dropped[reason as usize] += 1;
    }
}
