//! The one clock of a run.
//!
//! **Invariant:** this is the only file of the kernel that asks the system for the time.

use std::time::Instant;

use crate::base::Time;

/// Monotonic time since its creation; copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that shows [`Time::ZERO`] now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the file that owns the clock")]
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// The time now.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Time {
        Time::from_ns(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
