//! Times of the near past in four bytes: every node keeps some.
//!
//! **Invariant:** exact to one unit of 2^20 ns, for ages below half the range, which is 26 days.

use crate::base::Time;

/// The resolution: 2^20 ns, about a millisecond.
const UNIT_BITS: u32 = 20;

/// A time of the near past, rounded down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Instant(u32);

impl From<Time> for Instant {
    #[inline]
    fn from(time: Time) -> Instant {
        Instant((time.as_ns() >> UNIT_BITS) as u32)
    }
}

impl Instant {
    /// The instant as a time; `now` is later by less than half the range.
    pub(crate) fn to_time(self, now: Time) -> Time {
        let units =
            (now.as_ns() >> UNIT_BITS) - u64::from(Instant::from(now).0.wrapping_sub(self.0));
        Time::from_ns(units << UNIT_BITS)
    }

    /// Whether this instant is later than `time`, as far as the resolution shows.
    pub(crate) fn is_after(self, time: Time) -> bool {
        (self.0.wrapping_sub(Instant::from(time).0) as i32) > 0
    }
}
