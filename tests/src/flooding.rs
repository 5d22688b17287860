//! Flooding peers in memory, each with its neighbors and what it holds.
//!
//! **Invariant:** uses nothing of the peers but their public interface.

use std::sync::Arc;

use hopwise_kernel::flood::{FloodConfig, FloodNode};
use hopwise_kernel::items::{Match, Names, Query, SharingConfig, Shelf, Text};
use hopwise_kernel::rpc::TimeoutPolicy;
use hopwise_kernel::{Event, Peer};

use crate::Memory;

/// The names of all items, by number.
pub const NAMES: [&str; 4] = ["red apple", "green pear", "blue plum", "red pepper"];
/// Size of every item.
pub const ITEM_BYTES: u16 = 64;

/// Peers that flood, and the world they live in.
#[derive(Debug)]
pub struct Flooding {
    /// The world.
    pub memory: Memory<FloodNode>,
    names: Arc<Names>,
    config: Arc<FloodConfig>,
    sharing: Arc<SharingConfig>,
}

impl Flooding {
    /// Room for `capacity` peers, none of them there yet.
    #[must_use]
    pub fn new(capacity: usize, config: FloodConfig, seed: u64) -> Flooding {
        let timeout = TimeoutPolicy::Adaptive;
        Flooding {
            memory: Memory::new(capacity, seed),
            names: Arc::new(Names::new(NAMES.map(text))),
            config: Arc::new(config),
            sharing: Arc::new(SharingConfig { item_bytes: ITEM_BYTES, fetch: true, timeout }),
        }
    }

    /// As many peers as `graph` has rows of neighbors, linked so; `holders` have item 0.
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
        let shelf = Shelf::new(self.names.clone(), items.into());
        let (config, sharing) = (self.config.clone(), self.sharing.clone());
        self.memory.put(node, |me, rng| FloodNode::new(me, shelf, config, sharing, rng));
    }

    /// Has the peer in place `node` start with these neighbors.
    pub fn link(&mut self, node: u32, neighbors: &[u32]) {
        let peers: Vec<Peer> = neighbors.iter().map(|&node| self.memory.peer(node)).collect();
        self.memory.with(node, |it, cx| it.start_linked(cx, &peers));
    }

    /// Has the peer in place `node` ask for names that fit `what`.
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

    /// What peers have told since this was last called, with who told it, in order.
    pub fn events(&mut self) -> Vec<(u32, Event<'static>)> {
        self.memory.events().collect()
    }
}

/// The text `what`.
///
/// # Panics
///
/// If it is none.
#[must_use]
pub fn text(what: &str) -> Text {
    Text::new(what.as_bytes()).expect("it is short, and something")
}
