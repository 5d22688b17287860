//! Questions for the holders of items.
//!
//! **Invariant:** every system, engine and number of threads sees the same items in the same hands.

use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::items::Text;
use hopwise_kernel::{Id, Rng, Time};

use super::{Catalogue, Draw, ItemTruth, Wanted};
use crate::Scenario;
use crate::measure::tally::Tally;
use crate::workload::Workload;

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct ItemWorkload {
    catalogue: Arc<Catalogue>,
    source: Draw,
    /// Whether a node that has found an item fetches it.
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
    /// The best item that was named, and the holder's identifier; `None` if nothing fits.
    type Answer = Option<(Text, Id)>;
    type Truth = ItemTruth;

    fn new(scenario: &Scenario, without: &[u32]) -> Result<ItemWorkload, String> {
        let Some(items) = &scenario.items else {
            return Err("there is nothing to ask for: write an [items] section".to_owned());
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
