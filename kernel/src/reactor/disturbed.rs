//! Nodes that are disturbed: they stop for a while, or their clocks run fast or slow.
//!
//! **Invariant:** a node reads only its own clock, and its timers follow that clock.

use std::fmt;

use crate::base::{Id, Time};

/// Decides which nodes of a shard are disturbed, and how. Times are those of the shard unless stated.
pub trait DisturbNodes {
    /// Until when the timers of node `id`, which are due, wait; `None` if it is not paused at `now`.
    fn hold_timers(&mut self, id: Id, now: Time) -> Option<Time>;

    /// What the clock of node `id` shows at `now`.
    fn clock(&mut self, id: Id, now: Time) -> Time;

    /// When the clock of node `id` shows `shown`, at the earliest. Not before `now`.
    fn when_clock_shows(&mut self, id: Id, shown: Time, now: Time) -> Time;
}

/// What disturbs the nodes of a shard, and the node that is called.
pub(super) struct Disturbed {
    by: Box<dyn DisturbNodes>,
    caller: (Id, Time),
}

impl Disturbed {
    pub(super) fn new(by: Box<dyn DisturbNodes>) -> Disturbed {
        Disturbed { by, caller: (Id::ZERO, Time::ZERO) }
    }

    /// Begins a call of node `id` at `now`. Returns the time on its clock.
    pub(super) fn call(&mut self, id: Id, now: Time) -> Time {
        self.caller = (id, now);
        self.by.clock(id, now)
    }

    /// When the clock of the node that is called shows `shown`.
    pub(super) fn when_clock_shows(&mut self, shown: Time) -> Time {
        let (id, now) = self.caller;
        self.by.when_clock_shows(id, shown, now)
    }

    /// As [`DisturbNodes::hold_timers`].
    pub(super) fn hold_timers(&mut self, id: Id, now: Time) -> Option<Time> {
        self.by.hold_timers(id, now)
    }
}

impl fmt::Debug for Disturbed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disturbed").field("caller", &self.caller).finish_non_exhaustive()
    }
}
