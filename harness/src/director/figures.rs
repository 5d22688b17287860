//! What a director has counted so far, and whether its load has ended.
//!
//! **Invariant:** decides nothing.

use hopwise_kernel::Time;

use super::ledger::Ledger;
use super::{Director, MembershipChanges};
use crate::measure::join_times::JoinTimes;
use crate::measure::metrics::Metrics;
use crate::measure::series::Series;
use crate::measure::trace::Numbers;
use crate::workload::Workload;

impl<W: Workload> Director<W> {
    /// The number of lookups that were due in the measured phase.
    #[must_use]
    pub fn issued(&self) -> u64 {
        self.metrics.issued
    }

    /// The number of all lookups that have not ended, measured or not.
    #[must_use]
    pub fn in_progress(&self) -> usize {
        self.lookups.len()
    }

    /// The number of lookups of the measured phase that have not ended.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.lookups.counted()
    }

    /// Lookups of the measured phase.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Lookups since this was last [cleared](Metrics::clear), measured or not.
    pub fn recent(&mut self) -> &mut Metrics {
        &mut self.recent
    }

    /// Lookups by the interval in which they were due.
    pub fn series(&mut self) -> &mut Series {
        &mut self.series
    }

    /// The number of the first lookup that was issued at `t` or later, or has not ended.
    #[must_use]
    pub fn first_open_lookup(&self, t: Time) -> u32 {
        self.ledger.as_ref().map_or(0, |ledger| ledger.first_open(t))
    }

    /// The number after that of the last lookup.
    #[must_use]
    pub fn lookups_end(&self) -> u32 {
        self.ledger.as_ref().map_or(1, Ledger::end_number)
    }

    /// The numbers of the lookups so far.
    #[must_use]
    pub fn lookup_numbers(&self) -> Numbers {
        let first_measured = self.ledger.as_ref().and_then(Ledger::first_counted);
        Numbers { first_measured, end: self.lookups_end() }
    }

    /// Enters the messages of the next lookup by number, and how often a contact of it did not answer
    /// in time.
    pub fn enter_costs(&mut self, messages: u32, timeouts: u32) {
        if let Some(ledger) = &mut self.ledger {
            ledger.enter_costs(messages, timeouts, &mut self.metrics);
        }
    }

    /// Whether no more lookups start, at `now` in the measured phase or later: it is over, or they have
    /// all been issued.
    #[must_use]
    pub fn has_no_load(&mut self, now: Time) -> bool {
        self.issued() >= self.quota() || self.has_issued_all(now)
    }

    /// Whether, at `now`, the measured phase is over and all lookups that were due in it have been
    /// issued.
    pub fn has_issued_all(&mut self, now: Time) -> bool {
        let Some((_, to)) = self.phase else { return false };
        now >= to && self.arrivals.as_mut().is_none_or(|arrivals| arrivals.next_due() >= to)
    }

    /// The node-seconds of the measured phase, at its end or later.
    #[must_use]
    pub fn node_s(&self) -> f64 {
        self.life.node_s(self.live())
    }

    /// Joins and departures in the measured phase.
    #[must_use]
    pub fn membership_changes(&self) -> MembershipChanges {
        self.changes
    }

    /// What the steps of joins took, of those that ended in the measured phase.
    #[must_use]
    pub fn join_times(&self) -> &JoinTimes {
        &self.join_times
    }
}
