//! Flooding peers in memory, each with its neighbors and items.
//!
//! **Invariant:** uses only the peers' public interface.

use std::mem::replace;
use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::drive::Memory;
use hopwise_kernel::drive::memory::DELAY;
use hopwise_kernel::flood::seen::MAX_HITS;
use hopwise_kernel::flood::{Flood, FloodCodec, FloodConfig, FloodNode};
use hopwise_kernel::items::{Event, Holdings, Match, Names, Query, Text, TransferConfig};
use hopwise_kernel::node::TimeoutPolicy;
use hopwise_kernel::{Address, Codec, Node, Peer};

use crate::central::token_of;
use crate::forge::{Forge, Script};

/// The names of all items, by number.
pub const NAMES: [&str; 4] = ["red apple", "green pear", "blue plum", "red pepper"];
/// Size of every item.
pub const ITEM_BYTES: u16 = 64;
/// Searches of an attacked overlay fail after this.
const DEADLINE: Duration = Duration::from_secs(2);
/// Time between two pings of a neighbor in an attacked overlay.
const PING: Duration = Duration::from_secs(5);
/// Time after which an overlay has recovered from an attack.
const HEALING: Duration = Duration::from_secs(80);

/// What an attack was.
#[derive(Clone, Copy, Debug)]
pub struct Attacked {
    /// The number of messages, forged and replayed.
    messages: u64,
    /// Searches and hits sent before.
    before: u64,
}

/// Flooding peers in memory.
#[derive(Debug)]
pub struct Flooding {
    /// The peers, each in its own place.
    pub memory: Memory<FloodNode>,
    names: Arc<Names>,
    config: Arc<FloodConfig>,
    transfers: Arc<TransferConfig>,
}

impl Flooding {
    /// Creates `capacity` empty places for peers.
    #[must_use]
    pub fn new(capacity: usize, config: FloodConfig, seed: u64) -> Flooding {
        Flooding::on(Memory::new(capacity, seed), config)
    }

    fn on(memory: Memory<FloodNode>, config: FloodConfig) -> Flooding {
        let timeout = TimeoutPolicy::Adaptive;
        Flooding {
            memory,
            names: Arc::new(Names::new(NAMES.map(text))),
            config: Arc::new(config),
            transfers: Arc::new(TransferConfig { item_bytes: ITEM_BYTES, fetch: true, timeout }),
        }
    }

