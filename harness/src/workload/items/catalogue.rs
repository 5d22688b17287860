//! The items of a run and their holders.
//!
//! Items are numbered by popularity, hosts as the engine numbers them.
//!
//! **Invariant:** built once, then only read. Every item has a holder, and no host holds an item
//! twice.

use std::sync::Arc;

use hopwise_kernel::Rng;
use hopwise_kernel::items::{Match, Names, Query, Text};

use super::copies::copies;
use super::naming::names;
use super::queries::Wanted;
use crate::scenario::Items;

/// The random generator of the catalogue. Generators 16 · n + 1 … 6 belong to directors and
/// engines.
const STREAM: u64 = 7;
/// The shortest substring of a name in queries.
const PIECE_MIN: usize = 5;

/// See the [module](self).
#[derive(Debug)]
pub struct Catalogue {
    names: Arc<Names>,
    /// All items in order of their names.
    by_name: Box<[u32]>,
    /// The holders of each item, in order.
    holders: Rows,
    /// The items of each host, in order.
    holdings: Rows,
}

impl Catalogue {
    /// Creates `items` and assigns them to the hosts 0 … `hosts` − 1, except those in `excluded`.
    ///
    /// # Panics
    ///
    /// If no host is left, which no loaded scenario contains.
    #[must_use]
    pub fn new(items: &Items, hosts: u32, excluded: &[u32], seed: u64) -> Catalogue {
        let mut sharers: Vec<u32> = (0..hosts).filter(|host| !excluded.contains(host)).collect();
        assert!(!sharers.is_empty(), "somebody shares");
        let mut rng = Rng::new(seed, STREAM);
        let names = names(items.population, &mut rng);
        let copies = copies(items, sharers.len() as u32, &mut rng);
        let holders =
            Rows::new(copies.iter().map(|&count| sample(&mut sharers, count as usize, &mut rng)));
        let mut by_name: Box<[u32]> = (0..items.population).collect();
        by_name.sort_unstable_by_key(|&item| names.bytes_of(item));
        let holdings = holders.transposed(hosts as usize);
        Catalogue { names: Arc::new(names), by_name, holders, holdings }
    }

    /// The number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names of all items.
    #[must_use]
    pub fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// The items of `host`; none if it shares nothing.
    #[must_use]
    pub fn holdings(&self, host: u32) -> Box<[u32]> {
        self.holdings.row(host).into()
    }

    /// The hosts that hold `item`, in order.
    #[must_use]
    pub fn holders(&self, item: u32) -> &[u32] {
        self.holders.row(item)
    }

    /// Whether `host` holds `item`.
    #[must_use]
    pub fn holds(&self, host: u32, item: u32) -> bool {
        self.holdings.row(host).binary_search(&item).is_ok()
    }

    /// The item with this name, if there is one.
    #[must_use]
    pub fn item_of(&self, name: &Text) -> Option<u32> {
        let bytes = name.as_bytes();
        let at =
            self.by_name.binary_search_by_key(&bytes, |&item| self.names.bytes_of(item)).ok()?;
        Some(self.by_name[at])
    }

    /// The query for `wanted`: the exact name; its first word and the next letter; its middle; or
    /// its first two words, swapped.
    #[must_use]
    pub fn query(&self, wanted: Wanted) -> Query {
        let name = self.names.bytes_of(wanted.item);
        let swapped;
        let text = match wanted.how {
            Match::Exact => name,
            Match::Prefix => &name[..first_word(name).len() + 2],
            Match::Substring => &name[name.len() / 4..][..PIECE_MIN.max(name.len() / 2)],
            Match::Words => {
                let first = first_word(name);
                let second = first_word(&name[first.len() + 1..]);
                swapped = [second, first].join(&b' ');
                &swapped
            }
        };
        let text = Text::new(text).expect("a piece of a name is as short as the name");
        Query { how: wanted.how, text }
    }

    /// Whether `item` matches `query`.
    #[must_use]
    pub fn matches(&self, query: &Query, item: u32) -> bool {
        self.names.signature(item).may_match(query.signature())
            && query.score(self.names.bytes_of(item)).is_some()
    }

    /// All items that match `query`, in order. Visits every item unless the query is an exact name.
    #[must_use]
    pub fn all_matches(&self, query: &Query) -> Vec<u32> {
        if query.how.is_exact() {
            return self.item_of(&query.text).into_iter().collect();
        }
        (0..self.len() as u32).filter(|&item| self.matches(query, item)).collect()
    }
}

/// The bytes before the first space.
fn first_word(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == b' ').next().unwrap_or_default()
}

/// Draws `count` different elements of `all`, which is partly shuffled.
fn sample(all: &mut [u32], count: usize, rng: &mut Rng) -> Vec<u32> {
    for at in 0..count {
        let other = at + rng.below((all.len() - at) as u64) as usize;
        all.swap(at, other);
    }
    let mut drawn = all[..count].to_vec();
    drawn.sort_unstable();
    drawn
}

/// Rows of numbers, stored one after another.
#[derive(Debug)]
struct Rows {
    /// The end of each row in `numbers`.
    ends: Box<[u32]>,
    numbers: Box<[u32]>,
}

impl Rows {
    fn new(rows: impl Iterator<Item = Vec<u32>>) -> Rows {
        let (mut ends, mut numbers) = (Vec::new(), Vec::new());
        for row in rows {
            numbers.extend_from_slice(&row);
            ends.push(numbers.len() as u32);
        }
        Rows { ends: ends.into(), numbers: numbers.into() }
    }

