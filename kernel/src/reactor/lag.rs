//! How far a shard is behind its schedule.
//!
//! A turn that takes long keeps all messages waiting that arrive meanwhile, and a thread that gets no
//! processor wakes up late. Both make replies late, here and most likely in other processes on the same
//! machine. Nodes allow for that before they give up waiting.
//!
//! **Invariant:** plain arithmetic; time is an argument.

use std::time::Duration;

use crate::base::Time;

/// The lag falls to a third in this time.
const DECAY: Duration = Duration::from_secs(1);

/// The recent lag: the greatest of late, older ones count less.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lag {
    peak: Duration,
    at: Time,
}

impl Lag {
    /// Records that something was done this much later than it could have been.
    pub(super) fn record(&mut self, now: Time, late: Duration) {
        let left = DECAY.saturating_sub(now.since(self.at)).as_secs_f64() / DECAY.as_secs_f64();
        self.peak = self.peak.mul_f64(left).max(late);
        self.at = now;
    }

    /// The lag as last recorded.
    #[inline]
    pub(super) fn get(&self) -> Duration {
        self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_fades_and_a_higher_one_replaces_it() {
        let ms = Duration::from_millis;
        let at = |millis| Time::ZERO + ms(millis);
        let mut lag = Lag::default();
        lag.record(at(1000), ms(40));
        assert_eq!(lag.get(), ms(40));
        for step in 1..=1000 {
            lag.record(at(1000 + step), Duration::ZERO);
        }
        assert!(lag.get() > ms(13) && lag.get() < ms(16), "{:?}", lag.get());
        lag.record(at(2001), ms(100));
        assert_eq!(lag.get(), ms(100));
        lag.record(at(9000), ms(1));
        assert_eq!(lag.get(), ms(1));
    }
}
