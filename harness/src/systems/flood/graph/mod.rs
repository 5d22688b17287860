//! Overlay graphs, drawn at random or read from a file, and the reach of a flood.
//!
//! **Invariant:** graphs are undirected, without loops and without repeated edges.

mod edge_list;
mod random_graph;

pub use edge_list::EdgeList;

/// A graph over the peers `0 .. nodes`, stored as one row of neighbors per peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Graph {
    /// The start of each row, and the end of the last.
    offsets: Box<[u32]>,
    neighbors: Box<[u32]>,
}

/// The reach of a flood.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Peers reached, without the origin.
    pub peers: u32,
    /// Messages sent.
    pub messages: u64,
}

impl Graph {
    /// Builds the graph of `edges`, which has neither loops nor edges repeated in either direction.
    fn of_edges(nodes: usize, edges: &[(u32, u32)]) -> Graph {
        let mut offsets = vec![0_u32; nodes + 1];
        for &(a, b) in edges {
            offsets[a as usize + 1] += 1;
            offsets[b as usize + 1] += 1;
        }
        for node in 0..nodes {
            offsets[node + 1] += offsets[node];
        }
        let mut next = offsets.clone();
        let mut neighbors = vec![0; 2 * edges.len()];
        for (from, to) in edges.iter().flat_map(|&(a, b)| [(a, b), (b, a)]) {
            neighbors[next[from as usize] as usize] = to;
            next[from as usize] += 1;
        }
        Graph { offsets: offsets.into(), neighbors: neighbors.into() }
    }

    /// The number of peers.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The number of edges.
    #[must_use]
    pub const fn edges(&self) -> usize {
        self.neighbors.len() / 2
    }

    /// The neighbors of `node`.
    ///
    /// # Panics
    ///
    /// If there is no such node.
    #[must_use]
    pub fn neighbors(&self, node: usize) -> &[u32] {
        &self.neighbors[self.offsets[node] as usize..self.offsets[node + 1] as usize]
    }

    /// The reach of a flood from `source` if all messages take equally long, with TTL 1, 2, … up to
    /// `ttl`.
    ///
    /// A peer that receives it before its TTL expires sends it to all neighbors except the sender.
    #[must_use]
    pub fn reach(&self, source: usize, ttl: u8) -> Vec<Reach> {
        let mut reached = vec![false; self.nodes()];
        reached[source] = true;
        let (mut ring, mut next) = (vec![source as u32], Vec::new());
        let mut so_far = Reach::default();
        let rounds = (0..ttl).map(|round| {
            for &node in &ring {
                let neighbors = self.neighbors(node as usize);
                so_far.messages += neighbors.len() as u64 - u64::from(round > 0);
                for &neighbor in neighbors {
                    if !std::mem::replace(&mut reached[neighbor as usize], true) {
                        next.push(neighbor);
                    }
                }
            }
            so_far.peers += next.len() as u32;
            std::mem::swap(&mut ring, &mut next);
            next.clear();
            so_far
        });
        rounds.collect()
    }
}
