//! The workload of lookups for the owners of keys.
//!
//! **Invariant:** does not allocate and reads no clock; the same [`Rng`] gives the same keys.

use hopwise_kernel::{Id, Rng, Time};
use rand_distr::Zipf;

use super::divided::DividedTruth;
use super::{Population, Workload};
use crate::Scenario;
use crate::base::sampling::draw;
use crate::network::{Disturbances, Network};
use crate::scenario::Keys;

/// The most keys of a population that are listed: hashing them takes a few seconds.
const MOST_LISTED: u64 = 10_000_000;

/// Asks for the owners of keys.
#[derive(Clone, Debug)]
pub struct KeyWorkload {
    keys: KeySource,
    disturbances: Disturbances,
    /// Knows how far apart nodes are, if a partition depends on that.
    network: Option<Network>,
}

impl Workload for KeyWorkload {
    const NAME: &'static str = "keys";

    /// The key.
    type Question = Id;
    /// The identifier of the owner.
    type Answer = Id;
    type Truth = DividedTruth;

    fn new(scenario: &Scenario, _without: &[u32]) -> Result<KeyWorkload, String> {
        let disturbances = Disturbances::new(scenario);
        let network = || Network::new(&scenario.network, scenario.seed);
        let network = disturbances.depend_on_distances().then(network).transpose()?;
        Ok(KeyWorkload { keys: KeySource::new(scenario.workload.keys), disturbances, network })
    }

    fn population(&self) -> Option<Population<'_>> {
        self.keys.population()
    }

    fn draw(&self, rng: &mut Rng) -> Id {
        self.keys.draw(rng)
    }

    fn key(question: &Id) -> Option<Id> {
        Some(*question)
    }

    fn truth(&self, members: impl Iterator<Item = (Id, u32)>, at: Time) -> DividedTruth {
        DividedTruth::new(members, at, &self.disturbances, self.network.as_ref())
    }
}

/// The source of the keys that are looked up.
#[derive(Clone, Copy, Debug)]
pub struct KeySource {
    popularity: Popularity,
    /// The number of keys; `None` if any identifier may be one.
    population: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Popularity {
    Uniform,
    Zipf(Zipf<f64>),
}

impl KeySource {
    /// Creates a source of `keys`.
    ///
    /// # Panics
    ///
    /// If the exponent is negative or the population 0, which no loaded scenario contains.
    #[must_use]
    pub fn new(keys: Keys) -> KeySource {
        match keys {
            Keys::Uniform => KeySource { popularity: Popularity::Uniform, population: None },
            Keys::Zipf { exponent, population } => {
                let ranks = Zipf::new(population as f64, exponent);
                let popularity = Popularity::Zipf(ranks.expect("the scenario was checked"));
                KeySource { popularity, population: Some(population) }
            }
        }
    }

    /// All keys, the most popular first; `None` if any identifier may be one, or if there are more than
    /// [`MOST_LISTED`].
    fn population(&self) -> Option<Population<'_>> {
        let count = self.population.filter(|&count| count <= MOST_LISTED)?;
        Some(Box::new((1..=count).map(key_of_rank)))
    }

    /// Draws a key. With Zipf popularity it is [`key_of_rank`] of the rank drawn.
    pub fn draw(&self, rng: &mut Rng) -> Id {
        match &self.popularity {
            Popularity::Uniform => Id::random(rng),
            Popularity::Zipf(ranks) => key_of_rank(draw(ranks, rng) as u64),
        }
    }
}

/// The key at `rank` in popularity, from 1: the identifier of the rank's decimal digits.
#[must_use]
pub fn key_of_rank(rank: u64) -> Id {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = rank;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return Id::of_name(&digits[start..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const DRAWS: usize = 100_000;

    #[test]
    fn zipf_keys_are_as_popular_as_their_ranks() {
        let (exponent, population) = (0.9_f64, 1000);
        let source = KeySource::new(Keys::Zipf { exponent, population });
        let mut rng = Rng::new(3, 0);
        let mut counts: HashMap<Id, u32> = HashMap::new();
        for _ in 0..DRAWS {
            *counts.entry(source.draw(&mut rng)).or_default() += 1;
        }
        let weight = |rank: u64| (rank as f64).powf(-exponent);
        let total: f64 = (1..=population).map(weight).sum();
        let mut drawn = 0;
        for rank in 1..=population {
            let count = counts.get(&key_of_rank(rank)).copied().unwrap_or_default();
            drawn += count;
            let expected = DRAWS as f64 * weight(rank) / total;
            // Five standard deviations of a Poisson count, and a little for the rarest.
            let tolerance = 5.0 * expected.sqrt() + 3.0;
            assert!((f64::from(count) - expected).abs() < tolerance, "{rank}: {count}, {expected}");
        }
        assert_eq!(drawn as usize, DRAWS, "every key is that of a rank");
    }

    #[test]
    fn uniform_keys_fill_the_circle_evenly() {
        let source = KeySource::new(Keys::Uniform);
        let mut rng = Rng::new(4, 0);
        let mut counts = [0_u32; 16];
        (0..DRAWS).for_each(|_| counts[(source.draw(&mut rng).prefix() >> 60) as usize] += 1);
        let expected = DRAWS as f64 / 16.0;
        let chi2: f64 =
            counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
        // Chi-square with 15 degrees of freedom exceeds 44.3 once in 10^4.
        assert!(chi2 < 44.3, "{chi2}");
    }

    #[test]
    fn a_rank_is_named_by_its_digits() {
        for rank in [1, 10, 4096, u64::MAX] {
            assert_eq!(key_of_rank(rank), Id::of_name(rank.to_string().as_bytes()));
        }
    }
}
