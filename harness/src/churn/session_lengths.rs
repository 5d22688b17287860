//! Lengths of sessions and downtimes.
//!
//! **Invariant:** does not allocate and reads no clock; the same [`Rng`] gives the same lengths.

use core::time::Duration;

use hopwise_kernel::Rng;
use rand_distr::{Exp1, Gamma, Pareto, Weibull};

use crate::base::sampling::draw;
use crate::scenario::Lengths;

/// A source of session or downtime lengths.
#[derive(Clone, Copy, Debug)]
pub struct LengthSource {
    shape: Shape,
    begun: Begun,
}

/// Distributions, with scales in seconds.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Exponential { mean_s: f64 },
    Weibull(Weibull<f64>),
    Pareto(Pareto<f64>),
}

/// Distributions of the length of a session observed at a random moment. Longer sessions are more
/// likely to be observed.
#[derive(Clone, Copy, Debug)]
enum Begun {
    Exponential,
    /// `(length / scale)^shape` has a Gamma distribution.
    Weibull {
        scale_s: f64,
        shape: f64,
        power: Gamma<f64>,
    },
    /// Pareto, with a shape smaller by one.
    Pareto {
        scale_s: f64,
        exponent: f64,
    },
}

impl LengthSource {
    /// Creates a source of `lengths`. The scale follows from the mean: mean / Γ(1 + 1/k) for
    /// Weibull, mean · (a − 1) / a for Pareto.
    ///
    /// # Panics
    ///
    /// If a mean is zero, a shape not positive, or a Pareto shape not above 1, which no loaded
    /// scenario contains.
    #[must_use]
    pub fn new(lengths: Lengths) -> LengthSource {
        const CHECKED: &str = "the scenario was checked";
        let (shape, begun) = match lengths {
            Lengths::Exponential { mean } => {
                (Shape::Exponential { mean_s: mean.as_secs_f64() }, Begun::Exponential)
            }
            Lengths::Weibull { mean, shape } => {
                let scale_s = mean.as_secs_f64() / libm::tgamma(1.0 + 1.0 / shape);
                let power = Gamma::new(1.0 + 1.0 / shape, 1.0).expect(CHECKED);
                let weibull = Weibull::new(scale_s, shape).expect(CHECKED);
                (Shape::Weibull(weibull), Begun::Weibull { scale_s, shape, power })
            }
            Lengths::Pareto { mean, shape } => {
                let scale_s = mean.as_secs_f64() * (shape - 1.0) / shape;
                let pareto = Pareto::new(scale_s, shape).expect(CHECKED);
                let exponent = -1.0 / (shape - 1.0);
                (Shape::Pareto(pareto), Begun::Pareto { scale_s, exponent })
            }
        };
        LengthSource { shape, begun }
    }

    /// Draws a length, at most [`Duration::MAX`].
    pub fn draw(&self, rng: &mut Rng) -> Duration {
        as_duration(match &self.shape {
            Shape::Exponential { mean_s } => mean_s * draw::<f64>(&Exp1, rng),
            Shape::Weibull(weibull) => draw(weibull, rng),
            Shape::Pareto(pareto) => draw(pareto, rng),
        })
    }

    /// Draws the residual length of a session observed at a random moment, as for nodes that are
    /// members when a run starts (the equilibrium distribution of renewal theory; Cox, *Renewal
    /// Theory*, 1962). Only for the exponential distribution is it that of a whole session.
    pub fn draw_residual(&self, rng: &mut Rng) -> Duration {
        let whole_s = match &self.begun {
            Begun::Exponential => return self.draw(rng),
            Begun::Weibull { scale_s, shape, power } => {
                scale_s * draw::<f64>(power, rng).powf(1.0 / shape)
            }
            // `1 − u` is not zero.
            Begun::Pareto { scale_s, exponent } => scale_s * (1.0 - rng.unit()).powf(*exponent),
        };
        as_duration(whole_s * rng.unit())
    }
}

