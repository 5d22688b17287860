//! The acknowledged writes of one key.
//!
//! **Invariant:** what an instant may still ask for is kept; the rest is forgotten.

use std::collections::VecDeque;

use hopwise_kernel::Time;
use hopwise_kernel::store::Version;

/// The acknowledged writes of one key, in the order of their ends.
#[derive(Debug, Default)]
pub(super) struct History {
    ends: VecDeque<End>,
    /// The highest version that was acknowledged, and when.
    newest: Option<(Version, Time)>,
    /// When the first one was acknowledged.
    first: Option<Time>,
}

/// The end of an acknowledged write.
#[derive(Clone, Copy, Debug)]
struct End {
    at: Time,
    /// The latest start of the writes that had ended by then.
    latest_start: Time,
    /// Their highest version.
    highest: Version,
}

impl History {
    /// Adds a write.
    pub(super) fn acknowledge(&mut self, version: Version, start: Time, at: Time) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        // Ends arrive almost in order.
        let mut place = self.ends.len();
        while place > 0 && self.ends[place - 1].at > at {
            place -= 1;
        }
        let before = place.checked_sub(1).map(|last| self.ends[last]);
        let (latest, highest) = before.map_or((start, version), |it| (it.latest_start, it.highest));
        let (latest_start, highest) = (start.max(latest), version.max(highest));
        self.ends.insert(place, End { at, latest_start, highest });
        for end in self.ends.range_mut(place + 1..) {
            end.latest_start = end.latest_start.max(start);
            end.highest = end.highest.max(version);
        }
        if self.newest.is_none_or(|(newest, _)| version > newest) {
            self.newest = Some((version, at));
        }
    }

    /// The latest start of the writes that ended before `t`; `None` if there are none. A write that
    /// ended before that start was overwritten before `t`.
    pub(super) fn latest_start_before(&self, t: Time) -> Option<Time> {
        self.last_before(t).map(|end| end.latest_start)
    }

    /// The highest version of the writes that ended before `t`.
    pub(super) fn highest_before(&self, t: Time) -> Option<Version> {
        self.last_before(t).map(|end| end.highest)
    }

    /// The last end of a write before `t`.
    pub(super) fn last_end_before(&self, t: Time) -> Option<Time> {
        self.last_before(t).map(|end| end.at)
    }

    /// The highest version that was acknowledged, and when.
    pub(super) fn newest(&self) -> Option<(Version, Time)> {
        self.newest
    }

    /// When the first write was acknowledged.
    pub(super) fn first(&self) -> Option<Time> {
        self.first
    }

    /// Forgets what only instants before `t` ask for.
    pub(super) fn forget_before(&mut self, t: Time) {
        while self.ends.get(1).is_some_and(|second| second.at < t) {
            self.ends.pop_front();
        }
    }

    fn last_before(&self, t: Time) -> Option<End> {
        let count = self.ends.partition_point(|end| end.at < t);
        count.checked_sub(1).map(|last| self.ends[last])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ns: u64) -> Time {
        Time::from_ns(ns)
    }

    proptest! {
        /// Whatever the order in which ends arrive, and whatever was forgotten.
        #[test]
        fn agrees_with_a_list(
            writes in prop::collection::vec((0..20_u64, 0..6_u64), 0..12),
            t in 0..30_u64,
            forgotten in 0..30_u64,
        ) {
            let mut history = History::default();
            for (number, &(start, length)) in (1..).zip(&writes) {
                history.acknowledge(Version { number, writer: 0 }, at(start), at(start + length));
            }
            history.forget_before(at(forgotten.min(t)));
            let ended = writes.iter().filter(|&&(start, length)| start + length < t);
            let numbered = (1..).zip(&writes).filter(|&(_, &(start, length))| start + length < t);
            let highest = numbered.map(|(number, _)| Version { number, writer: 0 }).max();
            prop_assert_eq!(history.highest_before(at(t)), highest);
            let latest = ended.clone().map(|&(start, _)| at(start)).max();
            prop_assert_eq!(history.latest_start_before(at(t)), latest);
            let last = ended.map(|&(start, length)| at(start + length)).max();
            prop_assert_eq!(history.last_end_before(at(t)), last);
            let newest = writes.last().map(|&(start, length)| {
                (Version { number: writes.len() as u64, writer: 0 }, at(start + length))
            });
            prop_assert_eq!(history.newest(), newest);
        }
    }
}
