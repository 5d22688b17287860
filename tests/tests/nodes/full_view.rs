//! A store over another router than the ring, one that somebody else could write: each node knows all others
//! from the start, and pings those next to it.
//!
//! **Invariant:** the router knows nothing of the store, and the store nothing of this router.

use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::codec::{Body, WireError, Writer, read_request_id};
use hopwise_kernel::drive::Memory;
use hopwise_kernel::node::{
    Arena, Class, LookupDone, LookupEnd, LookupPurpose, RequestHandle, RequestId, RequestKind,
    Requests,
};
use hopwise_kernel::store::{self, Name, ReadOutcome, StoreNode, WriteOutcome};
use hopwise_kernel::{Context, Id, Node, Peer, Protocol, Router, Time};
use hopwise_tests::store::{A_MOMENT, DEADLINE, HEALING, NODES, config, keys, put};

/// Time between two pings of the neighbors.
const PERIOD: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_millis(50);
const ATTEMPTS: u8 = 3;

#[derive(Clone, Copy, Debug)]
struct FullView;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Message {
    Ping(RequestId),
    Pong(RequestId),
}

/// A ping in flight.
#[derive(Clone, Copy, Debug)]
struct Ping;

impl RequestKind for Ping {}

impl Protocol for FullView {
    type Message<'a> = Message;
    type Parked = Message;
    type Event = LookupEnd;
    type Requests = Requests<Ping>;
    const CLASSES: &'static [Class] = &[Class::maintenance("ping")];

    fn class(_message: &Message) -> usize {
        0
    }

    fn park(message: &Message, _arena: &mut Arena) -> Message {
        *message
    }

    fn recall(parked: &Message, _arena: &Arena) -> Message {
        *parked
    }
}

impl Body for FullView {
    fn write(message: &Message, out: &mut Writer<'_>) -> Option<u8> {
        let (kind, RequestId(number)) = match *message {
            Message::Ping(request) => (1, request),
            Message::Pong(request) => (2, request),
        };
        out.put_bytes(&number.to_be_bytes())?;
        Some(kind)
    }

    fn read(kind: u8, payload: &[u8]) -> Result<Message, WireError> {
        match kind {
            1 => Ok(Message::Ping(read_request_id(payload)?)),
            2 => Ok(Message::Pong(read_request_id(payload)?)),
            _ => Err(WireError::BadKind),
        }
    }
}

#[derive(Debug)]
struct Known {
    me: Peer,
    /// All others that are not known to be dead, clockwise from this node.
    others: Vec<Peer>,
    is_member: bool,
}

impl Known {
    fn start(&mut self, cx: &mut Context<'_, FullView>, all: &[Peer]) {
        self.others = all.iter().copied().filter(|peer| peer.id != self.me.id).collect();
        self.others.sort_by_key(|peer| self.me.id.distance_to(peer.id));
        self.is_member = true;
        cx.world.arm_node(cx.node, cx.now + cx.rng.jitter(PERIOD));
    }

    fn ping(&self, cx: &mut Context<'_, FullView>, peer: Peer) {
        if let Some(request) = cx.request(peer, 0, Ping, PATIENCE) {
            cx.world.send(self.me, peer, &Message::Ping(request));
        }
    }
}

impl Node for Known {
    type Protocol = FullView;

    fn peer(&self) -> Peer {
        self.me
    }

    fn handle_message(&mut self, cx: &mut Context<'_, FullView>, from: Peer, message: Message) {
        match message {
            Message::Ping(request) => cx.world.send(self.me, from, &Message::Pong(request)),
            Message::Pong(request) => _ = cx.match_reply(request, from, |_| true),
        }
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_, FullView>) {
        for neighbor in [self.others.first(), self.others.last()].into_iter().flatten() {
            self.ping(cx, *neighbor);
        }
        cx.world.arm_node(cx.node, cx.now + cx.rng.jitter(PERIOD));
    }

    fn handle_request_timeout(&mut self, cx: &mut Context<'_, FullView>, handle: RequestHandle) {
        let Some(&request) = cx.own_requests().at(handle) else { return };
        if request.retries + 1 < ATTEMPTS {
            if let Some(id) = cx.retransmit(handle, PATIENCE) {
                cx.world.send(self.me, request.to, &Message::Ping(id));
            }
        } else if let Some(request) = cx.take_expired(handle) {
            self.others.retain(|&peer| peer != request.to);
        }
    }
}

