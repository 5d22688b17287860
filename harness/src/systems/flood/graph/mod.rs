//! Who is whose neighbor: overlay graphs, drawn or read from a file, and how far a flood gets.
//!
//! **Invariant:** undirected, without loops and without repeated edges.

mod draw;
mod edge_list;

pub use edge_list::EdgeList;

/// A graph over peers `0 .. nodes`: each one's neighbors in a row, the rows one after another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Graph {
    /// Where each row begins; and where the last one ends.
    offsets: Box<[u32]>,
    neighbors: Box<[u32]>,
}

/// How far a flood gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Peers that get it, its origin left out.
    pub peers: u32,
    /// Messages sent.
    pub messages: u64,
}

impl Graph {
    /// The graph of these edges, which are neither loops nor repeated, in either direction.
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

    /// How many peers there are.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.offsets.len() - 1
    }

    /// How many edges there are.
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

    /// How far a flood from `source` gets if all messages take equally long: with TTL 1, with TTL 2,
    /// and so on up to `ttl`.
    ///
    /// Breadth first. Whoever gets it before its TTL is spent sends it to all neighbors but one.
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
