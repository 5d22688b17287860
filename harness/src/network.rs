//! What the network does to messages: how long each takes, and which are lost.
//!
//! **Invariant:** no clock and no state; the same [`Rng`] gives the same delays and losses.

use core::time::Duration;

use hopwise_kernel::Rng;
use rand_distr::Exp1;

use crate::draws::draw;
use crate::scenario::Latency;

/// What becomes of messages between two nodes.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    latency: Latency,
    loss: f64,
}

impl Link {
    /// The link that a scenario's network asks for.
    #[must_use]
    pub fn new(network: &crate::scenario::Network) -> Link {
        Link { latency: network.latency, loss: network.loss }
    }

    /// Whether it neither delays nor loses anything.
    #[must_use]
    pub fn is_perfect(&self) -> bool {
        let longest = match self.latency {
            Latency::None => Duration::ZERO,
            Latency::Constant { one_way } => one_way,
            Latency::Uniform { max, .. } => max,
            Latency::Exponential { mean } => mean,
        };
        longest.is_zero() && self.loss <= 0.0
    }

    /// How long the next message takes, or nothing if it is lost.
    pub fn transit(&self, rng: &mut Rng) -> Option<Duration> {
        let lost = self.loss > 0.0 && rng.unit() < self.loss;
        (!lost).then(|| self.delay(rng))
    }

    /// Draws a one-way delay. One that no [`Duration`] can hold is [`Duration::MAX`].
    fn delay(&self, rng: &mut Rng) -> Duration {
        match self.latency {
            Latency::None => Duration::ZERO,
            Latency::Constant { one_way } => one_way,
            Latency::Uniform { min, max } => min + (max - min).mul_f64(rng.unit()),
            Latency::Exponential { mean } => {
                let delay_s = mean.as_secs_f64() * draw::<f64>(&Exp1, rng);
                Duration::try_from_secs_f64(delay_s).unwrap_or(Duration::MAX)
            }
        }
    }
}

/// Simulator's network.
#[derive(Clone, Copy, Debug)]
pub struct Network(Link, Duration);

impl Network {
    /// As the scenario says.
    #[must_use]
    pub fn new(network: &crate::scenario::Network) -> Network {
        let least = match network.latency {
            Latency::None => Duration::ZERO,
            Latency::Constant { one_way } => one_way,
            Latency::Uniform { min, .. } => min,
            Latency::Exponential { mean } => mean / 100,
        };
        Network(Link::new(network), least.max(Duration::from_micros(20)))
    }
    /// Lower bound.
    #[must_use]
    pub fn least_delay(&self) -> Duration {
        self.1
    }
    /// Delay.
    pub fn transit(&self, _from: u32, _to: u32, rng: &mut Rng) -> Option<Duration> {
        self.0.transit(rng).map(|delay| delay.max(self.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 100_000;
    const MS: Duration = Duration::from_millis(1);

    fn link(latency: Latency, loss: f64) -> Link {
        Link::new(&crate::scenario::Network {
            latency,
            loss,
            ..crate::scenario::Network::default()
        })
    }

    fn sorted_delays(latency: Latency) -> Vec<Duration> {
        let (link, mut rng) = (link(latency, 0.0), Rng::new(5, 0));
        let mut delays: Vec<Duration> =
            (0..DRAWS).map(|_| link.transit(&mut rng).expect("nothing is lost")).collect();
        delays.sort_unstable();
        delays
    }

    /// Compares quantiles with those of the model's closed form, in milliseconds.
    fn check(latency: Latency, quantile_ms: impl Fn(f64) -> f64) {
        let delays = sorted_delays(latency);
        for p in [0.1, 0.25, 0.5, 0.75, 0.9, 0.99] {
            let seen_ms = delays[(p * DRAWS as f64) as usize].as_secs_f64() * 1e3;
            let expected_ms = quantile_ms(p);
            assert!((seen_ms / expected_ms - 1.0).abs() < 0.06, "{latency:?} {p}: {seen_ms}");
        }
    }

    #[test]
    fn delays_follow_their_model() {
        check(Latency::Constant { one_way: 7 * MS }, |_| 7.0);
        check(Latency::Uniform { min: 2 * MS, max: 12 * MS }, |p| 2.0 + 10.0 * p);
        check(Latency::Exponential { mean: 8 * MS }, |p| -8.0 * (1.0 - p).ln());
        let uniform = sorted_delays(Latency::Uniform { min: 2 * MS, max: 12 * MS });
        assert!(uniform[0] >= 2 * MS && uniform[DRAWS - 1] <= 12 * MS);
    }

    #[test]
    fn as_many_are_lost_as_asked_for() {
        for (loss, slack) in [(0.0, 0.0), (0.02, 0.002), (0.5, 0.007), (1.0, 0.0)] {
            let (link, mut rng) = (link(Latency::None, loss), Rng::new(6, 0));
            let lost = (0..DRAWS).filter(|_| link.transit(&mut rng).is_none()).count();
            assert!((lost as f64 / DRAWS as f64 - loss).abs() <= slack, "{loss}: {lost}");
        }
    }

    #[test]
    fn a_link_is_perfect_if_it_changes_nothing() {
        let zero = Duration::ZERO;
        for latency in [
            Latency::None,
            Latency::Constant { one_way: zero },
            Latency::Uniform { min: zero, max: zero },
            Latency::Exponential { mean: zero },
        ] {
            assert!(link(latency, 0.0).is_perfect(), "{latency:?}");
            assert!(!link(latency, 0.1).is_perfect(), "{latency:?}");
        }
        for latency in [
            Latency::Constant { one_way: MS },
            Latency::Uniform { min: zero, max: MS },
            Latency::Exponential { mean: MS },
        ] {
            assert!(!link(latency, 0.0).is_perfect(), "{latency:?}");
        }
    }

    #[test]
    fn what_no_duration_holds_is_the_longest() {
        let delays = sorted_delays(Latency::Exponential { mean: Duration::MAX });
        assert_eq!(delays[DRAWS - 1], Duration::MAX);
    }
}
