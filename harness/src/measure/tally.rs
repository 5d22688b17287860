//! Counters of what workloads ask: item queries, the transfers that follow, reads and writes of values.
//!
//! **Invariant:** recording never allocates, never fails and never reads a clock.

use std::time::Duration;

use hdrhistogram::Histogram;
use hopwise_kernel::items::Match;

use super::histogram::histogram;
use super::value_tally::ValueTally;
use crate::base::nanoseconds::as_ns;

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Tally {
    /// Queries for an exact name.
    pub exact: Asked,
    /// All other queries.
    pub fuzzy: Asked,
    /// Those of them that are for words. Their correct answers are not counted.
    pub words: Asked,
    /// Answers that no item matches.
    pub found_none: u64,
    /// Items received from a holder.
    pub transfers: u64,
    /// Items that no holder provided.
    pub transfers_failed: u64,
    /// Total size of the items received.
    pub transfer_bytes: u64,
    /// Reads and writes of values.
    pub values: ValueTally,
    transfer_latency: Histogram<u64>,
}

/// Counters of one kind of query.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// Queries that were answered or failed: without the shed and the orphaned.
    pub issued: u64,
    /// Queries answered correctly.
    pub correct: u64,
    /// Queries after which the requester obtained an item; where items are not fetched, learnt of
    /// one.
    pub obtained: u64,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            exact: Asked::default(),
            fuzzy: Asked::default(),
            words: Asked::default(),
            found_none: 0,
            transfers: 0,
            transfers_failed: 0,
            transfer_bytes: 0,
            values: ValueTally::default(),
            transfer_latency: histogram(3),
        }
    }
}

impl Tally {
    /// Records that a query was answered or failed.
    pub fn record_issued(&mut self, how: Match) {
        self.asked(how).issued += 1;
        self.words.issued += u64::from(how == Match::Words);
    }

    /// Records that an answer was correct.
    pub fn record_correct(&mut self, how: Match) {
        self.asked(how).correct += 1;
    }

    /// Records that the requester obtained an item or, where items are not fetched, knows a holder.
    pub fn record_obtained(&mut self, how: Match) {
        self.asked(how).obtained += 1;
        self.words.obtained += u64::from(how == Match::Words);
    }

    /// Records an answer that no item matches.
    pub fn record_found_none(&mut self) {
        self.found_none += 1;
    }

    /// Records that an item of `bytes` bytes was received, `took` after the first request for it.
    pub fn record_transfer(&mut self, took: Duration, bytes: u64) {
        self.transfers += 1;
        self.transfer_bytes += bytes;
        self.transfer_latency.saturating_record(as_ns(took));
    }

    /// Records that no holder provided the item.
    pub fn record_transfer_failed(&mut self) {
        self.transfers_failed += 1;
    }

    /// Durations of transfers in nanoseconds, with three digits, at most
    /// [`LATENCY_MAX`](super::histogram::LATENCY_MAX).
    #[must_use]
    pub fn transfer_latency(&self) -> &Histogram<u64> {
        &self.transfer_latency
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Tally) {
        self.exact.merge(other.exact);
        self.fuzzy.merge(other.fuzzy);
        self.words.merge(other.words);
        self.found_none += other.found_none;
        self.transfers += other.transfers;
        self.transfers_failed += other.transfers_failed;
        self.transfer_bytes += other.transfer_bytes;
        self.values.merge(other.values);
        self.transfer_latency.add(&other.transfer_latency).expect("all have the same bounds");
    }

    /// Sets all counters to 0 without freeing memory.
    pub fn clear(&mut self) {
        (self.exact, self.fuzzy, self.words) = Default::default();
        let Tally { found_none, transfers, transfers_failed, transfer_bytes, .. } = self;
        for count in [found_none, transfers, transfers_failed, transfer_bytes] {
            *count = 0;
        }
        self.values = ValueTally::default();
        self.transfer_latency.reset();
    }

    fn asked(&mut self, how: Match) -> &mut Asked {
        if how.is_exact() { &mut self.exact } else { &mut self.fuzzy }
    }
}

impl Asked {
    fn merge(&mut self, other: Asked) {
        self.issued += other.issued;
        self.correct += other.correct;
        self.obtained += other.obtained;
    }
}
