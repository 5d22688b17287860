//! What a shelf answers, against a look at every name on it.
//!
//! **Invariant:** the model knows nothing of signatures.

use std::sync::Arc;

use hopwise_kernel::items::{Match, Names, Query, Shelf, Text};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    /// Few letters, so that much fits.
    #[test]
    fn the_best_name_is_the_first_of_those_that_score_most(
        names in vec("[ab]{1,6}( [ab]{1,4}){0,2}", 1..20),
        items in vec(0_usize..20, 0..12),
        how in 0_u8..4,
        what in "[ab]{1,4}( [ab]{1,3})?",
    ) {
        let text = |text: &str| Text::new(text.as_bytes()).expect("it is short, and something");
        let items: Vec<u32> =
            items.into_iter().filter(|&item| item < names.len()).map(|item| item as u32).collect();
        let held = || items.iter().map(|&item| names[item as usize].as_str());
        let how = Match::from_number(how).expect("there are four");
        let query = Query { how, text: text(&what) };
        let most = held().filter_map(|name| query.score(name.as_bytes())).max();
        let best = held().find(|name| most.is_some() && query.score(name.as_bytes()) == most);

        let population = Arc::new(Names::new(names.iter().map(|name| text(name))));
        let shelf = Shelf::new(population, items.clone().into());
        prop_assert_eq!(shelf.best(&query), best.map(text));
        prop_assert_eq!(shelf.holds(text(&what)), held().any(|name| name == what));
        prop_assert_eq!(shelf.len(), items.len());
    }
}
