//! Measured round trips, and the timeout that follows from them.
//!
//! **Invariant:** plain arithmetic; time is an argument.

use core::time::Duration;

/// How long to wait for a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeoutPolicy {
    /// Mean plus four mean deviations of the measured round trips, within
    /// [`MIN_TIMEOUT`] … [`MAX_TIMEOUT`] (Rhea et al., *Handling churn in a DHT*, USENIX 2004).
    Adaptive,
    /// A constant.
    Fixed(Duration),
}

/// Shortest adaptive timeout, and the least margin above the mean: where all round trips take the
/// same time, the deviation alone leaves no margin for a reply that is slightly late.
pub const MIN_TIMEOUT: Duration = Duration::from_millis(2);
/// Longest adaptive timeout.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(3);
/// Adaptive timeout before the first measurement. Doubles after each timeout, like any other.
pub const INITIAL_TIMEOUT: Duration = Duration::from_millis(250);

/// The running mean and mean deviation of round trips (Jacobson, *Congestion avoidance and
/// control*, SIGCOMM 1988), with exponential backoff while no reply arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RoundTrips {
    mean_us: u32,
    deviation_us: u32,
    backoff: u8,
}

/// The timeout doubles at most this many times.
const MAX_BACKOFF: u8 = 6;

impl RoundTrips {
    /// Records that a reply arrived after `round_trip`.
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

    /// Records that a reply did not arrive in time. For requests that are given up after one attempt:
    /// their late replies are never matched, and so never measured. Without this backoff, a timeout that
    /// is too short would stay too short.
    #[inline]
    pub fn record_timeout(&mut self) {
        self.backoff = (self.backoff + 1).min(MAX_BACKOFF);
    }

    /// The running mean; zero before the first measurement.
    #[inline]
    #[must_use]
    pub fn mean(&self) -> Duration {
        Duration::from_micros(self.mean_us.into())
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
                Duration::from_micros((us << self.backoff).min(MAX_TIMEOUT.as_micros() as u64))
            }
        }
    }
}
