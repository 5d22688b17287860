//! Queries for items as a workload.
//!
//! **Invariant:** the same for every system, engine and number of threads.

use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::items::Text;
use hopwise_kernel::{Id, Rng, Time};

use super::{Catalogue, Draw, ItemTruth, Wanted};
use crate::Scenario;
use crate::measure::tally::Tally;
use crate::workload::Workload;

/// Queries for items: the answer is an item and a holder.
#[derive(Clone, Debug)]
pub struct ItemWorkload {
    catalogue: Arc<Catalogue>,
    source: Draw,
    /// Whether nodes fetch the items they find.
    fetches: bool,
}

impl ItemWorkload {
    /// The items.
    #[must_use]
    pub const fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }
}

impl Workload for ItemWorkload {
    const NAME: &'static str = "items";

    type Question = Wanted;
    /// The best match and the identifier of its holder; `None` if nothing matches.
    type Answer = Option<(Text, Id)>;
    type Truth = ItemTruth;

    fn new(scenario: &Scenario, without: &[u32]) -> Result<ItemWorkload, String> {
        let Some(items) = &scenario.items else {
            return Err("there are no items to query: write an [items] section".to_owned());
        };
        let catalogue = Catalogue::new(items, scenario.nodes, without, scenario.seed);
        let (catalogue, source) = (Arc::new(catalogue), Draw::new(items));
        Ok(ItemWorkload { catalogue, source, fetches: items.fetch })
    }

    fn draw(&self, rng: &mut Rng) -> Wanted {
        self.source.draw(rng)
    }

    fn truth(&self, members: impl Iterator<Item = (Id, u32)>, at: Time) -> ItemTruth {
        ItemTruth::of_members(self.catalogue.clone(), members, at)
    }

    fn is_followed_up(&self, best: &Option<(Text, Id)>) -> bool {
        self.fetches && best.is_some()
    }

    fn is_fuzzy(wanted: &Wanted) -> bool {
        !wanted.how.is_exact()
    }

    fn record_issued(&self, wanted: &Wanted, tally: &mut Tally) {
        tally.record_issued(wanted.how);
    }

    fn record_answered(&self, wanted: &Wanted, best: &Option<(Text, Id)>, tally: &mut Tally) {
        match best {
            None => tally.record_found_none(),
            Some(_) if !self.fetches => tally.record_obtained(wanted.how),
            Some(_) => {}
        }
    }

    fn record_followed_up(
        &self,
        wanted: &Wanted,
        obtained: Option<(Duration, u64)>,
        tally: &mut Tally,
    ) {
        match obtained {
            Some((took, bytes)) => {
                tally.record_transfer(took, bytes);
                tally.record_obtained(wanted.how);
            }
            None => tally.record_transfer_failed(),
        }
    }
}
