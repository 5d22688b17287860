//! Compares the tables of nodes with the exact ring.
//!
//! **Invariant:** the findings of several looks at different nodes, merged in any order, are those of
//! one look at all of them.

use hopwise_kernel::{Id, Peer};

use super::{Counts, Finger, Members, Neighborhood};

/// A look at nodes of a ring.
#[derive(Debug)]
pub struct Look<'a> {
    members: &'a Members,
    /// By finger slot: the rank of the exact finger of the last node. The next one is near if nodes
    /// come in the order of their identifiers.
    ranks: &'a mut Vec<usize>,
    findings: Findings,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Members whose tables were compared.
    pub nodes: u64,
    /// First successors.
    pub first_successors: Counts,
    /// Entries of successor lists, the first included. They are compared place by place.
    pub successors: Counts,
    /// Fingers.
    pub fingers: Counts,
    /// The members whose first live successor or claim is not that of the exact ring.
    pub deviations: Vec<Deviation>,
}

/// A member whose first live successor or claim is not that of the exact ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deviation {
    /// Its rank among the members.
    pub rank: u32,
    /// The rank of the first live member in its successor list.
    pub next: Option<u32>,
    /// It claims the keys after this point, up to its own identifier: the identifier of its
    /// predecessor. `None` if it claims nothing, because it knows no predecessor.
    pub claims_after: Option<Id>,
}

impl<'a> Look<'a> {
    /// A look at nodes of the ring of these members. `ranks` may hold what the last look left there:
    /// it affects only the running time.
    #[must_use]
    pub fn new(members: &'a Members, ranks: &'a mut Vec<usize>) -> Look<'a> {
        Look { members, ranks, findings: Findings::default() }
    }

    /// Compares the tables of the member at `rank`.
    ///
    /// # Panics
    ///
    /// If there is no such member.
    pub fn at(&mut self, rank: usize, tables: &Neighborhood<'_>) {
        let me = self.members.after(rank, 0);
        self.findings.nodes += 1;
        let next = self.compare_list(rank, tables);
        if let Some(fingers) = tables.fingers {
            fingers.each(&mut |finger| self.compare_finger(me, &finger));
        }
        let count = self.members.len();
        let claims_after = tables.predecessor.map(|predecessor| predecessor.id);
        // The only member has no neighbors: it owns everything.
        let is_exact = count == 1
            || (next == Some((rank + 1) % count)
                && claims_after == Some(self.members.after(rank, count - 1).id));
        if !is_exact {
            let (rank, next) = (rank as u32, next.map(|next| next as u32));
            self.findings.deviations.push(Deviation { rank, next, claims_after });
        }
    }

    /// What was found.
    #[must_use]
    pub fn findings(self) -> Findings {
        self.findings
    }

    /// Compares a successor list and returns the rank of its first live entry.
    fn compare_list(&mut self, rank: usize, tables: &Neighborhood<'_>) -> Option<usize> {
        let list = tables.successors;
        let exact = tables.successors_max.min(self.members.len() - 1);
        let mut next = None;
        for place in 0..exact.max(list.len()) {
            let entry = list.get(place).copied();
            let right = (place < exact).then(|| self.members.after(rank, place + 1));
            let is_right = is_same(entry, right);
            let found = match entry {
                // The usual case: no search.
                Some(_) if is_right => Some((rank + place + 1) % self.members.len()),
                Some(entry) => self.members.rank_of(entry),
                None => None,
            };
            let is_dead = entry.is_some() && found.is_none();
            next = next.or(found);
            self.findings.successors.add(is_right, is_dead);
            if place == 0 {
                self.findings.first_successors.add(is_right, is_dead);
            }
        }
        next
    }

    fn compare_finger(&mut self, me: Peer, finger: &Finger) {
        let &Finger { slot, start, end, entry } = finger;
        if slot >= self.ranks.len() {
            self.ranks.resize(slot + 1, 0);
        }
        let rank = self.members.rank_from(me.id.add(start), self.ranks[slot]);
        self.ranks[slot] = rank;
        let first = self.members.after(rank, 0);
        let distance = me.id.distance_to(first.id);
        let is_in_arc = distance >= start && end.is_none_or(|end| distance < end);
        let right = is_in_arc.then_some(first);
        if entry.is_none() && right.is_none() {
            return;
        }
        let is_right = is_same(entry, right);
        let is_dead = !is_right && entry.is_some_and(|entry| self.members.rank_of(entry).is_none());
        self.findings.fingers.add(is_right, is_dead);
    }
}

impl Findings {
    /// Adds what another look found at other nodes.
    pub fn merge(&mut self, mut other: Findings) {
        self.nodes += other.nodes;
        self.first_successors.merge(&other.first_successors);
        self.successors.merge(&other.successors);
        self.fingers.merge(&other.fingers);
        self.deviations.append(&mut other.deviations);
        self.deviations.sort_unstable();
    }
}

fn is_same(entry: Option<Peer>, right: Option<Peer>) -> bool {
    match (entry, right) {
        (Some(entry), Some(right)) => entry.is_same_destination(right),
        (None, None) => true,
        _ => false,
    }
}
