//! What each lookup costs: its messages, and the contacts that did not answer in time.
//!
//! The director numbers the lookups. The number travels with all that a lookup causes: with the
//! messages that a node sends while it handles the question, a message or a timer of the lookup. It is
//! no part of a message, so nodes and their bytes do not know it. So the count is complete: it
//! contains branches of a lookup whose answers came too late or not at all.
//!
//! **Invariant:** a lookup's costs are counted in the shards in which they arise, and do not depend on
//! how nodes are divided among shards.

use std::collections::VecDeque;

/// The number of a lookup; 0 for what no lookup has caused.
pub(super) type LookupNumber = u32;

/// The costs of one lookup.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Cost {
    pub(super) messages: u32,
    pub(super) timeouts: u32,
}

/// The costs of lookups that arose in one shard.
#[derive(Debug)]
pub(super) struct Costs {
    /// The number of the first one.
    first: LookupNumber,
    costs: VecDeque<Cost>,
}

impl Costs {
    /// No costs yet. The first lookup has number 1.
    pub(super) const fn new() -> Costs {
        Costs { first: 1, costs: VecDeque::new() }
    }

    /// Counts a message of this lookup, if there is one.
    #[inline]
    pub(super) fn add_message(&mut self, number: LookupNumber) {
        if let Some(cost) = self.of(number) {
            cost.messages += 1;
        }
    }

    /// Counts a contact of this lookup, if there is one, that did not answer in time.
    pub(super) fn add_timeout(&mut self, number: LookupNumber) {
        if let Some(cost) = self.of(number) {
            cost.timeouts += 1;
        }
    }

    /// Takes the costs of all lookups with lower numbers than `end` that have not been taken before. What
    /// these cause later is not counted.
    pub(super) fn take_before(&mut self, end: LookupNumber) -> Vec<Cost> {
        let count = end.saturating_sub(self.first) as usize;
        self.first = self.first.max(end);
        let known = count.min(self.costs.len());
        let mut costs: Vec<Cost> = self.costs.drain(..known).collect();
        costs.resize(count, Cost::default());
        costs
    }

    #[inline]
    fn of(&mut self, number: LookupNumber) -> Option<&mut Cost> {
        let index = number.checked_sub(self.first)? as usize;
        if index >= self.costs.len() {
            self.costs.resize(index + 1, Cost::default());
        }
        self.costs.get_mut(index)
    }
}

/// Adds to `all` the costs of the same lookups in another shard.
pub(super) fn merge(all: &mut Vec<Cost>, others: &[Cost]) {
    all.resize(all.len().max(others.len()), Cost::default());
    for (cost, other) in all.iter_mut().zip(others) {
        cost.messages += other.messages;
        cost.timeouts += other.timeouts;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_taken_once_and_in_order() {
        let mut costs = Costs::new();
        costs.add_message(0);
        costs.add_message(2);
        costs.add_message(2);
        costs.add_timeout(5);
        let cost = |messages, timeouts| Cost { messages, timeouts };
        assert_eq!(costs.take_before(4), [cost(0, 0), cost(2, 0), cost(0, 0)]);
        costs.add_message(3);
        costs.add_message(4);
        assert_eq!(costs.take_before(4), []);
        assert_eq!(costs.take_before(8), [cost(1, 0), cost(0, 1), cost(0, 0), cost(0, 0)]);
    }
}
