//! The times at which lookups start.
//!
//! Arrivals are *intended* times. They do not wait for answers, so a slow system cannot slow down
//! its own load (no coordinated omission).
//!
//! Those of a rate that varies come from the inverse of its integral: in units of that integral,
//! gaps are exponential with mean 1. By the same law, arrivals that nobody will look at one by one
//! can be drawn as a number: it is Poisson distributed, and its mean is the integral.
//!
//! **Invariant:** drawing does not allocate and reads no clock; the same [`Rng`] gives the same
//! arrivals.

use hopwise_kernel::{Rng, Time};
use rand_distr::{Exp1, Poisson};

use super::rate_curve::RateCurve;
use crate::base::sampling::draw;

/// The endless, ordered arrivals of a Poisson process.
#[derive(Clone, Debug)]
pub struct Arrivals {
    curve: RateCurve,
    /// The piece of the curve at `last`.
    piece: usize,
    /// The last arrival that was drawn, or the time up to which arrivals were counted.
    last: Time,
    /// The arrival at `last`, if it was not taken yet.
    next: Option<Time>,
    rng: Rng,
}

impl Arrivals {
    /// Arrivals after `start` at the rate of `curve`. There are none where that is 0.
    #[must_use]
    pub fn new(curve: RateCurve, start: Time, rng: Rng) -> Arrivals {
        let mut piece = 0;
        curve.mass(Time::ZERO, start, &mut piece);
        Arrivals { curve, piece, last: start, next: None, rng }
    }

    /// When the next arrival is due; [`Time::NEVER`] if there is none.
    #[inline]
    pub fn next_due(&mut self) -> Time {
        if let Some(next) = self.next {
            return next;
        }
        let gap: f64 = draw(&Exp1, &mut self.rng);
        self.last = self.curve.after_mass(self.last, gap, &mut self.piece);
        self.next = Some(self.last);
        self.last
    }

    /// Takes the next arrival if it is due by `until`.
    #[inline]
    pub fn take_due(&mut self, until: Time) -> Option<Time> {
        let due = self.next_due();
        if due > until || due == Time::NEVER {
            return None;
        }
        self.next.take()
    }

    /// The mean number of arrivals that are due by `until`, given when the next one is due.
    pub fn due_mean(&mut self, until: Time) -> f64 {
        let due = self.next_due();
        if due > until { 0.0 } else { 1.0 + self.curve.mass(due, until, &mut { self.piece }) }
    }

    /// Takes all arrivals that are due by `until` and returns how many they are. Takes as long for
    /// many as for few.
    pub fn count_until(&mut self, until: Time) -> u64 {
        let first = match self.next {
            Some(next) if next > until => return 0,
            next => u64::from(next.is_some()),
        };
        self.next = None;
        if until <= self.last {
            return first;
        }
        let mean = self.curve.mass(self.last, until, &mut self.piece);
        self.last = until;
        // There is no distribution of mean 0.
        Poisson::new(mean).map_or(first, |count| first + draw(&count, &mut self.rng) as u64)
    }
}

impl Iterator for Arrivals {
    type Item = Time;

