//! The source of questions about values.
//!
//! **Invariant:** the same generator gives the same questions. Directors that draw at the same time
//! share only the number of keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hopwise_kernel::Rng;
use rand_distr::Zipf;

use super::question::{Act, Question};
use crate::base::sampling::draw;
use crate::scenario::{Operations, Popularity, Store};

/// Draws questions.
#[derive(Clone, Debug)]
pub(super) struct Source {
    shares: Shares,
    popularity: Ranks,
    population: u32,
    /// The number of the next new key.
    next_key: Arc<AtomicU32>,
}

/// The shares of questions; the rest are reads.
#[derive(Clone, Copy, Default, Debug)]
struct Shares {
    write: f64,
    insert: f64,
    modify: f64,
}

#[derive(Clone, Copy, Debug)]
enum Ranks {
    Uniform,
    /// Rank 1 is the first key.
    Oldest(Zipf<f64>),
    /// Rank 1 is the newest key.
    Newest(Zipf<f64>),
}

impl Source {
    /// The source of questions for `store`.
    ///
    /// # Panics
    ///
    /// If the exponent is negative or the population 0, which no loaded scenario contains.
    pub(super) fn new(store: &Store) -> Source {
        let ranks = |exponent| {
            Zipf::new(f64::from(store.population), exponent).expect("the scenario was checked")
        };
        Source {
            shares: Shares::of(store),
            popularity: match store.keys {
                Popularity::Uniform => Ranks::Uniform,
                Popularity::Zipf { exponent } => Ranks::Oldest(ranks(exponent)),
                Popularity::Latest { exponent } => Ranks::Newest(ranks(exponent)),
            },
            population: store.population,
            next_key: Arc::new(AtomicU32::new(store.population)),
        }
    }

    /// Draws the next question.
    pub(super) fn draw(&self, rng: &mut Rng) -> Question {
        let Shares { write, insert, modify } = self.shares;
        let kind = rng.unit();
        if kind < insert {
            let stamp = rng.next_u64();
            let key = self.next_key.fetch_add(1, Ordering::Relaxed);
            return Question { key, act: Act::Write { stamp } };
        }
        let act = if kind < insert + write {
            Act::Write { stamp: rng.next_u64() }
        } else if kind < insert + write + modify {
            Act::Modify { stamp: rng.next_u64() }
        } else {
            Act::Read
        };
        Question { key: self.key(rng), act }
    }

    /// The number of keys so far.
    pub(super) fn keys(&self) -> u32 {
        self.next_key.load(Ordering::Relaxed)
    }

    fn key(&self, rng: &mut Rng) -> u32 {
        match &self.popularity {
            Ranks::Uniform => rng.below(self.population.into()) as u32,
            Ranks::Oldest(ranks) => draw(ranks, rng) as u32 - 1,
            Ranks::Newest(ranks) => self.keys() - draw(ranks, rng) as u32,
        }
    }
}

impl Shares {
    fn of(store: &Store) -> Shares {
        let none = Shares::default();
        match store.operations {
            Operations::Get | Operations::YcsbC => none,
            Operations::Put => Shares { write: 1.0, ..none },
            Operations::Mix => Shares { write: 1.0 - store.read_share(), ..none },
            Operations::YcsbA => Shares { write: 0.5, ..none },
            Operations::YcsbB => Shares { write: 0.05, ..none },
            Operations::YcsbD | Operations::YcsbE => Shares { insert: 0.05, ..none },
            Operations::YcsbF => Shares { modify: 0.5, ..none },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u32 = 20_000;

    fn drawn(operations: Operations, keys: Popularity) -> Vec<Question> {
        let store = Store { operations, keys, population: 100, ..Store::default() };
        let (source, mut rng) = (Source::new(&store), Rng::new(5, 0));
        (0..DRAWS).map(|_| source.draw(&mut rng)).collect()
    }

    #[test]
    fn operations_are_as_frequent_as_their_names_say() {
        use Operations::{Get, Mix, Put, YcsbA, YcsbB, YcsbC, YcsbD, YcsbE, YcsbF};
        for (operations, writes, modifications) in [
            (Get, 0.0, 0.0),
            (Put, 1.0, 0.0),
            (Mix, 0.5, 0.0),
            (YcsbA, 0.5, 0.0),
            (YcsbB, 0.05, 0.0),
            (YcsbC, 0.0, 0.0),
            (YcsbD, 0.05, 0.0),
            (YcsbE, 0.05, 0.0),
            (YcsbF, 0.0, 0.5),
        ] {
            let questions = drawn(operations, Popularity::Uniform);
            let share = |is_it: fn(Act) -> bool| {
                let count = questions.iter().filter(|question| is_it(question.act)).count();
                count as f64 / f64::from(DRAWS)
            };
            let found = [
                share(|act| matches!(act, Act::Write { .. })),
                share(|act| matches!(act, Act::Modify { .. })),
            ];
            for (found, expected) in found.into_iter().zip([writes, modifications]) {
                assert!((found - expected).abs() < 0.02, "{operations:?}: {found}");
            }
        }
    }

    #[test]
    fn new_keys_have_new_numbers_and_the_latest_are_popular() {
        let questions = drawn(Operations::YcsbD, Popularity::Latest { exponent: 0.99 });
        let (mut next, mut near) = (100, 0);
        for Question { key, act } in questions {
            if act == Act::Read {
                assert!(key < next, "{key} is not there yet");
                near += u32::from(next - key <= 10);
            } else {
                assert_eq!(key, next);
                next += 1;
            }
        }
        assert!(near > DRAWS / 2, "{near} of {DRAWS} are for one of the ten newest keys");
    }
}
