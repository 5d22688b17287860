//! Admission: how many lookups of an open loop may start now. Those that are due beyond that are shed,
//! the oldest first.
//!
//! **Invariant:** what is shed costs no draw and no node; only its number is counted.

use std::time::Duration;

use hopwise_kernel::Time;

/// If there is no room for all lookups that are due, those that have waited longer are shed: of two
/// askers, the one that asked first has given up first. Well below the lag at which a run counts as
/// late.
pub(super) const WAIT_MAX: Duration = Duration::from_millis(50);

/// Limits the lookups in progress.
#[derive(Clone, Debug, Default)]
pub(super) struct Admission {
    /// The most lookups in progress at a time; `None`: any number.
    pub(super) limit: Option<usize>,
}

impl Admission {
    /// How many more lookups may start at `now` while so many are `in_progress`; `None`: any number.
    pub(super) fn room(&mut self, _now: Time, in_progress: usize) -> Option<usize> {
        self.limit.map(|limit| limit.saturating_sub(in_progress))
    }
}
