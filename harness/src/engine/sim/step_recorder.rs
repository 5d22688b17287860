//! Records the steps of traced lookups in a shard.
//!
//! The number of a lookup travels with all that the lookup causes: see `costs`. So a step is recorded
//! where it happens, and only messages that count among a lookup's costs are steps.
//!
//! **Invariant:** at most one step more than [`STEPS_MAX`] is recorded of a lookup. What is missing then
//! comes after [`STEPS_MAX`] steps of this shard, so it is missing however nodes are divided among shards.

use super::costs::LookupNumber;
use crate::base::hash::FixedHashMap;
use crate::measure::trace::{STEPS_MAX, Selection, Step};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct StepRecorder {
    selection: Selection,
    steps: Vec<Step>,
    /// The numbers of steps of the selected lookups.
    counts: FixedHashMap<LookupNumber, usize>,
}

impl Default for StepRecorder {
    fn default() -> StepRecorder {
        let (steps, counts) = (Vec::new(), FixedHashMap::default());
        StepRecorder { selection: Selection::NONE, steps, counts }
    }
}

impl StepRecorder {
    /// Selects the lookups that are traced from now on.
    pub(super) fn select(&mut self, selection: Selection) {
        if selection != self.selection {
            self.selection = selection;
            self.counts.retain(|&number, _| selection.contains(number));
        }
    }

    /// Whether steps of this lookup are recorded.
    #[inline]
    pub(super) fn records(&self, lookup: LookupNumber) -> bool {
        self.selection.contains(lookup)
    }

    /// Records a step of a selected lookup.
    #[cold]
    pub(super) fn push(&mut self, step: Step) {
        let count = self.counts.entry(step.lookup).or_default();
        if *count <= STEPS_MAX {
            *count += 1;
            self.steps.push(step);
        }
    }

    /// The steps since this was last emptied, in order.
    pub(super) fn steps(&mut self) -> &mut Vec<Step> {
        &mut self.steps
    }
}
