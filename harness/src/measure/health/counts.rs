//! Counts of table entries.
//!
//! **Invariant:** `wrong` and `dead` are never more than `places`, and every dead entry is wrong.

/// Entries of one kind of table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Places that hold an entry, or would hold one in the exact ring.
    pub places: u64,
    /// Places whose entry is not that of the exact ring, or is missing.
    pub wrong: u64,
    /// Entries that name a node that is not a live member.
    pub dead: u64,
}

impl Counts {
    /// The wrong places as a share of all; 0 if there are none.
    #[must_use]
    pub fn wrong_share(&self) -> f64 {
        self.share(self.wrong)
    }

    /// The dead entries as a share of all places; 0 if there are none.
    #[must_use]
    pub fn dead_share(&self) -> f64 {
        self.share(self.dead)
    }

    /// Counts a place.
    pub(super) fn add(&mut self, is_right: bool, is_dead: bool) {
        self.places += 1;
        self.wrong += u64::from(!is_right);
        self.dead += u64::from(is_dead);
    }

    pub(super) fn merge(&mut self, other: &Counts) {
        self.places += other.places;
        self.wrong += other.wrong;
        self.dead += other.dead;
    }

    fn share(&self, part: u64) -> f64 {
        part as f64 / self.places.max(1) as f64
    }
}
