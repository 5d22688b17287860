//! Admission: how many lookups may start now. Those that are due beyond that are shed.
//!
//! **Invariant:** what is refused costs no draw and no node; only its number is counted.

use hopwise_kernel::Time;

/// Limits the lookups in progress of an open loop. Without a limit, all that are due start.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    /// The most lookups in progress at a time.
    pub(super) limit: usize,
}

impl Default for Admission {
    fn default() -> Admission {
        Admission { limit: usize::MAX }
    }
}

impl Admission {
    /// How many more lookups may start at `now` while so many are `in_progress`.
    pub(super) fn room(&mut self, _now: Time, in_progress: usize) -> usize {
        self.limit.saturating_sub(in_progress)
    }
}