    fn next(&mut self) -> Option<Time> {
        self.take_due(Time::from_ns(Time::NEVER.as_ns() - 1))
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::scenario::{Rate, RateChange};

    const DRAWS: usize = 100_000;

    fn level(per_s: f64, start: Time, rng: Rng) -> Arrivals {
        Arrivals::new(RateCurve::level(per_s), start, rng)
    }

    /// 100 a second, from 1 s on a ramp to 2,000 within 3 s, at 6 s a step to 40, a pause from 8 s
    /// to 9 s, then 500.
    fn varying() -> RateCurve {
        let change = |at_ms, per_s, over_ms| RateChange {
            at: Duration::from_millis(at_ms),
            lookups_per_s: Rate::PerSecond(per_s),
            over: Duration::from_millis(over_ms),
        };
        let changes = [
            change(1_000, 2_000.0, 3_000),
            change(6_000, 40.0, 0),
            change(8_000, 0.0, 0),
            change(9_000, 500.0, 0),
        ];
        let per_s = |change: &RateChange| change.lookups_per_s.per_s(0.0);
        RateCurve::level(100.0).with_changes(&changes, Time::ZERO, per_s)
    }

    /// The mean and the variance.
    fn moments(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
        (mean, squares / (values.len() - 1) as f64)
    }

    #[test]
    fn gaps_are_exponential_with_the_given_rate() {
        let rate = 1000.0;
        let start = Time::from_ns(7_000);
        let times: Vec<Time> = level(rate, start, Rng::new(1, 0)).take(DRAWS).collect();
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
        let arrivals = level(50.0, Time::ZERO, Rng::new(2, 0));
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
        assert_eq!(level(0.0, Time::ZERO, Rng::new(1, 0)).next(), None);
    }

    #[test]
    fn arrivals_begin_after_the_start_and_repeat_with_the_seed() {
        let take = || level(1e6, Time::from_ns(5), Rng::new(9, 3)).take(1000);
        assert!(take().all(|time| time >= Time::from_ns(5)));
        assert!(take().is_sorted());
        assert!(take().eq(take()));
    }

    /// The law that defines the process: in units of the integral of the rate, gaps are exponential
    /// with mean 1.
    #[test]
    fn gaps_of_a_varying_rate_are_exponential_in_units_of_its_integral() {
        let curve = varying();
        let end = Time::from_ns(12_000_000_000);
        let mut gaps = Vec::new();
        for seed in 0..20 {
            let arrivals = Arrivals::new(curve.clone(), Time::ZERO, Rng::new(seed, 0));
            let (mut last, mut piece) = (Time::ZERO, 0);
            for at in arrivals.take_while(|&at| at < end) {
                assert!(!(8_000..9_000).contains(&(at.as_ns() / 1_000_000)), "in the pause");
                gaps.push(curve.mass(last, at, &mut piece));
                last = at;
            }
        }
        gaps.sort_by(f64::total_cmp);
        let count = gaps.len() as f64;
        let distance = (1..)
            .zip(&gaps)
            .map(|(rank, gap)| (f64::from(rank) / count - (1.0 - (-gap).exp())).abs())
            .fold(0.0, f64::max);
        // Kolmogorov and Smirnov: exceeded with probability 1 in 1,000. The last gap of each run
        // is cut off, which does not matter beside 150,000 of them.
        assert!(count > 100_000.0 && distance < 1.95 / count.sqrt(), "{distance} of {count}");
    }

    /// However the arrivals of a stretch are divided into those that are taken one by one and those
    /// that are counted, their number is Poisson distributed and says nothing of the next stretch.
    #[test]
    fn counted_arrivals_follow_the_same_law_as_single_ones() {
        let (stretches, length_ns) = (20_000, 10_000_000);
        for (rate, singles) in [(30.0, 0), (500.0, 2), (20_000.0, 0), (20_000.0, 7)] {
            let mut arrivals = level(rate, Time::ZERO, Rng::new(5, 0));
            let counts: Vec<f64> = (1..=stretches)
                .map(|stretch| {
                    let until = Time::from_ns(stretch * length_ns);
                    let single = (0..singles).map_while(|_| arrivals.take_due(until)).count();
                    single as f64 + arrivals.count_until(until) as f64
                })
                .collect();
            let expected = rate * length_ns as f64 / 1e9;
            let (mean, variance) = moments(&counts);
            // Five standard errors each: √(λ / n) of the mean, √((2 + 1 / λ) / n) of the ratio, and
            // 1 / √n of the correlation.
            let n = stretches as f64;
            assert!((mean - expected).abs() < 5.0 * (expected / n).sqrt(), "{rate}: {mean}");
            let spread = 5.0 * ((2.0 + 1.0 / expected) / n).sqrt();
            assert!((variance / mean - 1.0).abs() < spread, "{rate}: {variance} / {mean}");
            let pairs = counts.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean));
            let correlation = pairs.sum::<f64>() / n / variance;
            assert!(correlation.abs() < 5.0 / n.sqrt(), "{rate}: {correlation}");
        }
    }

    #[test]
    fn a_count_stops_where_it_is_told() {
        let mut arrivals = Arrivals::new(varying(), Time::ZERO, Rng::new(3, 0));
        let next = arrivals.next_due();
        assert_eq!(arrivals.count_until(Time::from_ns(next.as_ns() - 1)), 0);
        assert_eq!(arrivals.next_due(), next, "it is still to come");
        let counted = arrivals.count_until(Time::from_ns(10_000_000_000));
        // 100 + 3 · 1050 + 2 · 2000 + 2 · 40 + 500, with a standard deviation of 88.
        assert!((7_830_i64 - counted as i64).abs() < 450, "{counted}");
        assert_eq!(arrivals.count_until(Time::from_ns(9_000_000_000)), 0, "counted already");
        assert!(arrivals.next_due() > Time::from_ns(10_000_000_000));
    }
}
