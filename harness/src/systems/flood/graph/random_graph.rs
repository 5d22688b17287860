//! Random graphs.
//!
//! **Invariant:** a graph follows from the generator alone, and has the requested number of edges if
//! they fit.

use hopwise_kernel::Rng;

use super::Graph;

/// Failed draws before the next free peer is taken instead.
const DRAWS: usize = 64;

impl Graph {
    /// Draws a graph in which every peer opens half of `mean_degree` connections to random peers.
    /// Fractions are carried over to the next peer. From a mean degree of about 6 the graph is
    /// connected with high probability.
    ///
    /// # Panics
    ///
    /// If `nodes` do not fit into 32 bits, or twice the edges do not.
    #[must_use]
    pub fn random(nodes: usize, mean_degree: f64, rng: &mut Rng) -> Graph {
        let mut drawing = Drawing::new(nodes, mean_degree);
        for node in 0..nodes {
            while drawing.edges.len() < drawing.due(node) {
                if !drawing.connect(node, nodes, |_| rng.below(nodes as u64) as u32) {
                    break;
                }
            }
        }
        drawing.done()
    }

    /// Draws a graph by preferential attachment: peers join one after another, and each opens half
    /// of `mean_degree` connections, at least one, to earlier peers with probabilities in
    /// proportion to their degrees. Degrees follow a power law with exponent 3, and the graph is
    /// connected (Barabási and Albert, *Emergence of scaling in random networks*, Science 286,
    /// 1999).
    ///
    /// # Panics
    ///
    /// As [`random`](Self::random).
    #[must_use]
    pub fn power_law(nodes: usize, mean_degree: f64, rng: &mut Rng) -> Graph {
        let mut drawing = Drawing::new(nodes, mean_degree);
        for node in 1..nodes {
            let due = drawing.due(node).max(drawing.edges.len() + 1);
            // A random end of a random edge is a peer with probability in proportion to its degree.
            // Before there is an edge, the first peer is taken.
            let there = drawing.edges.len();
            while drawing.edges.len() < due {
                let drawn = |edges: &[(u32, u32)]| match rng.below(2 * there as u64) as usize {
                    end if there > 0 && end % 2 == 0 => edges[end / 2].0,
                    end if there > 0 => edges[end / 2].1,
                    _ => 0,
                };
                if !drawing.connect(node, node, drawn) {
                    break;
                }
            }
        }
        drawing.done()
    }
}

/// A graph being drawn.
struct Drawing {
    edges: Vec<(u32, u32)>,
    neighbors: Vec<Vec<u32>>,
    edges_per_node: f64,
}

impl Drawing {
    fn new(nodes: usize, mean_degree: f64) -> Drawing {
        assert!(u32::try_from(nodes).is_ok(), "peers are numbered in 32 bits");
        let edges_per_node = mean_degree / 2.0;
        Drawing { edges: Vec::new(), neighbors: vec![Vec::new(); nodes], edges_per_node }
    }

    /// The number of edges due once `node` has opened its own.
    fn due(&self, node: usize) -> usize {
        ((node + 1) as f64 * self.edges_per_node).round() as usize
    }

    /// Connects `node` to a peer below `bound`, preferably one that `draw` returns. Returns false
    /// if it is connected to all of them.
    fn connect(
        &mut self,
        node: usize,
        bound: usize,
        mut draw: impl FnMut(&[(u32, u32)]) -> u32,
    ) -> bool {
        let own = &self.neighbors[node];
        let is_new = |other: &u32| *other as usize != node && !own.contains(other);
        let drawn = (0..DRAWS).map(|_| draw(&self.edges)).find(is_new);
        let Some(other) = drawn.or_else(|| (0..bound as u32).find(is_new)) else { return false };
        self.edges.push((node as u32, other));
        self.neighbors[node].push(other);
        self.neighbors[other as usize].push(node as u32);
        true
    }

    fn done(self) -> Graph {
        assert!(u32::try_from(2 * self.edges.len()).is_ok(), "ends are numbered in 32 bits");
        Graph::of_edges(self.neighbors.len(), &self.edges)
    }
}

#[cfg(test)]
mod tests {
    use hopwise_kernel::Rng;
    use proptest::prelude::*;

    use crate::systems::flood::graph::Graph;

    /// Whether every edge is seen from both ends, without loops and repeats.
    fn is_simple(graph: &Graph) -> bool {
        (0..graph.nodes()).all(|node| {
            let neighbors = graph.neighbors(node);
            let back = |&other: &u32| graph.neighbors(other as usize).contains(&(node as u32));
            let mut distinct = neighbors.to_vec();
            distinct.sort_unstable();
            distinct.dedup();
            neighbors.iter().all(|other| *other as usize != node && back(other))
                && distinct.len() == neighbors.len()
        })
    }

    fn is_connected(graph: &Graph) -> bool {
        let farthest = graph.reach(0, u8::MAX);
        farthest.last().is_some_and(|all| all.peers as usize + 1 == graph.nodes())
    }

    proptest! {
        #[test]
        fn graphs_are_simple_and_as_dense_as_asked(
            seed: u64, nodes in 1_usize..200, degree in 0.0..12.0_f64,
        ) {
            let most = nodes * (nodes - 1) / 2;
            let wanted = (nodes as f64 * degree / 2.0).round() as usize;
            let random = Graph::random(nodes, degree, &mut Rng::new(seed, 0));
            prop_assert!(is_simple(&random));
            prop_assert_eq!(random.nodes(), nodes);
            prop_assert!(random.edges() <= wanted.min(most));
            prop_assert!(wanted * 2 > most || random.edges() == wanted, "{}", random.edges());

            let power_law = Graph::power_law(nodes, degree, &mut Rng::new(seed, 0));
            prop_assert!(is_simple(&power_law));
            prop_assert!(is_connected(&power_law));
            let wanted = wanted.max(nodes - 1);
            prop_assert!(degree > 2.0 || power_law.edges() <= wanted + nodes);
            prop_assert!(wanted * 2 > most || degree < 2.0 || power_law.edges() == wanted);
        }
    }

    #[test]
    fn dense_random_graphs_are_connected() {
        for seed in 0..20 {
            assert!(is_connected(&Graph::random(2_000, 8.0, &mut Rng::new(seed, 0))), "{seed}");
        }
    }

    /// The exponent of a power law p(k) ~ k^-a for k >= k0, by maximum likelihood (Clauset, Shalizi
    /// and Newman, SIAM Review 51, 2009, eq. 3.7). A random graph of that degree has no such tail.
    #[test]
    fn degrees_follow_a_power_law() {
        let exponent = |graph: &Graph| {
            let degrees = (0..graph.nodes()).map(|node| graph.neighbors(node).len() as f64);
            let logs: Vec<f64> = degrees.filter(|&k| k >= 20.0).map(|k| (k / 19.5).ln()).collect();
            (1.0 + logs.len() as f64 / logs.iter().sum::<f64>(), logs.len())
        };
        let power_law = Graph::power_law(50_000, 6.0, &mut Rng::new(1, 0));
        let (found, tail) = exponent(&power_law);
        assert!(tail > 500 && (2.8..=3.2).contains(&found), "{found}, {tail} peers");
        let random = Graph::random(50_000, 6.0, &mut Rng::new(1, 0));
        assert!(exponent(&random).1 < 10);
    }
}
