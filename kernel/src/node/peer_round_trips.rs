//! Round trips to one peer, in four bytes: every node keeps them for its closest neighbors.
//!
//! **Invariant:** plain arithmetic; time is an argument.

use core::time::Duration;

use crate::node::round_trips::{MAX_TIMEOUT, MIN_TIMEOUT};

/// The running mean and mean deviation of the round trips to one peer, as in
/// [`RoundTrips`](crate::node::RoundTrips), which mixes those to all peers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PeerRoundTrips {
    mean: u16,
    deviation: u16,
}

/// The resolution: 2^16 ns, about 66 µs. The longest round trip is 4.3 s.
const UNIT_BITS: u32 = 16;

impl PeerRoundTrips {
    /// Records that a reply arrived after `round_trip`.
    #[inline]
    pub fn record(&mut self, round_trip: Duration) {
        let units = (round_trip.as_nanos() >> UNIT_BITS).clamp(1, u16::MAX.into()) as u16;
        if self.mean == 0 {
            (self.mean, self.deviation) = (units, units / 2);
            return;
        }
        let error = units.abs_diff(self.mean);
        self.deviation = self.deviation - self.deviation / 4 + error / 4;
        self.mean = (self.mean - self.mean / 8 + units / 8).max(1);
    }

    /// How long to wait for the next reply; `None` before the first measurement.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        let duration = |units: u64| Duration::from_nanos(units << UNIT_BITS);
        let spread = duration(4 * u64::from(self.deviation)).max(MIN_TIMEOUT);
        (self.mean > 0).then(|| (duration(self.mean.into()) + spread).min(MAX_TIMEOUT))
    }
}
