//! Durations as whole nanoseconds.
//!
//! **Invariant:** conversions saturate; none panics.

use std::time::Duration;

/// The nanoseconds in `duration`, at most [`u64::MAX`].
pub(crate) fn as_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
