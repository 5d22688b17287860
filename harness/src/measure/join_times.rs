//! How long the steps of joins take.
//!
//! **Invariant:** memory is allocated only once there is a join.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::histogram::Latencies;
use crate::base::nanoseconds::as_ns;

/// The times that the steps of joins took, of one shard.
#[derive(Clone, Debug, Default)]
pub struct JoinTimes([Latencies; JoinStep::ALL.len()]);

/// A step of a join.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinStep {
    /// From when the node was told to join until a bootstrap has answered.
    Contact,
    /// From there until the node has chosen its identifier.
    Place,
    /// From there until the node is a member.
    Routing,
    /// From when the node took itself for a member until it has all items of its range.
    Items,
}

impl JoinStep {
    /// All steps, in their order.
    pub const ALL: [JoinStep; 4] =
        [JoinStep::Contact, JoinStep::Place, JoinStep::Routing, JoinStep::Items];
}

impl JoinTimes {
    /// Records that `step` of a join took so long.
    pub fn record(&mut self, step: JoinStep, took: Duration) {
        self.0[step as usize].record(as_ns(took));
    }

    /// Adds the times of another shard.
    pub fn merge(&mut self, other: &JoinTimes) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, part)| sum.merge(part));
    }

    /// The times that `step` took, in nanoseconds with three digits; `None` if no join had this step.
    #[must_use]
    pub fn of(&self, step: JoinStep) -> Option<Histogram<u64>> {
        self.0[step as usize].unpacked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_two_shards_add_up() {
        let (mut one, mut other) = (JoinTimes::default(), JoinTimes::default());
        one.record(JoinStep::Contact, Duration::from_micros(10));
        other.record(JoinStep::Contact, Duration::from_micros(30));
        other.record(JoinStep::Items, Duration::from_millis(2));
        one.merge(&other);
        let contact = one.of(JoinStep::Contact).expect("there are two");
        assert_eq!((contact.len(), contact.min() / 100), (2, 100));
        assert_eq!(one.of(JoinStep::Items).map(|times| times.len()), Some(1));
        assert!(one.of(JoinStep::Place).is_none() && one.of(JoinStep::Routing).is_none());
    }
}
