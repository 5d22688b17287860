//! How long to wait for a reply.
//!
//! **Invariant:** plain arithmetic; time is an argument.

use core::time::Duration;

/// How long to wait for a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeoutPolicy {
    /// Mean plus four mean deviations of the measured round trips, within
    /// [`MIN_TIMEOUT`] … [`MAX_TIMEOUT`] (Rhea et al., *Handling churn in a DHT*, USENIX 2004).
    Adaptive,
    /// Always the same.
    Fixed(Duration),
}

/// Shortest adaptive timeout, and the least that it lies above the mean: where every round trip takes
/// the same, the deviation alone would leave a reply no time to be a little late.
pub const MIN_TIMEOUT: Duration = Duration::from_millis(2);
/// Longest adaptive timeout.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(3);
/// Adaptive timeout before anything was measured, unless replies have failed to come already.
pub const INITIAL_TIMEOUT: Duration = Duration::from_millis(250);

/// Measured round trips: running mean and mean deviation (Jacobson, *Congestion avoidance and
/// control*, SIGCOMM 1988), with exponential backoff while nothing answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RoundTrips {
    mean_us: u32,
    deviation_us: u32,
    backoff: u8,
}

/// The timeout doubles at most this often.
const MAX_BACKOFF: u8 = 6;

impl RoundTrips {
    /// A reply came after `round_trip`.
    #[inline]
    pub fn record(&mut self, round_trip: Duration) {
        let us = u32::try_from(round_trip.as_micros()).unwrap_or(u32::MAX).clamp(1, 60_000_000);
        self.backoff = 0;
        if self.mean_us == 0 {
            (self.mean_us, self.deviation_us) = (us, us / 2);
            return;
        }
        let error = us.abs_diff(self.mean_us);
        self.deviation_us = self.deviation_us - self.deviation_us / 4 + error / 4;
        self.mean_us = (self.mean_us - self.mean_us / 8 + us / 8).max(1);
    }

    /// A reply did not come in time. Replies that come later than the timeout cannot be matched, so
    /// without this a timeout that is too short could never learn that it is.
    #[inline]
    pub fn record_timeout(&mut self) {
        self.backoff = (self.backoff + 1).min(MAX_BACKOFF);
    }

    /// How long to wait for the next reply.
    #[inline]
    #[must_use]
    pub fn timeout(&self, policy: TimeoutPolicy) -> Duration {
        match policy {
            TimeoutPolicy::Fixed(timeout) => timeout,
            TimeoutPolicy::Adaptive => {
                let us = match self.mean_us {
                    0 => INITIAL_TIMEOUT.as_micros() as u64,
                    mean => {
                        let spread = 4 * u64::from(self.deviation_us);
                        u64::from(mean) + spread.max(MIN_TIMEOUT.as_micros() as u64)
                    }
                };
                Duration::from_micros(us << self.backoff).min(MAX_TIMEOUT)
            }
        }
    }
}
