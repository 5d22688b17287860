//! The node-seconds of the measured phase, from the exact times of joins and departures.
//!
//! A member that joined at *j* and left at *l* was there for *l* − *j*, each cut to the phase. So it is
//! enough to add and subtract times, in whatever order they become known.
//!
//! **Invariant:** exact to the nanosecond.

use hopwise_kernel::Time;

/// See the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NodeTime {
    /// The measured phase, once it is known.
    phase: Option<(Time, Time)>,
    /// Times of departures less times of joins, since the start of the phase.
    ns: i128,
}

impl NodeTime {
    /// Sets the phase; a later call may end it sooner. There are so many `members` now, at the first call
    /// before its start.
    pub(super) fn set_phase(&mut self, from: Time, to: Time, members: usize) {
        if self.phase.is_none() {
            self.ns = -(members as i128) * i128::from(from.as_ns());
        }
        self.phase = Some((from, to.max(from)));
    }

    /// A node became a member.
    pub(super) fn joined(&mut self, at: Time) {
        self.ns -= self.cut(at);
    }

    /// A member left or crashed.
    pub(super) fn departed(&mut self, at: Time) {
        self.ns += self.cut(at);
    }

    /// The node-seconds of the phase, if there are so many `members` now, at its end or later.
    pub(super) fn node_s(&self, members: usize) -> f64 {
        let Some((_, to)) = self.phase else { return 0.0 };
        (self.ns + members as i128 * i128::from(to.as_ns())) as f64 / 1e9
    }

    /// A time cut to the phase; 0 while that is not known.
    fn cut(&self, at: Time) -> i128 {
        self.phase.map_or(0, |(from, to)| at.clamp(from, to).as_ns().into())
    }
}
