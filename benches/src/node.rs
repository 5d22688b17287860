//! A single ring node with exact tables. Its messages are discarded.
//!
//! **Invariant:** time does not advance. The world only counts messages and keeps the data for
//! replies.

use hopwise_kernel::node::{Cookie, DropReason, RequestHandle, RequestId, Requests};
use hopwise_kernel::ring::message::Purpose;
use hopwise_kernel::ring::request::Kind;
use hopwise_kernel::ring::{Event, Message, Ring, RingConfig, RingNode};
use hopwise_kernel::{Address, Context, Id, Node, Peer, Rng, Time, World};

use crate::frames;

/// Number of members of the node's ring. Its configuration is [`RingConfig::default`].
const NODES: u16 = 4096;
/// Capacity for requests in flight, as in a shard of the UDP engine.
const REQUESTS: usize = 1 << 14;

/// A ring member with exact tables.
pub struct SettledNode {
    node: RingNode,
    /// All members, in ascending order of identifiers.
    ring: Vec<Peer>,
    requests: Requests<Kind>,
    rng: Rng,
    nowhere: Nowhere,
}

impl SettledNode {
    /// Creates a node of a random ring.
    #[must_use]
    pub fn new(mut rng: Rng) -> SettledNode {
        let address = |slot| Address::new([127, 0, 0, 1], 4000, slot);
        let mut ring: Vec<Peer> = (0..NODES)
            .map(|slot| Peer { id: Id::random(&mut rng), address: address(slot) })
            .collect();
        ring.sort_unstable_by_key(|peer| peer.id);
        let node = RingNode::new(ring[0], RingConfig::default(), &mut rng);
        let nowhere = Nowhere { sent: 0, forwarded: Vec::with_capacity(REQUESTS), cookie: None };
        let mut it = SettledNode { node, ring, requests: Requests::new(REQUESTS), rng, nowhere };
        it.with(|node, cx, ring| node.start_linked(cx, ring));
        it
    }

    /// Makes the node handle a message.
    pub fn handle(&mut self, from: Peer, message: Message<'_>) {
        self.with(|node, cx, _| node.handle_message(cx, from, message));
    }

    /// Number of messages sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.nowhere.sent
    }

    /// Number of requests in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.requests.len()
    }

    /// Makes `count` lookups of uniform keys from other members. The node will forward each of
    /// them.
    pub fn lookups(&mut self, count: usize) -> Vec<(Peer, Message<'static>)> {
        let lookup = |_| {
            let (from, origin) = (self.other(), self.other());
            let key = self.key_to_forward();
            let request = RequestId(self.rng.next_u64());
            let lookup = frames::lookup_of(&mut self.rng, key, origin);
            (from, Message::Lookup { request, lookup })
        };
        (0..count).map(lookup).collect()
    }

    /// Returns the acknowledgements of all lookups forwarded since the last call.
    pub fn acks(&mut self) -> impl Iterator<Item = (Peer, Message<'static>)> + use<> {
        let ack = |(to, request)| (to, Message::Ack { request, purpose: Purpose::User });
        // Allocates for the next lookups here, not while they are forwarded.
        let room = Vec::with_capacity(REQUESTS);
        std::mem::replace(&mut self.nowhere.forwarded, room).into_iter().map(ack)
    }

    /// Makes a stabilize request from the node's predecessor, with a valid cookie.
    pub fn stabilize_request(&mut self) -> (Peer, Message<'static>) {
        let from = self.ring[self.ring.len() - 1];
        let ask = |cookie| Message::Neighbors {
            request: RequestId(1),
            cookie,
            purpose: Purpose::Stabilize,
        };
        self.handle(from, ask(Cookie::default()));
        (from, ask(self.nowhere.cookie.take().unwrap_or_default()))
    }

    fn other(&mut self) -> Peer {
        self.ring[1 + self.rng.below(self.ring.len() as u64 - 1) as usize]
    }

    /// Draws a key whose owner is neither the node nor its successor.
    fn key_to_forward(&mut self) -> Id {
        let predecessor = self.ring[self.ring.len() - 1];
        loop {
            let key = Id::random(&mut self.rng);
            let [me, next] = [self.ring[0], self.ring[1]];
            if !next.id.owns(key, me.id) && !me.id.owns(key, predecessor.id) {
                return key;
            }
        }
    }

    #[inline]
    fn with(&mut self, command: impl FnOnce(&mut RingNode, &mut Context<'_, Ring>, &[Peer])) {
        let mut cx = Context {
            now: Time::ZERO,
            node: 0,
            rng: &mut self.rng,
            requests: &mut self.requests,
            world: &mut self.nowhere,
        };
        command(&mut self.node, &mut cx, &self.ring);
    }
}

struct Nowhere {
    sent: u64,
    /// Forwarded lookups without an acknowledgement.
    forwarded: Vec<(Peer, RequestId)>,
    cookie: Option<Cookie>,
}

impl World<Ring> for Nowhere {
    fn send(&mut self, _from: Peer, to: Peer, message: &Message<'_>) {
        self.sent += 1;
        match *message {
            Message::Lookup { request, .. } => self.forwarded.push((to, request)),
            Message::CookieReply { cookie, .. } => self.cookie = Some(cookie),
            _ => {}
        }
    }

    fn arm_node(&mut self, _node: u32, _at: Time) {}

    fn arm_request(&mut self, _request: RequestHandle, _at: Time) {}

    fn disarm_request(&mut self, _request: RequestHandle) {}

    fn report(&mut self, _node: u32, _event: Event, _payload: &[u8]) {}

    fn count_drop(&mut self, reason: DropReason) {
        panic!("a message was dropped: {reason:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lookup_is_forwarded_and_acknowledged() {
        let mut node = SettledNode::new(Rng::new(1, 0));
        for (from, lookup) in node.lookups(1000) {
            node.handle(from, lookup);
        }
        assert_eq!((node.sent(), node.in_flight()), (2000, 1000));
        for (from, ack) in node.acks() {
            node.handle(from, ack);
        }
        assert_eq!((node.sent(), node.in_flight()), (2000, 0));
    }

    #[test]
    fn a_stabilize_request_is_answered_in_full() {
        let mut node = SettledNode::new(Rng::new(2, 0));
        let (from, request) = node.stabilize_request();
        assert!(node.nowhere.cookie.is_none());
        node.handle(from, request);
        assert!(node.nowhere.cookie.is_none(), "the node demanded another cookie");
        assert_eq!(node.sent(), 2);
    }
}
