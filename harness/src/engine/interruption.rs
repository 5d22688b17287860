//! The user's wish to end a run early.
//!
//! The first request ends the measured phase. Lookups that are still in progress then have a moment
//! to end; the others count as orphaned. Nothing waits longer: neither the drain nor a window of the
//! simulator.
//!
//! **Invariant:** without an interrupt, a run does not depend on it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::base::wall_clock::WallClock;

/// The longest drain of an interrupted run.
const DRAIN_MAX: Duration = Duration::from_millis(100);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Interruption<'a> {
    requests: &'a AtomicU32,
    since: OnceLock<WallClock>,
}

impl<'a> Interruption<'a> {
    /// `requests` counts the user's requests.
    pub(crate) fn new(requests: &'a AtomicU32) -> Interruption<'a> {
        Interruption { requests, since: OnceLock::new() }
    }

    /// Whether the run is to end early.
    #[inline]
    pub(crate) fn is_requested(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > 0
    }

    /// Whether it is to end now, drained or not. A moment passes between the first call after a
    /// request and the first `true`.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.is_requested() && self.has_drained()
    }

    #[cold]
    fn has_drained(&self) -> bool {
        self.since.get_or_init(WallClock::start).elapsed() >= DRAIN_MAX
    }
}
