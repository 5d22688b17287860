//! What one shard counts of questions for items, and of the transfers that follow.
//!
//! **Invariant:** recording never allocates, never fails and never reads a clock.

use std::time::Duration;

use hdrhistogram::Histogram;
use hopwise_kernel::items::Match;

use super::histogram::histogram;
use crate::base::nanoseconds::as_ns;

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Tally {
    /// Questions that name the item.
    pub exact: Asked,
    /// All others.
    pub fuzzy: Asked,
    /// Answers that nothing fits.
    pub found_none: u64,
    /// Items that came from a holder.
    pub transfers: u64,
    /// Transfers that no holder completed.
    pub transfers_failed: u64,
    /// Size of the items that came.
    pub transfer_bytes: u64,
    transfer_latency: Histogram<u64>,
}

/// What came of questions of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// Handed to a node.
    pub issued: u64,
    /// Answered correctly.
    pub correct: u64,
    /// Ended with an item in the hands of who asked; where items are not fetched, with one named.
    pub obtained: u64,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            exact: Asked::default(),
            fuzzy: Asked::default(),
            found_none: 0,
            transfers: 0,
            transfers_failed: 0,
            transfer_bytes: 0,
            transfer_latency: histogram(3),
        }
    }
}

impl Tally {
    /// A question was handed to a node.
    pub fn record_issued(&mut self, how: Match) {
        self.asked(how).issued += 1;
    }

    /// An answer was found to be correct.
    pub fn record_correct(&mut self, how: Match) {
        self.asked(how).correct += 1;
    }

    /// Who asked has got an item, or, where items are not fetched, knows who has it.
    pub fn record_obtained(&mut self, how: Match) {
        self.asked(how).obtained += 1;
    }

    /// An answer said that nothing fits.
    pub fn record_found_none(&mut self) {
        self.found_none += 1;
    }

    /// An item of `bytes` bytes came, `took` after the first holder was asked for it.
    pub fn record_transfer(&mut self, took: Duration, bytes: u64) {
        self.transfers += 1;
        self.transfer_bytes += bytes;
        self.transfer_latency.saturating_record(as_ns(took));
    }

    /// No holder gave the item.
    pub fn record_transfer_failed(&mut self) {
        self.transfers_failed += 1;
    }

    /// How long transfers took, in nanoseconds, to three digits, at most
    /// [`LATENCY_MAX`](super::histogram::LATENCY_MAX).
    #[must_use]
    pub fn transfer_latency(&self) -> &Histogram<u64> {
        &self.transfer_latency
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Tally) {
        self.exact.merge(other.exact);
        self.fuzzy.merge(other.fuzzy);
        self.found_none += other.found_none;
        self.transfers += other.transfers;
        self.transfers_failed += other.transfers_failed;
        self.transfer_bytes += other.transfer_bytes;
        self.transfer_latency.add(&other.transfer_latency).expect("all have the same bounds");
    }

    /// Back to nothing counted, keeping the memory.
    pub fn clear(&mut self) {
        (self.exact, self.fuzzy) = (Asked::default(), Asked::default());
        let Tally { found_none, transfers, transfers_failed, transfer_bytes, .. } = self;
        for count in [found_none, transfers, transfers_failed, transfer_bytes] {
            *count = 0;
        }
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
