//! Numbers lookups, and keeps how each ended until what it cost is known.
//!
//! A lookup may cause messages after it has ended: acknowledgements, and branches that lose the race.
//! So its costs are entered some time later, in the order of the numbers.
//!
//! **Invariant:** the costs of each lookup are entered once.

use std::collections::VecDeque;

use hopwise_kernel::Time;

use crate::measure::metrics::Metrics;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Ledger {
    /// The number of the first entry.
    first: u32,
    entries: VecDeque<Entry>,
    first_counted: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    issued: Time,
    /// Whether it belongs to the measured phase.
    counted: bool,
    end: Option<End>,
}

/// How a lookup ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// Answered or failed. Its origin knows of so many timeouts.
    Ended { timeouts: u32 },
    /// Orphaned or refused.
    Void,
}

impl Ledger {
    pub(super) const fn new() -> Ledger {
        Ledger { first: 1, entries: VecDeque::new(), first_counted: None }
    }

    /// Enters a lookup that is issued now. Returns its number, which is at least 1.
    pub(super) fn begin(&mut self, issued: Time, counted: bool) -> u32 {
        self.entries.push_back(Entry { issued, counted, end: None });
        let number = self.end_number() - 1;
        if counted && self.first_counted.is_none() {
            self.first_counted = Some(number);
        }
        number
    }

    /// The first lookup of the measured phase.
    pub(super) fn first_counted(&self) -> Option<u32> {
        self.first_counted
    }

    /// The number after that of the last lookup.
    pub(super) fn end_number(&self) -> u32 {
        self.first + self.entries.len() as u32
    }

    /// Enters how a lookup ended.
    pub(super) fn end(&mut self, number: u32, end: End) {
        let index = number.checked_sub(self.first).map(|index| index as usize);
        if let Some(entry) = index.and_then(|index| self.entries.get_mut(index)) {
            entry.end = Some(end);
        }
    }

    /// The first lookup that was issued at `t` or later, or has not ended.
    pub(super) fn first_open(&self, t: Time) -> u32 {
        let is_open = |entry: &Entry| entry.issued >= t || entry.end.is_none();
        let index = self.entries.iter().position(is_open).unwrap_or(self.entries.len());
        self.first + index as u32
    }

    /// Enters the messages and timeouts of the next lookup, in `metrics` if it was measured.
    pub(super) fn enter_costs(&mut self, messages: u32, timeouts: u32, metrics: &mut Metrics) {
        let Some(Entry { counted, end, .. }) = self.entries.pop_front() else { return };
        self.first += 1;
        if counted {
            metrics.record_messages(messages.into());
            if let Some(End::Ended { timeouts: known }) = end {
                metrics.record_timeouts(timeouts.max(known));
            }
        }
    }
}
