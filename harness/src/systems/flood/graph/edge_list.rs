//! Graphs from a file with one edge per line, written as two numbers. `#` starts a comment.
//!
//! **Invariant:** peers are numbered by rank among the numbers in use, and everything dropped is
//! counted.

use std::path::Path;

use super::Graph;
use crate::base::text_file::read_text;

/// A graph from a file, with counts of corrections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EdgeList {
    /// The graph.
    pub graph: Graph,
    /// Lines dropped because they connect a peer to itself.
    pub loops: usize,
    /// Lines dropped because they repeat an edge, in either direction.
    pub repeats: usize,
    /// Numbers below the largest that no edge uses. The numbers after them were shifted.
    pub gaps: usize,
}

/// What is accepted. Follows "write" in messages.
const ACCEPTED: &str = "two whole numbers from 0 to 4294967295 a line, with blanks between them: \
                        an edge; what follows # is a comment";

impl EdgeList {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, a line is not an edge, or there are none or too many edges. The
    /// message says what is accepted.
    pub fn load(path: &str) -> Result<EdgeList, String> {
        let text = read_text(Path::new(path))
            .map_err(|why| format!("{path:?} cannot be read ({why}): write {ACCEPTED}"))?;
        EdgeList::parse(&text, path)
    }

    /// Parses `text`, the contents of the file at `path`.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(text: &str, path: &str) -> Result<EdgeList, String> {
        let (mut edges, mut loops) = (Vec::new(), 0);
        for (index, line) in text.lines().enumerate() {
            let content = line.split('#').next().unwrap_or_default().trim();
            if content.is_empty() {
                continue;
            }
            let Some((a, b)) = edge(content) else {
                return Err(format!(
                    "{path}:{}: {content:?} is no edge: write {ACCEPTED}",
                    index + 1
                ));
            };
            if a == b {
                loops += 1;
            } else {
                edges.push((a.min(b), a.max(b)));
            }
        }
        let lines = edges.len();
        edges.sort_unstable();
        edges.dedup();
        if edges.is_empty() || edges.len() > u32::MAX as usize / 2 {
            let count = edges.len();
            return Err(format!("{path}: {count} edges: write from 1 to 2147483647; {ACCEPTED}"));
        }
        let mut numbers: Vec<u32> = edges.iter().flat_map(|&(a, b)| [a, b]).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let rank = |number: u32| numbers.partition_point(|&other| other < number) as u32;
        let repeats = lines - edges.len();
        edges.iter_mut().for_each(|(a, b)| (*a, *b) = (rank(*a), rank(*b)));
        let largest = numbers.last().copied().unwrap_or_default() as usize;
        let gaps = largest + 1 - numbers.len();
        Ok(EdgeList { graph: Graph::of_edges(numbers.len(), &edges), loops, repeats, gaps })
    }
}

fn edge(content: &str) -> Option<(u32, u32)> {
    let mut words = content.split_whitespace();
    let edge = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    words.next().is_none().then_some(edge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_are_counted() {
        let text = "# a comment\n2 7\n\n7\t2  # the same\n 5 5\n7 9\n2 7\n";
        let list = EdgeList::parse(text, "graph.txt").expect("it is sound");
        assert_eq!((list.loops, list.repeats, list.gaps), (1, 2, 7));
        let neighbors: Vec<&[u32]> = (0..3).map(|node| list.graph.neighbors(node)).collect();
        assert_eq!(neighbors, [&[1_u32][..], &[0, 2], &[1]]);
    }

    #[test]
    fn an_invalid_line_is_named() {
        for bad in ["1", "1 2 3", "1 -2", "1 2.5", "a b", "1 4294967296", "1,2"] {
            let why = EdgeList::parse(&format!("0 1\n# fine\n{bad}\n"), "graph.txt");
            let why = why.expect_err(bad);
            assert!(why.starts_with("graph.txt:3: ") && why.contains(bad), "{why}");
            assert!(why.contains("two whole numbers"), "{why}");
        }
    }

    #[test]
    fn without_edges_there_is_no_graph() {
        for text in ["", "# nothing\n", "3 3\n"] {
            let why = EdgeList::parse(text, "graph.txt").expect_err("no edges");
            assert!(why.contains("0 edges") && why.contains("write"), "{why}");
        }
        let why = EdgeList::load("no such file").expect_err("no file");
        assert!(why.contains("no such file") && why.contains("write"), "{why}");
    }

    /// The data is not part of the project. Its figures are checked where it is present.
    #[test]
    fn floods_of_gnutella_get_as_far_as_they_did() {
        let data = "../../shared/data/gnutella04-edges.txt";
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join(data);
        if !data.exists() {
            eprintln!("skipped: there is no {}", data.display());
            return;
        }
        let list = EdgeList::load(&data.to_string_lossy()).expect("it is a graph");
        let graph = list.graph;
        assert_eq!((list.loops, list.repeats, graph.edges()), (0, 0, 39_994));
        let (mut peers, mut messages) = ([0.0; 7], [0.0; 7]);
        // Spread evenly over the numbers, which are lower where degrees are higher: means over as
        // many sources drawn at random would differ by 2 % from one draw to the next.
        let sources = 2_000;
        for number in 0..sources {
            let source = number as usize * graph.nodes() / sources as usize;
            for (ttl, reach) in graph.reach(source, 7).into_iter().enumerate() {
                peers[ttl] += f64::from(reach.peers) / f64::from(sources);
                messages[ttl] += reach.messages as f64 / f64::from(sources);
            }
        }
        let known =
            [(3, 8.8, 1_191.0), (4, 43.5, 11_382.0), (5, 84.3, 44_770.0), (7, 99.94, 69_065.0)];
        for (ttl, percent, sent) in known {
            let found = 100.0 * peers[ttl - 1] / graph.nodes() as f64;
            assert!((found / percent - 1.0).abs() < 0.02, "TTL {ttl}: {found} %");
            let found = messages[ttl - 1];
            assert!((found / sent - 1.0).abs() < 0.02, "TTL {ttl}: {found} messages");
        }
    }
}
