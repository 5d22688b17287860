//! Flooded searches, without network or simulator: full floods of a random overlay, breadth first,
//! on one thread.
//!
//! **Invariant:** building the overlay is not timed. Every flood has exactly two messages per edge
//! less the edges of a tree, and peers drop only repeated searches.

use std::collections::VecDeque;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput};
use hopwise_benches::measure;
use hopwise_harness::systems::flood::graph::Graph;
use hopwise_kernel::base::prefetch::prefetch;
use hopwise_kernel::flood::message::{MAX_TTL, ParkedMessage};
use hopwise_kernel::flood::protocol::REPEAT;
use hopwise_kernel::flood::{Flood, FloodConfig, FloodNode, Message};
use hopwise_kernel::items::{Event, Holdings, Match, Names, Query, Text, TransferConfig};
use hopwise_kernel::node::{Arena, DropReason, RequestHandle, RequestTables, TimeoutPolicy};
use hopwise_kernel::{Address, Context, Id, Node, Peer, Protocol, Rng, Time, World};

const MEAN_DEGREE: f64 = 6.0;
const ITEMS: u32 = 10_000;
const ITEMS_PER_PEER: u64 = 4;
/// Prefetch distances in messages: for the node, then for the data that it will read.
const AHEAD: [usize; 2] = [16, 8];

fn main() {
    measure::run(flood);
}

/// Time to send and handle one search.
fn flood(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flooded_search");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    for nodes in [1_000, 100_000] {
        let mut overlay = Overlay::new(nodes);
        group.bench_function(BenchmarkId::from_parameter(nodes), |bencher| {
            bencher.iter_custom(|searches| {
                measure::time_units(searches, |asked| {
                    let mut sent = 0;
                    while sent < asked {
                        sent += overlay.flood();
                    }
                    sent
                })
            });
        });
    }
    group.finish();
}

struct Overlay {
    graph: Graph,
    peers: Vec<Peer>,
    nodes: Vec<FloodNode>,
    requests: <Flood as Protocol>::Requests,
    rng: Rng,
    now: Time,
    outside: Outside,
}

impl Overlay {
    fn new(count: usize) -> Overlay {
        let mut rng = Rng::new(8, 0);
        let graph = Graph::random(count, MEAN_DEGREE, &mut rng);
        let peer = |number| Peer {
            id: Id::random(&mut rng),
            address: Address { ip: number, port: 1, slot: 0 },
        };
        let peers: Vec<Peer> = (0..count as u32).map(peer).collect();
        let name = |item| Text::new(format!("item {item}").as_bytes()).expect("it is short");
        let names = Arc::new(Names::new((0..ITEMS).map(name)));
        let config = Arc::new(FloodConfig { ttl: MAX_TTL, ping: None, ..FloodConfig::default() });
        let timeout = TimeoutPolicy::Adaptive;
        let transfers = Arc::new(TransferConfig { item_bytes: 64, fetch: false, timeout });
        let nodes = peers.iter().map(|&peer| {
            let items = (0..ITEMS_PER_PEER).map(|_| rng.below(ITEMS.into()) as u32).collect();
            let holdings = Holdings::new(names.clone(), items);
            FloodNode::new(peer, holdings, config.clone(), transfers.clone(), &mut rng)
        });
        let nodes = nodes.collect();
        let (requests, now) = (RequestTables::with_capacity(1024), Time::from_ns(1));
        let outside = Outside { queue: VecDeque::new(), sent: 0 };
        let mut overlay = Overlay { graph, peers, nodes, requests, rng, now, outside };
        for node in 0..count {
            let row = overlay.graph.neighbors(node).iter();
            let neighbors: Vec<Peer> = row.map(|&other| overlay.peers[other as usize]).collect();
            overlay.with(node as u32, |node, cx| node.start_linked(cx, &neighbors));
        }
        overlay
    }

    /// Floods a query without a match and returns the number of messages.
    fn flood(&mut self) -> u64 {
        // By now, peers have forgotten the previous search.
        self.now = self.now + 2 * FloodConfig::default().remember;
        self.outside.sent = 0;
        let source = self.rng.below(self.nodes.len() as u64) as u32;
        let text = Text::new(b"nobody has it").expect("it is short");
        let query = Query { how: Match::Substring, text };
        assert!(self.with(source, |node, cx| node.ask(cx, query, 0)), "it is a member");
        // Searches borrow nothing.
        let arena = Arena::default();
        while let Some((to, from, message)) = self.outside.queue.pop_front() {
            let soon = |ahead: usize| self.outside.queue.get(ahead);
            if let Some(&(to, ..)) = soon(AHEAD[0]) {
                prefetch(&self.nodes[to as usize]);
            }
            if let Some((to, _, message)) = soon(AHEAD[1]) {
                self.nodes[*to as usize].prefetch_for(message);
            }
            let from = self.peers[from as usize];
            let message = Flood::recall(&message, &arena);
            self.with(to, |node, cx| node.handle_message(cx, from, message));
        }
        // No peer answered, so the request is still in the table.
        let request = self.requests.abandon_one(source);
        assert!(request.is_some(), "nothing was found");
        let exact = 2 * self.graph.edges() - (self.nodes.len() - 1);
        assert_eq!(self.outside.sent, exact as u64, "twice the edges less a tree");
        self.outside.sent
    }

    fn with<T>(
        &mut self,
        node: u32,
        command: impl FnOnce(&mut FloodNode, &mut Context<'_, Flood>) -> T,
    ) -> T {
        let (rng, requests, world) = (&mut self.rng, &mut self.requests, &mut self.outside);
        let mut cx = Context { now: self.now, node, rng, requests, world };
        command(&mut self.nodes[node as usize], &mut cx)
    }
}

/// Queues sent searches in order, each with the numbers of its receiver and sender.
struct Outside {
    queue: VecDeque<(u32, u32, ParkedMessage)>,
    sent: u64,
}

impl World<Flood> for Outside {
    fn send(&mut self, from: Peer, to: Peer, message: &Message<'_>) {
        self.sent += 1;
        let parked = Flood::park(message, &mut Arena::default());
        self.queue.push_back((to.address.ip, from.address.ip, parked));
    }

    fn arm_node(&mut self, _node: u32, _at: Time) {}

    fn arm_request(&mut self, _request: RequestHandle, _at: Time) {}

    fn disarm_request(&mut self, _request: RequestHandle) {}

    fn report(&mut self, _node: u32, _event: Event, _payload: &[u8]) {}

    fn count_drop(&mut self, reason: DropReason) {
        assert!(reason == REPEAT, "{reason:?}");
    }
}
