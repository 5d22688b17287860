//! How nodes choose where they take their places.
//!
//! **Invariant:** plain data.

/// How a node that joins with a new identifier chooses it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placing {
    /// What it halves.
    pub halves: Halves,
    /// The number of random keys at which it looks.
    pub samples: u8,
}

/// What a node that joins halves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Halves {
    /// The longest of the arcs it looks at.
    LongestArc,
    /// The arc with the most stored items.
    MostItems,
}
