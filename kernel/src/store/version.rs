//! Versions: the order of the writes of one item.
//!
//! **Invariant:** the number of a version that a node assigns is above all numbers that it has seen.

use core::time::Duration;

use crate::base::Time;

/// The version of an item. The highest one wins.
///
/// The number is a hybrid logical clock (Kulkarni et al., *Logical physical clocks*, OPODIS 2014):
/// microseconds since the epoch, or one more than the last number if that is higher. So it does not
/// fall when all nodes have forgotten an item.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Version {
    /// The time of the write.
    pub number: u64,
    /// The operation that wrote it: the random name of its request. Decides between equal numbers.
    pub writer: u64,
}

impl Version {
    /// The version of an item that was never written.
    pub const NONE: Version = Version { number: 0, writer: 0 };
}

/// The clock of a node, from which it takes version numbers.
#[derive(Clone, Copy, Debug)]
pub struct VersionClock {
    /// Microseconds from the epoch to the driver's start.
    start_us: u64,
    /// The highest number assigned or seen.
    last: u64,
}

impl VersionClock {
    /// A clock of a driver that started `start_us` microseconds after the epoch. All nodes must have
    /// the same epoch.
    #[must_use]
    pub const fn new(start_us: u64) -> VersionClock {
        VersionClock { start_us, last: 0 }
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn wall_us(&self, now: Time) -> u64 {
        self.start_us.saturating_add(now.as_ns() / 1000)
    }

    /// A number above all that were assigned or seen.
    pub fn next(&mut self, now: Time) -> u64 {
        self.last = self.wall_us(now).max(self.last.saturating_add(1));
        self.last
    }

    /// The highest number assigned or seen.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// Goes ahead of every clock that differs by at most `skew`.
    pub fn lead(&mut self, now: Time, skew: Duration) {
        self.last = self.last.max(self.wall_us(now).saturating_add(us(skew)));
    }

    /// Takes note of a number that another node has assigned. Returns false, and ignores it, if it lies
    /// further in the future than clocks that differ by `skew` and [lead](Self::lead) each other allow.
    pub fn observe(&mut self, number: u64, now: Time, skew: Duration) -> bool {
        let latest = self.wall_us(now).saturating_add(us(skew).saturating_mul(3));
        let is_plausible = number <= latest;
        if is_plausible {
            self.last = self.last.max(number);
        }
        is_plausible
    }
}

/// A duration in microseconds, the unit of version numbers and of times of expiry.
pub(super) fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
