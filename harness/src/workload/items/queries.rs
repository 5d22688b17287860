//! The sequence of queries.
//!
//! **Invariant:** does not allocate; the same [`Rng`] gives the same queries.

use hopwise_kernel::Rng;
use hopwise_kernel::items::Match;
use rand_distr::Zipf;

use crate::base::sampling::draw;
use crate::scenario::Items;

/// A wanted item and the kind of query for it. [`Catalogue::query`](super::Catalogue::query) makes
/// the query.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Wanted {
    /// The item.
    pub item: u32,
    /// The kind of match.
    pub how: Match,
}

/// A source of queries.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    ranks: Zipf<f64>,
    fuzzy: f64,
}

impl Draw {
    /// Creates a source of queries for `items`.
    ///
    /// # Panics
    ///
    /// If the exponent is negative or the population 0, which no loaded scenario contains.
    #[must_use]
    pub fn new(items: &Items) -> Draw {
        let ranks = Zipf::new(f64::from(items.population), items.exponent);
        Draw { ranks: ranks.expect("the scenario was checked"), fuzzy: items.fuzzy }
    }

    /// Draws an item by popularity and the kind of match.
    pub fn draw(&self, rng: &mut Rng) -> Wanted {
        let item = draw(&self.ranks, rng) as u32 - 1;
        let how = if rng.unit() < self.fuzzy {
            [Match::Prefix, Match::Substring, Match::Words][rng.below(3) as usize]
        } else {
            Match::Exact
        };
        Wanted { item, how }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const DRAWS: u32 = 100_000;

    #[test]
    fn queries_are_as_frequent_as_configured() {
        let items = Items { population: 50, exponent: 0.9, fuzzy: 0.3, ..Items::default() };
        let source = Draw::new(&items);
        let mut rng = Rng::new(3, 0);
        let mut counts: HashMap<Wanted, u32> = HashMap::new();
        (0..DRAWS).for_each(|_| *counts.entry(source.draw(&mut rng)).or_default() += 1);
        let weight = |item: u32| f64::from(item + 1).powf(-0.9);
        let total: f64 = (0..50).map(weight).sum();
        let mut drawn = 0;
        for item in 0..50 {
            for how in Match::ALL {
                let share = if how.is_exact() { 0.7 } else { 0.1 };
                let expected = f64::from(DRAWS) * share * weight(item) / total;
                let count = counts.get(&Wanted { item, how }).copied().unwrap_or_default();
                drawn += count;
                // Five standard deviations of a Poisson count, and a little for the rarest.
                let tolerance = 5.0 * expected.sqrt() + 3.0;
                assert!((f64::from(count) - expected).abs() < tolerance, "{item} {how:?}: {count}");
            }
        }
        assert_eq!(drawn, DRAWS, "every question is for an item that there is");
    }
}
