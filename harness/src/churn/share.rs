//! The division of nodes among several directors.
//!
//! **Invariant:** every node belongs to exactly one share.

/// The share of one of several equal directors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// The director's number, from 0.
    pub index: usize,
    /// The number of directors.
    pub of: usize,
}

impl Share {
    /// The share of a single director: everything.
    pub const WHOLE: Share = Share { index: 0, of: 1 };

    /// How many of `all` belong to this share if they are dealt out one by one.
    #[must_use]
    pub const fn part(self, all: usize) -> usize {
        (all + self.of - 1 - self.index) / self.of
    }

    /// The number, over all directors, of the host of `place`.
    #[must_use]
    pub const fn host(self, place: u32) -> u32 {
        place * self.of as u32 + self.index as u32
    }
}