impl Router for Known {
    fn is_member(&self) -> bool {
        self.is_member
    }

    fn predecessor(&self) -> Option<Peer> {
        self.others.last().copied().or(Some(self.me))
    }

    fn replicas(&self) -> &[Peer] {
        &self.others
    }

    fn look_up(
        &mut self,
        cx: &mut Context<'_, FullView>,
        key: Id,
        token: u64,
        _purpose: LookupPurpose,
        _deadline: Time,
    ) -> bool {
        let all = self.others.iter().copied().chain([self.me]);
        let Some(owner) = all.min_by_key(|peer| key.distance_to(peer.id)) else { return false };
        let (hops, timeouts, under_suspicion) = (0, 0, false);
        cx.report(LookupEnd::Done(LookupDone {
            token,
            key,
            owner,
            hops,
            timeouts,
            under_suspicion,
        }));
        true
    }

    fn lookup_end(event: &LookupEnd) -> Option<LookupEnd> {
        Some(*event)
    }

    fn suspect(&mut self, cx: &mut Context<'_, FullView>, peer: Peer) {
        self.ping(cx, peer);
    }
}

struct Network(Memory<StoreNode<Known>>);

impl Network {
    fn new(seed: u64) -> Network {
        let mut memory = Memory::<StoreNode<Known>>::new(NODES as usize, seed);
        let config = Arc::new(config());
        let all: Vec<Peer> = (0..NODES).map(|node| memory.peer(node)).collect();
        for node in 0..NODES {
            let router = |me| Known { me, others: Vec::new(), is_member: false };
            memory.put(node, |me, _| StoreNode::new(router(me), config.clone()));
            memory.with(node, |it, cx| it.with_router(cx, |known, cx| known.start(cx, &all)));
        }
        Network(memory)
    }

    fn members(&self) -> Vec<u32> {
        (0..NODES).filter(|&node| self.0.node(node).is_some()).collect()
    }

    fn write(&mut self, node: u32, key: Id, value: &[u8]) -> WriteOutcome {
        let write = put(key);
        assert_eq!(self.0.with(node, |it, cx| it.write(cx, &write, value, 7)), Some(true));
        self.0.run_for(DEADLINE / 4);
        let ends = self.0.events().filter_map(|(_, event)| match event {
            store::Event::Wrote(end) => Some(end.outcome),
            _ => None,
        });
        ends.last().expect("the write has ended")
    }

    fn read(&mut self, node: u32, key: Id) -> (ReadOutcome, Vec<u8>) {
        self.0.events().for_each(drop);
        assert_eq!(self.0.with(node, |it, cx| it.read(cx, Name::value(key), 8)), Some(true));
        // A node that is not next to a dead one finds out only when it asks it.
        let end = self.0.now() + DEADLINE + A_MOMENT;
        while self.0.now() < end {
            self.0.run_for(A_MOMENT);
            let ends = self.0.reports().filter_map(|(_, event, value)| match event {
                store::Event::Read(end) => Some((end.outcome, value.to_vec())),
                _ => None,
            });
            if let Some(end) = ends.last() {
                return end;
            }
        }
        panic!("the read has not ended");
    }
}

#[test]
fn values_survive_crashes_over_another_router() {
    let (mut network, all) = (Network::new(18), keys(60));
    for (at, &key) in all.iter().enumerate() {
        let outcome = network.write(at as u32 % NODES, key, &key.to_bytes());
        assert!(matches!(outcome, WriteOutcome::Done { .. }), "{outcome:?}");
    }
    for round in 0..4 {
        // Two neighbors at once: an owner, and its first holder.
        let mut ring = network.members();
        ring.sort_by_key(|&node| network.0.peer(node).id);
        for at in [5, 6] {
            network.0.remove(ring[(round * 3 + at) % ring.len()]);
        }
        network.0.run_for(HEALING);
        for (at, &key) in all.iter().enumerate() {
            let members = network.members();
            let (outcome, value) = network.read(members[at % members.len()], key);
            assert!(matches!(outcome, ReadOutcome::Found { .. }), "{round}: {key}: {outcome:?}");
            assert_eq!(value, key.to_bytes());
        }
    }
    let held = |node: &StoreNode<Known>| u64::from(node.items());
    let copies: u64 = network.0.nodes().map(held).sum();
    assert_eq!(copies, 3 * all.len() as u64, "three copies of each, and no strays");
}
