//! A copy of the tables of some nodes, to be looked at elsewhere and later.
//!
//! **Invariant:** a look at the copy finds what a look at the nodes would have found.

use std::ops::Range;

use hopwise_kernel::{Distance, Peer};

use super::{Findings, Finger, Fingers, Look, Members, Neighborhood};

/// The tables of nodes.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    nodes: Vec<Node>,
    successors: Vec<Peer>,
    /// Slots and their entries.
    fingers: Vec<(u16, Option<Peer>)>,
    /// By slot: its arc.
    arcs: Vec<(Distance, Option<Distance>)>,
}

#[derive(Clone, Debug)]
struct Node {
    peer: Peer,
    predecessor: Option<Peer>,
    successors: Range<usize>,
    successors_max: usize,
    fingers: Option<Range<usize>>,
}

impl Snapshot {
    /// Adds the tables of the node `peer`.
    pub fn add(&mut self, peer: Peer, tables: &Neighborhood<'_>) {
        let start = self.successors.len();
        self.successors.extend_from_slice(tables.successors);
        let fingers = tables.fingers.map(|fingers| {
            let start = self.fingers.len();
            fingers.each(&mut |finger| self.add_finger(&finger));
            start..self.fingers.len()
        });
        self.nodes.push(Node {
            peer,
            predecessor: tables.predecessor,
            successors: start..self.successors.len(),
            successors_max: tables.successors_max,
            fingers,
        });
    }

    /// Looks at the nodes that are still among `members`.
    #[must_use]
    pub fn look(&self, members: &Members) -> Findings {
        let mut ranks = Vec::new();
        let mut look = Look::new(members, &mut ranks);
        let ranked = self.nodes.iter().filter_map(|it| Some((members.rank_of(it.peer)?, it)));
        let mut nodes: Vec<(usize, &Node)> = ranked.collect();
        nodes.sort_unstable_by_key(|&(rank, _)| rank);
        for (rank, node) in nodes {
            let fingers = node.fingers.clone().map(|range| CopiedFingers { all: self, range });
            look.at(
                rank,
                &Neighborhood {
                    predecessor: node.predecessor,
                    successors: &self.successors[node.successors.clone()],
                    successors_max: node.successors_max,
                    fingers: fingers.as_ref().map(|fingers| fingers as &dyn Fingers),
                },
            );
        }
        look.findings()
    }

    fn add_finger(&mut self, finger: &Finger) {
        let &Finger { slot, start, end, entry } = finger;
        if slot >= self.arcs.len() {
            self.arcs.resize(slot + 1, (Distance::ZERO, None));
        }
        self.arcs[slot] = (start, end);
        self.fingers.push((slot as u16, entry));
    }
}

/// The fingers of one node of a snapshot.
struct CopiedFingers<'a> {
    all: &'a Snapshot,
    range: Range<usize>,
}

impl Fingers for CopiedFingers<'_> {
    fn each(&self, visit: &mut dyn FnMut(Finger)) {
        for &(slot, entry) in &self.all.fingers[self.range.clone()] {
            let slot = usize::from(slot);
            let (start, end) = self.all.arcs[slot];
            visit(Finger { slot, start, end, entry });
        }
    }
}
