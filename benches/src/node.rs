//! One ring node with a settled table, alone: what it sends goes nowhere.
//!
//! **Invariant:** time stands still, and the world does nothing but count, and keep what it takes to
//! answer the node.

use hopwise_kernel::node::{Cookie, DropReason, RequestHandle, RequestId, Requests};
use hopwise_kernel::ring::message::Purpose;
use hopwise_kernel::ring::request::Kind;
use hopwise_kernel::ring::{Event, Message, Ring, RingConfig, RingNode};
use hopwise_kernel::{Address, Context, Id, Node, Peer, Rng, Time, World};

use crate::frames;

/// Members of the ring the node is in; its tables are those of [`RingConfig::default`].
const NODES: u16 = 4096;
/// Requests in flight for which there is room, as in a shard of the UDP engine.
const REQUESTS: usize = 1 << 14;

/// A member of a ring whose tables are exact.
pub struct SettledNode {
    node: RingNode,
    /// All members, in ascending order of identifiers.
    ring: Vec<Peer>,
    requests: Requests<Kind>,
    rng: Rng,
    nowhere: Nowhere,
}

impl SettledNode {
    /// A node of the ring that `rng` draws.
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

    /// A message arrives.
    pub fn handle(&mut self, from: Peer, message: Message<'_>) {
        self.with(|node, cx, _| node.handle_message(cx, from, message));
    }

    /// Messages sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.nowhere.sent
    }

    /// Requests that wait for a reply.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.requests.len()
    }

    /// `count` lookups of uniform keys, handed on by members of the ring; each of them will be
    /// forwarded.
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

    /// The acknowledgements of all lookups that were forwarded since this was last called.
    pub fn acks(&mut self) -> impl Iterator<Item = (Peer, Message<'static>)> + use<> {
        let ack = |(to, request)| (to, Message::Ack { request, purpose: Purpose::User });
        // Room for the next ones is made here, not while they are forwarded.
        let room = Vec::with_capacity(REQUESTS);
        std::mem::replace(&mut self.nowhere.forwarded, room).into_iter().map(ack)
    }

    /// A request for its neighbours, as its predecessor sends to stabilize: with the cookie that
    /// has it answered in full.
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

    /// Any but those of which the node knows the owner.
    fn key_to_forward(&mut self) -> Id {
        loop {
            let key = Id::random(&mut self.rng);
            if !self.ring[1].id.owns(key, self.ring[0].id) {
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
    /// Lookups that wait for an acknowledgement.
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
        assert!(node.nowhere.cookie.is_none(), "another cookie was asked for");
        assert_eq!(node.sent(), 2);
    }
}
