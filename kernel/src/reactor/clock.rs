//! The clock of a run.
//!
//! **Invariant:** this is the only file of the kernel that reads the time from the operating
//! system.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::base::Time;

/// A monotonic clock. Copies show the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts a clock at [`Time::ZERO`].
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the file that owns the clock")]
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// The current time.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Time {
        Time::from_ns(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The time of day, since 1970: the clock that the operating system stamps datagrams with.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the file that owns the clock")]
    pub(super) fn time_of_day() -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}
