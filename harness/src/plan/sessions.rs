//! How long a node that is a member now will stay.
//!
//! A table names nodes that are members at some moment, and those are not average ones: a long session is more
//! likely to be met. What is left of a session met at a random moment has the equilibrium distribution of renewal
//! theory (Cox, *Renewal Theory*, 1962, chapter 5):
//!
//! ```text
//!   P(left ≤ t) = (1 / mean) ∫₀ᵗ P(session > x) dx
//!
//!   exponential    1 − e^(−t/mean)                       as a whole session: no memory
//!   weibull        P(1/k, (t/scale)^k)                   P: the regularized lower incomplete gamma function
//!   pareto         t/mean up to the scale c, then (c + c/(a−1) · (1 − (c/t)^(a−1))) / mean
//! ```
//!
//! Whatever the distribution, members depart at the rate 1/mean: P(left ≤ t) ≈ t/mean for short t. A heavy tail
//! bends the curve down, so old pointers are better than the mean session suggests.
//!
//! **Invariant:** a probability is between 0 and 1 and never falls with time.

use statrs::function::gamma::gamma_lr;

use crate::scenario::Lengths;

/// The sessions of members.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sessions {
    lengths: Option<Lengths>,
}

/// Steps of the quadrature of [`Sessions::undetected_and_missing`].
const STEPS: usize = 12;

impl Sessions {
    /// Sessions of these lengths; `None`: all stay for ever.
    #[must_use]
    pub const fn new(lengths: Option<Lengths>) -> Sessions {
        Sessions { lengths }
    }

    /// Departures per member and second: 1 / mean.
    #[must_use]
    pub fn departures_per_s(&self) -> f64 {
        self.lengths.map_or(0.0, |lengths| 1.0 / lengths.mean().as_secs_f64())
    }

    /// The probability that a member at a random moment is gone `after_s` seconds later.
    #[must_use]
    pub fn gone(&self, after_s: f64) -> f64 {
        let Some(lengths) = self.lengths else { return 0.0 };
        if after_s.is_nan() || after_s <= 0.0 {
            return 0.0;
        }
        if after_s.is_infinite() {
            return 1.0;
        }
        let mean = lengths.mean().as_secs_f64();
        let gone = match lengths {
            Lengths::Exponential { .. } => -(-after_s / mean).exp_m1(),
            Lengths::Weibull { shape, .. } => {
                let scale = mean / libm::tgamma(1.0 + 1.0 / shape);
                let x = (after_s / scale).powf(shape);
                // Below, gamma_lr loses its digits, and the curve is the straight line t/mean.
                if x < 1e-12 { after_s / mean } else { gamma_lr(1.0 / shape, x) }
            }
            Lengths::Pareto { shape, .. } => {
                let scale = mean * (shape - 1.0) / shape;
                if after_s <= scale {
                    after_s / mean
                } else {
                    let tail = 1.0 - (scale / after_s).powf(shape - 1.0);
                    (scale + scale / (shape - 1.0) * tail) / mean
                }
            }
        };
        gone.clamp(0.0, 1.0)
    }

