//! Rings in memory: their start, their members, and the members' tables.
//!
//! **Invariant:** uses nothing of the nodes but their public interface.

use hopwise_kernel::drive::Memory;
use hopwise_kernel::ring::{RingConfig, RingNode};
use hopwise_kernel::{Id, Node, Peer};

/// A network of ring nodes.
pub trait LinkedRing {
    /// Creates a linked ring of `count` nodes.
    #[must_use]
    fn linked(count: usize, config: RingConfig, seed: u64) -> Self;

    /// Links nodes in the first `count` places to a ring.
    fn link(&mut self, count: usize, config: RingConfig);

    /// Puts a new node, not yet a member of any ring, in place `node`.
    fn insert(&mut self, node: u32, config: RingConfig);

    /// All members of the ring, in ascending order of identifiers.
    #[must_use]
    fn members(&self) -> Vec<Peer>;

    /// The tables of all members, in ascending order of the members' identifiers.
    #[must_use]
    fn tables(&self) -> Vec<Tables>;
}

impl LinkedRing for Memory<RingNode> {
    fn linked(count: usize, config: RingConfig, seed: u64) -> Memory<RingNode> {
        let mut memory = Memory::new(count, seed);
        memory.link(count, config);
        memory
    }

    fn link(&mut self, count: usize, config: RingConfig) {
        let ring = sorted((0..count as u32).map(|node| self.peer(node)));
        for node in 0..count as u32 {
            self.insert(node, config);
            self.with(node, |it, cx| it.start_linked(cx, &ring));
        }
    }

    fn insert(&mut self, node: u32, config: RingConfig) {
        self.put(node, |me, rng| RingNode::new(me, config, rng));
    }

    fn members(&self) -> Vec<Peer> {
        sorted(self.nodes().filter(|node| node.is_member()).map(Node::peer))
    }

    fn tables(&self) -> Vec<Tables> {
        let members = self.members();
        let nodes = members.iter().filter_map(|peer| self.node(peer.address.slot.into()));
        nodes.map(Tables::of).collect()
    }
}

/// These peers in ascending order of identifiers.
#[must_use]
pub fn sorted(peers: impl IntoIterator<Item = Peer>) -> Vec<Peer> {
    let mut peers: Vec<Peer> = peers.into_iter().collect();
    peers.sort_by_key(|peer| peer.id);
    peers
}

/// A node's routing tables.
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
    /// Copies the tables of `node`.
    #[must_use]
    pub fn of(node: &RingNode) -> Tables {
        Tables {
            predecessor: node.predecessor(),
            successors: node.successors().to_vec(),
            fingers: node.fingers().entries().collect(),
        }
    }
}

/// The owner of `key`: the first peer at or clockwise after it. `ring` is in ascending order.
///
/// # Panics
///
/// If `ring` is empty.
#[must_use]
pub fn owner_in(ring: &[Peer], key: Id) -> Peer {
    ring[ring.partition_point(|peer| peer.id < key) % ring.len()]
}