    /// Creates a peer for each row of neighbors in `graph`, and links them so. `holders` have item
    /// 0.
    #[must_use]
    pub fn linked<'g>(
        graph: impl ExactSizeIterator<Item = &'g [u32]>,
        config: FloodConfig,
        holders: &[u32],
        seed: u64,
    ) -> Flooding {
        let mut flooding = Flooding::new(graph.len(), config, seed);
        flooding.link_all(graph, holders);
        flooding
    }

    /// Creates few peers with small tables.
    #[must_use]
    pub fn small(seed: u64) -> Flooding {
        const PEERS: u32 = 6;
        const REQUESTS: usize = 1024;
        let rows: Vec<[u32; 3]> =
            (0..PEERS).map(|node| [1, 3, 5].map(|step| (node + step) % PEERS)).collect();
        let config = FloodConfig {
            deadline: DEADLINE,
            ping: Some(PING),
            target_neighbors: 3,
            max_neighbors: 5,
            remember: Duration::from_secs(4),
            max_searches: 40,
            ..FloodConfig::default()
        };
        let memory = Memory::with_requests(PEERS as usize, REQUESTS, seed);
        let mut flooding = Flooding::on(memory, config);
        flooding.link_all(rows.iter().map(|row| &row[..]), &[1, 4]);
        flooding
    }

    fn link_all<'g>(&mut self, graph: impl Iterator<Item = &'g [u32]>, holders: &[u32]) {
        for (node, neighbors) in (0..).zip(graph) {
            let items: &[u32] = if holders.contains(&node) { &[0] } else { &[] };
            self.put(node, items);
            self.link(node, neighbors);
        }
    }

    /// Puts a new peer with these items in place `node`.
    pub fn put(&mut self, node: u32, items: &[u32]) {
        let holdings = Holdings::new(self.names.clone(), items.into());
        let (config, transfers) = (self.config.clone(), self.transfers.clone());
        self.memory.put(node, |me, rng| FloodNode::new(me, holdings, config, transfers, rng));
    }

    /// Starts the peer in place `node` with these neighbors.
    pub fn link(&mut self, node: u32, neighbors: &[u32]) {
        let peers: Vec<Peer> = neighbors.iter().map(|&node| self.memory.peer(node)).collect();
        self.memory.with(node, |it, cx| it.start_linked(cx, &peers));
    }

    /// Starts a search for names that match `what` from the peer in place `node`. Returns whether
    /// the peer accepts it.
    pub fn ask(&mut self, node: u32, how: Match, what: &str, token: u64) -> bool {
        let query = Query { how, text: text(what) };
        self.memory.with(node, |it, cx| it.ask(cx, query, token)).unwrap_or(false)
    }

    /// The neighbors of `node`, by place.
    #[must_use]
    pub fn neighbors(&self, node: u32) -> Vec<u32> {
        let it = self.memory.node(node);
        it.into_iter().flat_map(FloodNode::neighbors).map(|peer| peer.address.slot.into()).collect()
    }

    fn peers(&self) -> Vec<Peer> {
        self.memory.nodes().map(Node::peer).collect()
    }

    /// Whether each peer has neighbors, all of them peers, and all are connected.
    fn is_whole(&self) -> bool {
        let peers = self.peers();
        let (mut reached, mut next) = (vec![false; peers.len()], vec![0]);
        while let Some(node) = next.pop() {
            let Some(it) = self.memory.node(node) else { return false };
            if !replace(&mut reached[node as usize], true) {
                if !it.neighbors().all(|neighbor| peers.contains(&neighbor)) {
                    return false;
                }
                next.extend(it.neighbors().map(|neighbor| u32::from(neighbor.address.slot)));
            }
        }
        reached.into_iter().all(|it| it)
    }

    /// Records all datagrams sent while peers search, each with its sender's address.
    pub fn record(&mut self, duration: Duration) -> Vec<(Address, Vec<u8>)> {
        let end = self.memory.now() + duration;
        let mut sent = Vec::new();
        while self.memory.now() < end {
            let peers = self.memory.nodes().count() as u64;
            let node = self.memory.rng().below(peers) as u32;
            let name = NAMES[self.memory.rng().below(NAMES.len() as u64) as usize];
            self.ask(node, Match::Exact, name, 0);
            for _ in 0..200 {
                sent.extend(self.memory.in_flight().map(|it| (it.from, it.bytes.to_vec())));
                self.memory.run_for(DELAY);
            }
        }
        self.memory.run_for(DEADLINE * 2);
        self.events();
        sent
    }

    /// Plays a script of [`Forge`] datagrams to its end.
    ///
    /// # Panics
    ///
    /// If a peer takes more neighbors than it may, or if a link is cut.
    pub fn play(&mut self, script: &[u8], genuine: &[(Address, Vec<u8>)]) -> Attacked {
        let nodes = self.peers();
        let stranger = Address::new([127, 0, 0, 2], 9, 0);
        let forge = Forge { ring: &nodes, stranger, genuine };
        let (mut script, mut datagram) = (Script::new(script), Vec::with_capacity(16 * 1024));
        let links: Vec<Vec<u32>> = (0..nodes.len() as u32).map(|it| self.neighbors(it)).collect();
        let mut attacked = Attacked { messages: 0, before: self.memory.sent("lookup") };
        while !script.is_over() {
            let from = forge.datagram::<Flood>(&mut script, &mut datagram);
            if let Ok(messages) = FloodCodec::default().parse(&datagram) {
                attacked.messages += messages.count() as u64;
            }
            self.memory.inject_bytes(from, nodes[0].address, &datagram);
            self.memory.run_for(script.pause());
            let most = self.memory.nodes().map(FloodNode::entries).max();
            let allowed = usize::from(self.config.max_neighbors);
            assert!(most <= Some(allowed), "no more neighbors than allowed");
            for (node, linked) in (0..).zip(&links) {
                let neighbors = self.neighbors(node);
                assert!(linked.iter().all(|it| neighbors.contains(it)), "{node} has {neighbors:?}");
            }
        }
        attacked
    }

    /// Waits until the overlay has healed, but no longer than that may take.
    pub fn heal_early(&mut self) {
        let end = self.memory.now() + HEALING;
        // What was searched for is forgotten.
        self.memory.run_for(self.config.remember + self.config.remember / 4);
        while !self.is_whole() && self.memory.now() < end {
            self.memory.run_for(PING / 2);
        }
    }

    /// Checks that no peer is alone, and that each forged message caused a bounded number of searches and
    /// hits.
    ///
    /// # Panics
    ///
    /// If not.
    pub fn assert_bounded(&self, attacked: &Attacked) {
        let (mut peers, caused) = (0, self.memory.sent("lookup") - attacked.before);
        for peer in self.memory.nodes() {
            assert!(peer.entries() > 0, "no peer is alone");
            peers += 1;
        }
        let most = peers * (u64::from(self.config.max_neighbors) + u64::from(MAX_HITS));
        let Attacked { messages, .. } = *attacked;
        assert!(
            caused <= messages * most,
            "{messages} forged messages have caused {caused} others"
        );
    }

    /// Checks that every peer finds the item.
    ///
    /// # Panics
    ///
    /// If one does not, if its query does not end, or if there is any other event.
    pub fn assert_found(&mut self) {
        let peers = self.peers().len() as u32;
        self.events();
        for node in 0..peers {
            let begun = self.ask(node, Match::Exact, NAMES[0], node.into());
            assert!(begun, "a member accepts a query");
        }
        self.memory.run_for(DEADLINE * 2);
        let events = self.events();
        for node in 0..peers {
            let its: Vec<_> = events.iter().filter(|(who, _)| *who == node).collect();
            let is_right = |(_, event): &&(u32, Event)| match event {
                Event::Found(found) => found.best.is_some(),
                Event::NotFound { .. } => false,
                _ => true,
            };
            assert!(!its.is_empty() && its.iter().all(is_right), "{node}: {its:?}");
            assert!(its.iter().all(|(_, event)| token_of(event) == Some(node.into())), "{its:?}");
        }
    }

    /// The events since the last call, in order, each with the place of its peer.
    pub fn events(&mut self) -> Vec<(u32, Event)> {
        self.memory.events().collect()
    }
}

/// Attacks an overlay with arbitrary datagrams. Checks that no peer takes more neighbors than it
/// may or loses one, and that every peer finds the item afterwards.
///
/// # Panics
///
/// If a check fails.
pub fn attack(script: &[u8], seed: u64) {
    const PEERS: u32 = 10;
    let rows: Vec<[u32; 4]> =
        (0..PEERS).map(|node| [1, 3, 7, 9].map(|step| (node + step) % PEERS)).collect();
    let config = FloodConfig {
        deadline: DEADLINE,
        ping: Some(PING),
        max_neighbors: 12,
        ..FloodConfig::default()
    };
    let mut peers = Flooding::linked(rows.iter().map(|row| &row[..]), config, &[2, 6], seed);
    let attacked = peers.play(script, &[]);
    peers.memory.run_for(HEALING);
    peers.assert_bounded(&attacked);
    peers.assert_found();
}

/// Converts a string to a text.
///
/// # Panics
///
/// If it is empty or too long.
#[must_use]
pub fn text(what: &str) -> Text {
    Text::new(what.as_bytes()).expect("the text is short and not empty")
}
