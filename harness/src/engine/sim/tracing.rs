//! Connects a run with its tracer, if there is one: hands it the steps of all shards in one order, how
//! lookups ended and what they cost.
//!
//! **Invariant:** without a tracer it does nothing.

use std::fmt;

use super::costs::{Cost, LookupNumber};
use super::exchange::Exchange;
use crate::measure::trace::{Numbers, Selection, Step, Tracer};
use crate::plug::System;
use crate::workload::Workload;
use crate::workload::judge::Judge;

/// See the [module](self).
pub(super) struct Tracing<'a> {
    tracer: Option<&'a mut dyn Tracer>,
    selection: Selection,
    /// The steps of the last window.
    steps: Vec<Step>,
}

impl<'a> Tracing<'a> {
    pub(super) fn new(tracer: Option<&'a mut dyn Tracer>) -> Tracing<'a> {
        Tracing { tracer, selection: Selection::NONE, steps: Vec::new() }
    }

    /// Hands over the steps of the last window.
    pub(super) fn take_steps<S: System>(&mut self, exchange: &Exchange<S>) {
        let Some(tracer) = &mut self.tracer else { return };
        for summary in &exchange.summaries {
            self.steps.append(&mut summary.lock().steps);
        }
        if self.steps.is_empty() {
            return;
        }
        // A stable sort keeps the steps of each node in order.
        self.steps.sort_by_key(|step| (step.at, step.place));
        tracer.take_steps(&self.steps);
        self.steps.clear();
    }

    /// Hands over how lookups ended.
    pub(super) fn take_ends<W: Workload>(&mut self, judge: &mut Judge<W>) {
        let Some(tracer) = &mut self.tracer else { return };
        judge.take_ends().into_iter().for_each(|ended| tracer.take_end(ended));
    }

    /// Hands over what a lookup cost.
    pub(super) fn take_costs(&mut self, number: LookupNumber, cost: Cost) {
        if let Some(tracer) = &mut self.tracer
            && self.selection.contains(number)
        {
            tracer.take_costs(number, cost.messages, cost.timeouts);
        }
    }

    /// The lookups that are traced in the next window.
    pub(super) fn next<W: Workload>(
        &mut self,
        judge: &mut Judge<W>,
        numbers: Numbers,
    ) -> Selection {
        self.take_ends(judge);
        if let Some(tracer) = &mut self.tracer {
            self.selection = tracer.selection(numbers);
            judge.select(self.selection);
        }
        self.selection
    }
}

impl fmt::Debug for Tracing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tracing {:?}", self.selection)
    }
}
