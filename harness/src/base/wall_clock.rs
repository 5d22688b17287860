//! The wall clock: when a run started and how long it took.
//!
//! **Invariant:** no other file of this crate reads a clock.

use std::time::{Duration, Instant, SystemTime};

/// A running stopwatch.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    start: Instant,
    date: SystemTime,
}

impl WallClock {
    /// Starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this file owns the wall clock")]
    pub fn start() -> WallClock {
        WallClock { start: Instant::now(), date: SystemTime::now() }
    }

    /// Time since the start. Never goes backwards.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The date at the start.
    #[must_use]
    pub fn started_at(&self) -> SystemTime {
        self.date
    }
}
