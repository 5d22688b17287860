//! The times at which lookups start.
//!
//! Arrivals are *intended* times. They do not wait for answers, so a slow system cannot slow down
//! its own load (no coordinated omission).
//!
//! **Invariant:** does not allocate and reads no clock; the same [`Rng`] gives the same arrivals.

use core::time::Duration;

use hopwise_kernel::{Rng, Time};
use rand_distr::Exp1;

use crate::base::sampling::draw;

/// The endless, ordered arrivals of a Poisson process.
#[derive(Clone, Debug)]
pub struct Arrivals {
    last: Time,
    mean_gap_ns: f64,
    rng: Rng,
}

impl Arrivals {
    /// Arrivals after `start` at a mean rate. There are none if the rate is not positive.
    #[must_use]
    pub fn new(rate_per_s: f64, start: Time, rng: Rng) -> Arrivals {
        let mean_gap_ns = if rate_per_s > 0.0 { 1e9 / rate_per_s } else { f64::INFINITY };
        Arrivals { last: start, mean_gap_ns, rng }
    }
}

impl Iterator for Arrivals {
    type Item = Time;

    fn next(&mut self) -> Option<Time> {
        let gap: f64 = draw(&Exp1, &mut self.rng);
        // Rounded: truncation would raise high rates by half a nanosecond per arrival. The cast
        // saturates at `Time::NEVER`.
        self.last = self.last + Duration::from_nanos((gap * self.mean_gap_ns).round() as u64);
        (self.last < Time::NEVER).then_some(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 100_000;

    #[test]
    fn gaps_are_exponential_with_the_given_rate() {
        let rate = 1000.0;
        let start = Time::from_ns(7_000);
        let times: Vec<Time> = Arrivals::new(rate, start, Rng::new(1, 0)).take(DRAWS).collect();
        let mut last = start;
        let mut gaps: Vec<f64> = times
            .iter()
            .map(|time| time.since(core::mem::replace(&mut last, *time)).as_secs_f64())
            .collect();
        gaps.sort_by(f64::total_cmp);
        // Standard error of the mean is 0.3 %; the tolerance is five of them.
        let mean = gaps.iter().sum::<f64>() / DRAWS as f64;
        assert!((mean * rate - 1.0).abs() < 0.016, "mean {mean}");
        for quantile in [0.1, 0.5, 0.9, 0.99] {
            let expected = -(1.0_f64 - quantile).ln() / rate;
            let drawn = gaps[(quantile * DRAWS as f64) as usize];
            assert!((drawn / expected - 1.0).abs() < 0.05, "{quantile}: {drawn} for {expected}");
        }
    }

    #[test]
    fn counts_per_second_scatter_as_poisson() {
        let seconds = 2000;
        let mut counts = vec![0.0; seconds];
        let arrivals = Arrivals::new(50.0, Time::ZERO, Rng::new(2, 0));
        for time in arrivals.take_while(|time| time.as_ns() < seconds as u64 * 1_000_000_000) {
            counts[(time.as_ns() / 1_000_000_000) as usize] += 1.0;
        }
        let mean = counts.iter().sum::<f64>() / seconds as f64;
        let variance = counts.iter().map(|count| (count - mean) * (count - mean)).sum::<f64>()
            / (seconds - 1) as f64;
        // The index of dispersion has standard error √(2/2000) = 0.032.
        assert!((variance / mean - 1.0).abs() < 0.13, "{variance} / {mean}");
    }

    #[test]
    fn a_rate_of_zero_gives_no_arrivals() {
        assert_eq!(Arrivals::new(0.0, Time::ZERO, Rng::new(1, 0)).next(), None);
    }

    #[test]
    fn arrivals_begin_after_the_start_and_repeat_with_the_seed() {
        let take = || Arrivals::new(1e6, Time::from_ns(5), Rng::new(9, 3)).take(1000);
        assert!(take().all(|time| time >= Time::from_ns(5)));
        assert!(take().is_sorted());
        assert!(take().eq(take()));
    }
}
