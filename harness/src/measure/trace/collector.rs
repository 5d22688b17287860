//! Makes traces of the steps of some lookups.
//!
//! **Invariant:** keeps at most [`STEPS_MAX`] steps of each of at most [`LOOKUPS_MAX`] lookups.

use std::collections::BTreeMap;

use super::lookup::Parts;
use super::{Ended, LOOKUPS_MAX, LookupTrace, Numbers, STEPS_MAX, Selection, Step, Tracer};

/// The lookups that are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// The first ones of the measured phase.
    First(u32),
    /// The one with this number.
    Number(u32),
}

/// Makes traces of the lookups that are wanted.
#[derive(Debug)]
pub struct Collector {
    wanted: Wanted,
    selection: Selection,
    numbers: Numbers,
    parts: BTreeMap<u32, Parts>,
}

impl Collector {
    /// Nothing collected yet.
    #[must_use]
    pub fn new(wanted: Wanted) -> Collector {
        let (numbers, parts) = (Numbers::default(), BTreeMap::new());
        Collector { wanted, selection: Selection::NONE, numbers, parts }
    }

    /// The number of lookups of the run.
    #[must_use]
    pub fn lookups(&self) -> u32 {
        self.numbers.end.saturating_sub(1)
    }

    /// The traces, in the order of their numbers.
    #[must_use]
    pub fn traces(self) -> Vec<LookupTrace> {
        self.parts.into_iter().map(|(number, parts)| LookupTrace::new(number, parts)).collect()
    }

    fn select(&self) -> Selection {
        let (from, count) = match (self.wanted, self.numbers.first_measured) {
            (Wanted::Number(number), _) => (number, 1),
            (Wanted::First(count), Some(first)) => (first, count.min(LOOKUPS_MAX)),
            (Wanted::First(_), None) => return Selection::NONE,
        };
        Selection::range(from, from.saturating_add(count))
    }

    fn parts_of(&mut self, number: u32) -> Option<&mut Parts> {
        let is_wanted = self.selection.contains(number);
        is_wanted.then(|| self.parts.entry(number).or_default())
    }
}

impl Tracer for Collector {
    fn selection(&mut self, numbers: Numbers) -> Selection {
        self.numbers = numbers;
        self.selection = self.select();
        self.selection
    }

    fn take_steps(&mut self, steps: &[Step]) {
        for step in steps {
            let Some(parts) = self.parts_of(step.lookup) else { continue };
            if parts.steps.len() < STEPS_MAX {
                parts.steps.push(*step);
            } else {
                parts.is_cut = true;
            }
        }
    }

    fn take_end(&mut self, ended: Ended) {
        if let Some(parts) = self.parts_of(ended.lookup.number) {
            parts.ended = Some(ended);
        }
    }

    fn take_costs(&mut self, number: u32, messages: u32, timeouts: u32) {
        if let Some(parts) = self.parts_of(number) {
            parts.costs = Some((messages, timeouts));
        }
    }
}
