//! A ring in a network that loses messages, and a count of what each lookup costs that owes nothing to
//! the harness: it looks at the messages themselves.
//!
//! Lookups run one after the other, so everything that is sent belongs to the one in progress. A contact
//! is silent exactly if the first transfer to it is lost or its acknowledgement is, because the timeout
//! is longer than a round trip.
//!
//! **Invariant:** uses nothing of the nodes but their public interface.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use hopwise_kernel::node::{
    DropReason, EventOf, MessageOf, RequestHandle, RequestTables as _, Requests,
};
use hopwise_kernel::ring::message::Purpose;
use hopwise_kernel::ring::request::Kind;
use hopwise_kernel::ring::{Event, Message, Ring, RingConfig, RingNode};
use hopwise_kernel::{Address, Context, Id, Node as _, Peer, Rng, Time, World};

use crate::ring::sorted;

/// Nodes without maintenance, and the network between them.
pub struct LossyRing {
    nodes: Vec<RingNode>,
    requests: Requests<Kind>,
    rng: Rng,
    network: Network,
}

/// What one lookup cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Costs {
    /// Messages, on all branches.
    pub messages: u64,
    /// Contacts that did not acknowledge the first transfer in time.
    pub timeouts: u64,
    /// Hops of the answer; `None` without one.
    pub hops: Option<u32>,
}

struct Network {
    rng: Rng,
    loss: f64,
    delay: Duration,
    now: Time,
    happens: BinaryHeap<Reverse<(Time, u64)>>,
    what: HashMap<u64, What>,
    due: HashMap<u32, u64>,
    costs: Costs,
}

enum What {
    Arrives { from: Peer, to: u32, message: Message<'static> },
    TimesOut { request: RequestHandle },
}

impl LossyRing {
    /// A linked ring of `count` nodes without maintenance. Messages take `delay`, and a share of `loss`
    /// is lost.
    #[must_use]
    pub fn new(count: u32, config: RingConfig, delay: Duration, loss: f64, seed: u64) -> LossyRing {
        let mut rng = Rng::new(seed, 0);
        let peer = |place: u32| Peer {
            id: Id::random(&mut rng),
            address: Address::from_bits(place.into()),
        };
        let peers: Vec<Peer> = (0..count).map(peer).collect();
        let nodes = peers.iter().map(|&peer| RingNode::new(peer, config, &mut rng)).collect();
        let network = Network {
            rng: Rng::new(seed, 1),
            loss,
            delay,
            now: Time::from_ns(1),
            happens: BinaryHeap::new(),
            what: HashMap::new(),
            due: HashMap::new(),
            costs: Costs::default(),
        };
        let mut ring = LossyRing { nodes, requests: Requests::with_capacity(4096), rng, network };
        let members = sorted(peers);
        for node in 0..count {
            ring.with(node, |node, cx| node.start_linked(cx, &members));
        }
        ring
    }

    /// Looks up a random key from a random node, and lets `time` pass.
    pub fn look_up(&mut self, time: Duration) -> Costs {
        let origin = self.rng.below(self.nodes.len() as u64) as u32;
        let key = Id::random(&mut self.rng);
        self.network.costs = Costs::default();
        self.with(origin, |node, cx| node.lookup(cx, key, 0));
        let end = self.network.now + time;
        while let Some(&Reverse((at, number))) = self.network.happens.peek()
            && at <= end
        {
            self.network.happens.pop();
            self.network.now = at;
            match self.network.what.remove(&number) {
                Some(What::Arrives { from, to, message }) => {
                    self.with(to, |node, cx| node.handle_message(cx, from, message));
                }
                Some(What::TimesOut { request })
                    if self.network.due.get(&request.0) == Some(&number) =>
                {
                    self.network.due.remove(&request.0);
                    if let Some(node) = self.requests.node_of(request) {
                        self.with(node, |it, cx| it.handle_request_timeout(cx, request));
                    }
                }
                _ => {}
            }
        }
        self.network.now = end;
        self.network.costs
    }

    fn with<T>(
        &mut self,
        node: u32,
        act: impl FnOnce(&mut RingNode, &mut Context<'_, Ring>) -> T,
    ) -> T {
        let LossyRing { nodes, requests, rng, network } = self;
        let now = network.now;
        let mut cx = Context { now, node, rng, requests, world: network };
        act(&mut nodes[node as usize], &mut cx)
    }
}

impl Network {
    fn enter(&mut self, at: Time, what: What) -> u64 {
        let number = self.rng.next_u64();
        self.happens.push(Reverse((at, number)));
        self.what.insert(number, what);
        number
    }
}

impl World<Ring> for Network {
    fn send(&mut self, from: Peer, to: Peer, message: &MessageOf<'_, Ring>) {
        let message = match *message {
            Message::Lookup { request, lookup } => Message::Lookup { request, lookup },
            Message::Ack { request, purpose } => Message::Ack { request, purpose },
            Message::Answer { lookup, purpose, owner, under_suspicion, hops, timeouts } => {
                Message::Answer { lookup, purpose, owner, under_suspicion, hops, timeouts }
            }
            Message::Ping { request } => Message::Ping { request },
            Message::Pong { request } => Message::Pong { request },
            ref other => panic!("without maintenance, no node sends {other:?}"),
        };
        let is_lost = self.rng.unit() < self.loss;
        let (is_lookup, is_first) = match message {
            Message::Lookup { request, lookup } => {
                (lookup.purpose == Purpose::User, request.attempt() == 0)
            }
            Message::Ack { request, purpose } => (purpose == Purpose::User, request.attempt() == 0),
            Message::Answer { purpose, .. } => (purpose == Purpose::User, false),
            _ => (false, false),
        };
        self.costs.messages += u64::from(is_lookup);
        self.costs.timeouts += u64::from(is_lookup && is_first && is_lost);
        if !is_lost {
            let to = to.address.to_bits() as u32;
            self.enter(self.now + self.delay, What::Arrives { from, to, message });
        }
    }

    fn arm_node(&mut self, _node: u32, at: Time) {
        assert_eq!(at, Time::NEVER, "without maintenance, nodes have no timers");
    }

    fn arm_request(&mut self, request: RequestHandle, at: Time) {
        let number = self.enter(at, What::TimesOut { request });
        self.due.insert(request.0, number);
    }

    fn disarm_request(&mut self, request: RequestHandle) {
        self.due.remove(&request.0);
    }

    fn report(&mut self, _node: u32, event: EventOf<Ring>, _payload: &[u8]) {
        if let Event::LookupDone(done) = event {
            self.costs.hops = Some(done.hops.into());
        }
    }

    fn count_drop(&mut self, _reason: DropReason) {}
}
