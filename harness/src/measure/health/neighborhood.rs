//! The tables of one node of a ring, as the figures need them.
//!
//! **Invariant:** a view; nothing is copied to make one.

use std::fmt;

use hopwise_kernel::{Distance, Peer};

/// What a node of a ring believes about its neighborhood.
#[derive(Clone, Copy)]
pub struct Neighborhood<'a> {
    /// Its predecessor, if it knows one.
    pub predecessor: Option<Peer>,
    /// Its successor list, nearest first.
    pub successors: &'a [Peer],
    /// The most entries that the list can hold.
    pub successors_max: usize,
    /// Its fingers, if it has any.
    pub fingers: Option<&'a dyn Fingers>,
}

/// The fingers of a node.
pub trait Fingers {
    /// Visits every slot of the table that is in use, whether it has an entry or not.
    fn each(&self, visit: &mut dyn FnMut(Finger));
}

/// A slot of a finger table. On an exact ring it holds the first member in its arc, if there is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finger {
    /// The number of the slot, from 0. Slots of the same number have the same arc in all nodes.
    pub slot: usize,
    /// The start of its arc: a clockwise distance from the node.
    pub start: Distance,
    /// The end of its arc, which is not part of it; `None` if the arc ends at the node itself.
    pub end: Option<Distance>,
    /// The entry. The top 64 bits of its identifier suffice.
    pub entry: Option<Peer>,
}

impl fmt::Debug for Neighborhood<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Neighborhood")
            .field("predecessor", &self.predecessor)
            .field("successors", &self.successors)
            .finish_non_exhaustive()
    }
}