fn as_duration(length_s: f64) -> Duration {
    Duration::try_from_secs_f64(length_s).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 100_000;
    const MEAN: Duration = Duration::from_secs(60);

    fn sorted_draws(lengths: Lengths) -> Vec<f64> {
        let (source, mut rng) = (LengthSource::new(lengths), Rng::new(11, 0));
        let mut drawn: Vec<f64> = (0..DRAWS).map(|_| source.draw(&mut rng).as_secs_f64()).collect();
        drawn.sort_by(f64::total_cmp);
        drawn
    }

    /// Compares with the configured mean and with the closed form of the quantile function.
    fn check(lengths: Lengths, mean_tolerance: f64, quantile: impl Fn(f64) -> f64) {
        let drawn = sorted_draws(lengths);
        let mean = drawn.iter().sum::<f64>() / DRAWS as f64;
        let off = (mean / MEAN.as_secs_f64() - 1.0).abs();
        assert!(off < mean_tolerance, "{lengths:?}: mean {mean}");
        for p in [0.1, 0.25, 0.5, 0.75, 0.9, 0.99] {
            let (seen, expected) = (drawn[(p * DRAWS as f64) as usize], quantile(p));
            assert!((seen / expected - 1.0).abs() < 0.06, "{lengths:?} {p}: {seen}, {expected}");
        }
    }

    #[test]
    fn exponential() {
        // The standard error of the mean is 0.3 %.
        check(Lengths::Exponential { mean: MEAN }, 0.016, |p| -60.0 * (1.0 - p).ln());
    }

    #[test]
    fn weibull() {
        // Γ(1 + 1/2) = √π / 2 and Γ(1 + 2) = 2. Standard errors of the mean: 0.17 % and 0.7 %.
        let half_root_pi = std::f64::consts::PI.sqrt() / 2.0;
        for (shape, gamma, tolerance) in [(2.0_f64, half_root_pi, 0.009), (0.5, 2.0, 0.036)] {
            let scale = 60.0 / gamma;
            let lengths = Lengths::Weibull { mean: MEAN, shape };
            check(lengths, tolerance, |p| scale * (-(1.0 - p).ln()).powf(1.0 / shape));
        }
    }

    #[test]
    fn pareto() {
        // Shape 3: variance is 3/4 of the squared scale, so the standard error is 0.18 %.
        let (shape, scale) = (3.0_f64, 40.0);
        let lengths = Lengths::Pareto { mean: MEAN, shape };
        check(lengths, 0.01, |p| scale * (1.0 - p).powf(-1.0 / shape));
        assert!(sorted_draws(lengths)[0] >= scale, "no length below the scale");
    }

    /// The mean residual length is (variance + mean²) / (2 · mean).
    #[test]
    fn residual_lengths_have_the_equilibrium_mean() {
        let mean = MEAN;
        // Weibull of shape ½: variance is 5 · mean². Pareto of shape 5: mean² / 15.
        for (lengths, expected_s) in [
            (Lengths::Exponential { mean }, 60.0),
            (Lengths::Weibull { mean, shape: 0.5 }, 180.0),
            (Lengths::Pareto { mean, shape: 5.0 }, 32.0),
        ] {
            let (source, mut rng) = (LengthSource::new(lengths), Rng::new(12, 0));
            let total: f64 = (0..DRAWS).map(|_| source.draw_residual(&mut rng).as_secs_f64()).sum();
            let seen_s = total / DRAWS as f64;
            assert!((seen_s / expected_s - 1.0).abs() < 0.03, "{lengths:?}: {seen_s}");
        }
    }

    #[test]
    fn lengths_saturate_at_the_longest_duration() {
        let heavy = Lengths::Exponential { mean: Duration::MAX };
        let (source, mut rng) = (LengthSource::new(heavy), Rng::new(1, 0));
        assert!((0..DRAWS).any(|_| source.draw(&mut rng) == Duration::MAX));
    }
}