    /// Shares of pointers that a member refreshes once per `cycle_s` seconds and uses `uses_per_s` times a second:
    /// those that name a departed node which no use has found out yet, and those found out, which are missing until
    /// the next refresh.
    ///
    /// A member that joins refreshes all pointers, and then one after the other. So a pointer is older than a
    /// if it was not refreshed within a, and its owner is older than a, too:
    ///
    /// ```text
    ///   P(age > a) = (1 − a / cycle) · (1 − P(left ≤ a))
    /// ```
    ///
    /// (The age of a member has the distribution of what is left of its session.) A departure at age t leaves a pointer
    /// of age a undetected with probability e^(−u (a − t)).
    #[must_use]
    pub fn undetected_and_missing(&self, cycle_s: f64, uses_per_s: f64) -> (f64, f64) {
        let width = cycle_s / STEPS as f64;
        let kept = (-uses_per_s * width).exp();
        // The mean of e^(−u·x) over one step, for departures within it.
        let within =
            if uses_per_s * width < 1e-9 { 1.0 } else { (1.0 - kept) / (uses_per_s * width) };
        let (mut gone, mut undetected, mut older) = (0.0, 0.0, 1.0);
        let (mut sum_undetected, mut sum_gone) = (0.0, 0.0);
        for step in 1..=STEPS {
            let (gone_before, undetected_before) = (gone, undetected);
            gone = self.gone(step as f64 * width);
            undetected = undetected_before * kept + (gone - gone_before) * within;
            let still_older = (1.0 - step as f64 / STEPS as f64) * (1.0 - gone);
            let of_this_age = older - still_older;
            older = still_older;
            sum_undetected += of_this_age * (undetected_before + undetected) / 2.0;
            sum_gone += of_this_age * (gone_before + gone) / 2.0;
        }
        (sum_undetected, (sum_gone - sum_undetected).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::churn::session_lengths::LengthSource;
    use hopwise_kernel::Rng;

    const MEAN: Duration = Duration::from_secs(3600);

    fn all() -> [Lengths; 5] {
        [
            Lengths::Exponential { mean: MEAN },
            Lengths::Weibull { mean: MEAN, shape: 0.5 },
            Lengths::Weibull { mean: MEAN, shape: 2.0 },
            Lengths::Pareto { mean: MEAN, shape: 1.5 },
            Lengths::Pareto { mean: MEAN, shape: 3.0 },
        ]
    }

    /// The twin: what the churn of a run draws for members at its start.
    #[test]
    fn what_is_left_of_a_session_is_as_the_simulator_draws_it() {
        for lengths in all() {
            let (source, mut rng) = (LengthSource::new(lengths), Rng::new(5, 0));
            let drawn: Vec<f64> =
                (0..50_000).map(|_| source.draw_residual(&mut rng).as_secs_f64()).collect();
            let sessions = Sessions::new(Some(lengths));
            for after in [10.0, 300.0, 1800.0, 3600.0, 36_000.0] {
                let seen = drawn.iter().filter(|&&left| left <= after).count() as f64 / 50_000.0;
                let modelled = sessions.gone(after);
                assert!((seen - modelled).abs() < 0.008, "{lengths:?} {after}: {seen}, {modelled}");
            }
        }
    }

    #[test]
    fn departures_have_the_rate_of_the_mean_whatever_the_distribution() {
        for lengths in all() {
            let gone = Sessions::new(Some(lengths)).gone(0.01);
            assert!((gone * 360_000.0 - 1.0).abs() < 0.03, "{lengths:?}: {gone}");
        }
    }

    #[test]
    fn exponential_sessions_have_no_memory() {
        let sessions = Sessions::new(Some(Lengths::Exponential { mean: MEAN }));
        assert!((sessions.gone(3600.0) - (1.0 - (-1.0_f64).exp())).abs() < 1e-12);
        // ∫ (1 − a/cycle) e^(−a/mean) · e^(−a/mean) / mean da = ½ (1 − (1 − e^−k) / k), k = 2 cycle / mean.
        let (undetected, missing) = sessions.undetected_and_missing(3600.0, 0.0);
        let expected = 0.5 * (1.0 - (1.0 - (-2.0_f64).exp()) / 2.0);
        assert!((undetected - expected).abs() < 3e-3 && missing < 1e-9, "{undetected} {expected}");
    }

    #[test]
    fn pointers_age_and_uses_find_out() {
        for lengths in all() {
            let sessions = Sessions::new(Some(lengths));
            let ages = [0.0, 1.0, 60.0, 3600.0, 1e6, 1e9];
            assert!(ages.map(|age| sessions.gone(age)).is_sorted());
            let found = |uses| sessions.undetected_and_missing(600.0, uses);
            let (undetected, missing) = found(0.0);
            assert!(undetected < sessions.gone(600.0) && missing < 1e-9);
            let shares = [0.0, 1e-3, 1e-2, 1.0, 100.0].map(|uses| -found(uses).0);
            assert!(shares.is_sorted(), "{shares:?}");
            assert!(found(100.0).0 < 1e-4);
        }
    }

    #[test]
    fn nodes_that_stay_are_never_gone() {
        let sessions = Sessions::new(None);
        assert_eq!((sessions.gone(1e9), sessions.departures_per_s()), (0.0, 0.0));
        assert_eq!(sessions.undetected_and_missing(1e6, 0.1), (0.0, 0.0));
    }
}