    /// The row with this number; empty if there is none.
    fn row(&self, row: u32) -> &[u32] {
        let at = row as usize;
        let Some(&end) = self.ends.get(at) else { return &[] };
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.numbers[start as usize..end as usize]
    }

    /// For each of `count` numbers, the rows that contain it, in order.
    fn transposed(&self, count: usize) -> Rows {
        let mut ends = vec![0_u32; count + 1];
        self.numbers.iter().for_each(|&number| ends[number as usize + 1] += 1);
        for at in 0..count {
            ends[at + 1] += ends[at];
        }
        // Filling a row moves its start to its end.
        let mut numbers = vec![0; self.numbers.len()];
        for row in 0..self.ends.len() as u32 {
            for &number in self.row(row) {
                let end = &mut ends[number as usize];
                numbers[*end as usize] = row;
                *end += 1;
            }
        }
        ends.pop();
        Rows { ends: ends.into(), numbers: numbers.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Replication;
    use proptest::prelude::*;

    fn catalogue(population: u32, replicas: f64, hosts: u32, excluded: &[u32]) -> Catalogue {
        let replication = Replication::SquareRoot;
        let items = Items { population, replicas, replication, ..Items::default() };
        Catalogue::new(&items, hosts, excluded, 11)
    }

    fn all(catalogue: &Catalogue) -> impl Iterator<Item = Wanted> {
        let items = 0..catalogue.len() as u32;
        items.flat_map(|item| Match::ALL.map(|how| Wanted { item, how }))
    }

    proptest! {
        #[test]
        fn holdings_and_holders_agree(
            population in 1..80_u32,
            hosts in 2..60_u32,
            fill in 0.0..=1.0,
            excluded in 0..60_u32,
        ) {
            let sharers = hosts - u32::from(excluded < hosts);
            let replicas = 1.0 + fill * f64::from(sharers - 1);
            let catalogue = catalogue(population, replicas, hosts, &[excluded]);
            let mut copies = 0;
            for item in 0..population {
                let holders = catalogue.holders(item);
                copies += holders.len();
                prop_assert!(!holders.is_empty() && !holders.contains(&excluded));
                // Strictly increasing: no host holds an item twice.
                prop_assert!(holders.is_sorted_by(|a, b| a < b));
                for host in 0..hosts {
                    let holds = holders.contains(&host);
                    prop_assert_eq!(catalogue.holds(host, item), holds);
                    prop_assert_eq!(catalogue.holdings(host).contains(&item), holds);
                }
            }
            prop_assert_eq!(copies, (f64::from(population) * replicas).round() as usize);
            prop_assert!(catalogue.holdings(hosts).is_empty());
        }
    }

    #[test]
    fn every_query_matches_its_item() {
        let catalogue = catalogue(2000, 1.0, 10, &[]);
        for wanted in all(&catalogue) {
            let query = catalogue.query(wanted);
            assert!(catalogue.matches(&query, wanted.item), "{wanted:?}: {query:?}");
            assert_eq!(catalogue.query(wanted), query, "put the same way every time");
            let name = catalogue.names().name(wanted.item).expect("named");
            assert_eq!(query.text == name, wanted.how.is_exact(), "{wanted:?}: {query:?}");
            assert!(query.text.as_bytes().len() >= PIECE_MIN, "{wanted:?}: {query:?}");
        }
    }

    #[test]
    fn matches_are_those_of_a_full_scan() {
        let catalogue = catalogue(300, 1.0, 10, &[]);
        let (mut fuzzy, mut shared) = (0, 0);
        for wanted in all(&catalogue) {
            let query = catalogue.query(wanted);
            let text = query.text.as_str();
            let naive = |item: &u32| {
                let name = catalogue.names().name(*item).expect("named");
                let name = name.as_str();
                match wanted.how {
                    Match::Exact => name == text,
                    Match::Prefix => name.starts_with(text),
                    Match::Substring => name.contains(text),
                    Match::Words => text.split(' ').all(|word| name.split(' ').any(|w| w == word)),
                }
            };
            let fitting: Vec<u32> = (0..300).filter(naive).collect();
            fuzzy += usize::from(!wanted.how.is_exact());
            shared += usize::from(fitting.len() > 1);
            assert!(catalogue.all_matches(&query) == fitting, "{wanted:?}: {query:?}");
        }
        assert!(shared > fuzzy / 10, "{shared} of {fuzzy}: many questions have several answers");
    }

    #[test]
    fn items_are_found_by_name() {
        let catalogue = catalogue(1000, 1.0, 10, &[]);
        for item in 0..1000 {
            let name = catalogue.names().name(item).expect("named");
            assert_eq!(catalogue.item_of(&name), Some(item));
        }
        assert_eq!(catalogue.item_of(&Text::new(b"no such name").expect("short")), None);
    }

    #[test]
    fn holdings_are_poisson_distributed() {
        // 4,000 copies on 1,000 hosts: the variance of a Poisson count is its mean, with standard
        // error √(2/1000) of it.
        let items = Items { population: 1000, replicas: 4.0, ..Items::default() };
        let catalogue = Catalogue::new(&items, 1000, &[], 3);
        let counts: Vec<f64> =
            (0..1000).map(|host| catalogue.holdings(host).len() as f64).collect();
        let variance = counts.iter().map(|count| (count - 4.0).powi(2)).sum::<f64>() / 1000.0;
        assert!((variance / 4.0 - 1.0).abs() < 0.23, "{variance}");
    }
}
