//! Flooding peers in memory, each with its neighbors and items.
//!
//! **Invariant:** uses only the peers' public interface.

use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::drive::Memory;
use hopwise_kernel::drive::memory::DELAY;
use hopwise_kernel::flood::{Flood, FloodConfig, FloodNode};
use hopwise_kernel::items::{Event, Holdings, Match, Names, Query, Text, TransferConfig};
use hopwise_kernel::node::TimeoutPolicy;
use hopwise_kernel::{Address, Peer};

use crate::forge::{Forge, Script};

/// The names of all items, by number.
pub const NAMES: [&str; 4] = ["red apple", "green pear", "blue plum", "red pepper"];
/// Size of every item.
pub const ITEM_BYTES: u16 = 64;

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
        let timeout = TimeoutPolicy::Adaptive;
        Flooding {
            memory: Memory::new(capacity, seed),
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
        for (node, neighbors) in (0..).zip(graph) {
            let items: &[u32] = if holders.contains(&node) { &[0] } else { &[] };
            flooding.put(node, items);
            flooding.link(node, neighbors);
        }
        flooding
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
    const MAX_NEIGHBORS: u16 = 12;
    const DEADLINE: Duration = Duration::from_secs(2);
    const HEALING: Duration = Duration::from_secs(80);
    let rows: Vec<[u32; 4]> =
        (0..PEERS).map(|node| [1, 3, 7, 9].map(|step| (node + step) % PEERS)).collect();
    let config = FloodConfig {
        deadline: DEADLINE,
        ping: Some(Duration::from_secs(5)),
        max_neighbors: MAX_NEIGHBORS,
        ..FloodConfig::default()
    };
    let mut peers = Flooding::linked(rows.iter().map(|row| &row[..]), config, &[2, 6], seed);
    let nodes: Vec<Peer> = (0..PEERS).map(|node| peers.memory.peer(node)).collect();
    let stranger = Address::new([127, 0, 0, 2], 9, 0);
    let forge = Forge { ring: &nodes, stranger, genuine: &[] };
    let (mut script, mut datagram) = (Script::new(script), Vec::new());
    while !script.is_over() {
        let from = forge.datagram::<Flood>(&mut script, &mut datagram);
        peers.memory.inject_bytes(from, nodes[0].address, &datagram);
        peers.memory.run_for(DELAY * script.below(20) as u32);
        for (node, row) in (0..).zip(&rows) {
            let neighbors = peers.neighbors(node);
            assert!(neighbors.len() <= MAX_NEIGHBORS.into(), "no more neighbors than allowed");
            assert!(row.iter().all(|it| neighbors.contains(it)), "{node} has {neighbors:?}");
        }
    }
    peers.memory.run_for(HEALING);
    for node in 0..PEERS {
        peers.events();
        assert!(peers.ask(node, Match::Exact, NAMES[0], 1), "a member accepts a query");
        peers.memory.run_for(DEADLINE * 2);
        let events = peers.events();
        let is_right = |(who, event): &(u32, Event)| match event {
            Event::Found(found) => *who == node && found.best.is_some(),
            _ => *who == node,
        };
        assert!(!events.is_empty() && events.iter().all(is_right), "{node}: {events:?}");
    }
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
