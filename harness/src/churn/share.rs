//! The part of the nodes that falls to one director.
//!
//! **Invariant:** the shares of all directors cover every node, and no two of them overlap.

/// Which of several equal directors this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// Its number, from 0.
    pub index: usize,
    /// How many there are.
    pub of: usize,
}

impl Share {
    /// The only director there is.
    pub const WHOLE: Share = Share { index: 0, of: 1 };

    /// How many of `all` fall to this one, if they are dealt out one by one.
    #[must_use]
    pub const fn part(self, all: usize) -> usize {
        (all + self.of - 1 - self.index) / self.of
    }

    /// The number of the host behind `place`, among those of all directors.
    #[must_use]
    pub const fn host(self, place: u32) -> u32 {
        place * self.of as u32 + self.index as u32
    }
}
